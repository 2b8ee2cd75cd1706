"""A session: one market through all stages in one process, into one ledger; it can be stopped anywhere and goes on."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from engine.errors import LedgerError
from engine.ledger.ledger import Ledger
from engine.plugs import Entry
from engine.records.base import Record
from engine.records.desk import Alert, Recording
from engine.records.tickers import Tickers
from engine.records.trades import StateChange
from engine.records.wire import encode
from engine.runs.history import find_start
from engine.runs.keeper import Keeper
from engine.runs.latency import Latencies
from engine.runs.live import Trading
from engine.runs.manifest import make_run
from engine.runs.market import Market
from engine.runs.marks import Marked, marks_of, note_marks
from engine.runs.pipeline import CHECKPOINT_VERSION, PipelineState, pack
from engine.runs.progress import Progress
from engine.runs.quiet import Quiet
from engine.runs.settings import Settings
from engine.runs.stages import PASSED_OVER, Stages
from engine.runs.stream import KeptStream
from engine.world.imports.fields import moment

DAY_MS = 86_400_000
#: How long cycles take is noted down this often, in seconds.
_NOTED_S = 5.0


class Session:
    """The pipeline over one market and one ledger."""

    def __init__(
        self, settings: Settings, market: Market, ledger: Ledger, *, seed: int = 0,
        sink: Callable[[Record], None] | None = None, on_failure: Callable[[str, str], None] | None = None,
        tell: Callable[[Alert | StateChange], None] | None = None, trading: Trading | None = None,
    ) -> None:  # fmt: skip
        """Opens a run on the ledger: a new one, or the last one again when facts and settings are the same.

        `tell` hears of a live market what people should: its alerts, and what becomes of the engine's state. With
        `trading` orders go to an account.

        Raises ConfigError when the ledger's run had other settings, LedgerError when this market cannot follow it.
        """
        self.settings, self.market, self.ledger = settings, market, ledger
        self._on_failure, self._outer_sink, self._tell, self._trading = on_failure, sink, tell, trading
        manifest = market.manifest()
        start = find_start(ledger, manifest, settings)
        self.skip, self._follows = start.skip, start.follows
        self._stream = None if manifest.get("files") else self._kept()
        flush = self._stream.flush if self._stream is not None else None
        self._make(start.state, Keeper(ledger, start.after_seq, flush))
        self._latencies, self._noted_at, self._day = Latencies(), 0.0, -1
        self._marks: list[Marked] = []
        self.facts, self.fills, self.last_at = self.skip, 0, 0
        head = f"{ledger.head.seq}:{ledger.head.hash}"
        self.run = make_run(
            settings, manifest, rules_snapshot=market.snapshot_name, ledger_head=head, seed=seed,
            mode="live" if trading is not None else "paper", after_facts=self.skip if trading is not None else 0,
        )  # fmt: skip
        ledger.append(encode(self.run))
        ledger.commit()

    def _kept(self) -> KeptStream:
        """Gives the stream with its recording beside the ledger; each closed chunk's hash goes into the chain."""

        def closed(chunk: str, sha256: str) -> None:
            self.ledger.append(encode(Recording(at=self.last_at, chunk=chunk, sha256=sha256)))

        self.last_at = 0
        rotate = self.settings.ledger.rotate_mb << 20
        return KeptStream(
            self.market.source, Path(self.ledger.path), rotate, closed, self._alert, self._newest, self._trading
        )

    def _newest(self) -> dict[str, int]:
        """Gives the opening of the newest minute candle that the stages have of each symbol."""
        return self.stages.scan.coins.newest_minutes()

    def _alert(self, alert: Alert) -> None:
        """Keeps an alert of a live source in the ledger, where it is compared with nothing, and tells it."""
        self.ledger.append(encode(alert))
        if self._tell is not None:
            self._tell(alert)

    def _make(self, state: PipelineState | None, keeper: Keeper) -> None:
        self.keeper = keeper
        live = self._trading.setup if self._trading is not None else None
        venue = self._trading.venue if self._trading is not None else None
        caps = self._trading.passed_cap if self._trading is not None else None
        self.stages = Stages(
            self.settings, self.market.snapshot, self._sink, state, keeper, self._on_failure, live, venue, caps
        )
        if self._trading is not None:
            self._trading.follow(self.stages.order)
        self.turn, self._quiet = self.stages.turn, Quiet(self.stages)

    def _sink(self, record: Record) -> None:
        if record.kind == "tick":
            self._marks = marks_of(self.stages.order.desk.state)
        elif record.kind == "fill":
            self.fills += 1
        elif isinstance(record, StateChange) and self._tell is not None and self._is_live:
            self._tell(record)
        if self._outer_sink is not None:
            self._outer_sink(record)

    @property
    def _is_live(self) -> bool:
        return self._stream is not None and not self.keeper.catching_up

    def play(self, stopped: Callable[[], bool] = lambda: False) -> Iterator[Progress]:
        """Plays the market until it ends or `stopped` says so; gives where it is after each fact that closed a cycle.

        Whatever happens, what is committed is whole: `close` afterwards writes a checkpoint.
        """
        if self._stream is not None:
            entries = self._stream.facts(self.skip)
        else:
            entries = self.market.source.facts()
            for _ in range(self.skip):
                next(entries, None)
        try:
            yield from self._take(entries, stopped)
        except (LedgerError, OSError):
            # What the disk did not take must not follow later, behind what another life has closed.
            if self._stream is not None:
                self._stream.abandon()
            raise
        finally:
            # A live source has a thread behind it that must not outlive an error here.
            close = getattr(entries, "close", None)
            if close is not None:
                close()

    def _take(self, entries: Iterator[Entry], stopped: Callable[[], bool]) -> Iterator[Progress]:
        for entry in entries:
            if stopped():
                return
            fact = self._fact(entry)
            if fact is None:
                continue
            facts: Sequence[Record] = (fact,)
            if isinstance(fact, Tickers):
                facts = self._quiet.take_together(fact)
                self.facts += len(fact) - len(facts)
                self.last_at = fact.at
            for one in facts:
                if self._closes_cycle(one):
                    yield Progress(one.at, self.facts, self.turn.ticks, self.fills, self.keeper.catching_up)
                    self._end_day(one.at)

    def _closes_cycle(self, fact: Record) -> bool:
        """Takes a fact; says whether it closed a cycle."""
        ticks = self.turn.ticks
        if not self._quiet.take(fact):
            begin = time.perf_counter()
            self._quiet.settle(fact)
            self.turn.feed(fact, before_tick=self._operators)
            self._quiet.look(fact)
            if self.turn.ticks != ticks:
                self._took(begin, time.perf_counter())
        self.facts += 1
        self.last_at = fact.at
        return self.turn.ticks != ticks

    def _end_day(self, at: int) -> None:
        """Writes a checkpoint with the first cycle of each day but the first."""
        day = at // DAY_MS
        if day != self._day:
            if self._day >= 0 and not self.keeper.catching_up:
                self.checkpoint()
            self._day = day

    def _took(self, begin: float, end: float) -> None:
        """Takes note of how long a cycle took; what is thought a second time says nothing of it."""
        if self.keeper.catching_up:
            return
        self._latencies.add(end - begin)
        if end - self._noted_at >= _NOTED_S:
            self._noted_at = end
            self._note()

    def _note(self) -> None:
        """Writes into the ledger's status what no record tells."""
        self._latencies.note(self.ledger)
        note_marks(self.ledger, self._marks)

    def _fact(self, entry: Entry) -> Record | None:
        """Gives the entry's record; every entry counts, so that a restart can skip as many."""
        fact = entry.record
        if fact is None or fact.kind in PASSED_OVER:
            self.facts += 1
            return None
        if self._follows is not None:
            seq, at = self._follows
            if fact.kind != "symbol_rules":
                if fact.at <= at:
                    raise LedgerError(
                        f"{self.ledger.path} has decided up to {moment(at)} (row {seq}), this market starts at "
                        f"{moment(fact.at)}: name another --ledger"
                    )
                self._follows = None
        return fact

    def _operators(self, at: int) -> None:
        for order in self.keeper.operators(at):
            self.keeper.keep_record(order)
            self.turn.flow(order)

    def unheard(self, symbols: Iterable[str]) -> list[str]:
        """Gives those of some symbols of which no price was heard."""
        return [symbol for symbol in symbols if symbol not in self.stages.order.desk.state.recent]

    def checkpoint(self) -> None:
        """Saves the state of every stage into the ledger, so that a restart need not think over the past again."""
        self._quiet.settle(None)
        state = self.stages.state(self.facts)
        self._note()
        self.ledger.commit()
        self.ledger.save_checkpoint(
            self.last_at, self.ledger.head.seq, CHECKPOINT_VERSION, pack(state),
            keep=self.settings.ledger.checkpoints_kept,
        )  # fmt: skip

    def close(self) -> None:
        """Ends in order: the open cycle stays open, what is said is committed, and a checkpoint is written.

        What rests at an exchange stays there and protects.
        """
        if self._trading is not None:
            self._trading.close()
        if self._stream is not None:
            self._stream.close()
        if not self.keeper.catching_up:
            self.checkpoint()
