"""Buy a hot coin that rises on its fast timeframes while the slow one turns up; leave in tiers, by trail or stop."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from engine.kernels.averages import Ema
from engine.kernels.pool import HOT
from engine.plugs import Frame, Indicator, Look, Verdict
from engine.records.base import figure
from engine.records.bounds import Bars, Heat, Percent, PercentAboveZero, SecondsOrOff
from engine.records.ideas import CandidateSnapshot, ExitPlan, check_break_even, check_tiers, tiers_of

#: Less than any figure on the wire can tell.
HAIR = 1e-7


@dataclass(frozen=True, slots=True)
class Hotcoin:
    """Settings; percentages are moves of price.

    `min_heat`: no entry below this heat. `timeframes`: those it looks at; all must be warm. `above_ema`: price must
    close above its average on these. `rising_ema`: the average must rise on these. `ema_bars`: candles in the average.
    `black_swan_pct`: a five-minute move this large, either way, blocks entries and closes positions. `stop_pct`: the
    stop below the entry. `tiers`: (share sold, at which gain), both in percent. `trail_share_pct`: the share that
    trails. `trail_arm_pct`: the gain at which it starts to. `trail_callback_pct`: how far price must come back from its
    best. `resting_tiers`: tiers wait on the book as limit orders, instead of being sold at the market as price gets
    there. `resting_trail`: an account's exchange trails as well. `break_even_at_pct`: the gain at
    which the stop moves up to break even (0: never). `break_even_over_pct`: how far over the entry that is, for the
    fees. `hold_max_s`: the longest a position is held.
    """

    min_heat: Heat = 50.0
    timeframes: tuple[str, ...] = ("1m", "5m", "15m", "1h")
    above_ema: tuple[str, ...] = ("1m", "5m")
    rising_ema: tuple[str, ...] = ("15m",)
    ema_bars: Bars = 20
    black_swan_pct: Percent = 10.0
    stop_pct: Percent = 5.0
    tiers: tuple[tuple[PercentAboveZero, PercentAboveZero], ...] = ((30.0, 5.0), (30.0, 10.0))
    trail_share_pct: Percent = 40.0
    trail_arm_pct: Percent = 5.0
    trail_callback_pct: Percent = 3.0
    resting_tiers: bool = False
    resting_trail: bool = False
    break_even_at_pct: Percent = 0.0
    break_even_over_pct: Percent = 0.2
    hold_max_s: SecondsOrOff = 14_400

    def __post_init__(self) -> None:
        """Raises ValueError for a timeframe of the entry rule that is not looked at, or tiers that make no plan."""
        for name in (*self.above_ema, *self.rising_ema):
            if name not in self.timeframes:
                raise ValueError(f"{name!r} is in above_ema or rising_ema, but not in timeframes {self.timeframes}")
        check_tiers(self.tiers, self.trail_share_pct)
        check_break_even(self.break_even_at_pct, self.break_even_over_pct)

    def indicators(self) -> Mapping[str, Callable[[], Indicator]]:
        """One moving average on each timeframe."""
        return {"ema": lambda: Ema(self.ema_bars)}

    def judge(self, candidate: CandidateSnapshot, frames: Mapping[str, Frame]) -> Verdict:
        """Enters when hot, hot enough, above the fast averages, and the slow average rises; never in a black swan."""
        figures = {name: _figures(frame) for name, frame in frames.items()}
        change = candidate.inputs.change_5m_pct
        if change is not None and abs(change) >= self.black_swan_pct:
            return _wait("BLACK_SWAN", f"moved {change} % in 5 minutes", change, self.black_swan_pct, figures)
        if candidate.status != "hot":
            return _wait("NOT_HOT", f"is {candidate.status} in the pool", candidate.status, "hot", figures)
        if candidate.heat < self.min_heat:
            return _wait("LOW_HEAT", f"heat {candidate.heat}", candidate.heat, self.min_heat, figures)
        reasons = [f"hot: heat {candidate.heat} is at least {self.min_heat:g}"]
        for name in self.above_ema:
            over = figures[name]["over_ema_pct"]
            if over is None or over <= 0.0:
                return _wait("BELOW_EMA", f"{name} close is {over} % over its EMA{self.ema_bars}", over, 0, figures)
            reasons.append(f"{name} close is {over} % over its EMA{self.ema_bars}")
        for name in self.rising_ema:
            slope = figures[name]["ema_slope_pct"]
            if slope is None or slope <= 0.0:
                return _wait("EMA_FALLING", f"{name} EMA{self.ema_bars} slope is {slope} %", slope, 0, figures)
            reasons.append(f"{name} EMA{self.ema_bars} rises {slope} % a candle")
        return Verdict(action="enter", code=None, reasons=tuple(reasons), figures=figures)

    def entries(self, look: Look) -> Any:
        """The same rule over columns, a hair wider: figures are not rounded yet."""
        hot = (look.status == HOT) & (look.heat >= self.min_heat)
        few = look.at(hot)
        worth = ~(abs(few.change_5m_pct) >= self.black_swan_pct)
        for name in self.above_ema:
            worth &= few.close(name) > few.value(name, "ema") * (1.0 - HAIR)
        for name in self.rising_ema:
            worth &= few.value(name, "ema") > few.value(name, "ema", before=True) * (1.0 - HAIR)
        hot[hot] = worth
        return hot

    def exits(self) -> ExitPlan:
        """The plan of HotCoin: tiers, a trailing rest, a stop, a time limit and the black swan."""
        return ExitPlan(
            stop_pct=self.stop_pct,
            tiers=tiers_of(self.tiers),
            trail_share_pct=self.trail_share_pct,
            trail_arm_pct=self.trail_arm_pct,
            trail_callback_pct=self.trail_callback_pct,
            resting_tiers=self.resting_tiers,
            resting_trail=self.resting_trail,
            break_even_at_pct=self.break_even_at_pct,
            break_even_over_pct=self.break_even_over_pct if self.break_even_at_pct else 0,
            hold_max_s=self.hold_max_s,
            black_swan_pct=self.black_swan_pct,
        )


def _figures(frame: Frame) -> dict[str, float | None]:
    ema, before = frame.values["ema"], frame.before.get("ema", float("nan"))
    return {
        "over_ema_pct": figure((frame.close / ema - 1.0) * 100.0) if ema > 0.0 else None,
        "ema_slope_pct": figure((ema / before - 1.0) * 100.0) if before > 0.0 else None,
    }


def _wait(
    code: str, reason: str, value: float | str | None, limit: float | str | None,
    figures: Mapping[str, Mapping[str, float | None]],
) -> Verdict:  # fmt: skip
    return Verdict(action="wait", code=code, reasons=(reason,), value=value, limit=limit, figures=figures)
