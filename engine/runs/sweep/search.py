"""How a sweep goes through its space: every point, points by chance, or points where the good ones were."""

import random
from collections.abc import Sequence
from itertools import islice
from typing import Any, Protocol

from engine.errors import ConfigError, UsageError
from engine.runs.sweep.space import MOST_POINTS, Dimension, Point, Space, name_of, rounded

SEARCHES = ("grid", "random", "tpe")
#: Points that are asked for before any of their scores is told: the search is the same on any number of workers.
BATCH = 8
#: So many draws in a row that bring nothing new, for each point still wanted, end a search.
_DRAWS = 50


class Search(Protocol):
    """Gives points in batches, and hears their scores before it is asked again."""

    def ask(self) -> list[Point]:
        """Gives the next points, none of which came before; none at the end."""
        ...

    def tell(self, scores: Sequence[float | None]) -> None:
        """Takes the scores of the points given last, in their order; None for one without a score."""
        ...


class Listed:
    """Points that are known from the start."""

    def __init__(self, points: list[Point]) -> None:
        """Takes the points."""
        self._points = points

    def ask(self) -> list[Point]:
        """Gives them all, once."""
        points, self._points = self._points, []
        return points

    def tell(self, scores: Sequence[float | None]) -> None:
        """Learns nothing."""


class Tpe:
    """The tree-structured Parzen estimator of optuna, seeded, in batches of a fixed size."""

    def __init__(self, space: Space, trials: int, seed: int) -> None:
        """Raises ConfigError where optuna is not installed."""
        try:
            import optuna
        except ImportError:
            raise ConfigError("--search tpe needs optuna: pip install 'hotcoin[opt]'") from None
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        sampler = optuna.samplers.TPESampler(seed=seed, multivariate=True, constant_liar=True)
        self._optuna = optuna
        self._study = optuna.create_study(sampler=sampler, direction="maximize")
        self._space, self._left = space, trials
        self._distributions = {one.key: self._distribution(one) for one in space.dimensions}
        self._scores: dict[str, float] = {}
        self._asked: list[Any] = []
        self._names: list[str] = []

    def _distribution(self, one: Dimension) -> Any:
        made = self._optuna.distributions
        if one.span is not None:
            return made.FloatDistribution(*one.span)
        if all(isinstance(value, int | float) and not isinstance(value, bool) for value in one.values):
            return made.IntDistribution(0, len(one.values) - 1)
        return made.CategoricalDistribution(range(len(one.values)))

    def ask(self) -> list[Point]:
        """Gives at most a batch of points."""
        points: list[Point] = []
        self._asked, self._names = [], []
        for _ in range(BATCH * _DRAWS):
            if len(points) == min(BATCH, self._left):
                break
            trial = self._study.ask(self._distributions)
            point = {one.key: self._value(one, trial.params[one.key]) for one in self._space.dimensions}
            name = name_of(point)
            if name in self._scores:
                self._study.tell(trial, self._scores[name])
            elif name in self._names:
                self._study.tell(trial, state=self._optuna.trial.TrialState.FAIL)
            else:
                points.append(point)
                self._asked.append(trial)
                self._names.append(name)
        self._left -= len(points)
        return points

    def _value(self, one: Dimension, drawn: Any) -> Any:
        return rounded(drawn) if one.span is not None else one.values[drawn]

    def tell(self, scores: Sequence[float | None]) -> None:
        """Takes scores; a point without one counts as the worst there is, or the search would go there again."""
        for trial, name, score in zip(self._asked, self._names, scores, strict=True):
            self._scores[name] = float("-inf") if score is None else score
            self._study.tell(trial, self._scores[name])


def make_search(name: str, space: Space, trials: int | None, seed: int) -> Search:
    """Gives a search; `trials` bounds the number of its points. Raises UsageError and ConfigError."""
    if name == "grid":
        return Listed(_grid(space, trials))
    if name not in SEARCHES:
        raise UsageError(f"--search {name!r}: there are {', '.join(SEARCHES)}")
    if trials is None:
        raise UsageError(f"--search {name} needs --trials: it has no end of its own")
    return Listed(_random(space, trials, seed)) if name == "random" else Tpe(space, trials, seed)


def _grid(space: Space, trials: int | None) -> list[Point]:
    size = space.size()
    if size is None:
        keys = ", ".join(one.key for one in space.dimensions if one.span)
        raise UsageError(f"a grid needs steps for {keys}: write low..high:step, or choose --search random or tpe")
    if min(size, trials or size) > MOST_POINTS:
        raise UsageError(f"{size} points are more than {MOST_POINTS}: vary less, or choose --search random or tpe")
    return list(islice(space.grid(), trials))


def _random(space: Space, trials: int, seed: int) -> list[Point]:
    """Gives distinct points; a larger number begins with the same ones."""
    chance = random.Random(seed)
    points: dict[str, Point] = {}
    for _ in range(trials * _DRAWS):
        if len(points) == trials:
            break
        point = {one.key: one.draw(chance) for one in space.dimensions}
        points.setdefault(name_of(point), point)
    return list(points.values())
