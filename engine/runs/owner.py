"""The owner of a pipe's ledger: the order stage at the end of a pipe, with what it keeps and what it starts from."""

from pathlib import Path

from engine.errors import LedgerError
from engine.ledger.ledger import Ledger
from engine.records.base import Record
from engine.records.desk import Recording, Run
from engine.records.market import Tick
from engine.records.wire import COMPARED, FACTS, encode
from engine.runs.history import Start, find_start
from engine.runs.keeper import Keeper
from engine.runs.manifest import UNNAMED, make_run
from engine.runs.marks import Marked, marks_of, note_marks
from engine.runs.pipeline import CHECKPOINT_VERSION, PipelineState, exchange_of, make_order, pack
from engine.runs.settings import Settings
from engine.runs.trader import Trader
from engine.stages.order import Order
from engine.world.recording import folder_of, read_index
from engine.world.recording_writer import RecordingWriter
from engine.world.venues.paper import Paper


class Owner:
    """Trades what comes down the pipe and keeps every decision that passes; facts of a stream go into a recording."""

    wants: frozenset[str] = Order.wants

    def __init__(self, settings: Settings, run: Run | None, ledger: Ledger) -> None:
        """Opens the run on the ledger: a new one, or the last one again when facts and settings are the same."""
        self.settings, self.ledger = settings, ledger
        market = run.market if run is not None else UNNAMED
        self._unnamed = run is None and ledger.head.seq == 0
        start = find_start(ledger, market, settings, first_at=run.at if run is not None else 0)
        self._recording = None if market.get("files") else self._writer()
        self._recorded_until = self._last_recorded()
        self.keeps = (COMPARED | FACTS if self._recording is not None else COMPARED) - self.wants | {"alert"}
        flush = self._recording.flush if self._recording is not None else None
        self.keeper = Keeper(ledger, start.after_seq, flush)
        self._skipped = start.skip
        self.trader = self._trader(start, run)
        self._follows = start.follows
        self._last_at, self._is_torn = 0, False
        self._marks: list[Marked] = []

    def _trader(self, start: Start, run: Run | None) -> Trader:
        state = start.state
        order = make_order(self.settings, run, state.order if state is not None else None)
        exchange = state.venue if state is not None else exchange_of(run)
        self._exchange = exchange
        return Trader(order, Paper(self.settings.paper, exchange, order.desk), self.keeper)

    def _writer(self) -> RecordingWriter:
        def closed(chunk: str, sha256: str) -> None:
            self.ledger.append(encode(Recording(at=self._last_at, chunk=chunk, sha256=sha256)))

        self._last_at = 0
        rotate = self.settings.ledger.rotate_mb << 20
        return RecordingWriter(folder_of(Path(self.ledger.path)), rotate_bytes=rotate, on_chunk_closed=closed)

    def _last_recorded(self) -> int:
        """Gives the time up to which facts are recorded: a pipe that is run again sends them again."""
        if self._recording is None:
            return -1
        return max((chunk.last_at for chunk in read_index(self._recording.folder)), default=-1)

    def _name_run(self, at: int) -> None:
        """A pipe whose first stage wrote no run record gets one: a ledger says what desk its figures start from."""
        if self._unnamed:
            self._unnamed = False
            self.ledger.append(encode(make_run(self.settings, UNNAMED, at=at)))

    def take(self, record: Record) -> list[Record]:
        """Takes a record that the order stage reads."""
        try:
            return self._take(record)
        except BaseException:
            # What is remembered may be ahead of what is written: nothing of it may be kept.
            self._is_torn = True
            raise

    def _take(self, record: Record) -> list[Record]:
        self._name_run(record.at)
        self._check_follows(record)
        self._last_at = max(self._last_at, record.at)
        if record.kind in FACTS:
            self._record(record.at, encode(record))
        if not isinstance(record, Tick):
            return self.trader.take(record)
        made: list[Record] = []
        for order in self.keeper.operators(record.at):
            self.keeper.keep_record(order)
            made += [order, *self.trader.take(order)]
        made += self.trader.take(record)
        self._marks = marks_of(self.trader.order.desk.state)
        return made

    def keep_line(self, kind: str, line: bytes, at: int) -> None:
        """Keeps a line as it passes: run, decisions and alerts in the ledger, facts of a stream in the recording."""
        if kind == "run":
            self._unnamed = False
            self.ledger.append(line)
            self.ledger.commit()
            return
        self._name_run(at)
        if kind == "alert":
            self.ledger.append(line)
        elif kind in COMPARED and kind not in self.wants:
            self.keeper.keep(line)
        elif kind in FACTS:
            self._record(at, line)

    def _record(self, at: int, line: bytes) -> None:
        if self._recording is not None and at > self._recorded_until:
            self._recording.write(line)

    def _check_follows(self, record: Record) -> None:
        if self._follows is None or record.kind == "symbol_rules":
            return
        seq, at = self._follows
        if record.at <= at:
            raise LedgerError(
                f"{self.ledger.path} has decided up to {at} (row {seq}), this market starts at {record.at}: "
                "name another --ledger"
            )
        self._follows = None

    def _may_save(self) -> bool:
        """Says whether everything that was stored before has been said again, and nothing went wrong."""
        return not self.keeper.catching_up and not self._is_torn

    def _state(self) -> PipelineState:
        return PipelineState(order=self.trader.order.state, venue=self._exchange)

    def close(self) -> None:
        """Ends in order: commits, and saves the desk and the venue for the run after this one.

        After an error it leaves everything as a kill would.
        """
        try:
            if self._recording is not None and self._is_torn:
                self._recording.abandon()
            elif self._recording is not None:
                self._recording.close()
            if self._may_save():
                note_marks(self.ledger, self._marks)
                self.keeper.commit()
                self.ledger.save_checkpoint(
                    self._last_at, self.ledger.head.seq, CHECKPOINT_VERSION, pack(self._state()),
                    keep=self.settings.ledger.checkpoints_kept,
                )  # fmt: skip
        finally:
            self.ledger.close()
