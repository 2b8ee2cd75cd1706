"""The pipeline: the stages made from settings, and their whole state as one checkpoint."""

import msgspec

from engine.errors import LedgerError
from engine.matching.exchange import ExchangeState
from engine.records.desk import Run
from engine.runs.settings import Settings
from engine.stages.account_order import LiveSetup
from engine.stages.intake import IntakeState
from engine.stages.live_order import LiveOrder
from engine.stages.order import Order
from engine.stages.order_state import OrderState
from engine.stages.precheck import Precheck, PrecheckState
from engine.stages.rank import RankState
from engine.stages.scan import ScanState
from engine.stages.signal import SignalState

#: Goes up when the state of a stage changes its shape; an older checkpoint is then not loaded.
CHECKPOINT_VERSION = "5"


class PipelineState(msgspec.Struct, kw_only=True):
    """What the stages remember, after `facts` facts of the market.

    The owner of a pipe's ledger knows the order stage and the venue only; a run in one process knows them all.
    """

    order: OrderState
    venue: ExchangeState
    facts: int = 0
    intake: IntakeState | None = None
    scan: ScanState | None = None
    rank: RankState | None = None
    signal: SignalState | None = None
    precheck: PrecheckState | None = None

    @property
    def whole(self) -> bool:
        """True when every stage is in it, so that a restart can skip the facts before it."""
        return self.scan is not None


def shadow_of(state: PipelineState) -> PrecheckState:
    """Gives precheck's state: its own, or that of a desk and venue it has to follow from here (a copy of them)."""
    if state.precheck is not None:
        return state.precheck
    order = msgspec.msgpack.decode(msgspec.msgpack.encode(state.order), type=OrderState)
    venue = msgspec.msgpack.decode(msgspec.msgpack.encode(state.venue), type=ExchangeState)
    return PrecheckState(order=order, exchange=venue)


def pack(state: PipelineState) -> bytes:
    """Gives the state as bytes (MessagePack: floats keep every bit)."""
    return msgspec.msgpack.encode(state)


def unpack(blob: bytes) -> PipelineState:
    """Gives the state back; raises LedgerError for bytes that are none."""
    try:
        return msgspec.msgpack.decode(blob, type=PipelineState)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise LedgerError(f"a checkpoint cannot be read: {error}") from None


def make_precheck(
    settings: Settings, run: Run | None = None, state: PrecheckState | None = None, live: LiveSetup | None = None
) -> Precheck:
    """Makes precheck, with the desk that the run record starts from."""
    if state is None and run is not None and run.desk:
        state = PrecheckState(order=_desk(run), exchange=exchange_of(run))
    return Precheck(settings.precheck, settings.size, settings.desk, settings.paper, settings.rules, state, live=live)


def make_order(
    settings: Settings, run: Run | None = None, state: OrderState | None = None, live: LiveSetup | None = None
) -> Order:
    """Makes the order stage, with the desk that the run record starts from."""
    if state is None and run is not None and run.desk:
        state = _desk(run)
    if live is not None:
        return LiveOrder(settings.desk, settings.rules, live, state)
    return Order(settings.desk, settings.rules, state)


def exchange_of(run: Run | None) -> ExchangeState:
    """Gives the paper exchange that the run record starts from."""
    return msgspec.convert(run.exchange, ExchangeState) if run is not None and run.exchange else ExchangeState()


def _desk(run: Run) -> OrderState:
    return msgspec.convert(run.desk, OrderState)
