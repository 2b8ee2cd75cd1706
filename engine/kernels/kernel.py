"""A kernel: an indicator bound to its state, the same one bar at a time as over a year in one call."""

from collections.abc import Callable, Iterable, MutableSequence, Sequence
from typing import ClassVar, Generic, NamedTuple, Self, TypeVar

Column = Sequence[float]
Line = MutableSequence[float]
Lines = TypeVar("Lines")

NAN = float("nan")


class Some(NamedTuple):
    """How a kernel with one line, whose value follows from the last `window` bars alone, gives some values only.

    `function` is called as `function(*columns, bars, line, *params)`, with indexes of bars in the columns; the windows
    that end there lie in them.
    """

    function: Callable[..., None]
    window: int


class Kernel(Generic[Lines]):
    """An indicator with a memory.

    `function` is called as `function(state, *columns, *lines, *params)`: it moves `state`, a flat list of finite
    floats, over the bars of the columns and writes one value a bar into each line. A value that is not yet defined is
    NaN. A bar with an input that is no finite number gives NaN and starts the warm-up again.

    `two`, where there is one, moves two kernels with one line each over the same columns in one pass; it is called as
    `two(state, other state, *columns, line, other line, *params, *other params)`. `some`, where there is one, gives the
    same bits at some bars only.
    """

    inputs: ClassVar[tuple[str, ...]] = ("close",)
    outputs: ClassVar[tuple[str, ...]]

    def __init__(
        self,
        function: Callable[..., None],
        params: tuple[float, ...],
        slots: int,
        lines: Callable[..., Lines],
        two: Callable[..., None] | None = None,
        some: Some | None = None,
    ) -> None:
        self.function = function
        self.two, self.some = two, some
        self.params = params
        self.state: list[float] = [0.0] * slots
        self._lines = lines

    def advance(self, *columns: Column) -> Lines:
        """Takes the columns of `inputs`, oldest bar first, and gives the lines of `outputs`, one value a bar.

        A single line comes as a list of floats, several as a named tuple of such lists.
        """
        if len(columns) != len(self.inputs):
            raise self._misfit()
        bars = len(columns[0])
        for column in columns:
            if len(column) != bars:
                raise self._misfit()
        lines = [[NAN] * bars for _ in self.outputs]
        self.function(self.state, *columns, *lines, *self.params)
        return self._lines(*lines)

    def resume(self, state: Iterable[float]) -> Self:
        """Gives the kernel back with a state saved earlier from one with the same settings."""
        saved = list(state)
        if len(saved) != len(self.state):
            raise ValueError(f"{type(self).__name__} keeps {len(self.state)} numbers, the saved state has {len(saved)}")
        self.state = saved
        return self

    def _misfit(self) -> ValueError:
        return ValueError(f"{type(self).__name__} takes equally long columns of {', '.join(self.inputs)}")


def only(line: list[float]) -> list[float]:
    """Gives a single line as it is: the shape of a kernel with one output."""
    return line


def at_least(floor: int, **settings: int) -> None:
    """Refuses a setting below `floor` by its name."""
    for name, value in settings.items():
        if value < floor:
            raise ValueError(f"{name} must be at least {floor}, not {value}")
