"""A live session on a tiny account: a market of tickers by script, a strategy that enters whenever it may."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from patience import NEVER_S

from engine.ledger.ledger import Ledger
from engine.plugs import Entry, Frame, Indicator, Verdict
from engine.records.base import Record
from engine.records.ideas import CandidateSnapshot, ExitPlan
from engine.records.market import Bar, SymbolRules, Tick, Ticker
from engine.records.trades import Fill, OrderAttempt, OrderResult, Position, ReconcileDiff, StateChange
from engine.records.wire import COMPARED, decode, encode, kind_of_line
from engine.runs import settings as settings_of
from engine.runs.ballast import Ballast
from engine.runs.live import Trading, setup_of
from engine.runs.market import Market
from engine.runs.session import Session
from engine.runs.settings import Settings
from engine.runs.stages import Stages
from engine.world.account.account import Account
from engine.world.recording import folder_of, read_recording
from engine.world.venues.live.venue import LiveVenue

#: Entries that are old are not sent, so this market is ahead of the clock.
START = int(time.time()) // 300 * 300_000 + 3_600_000
CYCLE_S = 5
FIVE_MS = 300_000
PLAN = ExitPlan(stop_pct=5, hold_max_s=600)


@dataclass(frozen=True)
class Eager:
    """Enters whatever it is shown."""

    plan: ExitPlan = PLAN

    @property
    def timeframes(self) -> tuple[str, ...]:
        return ()

    def indicators(self) -> Mapping[str, Callable[[], Indicator]]:
        return {}

    def judge(self, candidate: CandidateSnapshot, frames: Mapping[str, Frame]) -> Verdict:
        return Verdict("enter", None, ("eager",))

    def exits(self) -> ExitPlan:
        return self.plan


def eager_settings(plan: ExitPlan = PLAN, *sets: str) -> Settings:
    """Settings under which each symbol is bought in its first cycle."""
    used = settings_of.load(
        env={},
        sets=[
            "scan.pool=all", f"scan.cycle_s={CYCLE_S}", "desk.feed_fresh_s=0", "orders.sync_s=1",
            "orders.absent_after_s=1", "orders.poll_s=1", "orders.poll_deaf_s=1", *sets,
        ],
    )  # fmt: skip
    used.__dict__["strategy"] = Eager(plan)
    return used


def rules(symbol: str, venue: str) -> SymbolRules:
    return SymbolRules(
        at=START - 400 * FIVE_MS, venue=venue, symbol=symbol, base=symbol.removesuffix("USDT"), quote="USDT",
        tick="0.01", step="0.001", min_notional="5",
    )  # fmt: skip


def until(done: Callable[[], bool], within_s: float = NEVER_S) -> "Waiting":
    """A step that goes on beating until something is so."""
    return Waiting(done, within_s)


@dataclass
class Waiting:
    done: Callable[[], bool]
    within_s: float

    def beats(self) -> Iterator[Entry]:
        limit = time.monotonic() + self.within_s
        while not self.done():
            assert time.monotonic() < limit, "what a step waited for did not come"
            yield Entry(None, None)
            time.sleep(0.005)
        yield Entry(None, None)


class Rig:
    """One session after the other on one ledger and one account."""

    def __init__(
        self, folder: Path, account: Any, plan: ExitPlan = PLAN, symbols: tuple[str, ...] = ("BTCUSDT",),
        sets: tuple[str, ...] = (),
    ) -> None:  # fmt: skip
        self.sets = sets
        self.ballast: Ballast | None = None
        self.path, self.account, self.plan, self.symbols = folder / "live.db", account, plan, symbols
        self.at = START
        self.price = Decimal(100)
        self.session: Session | None = None
        self.said: list[Record] = []

    @property
    def sent(self) -> list[str]:
        """The ids of the orders that are not over, as the order stage knows them now."""
        assert self.session is not None
        return list(self.session.stages.order.state.sent)

    @property
    def held(self) -> dict[str, Decimal]:
        """What the desk holds now."""
        assert self.session is not None
        return {symbol: book.qty for symbol, book in self.session.stages.order.desk.state.books.items()}

    def thought_again(self) -> int:
        """Thinks over the recorded facts without any account; gives how many decisions there were, all the same."""
        said: list[bytes] = []
        used = eager_settings(self.plan, *self.sets)

        def hear(record: Record) -> None:
            if record.kind in COMPARED:
                said.append(encode(record))

        stages = Stages(used, {}, hear, live=setup_of(used, self.account.venue))
        for line in read_recording(folder_of(self.path)):
            fact = decode(line)
            assert fact is not None
            stages.turn.feed(fact)
        with Ledger.read(self.path) as ledger:
            stored = [line for _, line in ledger.lines() if kind_of_line(line) in COMPARED]
        assert said[: len(stored)] == stored
        return len(stored)

    def rules(self) -> list[Record]:
        return [rules(symbol, self.account.venue) for symbol in self.symbols]

    def begun(self) -> list[Any]:
        """Steps up to where each symbol may be traded: the rules, a day of bars, and an account that is known."""
        return [self.rules, lambda: self.bars(-288, -1), until(lambda: self.venue.syncing.recovered), 0.05,
                lambda: self.bars(-1, 0)]  # fmt: skip

    def bars(self, first: int, end: int) -> list[Record]:
        """Bars of five minutes, counted from the start."""
        return [self.bar(number, symbol) for number in range(first, end) for symbol in self.symbols]

    @property
    def venue(self) -> LiveVenue:
        """The venue of the session that is playing."""
        assert self.session is not None
        venue = self.session.stages.venue
        assert isinstance(venue, LiveVenue)
        return venue

    def bar(self, number: int, symbol: str) -> Bar:
        opened, price = START + number * FIVE_MS, f"{self.price}"
        return Bar(
            at=opened + FIVE_MS, venue=self.account.venue, symbol=symbol, step_s=300, open_at=opened, open=price,
            high=price, low=price, close=price, volume="1000000",
        )  # fmt: skip

    def tickers(self, price: str | None = None) -> list[Record]:
        """A second later each symbol is told at a price."""
        if price is not None:
            self.price = self.account.price = Decimal(price)
        self.at += 1000
        self.account.now = self.at
        return [
            Ticker(
                at=self.at, venue=self.account.venue, symbol=symbol, last=f"{self.price}", volume_24h="1000000",
                quote_volume_24h="100000000", bid=f"{self.price}",
                ask=f"{self.price + Decimal('0.01')}",
            )
            for symbol in self.symbols
        ]  # fmt: skip

    def cycle(self, price: str | None = None) -> list[Record]:
        """A cycle to its end: a price, and the tick."""
        found = self.tickers(price)
        self.at = self.at // (CYCLE_S * 1000) * CYCLE_S * 1000 + CYCLE_S * 1000
        self.account.now = self.at
        return [*found, Tick(at=self.at)]

    def entered(self) -> list[Any]:
        """Steps up to an entry that is filled, and what protects it rests at the exchange."""
        return [*self.begun(), self.cycle, until(lambda: self.stands("market", "filled")), self.tickers, self.tickers,
                self.tickers, until(lambda: self.stands("stop", "working")), self.cycle]  # fmt: skip

    def stands(self, order_type: str, status: str) -> bool:
        """Says whether the newest order of a type at the exchange has a status."""
        found = [one for one in self.account.orders.values() if one.order.order_type == order_type]
        return bool(found) and found[-1].status == status

    def play(self, *steps: Any, close: bool = True) -> None:
        """One life of the program: opens the ledger, plays, and ends in order or (without `close`) as if killed."""
        used = eager_settings(self.plan, *self.sets)
        ledger = Ledger.open(self.path, mode="live", venue=self.account.venue, account="tiny")
        trading = Trading(_Kept(self.account), used, ledger, ballast=self.ballast)
        market = Market(Steps(steps), {}, "none")
        session = self.session = Session(used, market, ledger, sink=self.said.append, trading=trading)
        try:
            for _ in session.play():
                pass
            if close:
                session.close()
            else:
                kill(session)
        finally:
            trading.close()
            ledger.close()

    def records(self, *kinds: type[Record]) -> list[Any]:
        with Ledger.read(self.path) as ledger:
            found = [decode(line) for _, line in ledger.lines()]
        return [one for one in found if isinstance(one, kinds or (Record,))]

    def attempts(self) -> list[OrderAttempt]:
        return self.records(OrderAttempt)

    def results(self) -> list[str]:
        return [one.status for one in self.records(OrderResult)]

    def fills(self) -> list[Fill]:
        return self.records(Fill)

    def fills_now(self) -> list[Fill]:
        """The fills that the session which is playing has booked."""
        return [one for one in self.said if isinstance(one, Fill)]

    def positions(self) -> list[Position]:
        return self.records(Position)

    def diffs(self) -> list[ReconcileDiff]:
        return self.records(ReconcileDiff)

    def states(self) -> list[str]:
        return [one.now for one in self.records(StateChange) if one.scope == "engine"]


def kill(session: Session) -> None:
    """Leaves the recording as a kill would: what was not flushed is gone."""
    writer = session._stream._writer if session._stream is not None else None
    if writer is not None and writer._file is not None:
        writer._file.close()


@dataclass
class Steps:
    """A market of steps: facts, lists of them, things to do, and waits."""

    steps: tuple[Any, ...]

    def facts(self) -> Iterator[Entry]:
        yield Entry(None, None)
        for step in self.steps:
            if isinstance(step, Waiting):
                yield from step.beats()
            elif isinstance(step, float):
                yield from self._beat(step)
            elif callable(step):
                for fact in step() or ():
                    yield Entry(fact, None)
                yield Entry(None, None)
            else:
                for fact in step if isinstance(step, list) else [step]:
                    yield Entry(fact, None)
        yield Entry(None, None)

    def _beat(self, seconds: float) -> Iterator[Entry]:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            yield Entry(None, None)
            time.sleep(0.005)

    def manifest(self) -> dict[str, Any]:
        return {"stream": "steps"}


class _Kept:
    """An account that outlives the sessions on it."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def __getattr__(self, name: str) -> Any:
        return getattr(self._account, name)

    def close(self) -> None:
        """Leaves the exchange as it is."""
