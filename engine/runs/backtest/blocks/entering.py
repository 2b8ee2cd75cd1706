"""Entries that kernels judge: each symbol's limits as its rules tell them in numbers, and the rows they would begin."""

from collections.abc import Sequence
from decimal import Decimal

import numpy as np

from engine.kernels import entries
from engine.plugs import Bounded, Bounds, Rule, within_all
from engine.records.desk import Standing
from engine.records.ideas import ExitPlan
from engine.runs.backtest.blocks.positions import EXACT, Positions
from engine.stages.desk import Desk
from engine.stages.precheck import PrecheckSettings
from engine.stages.size import SizeSettings


class Entering:
    """What `engine.kernels.entries` asks of the account and of each symbol."""

    def __init__(
        self, rules: Sequence[Rule], size: SizeSettings, precheck: PrecheckSettings, desk: Desk, positions: Positions,
        plan: ExitPlan,
    ) -> None:  # fmt: skip
        """Starts with symbols that no entry passes; one rule that has no `bounds` leaves all of them to the stages."""
        self._rules = [rule for rule in rules if isinstance(rule, Bounded)]
        self._bounded = len(self._rules) == len(rules)
        self._share = Decimal(str(size.equity_share_pct)) / 100
        self._band_pct, self._desk, self._positions, self._plan = precheck.price_band_pct, desk, positions, plan
        self.swan = float(plan.black_swan_pct)
        self.limits = np.zeros((len(positions.held), len(Bounds._fields) + 2))
        self.grounds, self.tiers = np.zeros_like(positions.held), np.zeros_like(positions.tiers)
        self.sizing = np.zeros(2)

    @property
    def standing(self) -> Standing:
        """The desk as a rule may close it for reasons that kernels do not count."""
        standing = self._desk.standing()
        return standing._replace(held=set(), reserved=set(), day_entries=0) if self._bounded else standing

    def weigh(self) -> None:
        """Takes the size of entries as the desk stands; there is none while the engine does not trade."""
        factor = self._desk.size_factor or 1.0 if self._desk.state.engine == "tradeable" else 0.0
        self.sizing[entries.SHARE] = float(self._share * Decimal(str(factor)))
        self.sizing[entries.BAND_PCT] = self._band_pct

    def learn(self, s: int, symbol: str) -> None:
        """Takes the rules of a symbol as the desk has them."""
        rules = self._desk.state.rules.get(symbol)
        if rules is None or not self._bounded:
            return
        ground = self._positions.ground(s, self._plan)
        bounds = within_all([rule.bounds(rules) for rule in self._rules])
        self.limits[s] = (*bounds, float(rules.step), min(ground.most_steps, EXACT))
        self.grounds[s], self.tiers[s] = ground.row, ground.tiers
