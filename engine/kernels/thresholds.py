"""Where a figure stands against a limit, computed so that binary rounding does not decide."""

import math

#: More than a rounding to 9 decimals moves a figure of this house.
NEAR = 1e-6


def clip(x: float, low: float = 0.0, high: float = 1.0) -> float:
    """Gives `x`, or the limit it is beyond."""
    if x <= low:
        return low
    return high if x >= high else x


def reaches(x: float, level: float) -> bool:
    """Whether `x`, rounded to 9 decimals, is at least `level`: (1.03 / 1.00 - 1) * 100 is 3, not a little more."""
    # Rounding is slow, and far from the level it decides nothing.
    if not x > level - NEAR:
        return False
    return x > level + NEAR or round(x, 9) >= level


def exceeds(x: float, level: float) -> bool:
    """Whether `x`, rounded to 9 decimals, is above `level`."""
    if not x > level - NEAR:
        return False
    return x > level + NEAR or round(x, 9) > level


def known(x: float | None) -> bool:
    """Whether a figure is there: neither None nor NaN."""
    return x is not None and not math.isnan(x)
