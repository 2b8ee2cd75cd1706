"""The owner of a live pipe's ledger: orders go to an account, and what it tells comes back down the pipe.

The account is one more source of facts, and they enter where facts do: what it tells is handed to the first stage, so
that precheck hears the same as the order stage, at the same place. Nothing is decided on them before.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import msgspec

from engine.errors import Bug, InDoubt, LedgerError, UsageError, VenueError
from engine.ledger.ledger import Ledger
from engine.records.account import Condition, Execution, OrderReport
from engine.records.base import Record
from engine.records.desk import Alert, Operator, Run
from engine.records.ideas import Refusal
from engine.records.ids import client_id
from engine.records.market import Tick
from engine.records.trades import Intent, OrderAttempt
from engine.records.wire import encode
from engine.runs.history import Start
from engine.runs.live import Trading, open_live
from engine.runs.owner import Owner
from engine.runs.pipeline import PipelineState, exchange_of, make_order
from engine.runs.settings import Settings
from engine.runs.trader import Trader
from engine.stages.desk import COOLDOWN
from engine.stages.live_order import ACCOUNT_KINDS, LiveOrder
from engine.world.recording import count_lines, folder_of
from engine.world.way_back import Telling

#: After the last fact of a pipe an order may be in doubt for as long as its absence takes to be proven, and this.
AFTER_S = 5.0
#: Whoever was told to stop is not kept waiting for longer.
STOPPED_S = 4.0
_PAUSE_S = 0.02
#: What stands for the operator's halt among the conditions that go down the pipe.
HALT = "operator"


def open_owner(
    settings: Settings, run: Run | None, path: Path, say: Callable[[str], None], skip_step: str | None,
    tell: Callable[[Alert], None],
) -> "LiveOwner":  # fmt: skip
    """Opens the owner of a live pipe past the gate; no order is sent yet. `tell` hears what people should.

    Raises UsageError for a pipe that did not begin with `hot scan --live`, and what `open_live` raises.
    """
    if run is None or run.mode != "live":
        raise UsageError(
            f"this pipe is on paper: begin it with hot scan --live --ledger {path}, which tells all stages what the "
            "account says"
        )
    with ExitStack() as undo:
        way_back = Telling(run.way_back)
        undo.callback(way_back.close)
        ledger, trading = open_live(settings, str(run.market.get("stream")), path, say, skip_step)
        undo.callback(ledger.close)
        undo.callback(trading.close)
        owner = LiveOwner(settings, run, ledger, trading, way_back, tell)
        undo.pop_all()
        return owner


class LiveOwner(Owner):
    """Trades on an account what comes down the pipe."""

    wants = LiveOrder.wants

    def __init__(
        self, settings: Settings, run: Run, ledger: Ledger, trading: Trading, way_back: Telling,
        tell: Callable[[Alert], None],
    ) -> None:  # fmt: skip
        """Opens the run on the ledger; nothing leaves before what was recorded of it has been thought again.

        Raises LedgerError where the ledger went on after the pipe's first stage looked at it.
        """
        self._trading, self._way_back, self._tell = trading, way_back, tell
        self._on_way: deque[Record] = deque()
        self._intents: dict[str, Intent] = {}
        self._begun = self._recovering = False
        recorded = count_lines(folder_of(Path(ledger.path)))
        super().__init__(settings, run, ledger)
        self._lines, self._past = run.after_facts, run.repeats
        if (self._skipped, recorded) != (run.after_facts, run.after_facts + run.repeats):
            raise LedgerError(f"{ledger.path} went on while this pipe began: start it again")
        trading.follow(self.trader.order)

    def _trader(self, start: Start, run: Run | None) -> Trader:
        state = start.state
        order = make_order(self.settings, run, state.order if state is not None else None, self._trading.setup)
        self._exchange = exchange_of(run)
        return Trader(order, self._trading.venue, self.keeper, self._passed_cap)

    def _take(self, record: Record) -> list[Record]:
        self._begin()
        if isinstance(record, Intent):
            self._intents[record.symbol] = record
        elif isinstance(record, Tick):
            return self._tick(record)
        elif record.kind in ACCOUNT_KINDS or record.kind == "symbol_rules":
            self._came_back(record)
        return super()._take(record)

    def _tick(self, tick: Tick) -> list[Record]:
        conditions = self.trader.order.desk.state.conditions
        blocking = [scope for scope, one in sorted(conditions.items()) if one.needs_resume]
        past, cooling = self._past > 0, self.trader.order.desk.state.risk_level == "L5"
        self._record(tick.at, encode(Tick(at=tick.at, mono_ms=tick.mono_ms)))
        made = super()._take(tick)
        if not past:
            self._tell_upstream(made, blocking, cooling)
        self._intents.clear()
        return made

    def _tell_upstream(self, made: Sequence[Record], blocking: Sequence[str], cooling: bool) -> None:
        """Tells what stages before this one cannot know: an intent that was refused here, what the operator asked."""
        tell_condition = self._trading.venue.hub.tell_condition
        for one in made:
            if isinstance(one, Refusal) and one.stage == "order":
                order = client_id(self._intents[one.symbol].intent_key, 1)
                self._trading.venue.hub.tell(
                    OrderReport(at=0, venue=one.venue, symbol=one.symbol, client_id=order, status="rejected",
                                code=one.code)
                )  # fmt: skip
            elif isinstance(one, Operator) and one.action == "halt":
                tell_condition(HALT, "blocked", HALT, needs_resume=True)
            elif isinstance(one, Operator):
                for scope in dict.fromkeys([HALT, *blocking]):
                    tell_condition(scope, "ok", "resumed")
                if cooling:
                    longest = one.at + self.settings.desk.l5_cooldown_s * 1000
                    tell_condition(COOLDOWN, "ok", "resumed", until=longest)

    def _record(self, at: int, line: bytes) -> None:
        """Keeps a fact, or takes note that one that is kept has been told again."""
        if self._recording is None:
            raise Bug("a live pipe has a recording")
        self._lines += 1
        if self._past:
            self._past -= 1
        else:
            self._recording.write(line)

    def _begin(self) -> None:
        """Begins to act, when everything that was recorded has been thought again."""
        if not self._begun and not self._past:
            self._begun = True
            self._trading.start()

    def _came_back(self, fact: Record) -> None:
        if self._past:
            if isinstance(fact, Execution):
                self._trading.recorded(fact)
            return
        if self._on_way and msgspec.structs.replace(fact, at=0) == self._on_way[0]:
            self._on_way.popleft()
            self._recovering |= isinstance(fact, Condition) and fact.scope == "recovering"

    def _passed_cap(self, attempt: OrderAttempt) -> str | None:
        # Until this has come down the pipe, nobody keeps entries back from an account that is not known yet.
        if attempt.purpose == "entry" and not self._recovering:
            return "NOT_SENT"
        return self._trading.passed_cap(attempt)

    def beat(self) -> None:
        """Hands on what the account told, once everything that it told before has come back."""
        self._begin()
        self._way_back.push()
        if self._begun and not self._on_way:
            told = self._facts()
            self._on_way.extend(told)
            self._way_back.tell(told)

    def _facts(self) -> list[Record]:
        """Gives the facts that the account told; its alerts are for people."""
        facts: list[Record] = []
        for one in self._trading.facts():
            if isinstance(one, Alert):
                alert = msgspec.structs.replace(one, at=self._last_at)
                self.ledger.append(encode(alert))
                self._tell(alert)
            else:
                facts.append(one)
        return facts

    def settle(self, stopped: Callable[[], bool]) -> Iterator[Record]:
        """After the pipe's last record: gives what the account tells until no order is on its way, and what follows.

        Raises InDoubt for orders of which nobody knows what became, VenueError for an account that could not be
        compared; not where an end was asked for.
        """
        if not self._begun:
            return
        began, within = time.monotonic(), self.settings.orders.absent_after_s + AFTER_S
        while True:
            for fact in [*self._on_way, *self._facts()]:
                fact = msgspec.structs.replace(fact, at=self._last_at)
                yield fact
                yield from self.take(fact)
            self._on_way.clear()
            waited = time.monotonic() - began
            if self._settled or waited > (STOPPED_S if stopped() else within):
                break
            time.sleep(_PAUSE_S)
        if not stopped():
            self._check_known()

    @property
    def _settled(self) -> bool:
        """Says whether no order is on its way: what rests at the exchange may."""
        sent = self.trader.order.state.sent.values()
        return self._trading.venue.idle and all(
            one.working and one.attempt.order_type != "market" for one in sent
        )  # fmt: skip

    def _check_known(self) -> None:
        doubts = self._trading.venue.doubts
        if doubts:
            raise InDoubt(
                f"{len(doubts)} orders are in doubt: {', '.join(doubts[:5])}; hot sync --ledger {self.ledger.path} "
                "looks them up"
            )
        if not self._trading.venue.syncing.recovered:
            raise VenueError(f"the account could not be compared with {self.ledger.path}; run hot sync, or this again")

    def _may_save(self) -> bool:
        return super()._may_save() and not self._past

    def _state(self) -> PipelineState:
        return PipelineState(order=self.trader.order.state, venue=self._exchange, facts=self._lines)

    def close(self) -> None:
        """Ends in order; what rests at the exchange stays there and protects."""
        self._trading.close()
        self._way_back.close()
        super().close()
