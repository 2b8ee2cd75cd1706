"""How much and at what price an order fills against what a bar, a ticker or a book can bear."""

from collections.abc import Sequence
from math import sqrt
from typing import Literal, NamedTuple

from engine.matching.bracket import worsened
from engine.matching.units import PART


def limit_filled(side: int, limit: int, low: int, high: int, mode: Literal["through", "touch"] = "through") -> bool:
    """Says whether a resting limit order fills in a bar: price must trade through it (`touch` is optimistic)."""
    if side > 0:
        return low < limit or (mode == "touch" and low == limit)
    return high > limit or (mode == "touch" and high == limit)


def bearable(volume_steps: int, participation_parts: int) -> int:
    """Gives how many steps of a traded volume one order may be, rounded down to whole steps."""
    return volume_steps * participation_parts // PART


class PartialFill(NamedTuple):
    """A market order worked over several bars: (steps, price in ticks) of each fill, and what is left."""

    fills: list[tuple[int, int]]
    remaining: int


def partial_fill(
    steps: int, volumes: Sequence[int], opens: Sequence[int], participation_parts: int, side: int,
    slippage_parts: int = 0,
) -> PartialFill:  # fmt: skip
    """Works a market order over bars: each fills at most its share of the volume, at its open plus slippage."""
    fills: list[tuple[int, int]] = []
    for volume, opened in zip(volumes, opens, strict=True):
        take = min(steps, bearable(volume, participation_parts))
        if take > 0:
            fills.append((take, worsened(opened, side, slippage_parts)))
            steps -= take
        if steps == 0:
            break
    return PartialFill(fills, steps)


def latency_bar(open_times: Sequence[int], decided_at: int, latency_ms: int) -> int | None:
    """Gives the index of the first bar that opens at or after decision plus latency (ms); None when none does."""
    for index, opened in enumerate(open_times):
        if opened >= decided_at + latency_ms:
            return index
    return None


def impact_slippage(half_spread: float, k: float, sigma: float, qty: float, volume: float) -> float:
    """Gives the slippage fraction of an order: half spread plus k x sigma x sqrt(qty / volume).

    `sigma` and `volume` belong to the same horizon. No volume gives the half spread alone.
    Source: the square-root impact law (Almgren et al. 2005).
    """
    if volume <= 0.0 or qty <= 0.0:
        return half_spread
    return half_spread + k * sigma * sqrt(qty / volume)
