"""Buy when a fast average crosses over a slow one in a burst of volume; leave in tiers, by trail, stop or time."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from engine.kernels.averages import Ema, Sma
from engine.plugs import Frame, Indicator, Look, Verdict
from engine.records.bounds import Bars, Percent, PercentAboveZero, Ratio, SecondsOrOff
from engine.records.ideas import CandidateSnapshot, ExitPlan, check_break_even, check_tiers, tiers_of


class VolumeMean(Sma):
    """The simple average of the last `n` volumes."""

    inputs = ("volume",)


@dataclass(frozen=True, slots=True)
class EmaBurst:
    """Settings; percentages are moves of price. It looks at every symbol with `scan.pool = "all"`.

    `timeframe`: the candles it looks at. `fast_bars`, `slow_bars`: candles in the averages. `volume_bars`: candles in
    the usual volume, the one of the cross not among them. `volume_ratio`: a burst is so many times the usual volume.
    `stop_pct`: the stop below the entry. `tiers`: (share sold, at which gain), both in percent. `trail_share_pct`: the
    share that trails. `trail_arm_pct`: the gain at which it starts to. `trail_callback_pct`: how far price must come
    back from its best. `resting_tiers`: tiers wait on the book as limit orders, instead of being sold at the market as
    price gets there. `resting_trail`: an account's exchange trails as well. `break_even_at_pct`: the
    gain at which the stop moves up to break even (0: never). `break_even_over_pct`: how far over the entry that is, for
    the fees. `hold_max_s`: the longest a position is held.
    """

    exact: ClassVar[Literal[True]] = True

    timeframe: str = "1m"
    fast_bars: Bars = 12
    slow_bars: Bars = 26
    volume_bars: Bars = 20
    volume_ratio: Ratio = 3.0
    stop_pct: Percent = 2.0
    tiers: tuple[tuple[PercentAboveZero, PercentAboveZero], ...] = ((30.0, 2.0), (30.0, 4.0))
    trail_share_pct: Percent = 40.0
    trail_arm_pct: Percent = 2.0
    trail_callback_pct: Percent = 1.0
    resting_tiers: bool = False
    resting_trail: bool = False
    break_even_at_pct: Percent = 0.0
    break_even_over_pct: Percent = 0.2
    hold_max_s: SecondsOrOff = 7_200

    def __post_init__(self) -> None:
        """Raises ValueError for averages in the wrong order, or tiers that make no plan."""
        if self.fast_bars >= self.slow_bars:
            raise ValueError(f"fast_bars {self.fast_bars} must be less than slow_bars {self.slow_bars}")
        check_tiers(self.tiers, self.trail_share_pct)
        check_break_even(self.break_even_at_pct, self.break_even_over_pct)

    @property
    def timeframes(self) -> tuple[str, ...]:
        """The one it looks at."""
        return (self.timeframe,)

    def indicators(self) -> Mapping[str, Callable[[], Indicator]]:
        """Two averages of the close and one of the volume."""
        return {
            "fast": lambda: Ema(self.fast_bars),
            "slow": lambda: Ema(self.slow_bars),
            "usual": lambda: VolumeMean(self.volume_bars),
        }

    def judge(self, candidate: CandidateSnapshot, frames: Mapping[str, Frame]) -> Verdict:
        """Enters when the fast average has just crossed over the slow one, in a burst of volume."""
        frame = frames[self.timeframe]
        now, before = frame.values, frame.before
        nan = float("nan")
        was_under = before.get("fast", nan) <= before.get("slow", nan)
        usual = before.get("usual", nan)
        figures: dict[str, Mapping[str, float | None]] = {
            self.timeframe: {
                "fast": now["fast"], "slow": now["slow"], "volume": frame.volume,
                "usual_volume": usual if usual == usual else None,
            }
        }  # fmt: skip
        if not (was_under and now["fast"] > now["slow"]):
            over = (now["fast"] / now["slow"] - 1.0) * 100.0
            return _wait("NO_CROSS", f"EMA{self.fast_bars} is {over:.4f} % over EMA{self.slow_bars}", over, 0, figures)
        if not frame.volume > self.volume_ratio * usual:
            ratio = frame.volume / usual if usual > 0.0 else None
            told = f"{ratio:.2f}" if ratio is not None else "no"
            return _wait("NO_CROSS", f"{told} times the usual volume", ratio, self.volume_ratio, figures)
        reasons = (
            f"EMA{self.fast_bars} crossed over EMA{self.slow_bars}",
            f"volume above {self.volume_ratio:g} times the mean of {self.volume_bars} candles",
        )
        return Verdict(action="enter", code=None, reasons=reasons, figures=figures)

    def entries(self, look: Look) -> Any:
        """The same rule over columns."""
        name = self.timeframe
        crossed = look.value(name, "fast") > look.value(name, "slow")
        crossed &= look.value(name, "fast", before=True) <= look.value(name, "slow", before=True)
        few = look.at(crossed)
        crossed[crossed] = few.volume(name) > self.volume_ratio * few.value(name, "usual", before=True)
        return crossed

    def exits(self) -> ExitPlan:
        """Tiers, a trailing rest, a stop and a time limit."""
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
        )


def _wait(
    code: str, reason: str, value: float | None, limit: float, figures: Mapping[str, Mapping[str, float | None]]
) -> Verdict:
    return Verdict(action="wait", code=code, reasons=(reason,), value=value, limit=limit, figures=figures)
