"""What the exchange knows: an answer, or that there is no such thing; everything else rises."""

from collections.abc import Callable
from typing import TypeVar

from engine.world.binance.trouble import Rejected, Sort

T = TypeVar("T")


def known(ask: Callable[[], T]) -> T | None:
    """Gives an answer, None where the exchange says that it knows no such order (yet)."""
    try:
        return ask()
    except Rejected as error:
        if error.sort is Sort.ABSENT:
            return None
        raise
