"""What stops became: which plain order belongs to which conditional one, whose client id it may not carry."""

from itertools import islice
from typing import NamedTuple

#: Stops and what they became are remembered for so many.
KEPT = 1_000


class Stop(NamedTuple):
    """A conditional order by its own ids."""

    client_id: str
    algo_id: str


class Became:
    """Plain orders by number, each with the stop that it came of. Threads may share it."""

    def __init__(self) -> None:
        """Knows none."""
        self._stops: dict[str, Stop] = {}

    def learn(self, order_id: str, stop: Stop) -> None:
        """Takes that a stop became the plain order of this number."""
        self._stops[order_id] = stop
        for old in list(islice(self._stops, max(0, len(self._stops) - KEPT))):
            self._stops.pop(old, None)

    def stop_of(self, order_id: str) -> Stop | None:
        """Gives the stop that an order came of, None for one that was always plain."""
        return self._stops.get(order_id)
