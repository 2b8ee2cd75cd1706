"""The owner of a pipe's ledger: the order stage at the end of a pipe, with what it keeps and what it starts from."""

from pathlib import Path

from engine.errors import LedgerError
from engine.ledger.ledger import Ledger
from engine.records.base import Record
from engine.records.desk import Run
from engine.records.market import Tick
from engine.records.wire import COMPARED, FACTS
from engine.runs.history import find_start
from engine.runs.keeper import Keeper
from engine.runs.pipeline import CHECKPOINT_VERSION, PipelineState, exchange_of, make_order, pack
from engine.runs.settings import Settings
from engine.runs.trader import Trader
from engine.stages.order import Order
from engine.world.recording import RecordingWriter, folder_of
from engine.world.venues.paper import Paper


class Owner:
    """Trades what comes down the pipe and keeps every decision that passes; facts of a stream go into a recording."""

    wants = Order.wants

    def __init__(self, settings: Settings, run: Run | None, ledger: Ledger) -> None:
        """Opens the run on the ledger: a new one, or the last one again when facts and settings are the same."""
        self.settings, self.ledger = settings, ledger
        market = run.market if run is not None else {}
        start = find_start(ledger, market, settings, from_first_fact=True)
        state = start.state
        order = make_order(settings, run, state.order if state is not None else None)
        venue = Paper(settings.paper, state.venue if state is not None else exchange_of(run))
        self.keeper = Keeper(ledger, start.after_seq)
        self.trader = Trader(order, venue, self.keeper)
        self._follows = start.follows
        self._last_at = 0
        files = bool(market.get("files"))
        self._recording = None if files else RecordingWriter(folder_of(Path(ledger.path)))

    def take(self, record: Record) -> list[Record]:
        """Takes a record that the order stage reads."""
        self._check_follows(record)
        self._last_at = max(self._last_at, record.at)
        if not isinstance(record, Tick):
            return self.trader.take(record)
        made: list[Record] = []
        for order in self.keeper.operators(record.at):
            self.keeper.keep_record(order)
            made += [order, *self.trader.take(order)]
        made += self.trader.take(record)
        if self._recording is not None:
            self._recording.flush()
        return made

    def keep_line(self, kind: str, line: bytes) -> None:
        """Keeps a line as it passes: decisions and the run record in the ledger, facts of a stream in the recording."""
        if kind == "run":
            self.ledger.append(line)
            self.ledger.commit()
        elif kind in COMPARED and kind not in self.wants:
            self.keeper.keep(line)
        elif self._recording is not None and kind in FACTS:
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

    def close(self) -> None:
        """Ends in order: commits, and saves the desk and the venue for the run after this one."""
        if self._recording is not None:
            self._recording.close()
        if not self.keeper.catching_up:
            self.ledger.commit()
            state = PipelineState(order=self.trader.order.state, venue=self.trader.venue.state)  # type: ignore[attr-defined]
            kept = self.settings.ledger.checkpoints_kept
            self.ledger.save_checkpoint(self._last_at, self.ledger.head.seq, CHECKPOINT_VERSION, pack(state), keep=kept)
        self.ledger.close()
