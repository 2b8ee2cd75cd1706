"""The space of a sweep: which settings are varied, over which values, and which points lie beside one another."""

import json
import random
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import product
from math import prod
from pathlib import Path
from typing import Annotated, Any, NamedTuple, get_args, get_origin

import msgspec

from engine.errors import ConfigError, UsageError
from engine.runs.settings import Settings, known_keys

Point = dict[str, Any]
#: More steps of one setting, or points of a grid, are a slip of the pen.
MOST_STEPS, MOST_POINTS = 1000, 10_000
#: A neighbour in a range without steps lies this share of the range away.
BESIDE = 0.1
#: Numbers drawn from a range are rounded to so many digits: what is printed is what was tried.
_DIGITS = 6
_NUMBER = r"[+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
_RANGE = re.compile(rf"({_NUMBER})\.\.({_NUMBER})(?::({_NUMBER}))?")


class Dimension(NamedTuple):
    """One varied setting: its values in order, as plain JSON values; or the ends of a range without steps."""

    key: str
    values: tuple[Any, ...]
    span: tuple[float, float] | None = None

    def draw(self, chance: random.Random) -> Any:
        """Gives one value by chance."""
        if self.span is None:
            return self.values[chance.randrange(len(self.values))]
        return rounded(chance.uniform(*self.span))

    def beside(self, value: Any) -> list[Any]:
        """Gives the values one step below and above."""
        if self.span is None:
            at = self.values.index(value)
            return [self.values[i] for i in (at - 1, at + 1) if 0 <= i < len(self.values)]
        low, high = self.span
        step = (high - low) * BESIDE
        return [near for near in (rounded(value - step), rounded(value + step)) if low <= near <= high]

    def plain(self) -> dict[str, Any]:
        """Gives it as a plain JSON object."""
        return {"key": self.key, "values": list(self.values), "span": list(self.span) if self.span else None}


class Space(NamedTuple):
    """The settings that stand still, and those that are varied."""

    base: Mapping[str, Any]
    dimensions: tuple[Dimension, ...]

    def settings(self, point: Point) -> Settings:
        """Gives the settings of a point; raises ConfigError where they do not fit together."""
        return _settings(self.base, point)

    def size(self) -> int | None:
        """Gives the number of points; None where a range has no steps."""
        if any(one.span for one in self.dimensions):
            return None
        return prod(len(one.values) for one in self.dimensions)

    def grid(self) -> Iterator[Point]:
        """Gives every point, the last key fastest."""
        keys = [one.key for one in self.dimensions]
        for values in product(*(one.values for one in self.dimensions)):
            yield dict(zip(keys, values, strict=True))

    def neighbours(self, point: Point) -> list[Point]:
        """Gives the points one step away in one setting."""
        return [{**point, one.key: value} for one in self.dimensions for value in one.beside(point[one.key])]


def rounded(value: float) -> float:
    """Gives a number with six significant digits."""
    return float(f"{value:.{_DIGITS}g}")


def name_of(point: Point) -> str:
    """Gives a point as the text by which it is known again."""
    return json.dumps(point, separators=(",", ":"))


def make_space(used: Settings, file: Path | None, vary: Sequence[str]) -> Space:
    """Gives the space that a file and `KEY=...` texts describe, the texts last; every value is tried on the settings.

    Raises UsageError for what describes no values, ConfigError for unknown settings and values that they refuse.
    """
    given = {**(_from_file(file) if file is not None else {}), **dict(map(_from_text, vary))}
    if not given:
        raise UsageError("nothing to vary: name settings in --space FILE, or as in --vary hotcoin.stop_pct=3,5,8")
    base = {key: msgspec.to_builtins(value) for key, value in used.values.items()}
    return Space(base, tuple(_dimension(used, base, key, wanted) for key, wanted in given.items()))


def _settings(base: Mapping[str, Any], point: Mapping[str, Any]) -> Settings:
    given = {key: (value, "the settings of the sweep") for key, value in base.items()}
    return Settings({**given, **{key: (value, "varied") for key, value in point.items()}})


def _from_text(text: str) -> tuple[str, Any]:
    key, equals, values = text.partition("=")
    if not equals or not key.strip() or not values.strip():
        raise UsageError(f"--vary {text!r}: write it as section.key=a,b,c or section.key=low..high:step")
    values = values.strip()
    if _RANGE.fullmatch(values):
        return key.strip(), values
    try:
        return key.strip(), tomllib.loads(f"x = [{values}]")["x"]
    except ValueError:
        return key.strip(), [part.strip() for part in values.split(",")]


def _from_file(path: Path) -> dict[str, Any]:
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError(f"{path} is not TOML: {error}") from None
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from None
    return dict(_flat(tables, ""))


def _flat(table: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _dimension(used: Settings, base: Mapping[str, Any], key: str, wanted: Any) -> Dimension:
    known = known_keys(used.signal.strategy)
    if key == "signal.strategy":
        raise UsageError("a sweep is of one strategy: name it with --set signal.strategy=NAME, and sweep each")
    if key in known and key not in used.decisive:
        raise UsageError(f"{key} changes no decision of this strategy, so there is nothing to find")
    if isinstance(wanted, str) and (found := _RANGE.fullmatch(wanted)):
        kind = known[key][0] if key in known else float
        low, high, step = (Decimal(part) if part else None for part in found.groups())
        assert low is not None and high is not None  # the pattern has both
        made = _range(key, kind, low, high, step)
    elif isinstance(wanted, list) and wanted:
        made = Dimension(key, tuple(wanted))
    else:
        raise UsageError(f"{key} = {wanted!r}: write a list of values, or low..high:step")
    if made.span is not None:
        for end in made.span:
            _ = _settings(base, {key: end}).decisive
        return made
    # As the settings themselves write them: 5 and 5.0 are one value.
    exact = [_settings(base, {key: value}).decisive[key] for value in made.values]
    return Dimension(key, tuple({json.dumps(value): value for value in exact}.values()))


def _range(key: str, kind: Any, low: Decimal, high: Decimal, step: Decimal | None) -> Dimension:
    number = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    if number not in (int, float, Decimal):
        raise UsageError(f"{key} is no number: list its values instead of {low}..{high}")
    if low >= high or (step is not None and step <= 0):
        shown = "" if step is None else f":{step}"
        raise UsageError(f"{key} = {low}..{high}{shown}: a range goes up, from its low end by steps above zero")
    if step is None and number is float:
        return Dimension(key, (), (float(low), float(high)))
    step = step or Decimal(1)
    count = int((high - low) / step) + 1
    if count > MOST_STEPS:
        raise UsageError(f"{key} = {low}..{high}: {count} steps are more than {MOST_STEPS}; take larger ones")
    return Dimension(key, tuple(_plain(low + i * step, number) for i in range(count)))


def _plain(value: Decimal, number: type) -> Any:
    """Gives a number as JSON; a fraction for a whole-number setting is left for the settings to refuse."""
    if number is Decimal:
        return str(value)
    return int(value) if number is int and value == value.to_integral_value() else float(value)
