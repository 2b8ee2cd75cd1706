"""Indicators over many frames at once: one call moves every frame on, by one bar or by as many as there are."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from engine.kernels.compiled import compiled
from engine.kernels.kernel import Kernel

#: An array with a row a frame and a column a bar.
Table = Any
#: Gives the plain function, or the same at machine speed.
Compile = Callable[[Callable[..., Any]], Callable[..., Any]]


class Panel:
    """The same indicators on many frames, each frame with memories of its own.

    What comes out are the bits that each kernel gives of each frame by itself. `lines` holds them: for each indicator
    an array for each of its outputs, of the last call.
    """

    def __init__(self, kernels: Mapping[str, Kernel[Any]], frames: int, compile_: Compile = compiled) -> None:
        """Starts cold. Needs numpy, and numba unless `compile_` leaves functions as they are."""
        import numpy as np

        self.kernels, self.frames = kernels, frames
        self.states = {name: np.zeros((frames, len(kernel.state))) for name, kernel in kernels.items()}
        self.lines: dict[str, Sequence[Table]] = {}
        self._bars = -1
        self._moves = {name: compile_(_MOVES[_arrays(kernel)]) for name, kernel in kernels.items()}
        self._functions = {name: compile_(kernel.function) for name, kernel in kernels.items()}

    def advance(self, columns: Mapping[str, Table]) -> Mapping[str, Sequence[Table]]:
        """Takes the bars of every frame, a table for each column that the indicators take, and gives `lines`."""
        bars = next(iter(columns.values())).shape[1]
        if bars != self._bars:
            self._make_room(bars)
        for name, kernel in self.kernels.items():
            tables = (*[columns[one] for one in kernel.inputs], *self.lines[name])
            self._moves[name](self._functions[name], self.states[name], *tables, kernel.params)
        return self.lines

    def _make_room(self, bars: int) -> None:
        import numpy as np

        for name, kernel in self.kernels.items():
            self.lines[name] = [np.empty((self.frames, bars)) for _ in kernel.outputs]
        self._bars = bars


def _arrays(kernel: Kernel[Any]) -> int:
    return len(kernel.inputs) + len(kernel.outputs)


# Numba unpacks no tuple of unlike lengths in a call, so there is one loop for each number of columns and lines.


def move_two(function: Any, states: Table, a: Table, b: Table, params: tuple[float, ...]) -> None:
    """Moves a kernel of two columns and lines over its frames."""
    for f in range(len(states)):
        function(states[f], a[f], b[f], *params)


def move_three(function: Any, states: Table, a: Table, b: Table, c: Table, params: tuple[float, ...]) -> None:
    """Moves a kernel of three."""
    for f in range(len(states)):
        function(states[f], a[f], b[f], c[f], *params)


def move_four(function: Any, states: Table, a: Table, b: Table, c: Table, d: Table, params: tuple[float, ...]) -> None:
    """Moves a kernel of four."""
    for f in range(len(states)):
        function(states[f], a[f], b[f], c[f], d[f], *params)


def move_five(
    function: Any, states: Table, a: Table, b: Table, c: Table, d: Table, e: Table, params: tuple[float, ...]
) -> None:
    """Moves a kernel of five."""
    for f in range(len(states)):
        function(states[f], a[f], b[f], c[f], d[f], e[f], *params)


def move_six(
    function: Any, states: Table, a: Table, b: Table, c: Table, d: Table, e: Table, g: Table, params: tuple[float, ...]
) -> None:
    """Moves a kernel of six."""
    for f in range(len(states)):
        function(states[f], a[f], b[f], c[f], d[f], e[f], g[f], *params)


def move_seven(
    function: Any, states: Table, a: Table, b: Table, c: Table, d: Table, e: Table, g: Table, h: Table,
    params: tuple[float, ...],
) -> None:  # fmt: skip
    """Moves a kernel of seven."""
    for f in range(len(states)):
        function(states[f], a[f], b[f], c[f], d[f], e[f], g[f], h[f], *params)


_MOVES: Mapping[int, Callable[..., None]] = {
    2: move_two, 3: move_three, 4: move_four, 5: move_five, 6: move_six, 7: move_seven,
}  # fmt: skip
