"""Walk-forward: where to train and where to test, and how much of the trained return survives."""

from collections.abc import Sequence
from typing import NamedTuple

from engine.errors import UsageError
from engine.statistics.moments import NO_RATE, at_least, series

Range = tuple[int, int]


class Window(NamedTuple):
    """One round: bars to train on and bars to test on, as half-open ranges of indices."""

    train: Range
    test: Range


class Efficiency(NamedTuple):
    """How much of the return in training came again in testing; None where there is nothing to compare with."""

    efficiency: float | None
    oos_positive_share: float | None


def walk_forward(n: int, train: int, test: int, step: int, anchored: bool = False, purge: int = 0) -> list[Window]:
    """Gives the windows over `n` bars, each `step` bars after the one before.

    The test of window k begins at train+purge+k*step; its training ends `purge` bars earlier and is `train` bars long,
    or begins at bar 0 when `anchored`. A last test that would be cut short is left out.
    """
    at_least(1, train=train, test=test, step=step)
    at_least(0, n=n, purge=purge)
    return [
        Window(
            train=(0 if anchored else begin - purge - train, begin - purge),
            test=(begin, begin + test),
        )
        for begin in range(train + purge, n - test + 1, step)
    ]


def walk_forward_efficiency(in_sample: Sequence[float], out_of_sample: Sequence[float]) -> Efficiency:
    """Gives the mean annual return out of sample over the mean in sample, one of each a window.

    None for the efficiency where the mean in sample is not above zero. UsageError where the lengths differ.
    """
    trained, tested = series(in_sample), series(out_of_sample)
    if trained.size != tested.size:
        raise UsageError(f"{trained.size} returns in sample, but {tested.size} out of sample")
    if trained.size == 0:
        return Efficiency(None, None)
    before, after = float(trained.mean()), float(tested.mean())
    return Efficiency(
        efficiency=after / before if before >= NO_RATE else None,
        oos_positive_share=float((tested > 0.0).mean()),
    )
