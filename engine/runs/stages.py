"""All stages in one process: what every run is made of."""

from collections.abc import Callable, Mapping

from engine.matching.exchange import ExchangeState
from engine.records.base import Record
from engine.records.market import SymbolRules
from engine.runs.keeper import Keeper
from engine.runs.pipeline import PipelineState, make_order, make_precheck, shadow_of
from engine.runs.settings import Settings
from engine.runs.trader import Caps, Trader
from engine.runs.turn import Takes, Turn
from engine.stages.account_order import LiveSetup
from engine.stages.effects import Exchange, Silent
from engine.stages.intake import Intake
from engine.stages.rank import Rank
from engine.stages.scan import Scan
from engine.stages.signal import Signal
from engine.world.venues.paper import Paper

#: What a market may hold and no stage is shown.
PASSED_OVER = frozenset({"run", "end", "operator", "alert", "judged"})


class Stages:
    """The stages with the paper venue, or an account's, at their end, made from settings and what they remember."""

    def __init__(
        self, settings: Settings, snapshot: Mapping[str, SymbolRules], sink: Callable[[Record], None],
        state: PipelineState | None = None, keeper: Keeper | None = None,
        on_failure: Callable[[str, str], None] | None = None, live: LiveSetup | None = None,
        venue: Exchange | None = None, caps: Caps | None = None,
    ) -> None:  # fmt: skip
        """`sink` gets every record that leaves the last stage; without a keeper nothing is stored.

        With `live` the venue's answers come in as facts: `venue` is an account's, or none where they are recorded.
        """
        self.intake = Intake(settings.scan.cycle_s, snapshot, state.intake if state else None)
        self.scan = Scan(settings.scan, settings.heat, state.scan if state else None)
        self.rank = Rank(settings.rank, settings.heat, state.rank if state else None)
        self.signal = Signal(settings.signal, settings.strategy, state.signal if state else None, on_failure=on_failure)
        self.precheck = make_precheck(settings, state=shadow_of(state) if state else None, live=live)
        self.order = make_order(settings, state=state.order if state else None, live=live)
        self.exchange = state.venue if state is not None else ExchangeState()
        if live is None:
            self.venue: Exchange = Paper(settings.paper, self.exchange, self.order.desk)
        else:
            self.venue = venue if venue is not None else Silent()
        self.trader = Trader(self.order, self.venue, keeper, caps)
        stages: list[Takes] = [self.scan, self.rank, self.signal, self.precheck, self.trader]
        self.turn = Turn(self.intake, stages, sink)

    def state(self, facts: int) -> PipelineState:
        """Gives what the stages remember, after so many facts."""
        return PipelineState(
            facts=facts, intake=self.intake.state, scan=self.scan.state, rank=self.rank.state,
            signal=self.signal.state, precheck=self.precheck.state, order=self.order.state, venue=self.exchange,
        )  # fmt: skip
