"""Memory for a block, used again for the next one: what was used before is warm."""

from typing import Any

import numpy as np
import numpy.typing as npt


class Room:
    """Arrays by name; one is overwritten by the next of its name."""

    def __init__(self) -> None:
        self._kept: dict[str, npt.NDArray[Any]] = {}

    def array(self, name: str, shape: tuple[int, ...], kind: npt.DTypeLike = np.float64) -> npt.NDArray[Any]:
        """Gives an array of whatever values, its rows one behind the other."""
        size, kept = int(np.prod(shape)), self._kept.get(name)
        if kept is None or kept.size < size:
            kept = self._kept[name] = np.empty(size, kind)
        return kept[:size].reshape(shape)
