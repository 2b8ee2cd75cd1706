"""What the statistics share: a series of finite numbers, its Sharpe ratio, and when a spread counts as none."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import DirtyInput, UsageError

Array = NDArray[np.float64]

# A constant list of 0.0001 has a standard deviation of about 1e-20 in floats; dividing by it would give 1e16.
NO_SPREAD = 1e-15
# Rates (returns a bar, a year, a drawdown) smaller than this are zero.
NO_RATE = 1e-12


def series(values: ArrayLike, dimensions: int = 1) -> Array:
    """Gives the values as an array of floats.

    DirtyInput where one is no finite number: a gap must be closed by whoever knows what it means.
    UsageError where they have another shape.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.size == 0 and dimensions == 1:
        return array.reshape(0)
    if array.ndim != dimensions:
        raise UsageError(f"expected {dimensions} dimension(s), got {array.ndim}")
    if not np.isfinite(array).all():
        raise DirtyInput("every value must be a finite number")
    return array


def at_least(floor: float, **settings: float) -> None:
    """Refuses a setting below `floor` by its name, with a UsageError."""
    for name, value in settings.items():
        if not value >= floor:
            raise UsageError(f"{name} must be at least {floor}, not {value}")


def ratio(mean: Array, deviation: Array) -> Array:
    """Divides means by deviations; NaN where a deviation vanishes, which is below 1e-15*max(1,|mean|)."""
    vanishes = deviation < NO_SPREAD * np.maximum(1.0, np.abs(mean))
    return np.where(vanishes, np.nan, mean / np.where(vanishes, 1.0, deviation))


def sharpes(rows: Array) -> Array:
    """Gives the Sharpe ratio a bar of each row (std with ddof 1); NaN where it is undefined."""
    if rows.shape[-1] < 2:
        return np.full(rows.shape[:-1], np.nan)
    return ratio(rows.mean(axis=-1), rows.std(axis=-1, ddof=1))


def known(value: float) -> float | None:
    """Gives the value as a plain float, None in place of NaN."""
    return None if math.isnan(value) else float(value)
