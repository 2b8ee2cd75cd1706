"""Tables: the facts of one kind, symbol and step as columns, made of records, merged, and made into records again."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from engine.records.base import Record
from engine.records.market import Bar, Funding, OpenInterest
from engine.world.store.numbers import Flags, Ints, Numbers, joined
from engine.world.unbroken import FACTOR

_ABSENT = -1


class Layout(NamedTuple):
    """What is kept of a kind: the column that orders it, its decimal columns with the exponent each shares, the rest.

    In whole columns -1 says that the field is absent. `make` gives the records of rows.
    """

    kind: str
    key: str
    numbers: Mapping[str, str]
    wholes: tuple[str, ...]
    make: Callable[["Series", dict[str, list[Any]]], list[Record]]


class Series(NamedTuple):
    """What a table is of; `step_s` is 0 for what has no step."""

    venue: str
    kind: str
    symbol: str
    step_s: int = 0

    def __str__(self) -> str:
        """Says it to people: `BTCUSDT (60 s bars of binance-spot)`."""
        named = f"{self.step_s} s bars" if self.step_s else self.kind.replace("_", " ")
        return f"{self.symbol} ({named} of {self.venue})"


def _bars(of: Series, lists: dict[str, list[Any]]) -> list[Record]:
    venue, symbol, step = of.venue, of.symbol, of.step_s
    return [
        Bar(at=at, venue=venue, symbol=symbol, mono_ms=mono, step_s=step, open_at=opened, open=open_, high=high,
            low=low, close=close, volume=volume, quote_volume=quote, trades=trades)
        for opened, open_, high, low, close, volume, quote, at, trades, mono in zip(*lists.values(), strict=True)
    ]  # fmt: skip


def _open_interests(of: Series, lists: dict[str, list[Any]]) -> list[Record]:
    return [
        OpenInterest(at=at, venue=of.venue, symbol=of.symbol, mono_ms=mono, open_interest=total,
                     open_interest_value=value)
        for at, total, value, mono in zip(*lists.values(), strict=True)
    ]  # fmt: skip


def _fundings(of: Series, lists: dict[str, list[Any]]) -> list[Record]:
    return [
        Funding(at=at, venue=of.venue, symbol=of.symbol, mono_ms=mono, rate=rate, mark_price=mark, due_at=due)
        for at, rate, mark, due, mono in zip(*lists.values(), strict=True)
    ]


_PRICES = dict.fromkeys(("open", "high", "low", "close"), "price")
LAYOUTS: dict[str, Layout] = {
    one.kind: one
    for one in (
        Layout(
            "bar", "open_at", {**_PRICES, "volume": "volume", "quote_volume": "quote_volume"},
            ("at", "trades", "mono_ms"), _bars,
        ),
        Layout(
            "open_interest", "at",
            {"open_interest": "open_interest", "open_interest_value": "open_interest_value"}, ("mono_ms",),
            _open_interests,
        ),
        Layout("funding", "at", {"rate": "rate", "mark_price": "mark_price"}, ("due_at", "mono_ms"), _fundings),
    )
}  # fmt: skip


@dataclass(frozen=True)
class Table:
    """Rows in columns; `wholes` begins with the key."""

    of: Series
    wholes: dict[str, Ints]
    numbers: dict[str, Numbers]

    @property
    def layout(self) -> Layout:
        """The layout of its kind."""
        return LAYOUTS[self.of.kind]

    @property
    def key(self) -> Ints:
        """What orders the rows: open time, or time, in ms."""
        return self.wholes[self.layout.key]

    @property
    def at(self) -> Ints:
        """When each row could be known, in ms."""
        return self.wholes["at"]

    def __len__(self) -> int:
        return len(self.key)

    def pick(self, rows: Ints | Flags | slice) -> "Table":
        """Gives some of the rows."""
        return replace(
            self, wholes={name: column[rows] for name, column in self.wholes.items()},
            numbers={name: column.pick(rows) for name, column in self.numbers.items()},
        )  # fmt: skip

    def digits(self) -> dict[str, int]:
        """Gives each exponent by its name."""
        return {group: self.numbers[name].digits for name, group in self.layout.numbers.items()}

    def at_digits(self, digits: Mapping[str, int]) -> "Table":
        """Gives the same values at finer exponents; raises Unstorable."""
        numbers = {name: self.numbers[name].at_digits(digits[group]) for name, group in self.layout.numbers.items()}
        return replace(self, numbers=numbers)

    def differing(self, other: "Table") -> dict[str, Flags]:
        """Says, column by column, which values differ from those of a table with the same rows and exponents."""
        found = {name: column.differs(other.numbers[name]) for name, column in self.numbers.items()}
        return found | {name: column != other.wholes[name] for name, column in self.wholes.items()}

    def records(self) -> list[Record]:
        """Gives the rows as records, exactly as they came."""
        lists: dict[str, list[Any]] = {self.layout.key: self.key.tolist()}
        lists |= {name: self.numbers[name].texts() for name in self.layout.numbers}
        for name in self.layout.wholes:
            column = self.wholes[name]
            lists[name] = column.tolist()
            if (column == _ABSENT).any():
                lists[name] = [None if value == _ABSENT else value for value in lists[name]]
        return self.layout.make(self.of, lists)


def table_of(of: Series, records: Sequence[Record]) -> Table:
    """Gives records as a table, in the order they come in.

    Raises Unstorable for a number that is no plain decimal or does not fit 64 bits.
    """
    layout = LAYOUTS[of.kind]
    wholes = {
        name: np.array([_ABSENT if (value := getattr(one, name)) is None else value for one in records], np.int64)
        for name in (layout.key, *layout.wholes)
    }
    numbers = {name: Numbers.of([getattr(one, name) for one in records]) for name in layout.numbers}
    return _evened(Table(of, wholes, numbers))


def _evened(table: Table) -> Table:
    """Gives columns that share an exponent the finest that one of them needs."""
    digits: dict[str, int] = {}
    for name, group in table.layout.numbers.items():
        digits[group] = max(digits.get(group, 0), table.numbers[name].digits)
    return table.at_digits(digits)


def aligned(one: Table, other: Table) -> tuple[Table, Table]:
    """Gives two tables at the same exponents; raises Unstorable where a value does not fit the finer one."""
    first, second = one.digits(), other.digits()
    digits = {group: max(first[group], second[group]) for group in first}
    return one.at_digits(digits), other.at_digits(digits)


def appended(one: Table, other: Table) -> Table:
    """Gives the rows of two tables as one, at the finer exponents; raises Unstorable."""
    one, other = aligned(one, other)
    return replace(
        one, wholes={name: np.concatenate((column, other.wholes[name])) for name, column in one.wholes.items()},
        numbers={name: joined(column, other.numbers[name]) for name, column in one.numbers.items()},
    )  # fmt: skip


def insane(table: Table) -> Flags:
    """Says of each bar whether its prices or volumes cannot be a candle's."""
    open_, high, low, close, volume, quote = (table.numbers[name] for name in table.layout.numbers)
    body = [low.mantissa <= one.mantissa for one in (open_, close)]
    body += [one.mantissa <= high.mantissa for one in (open_, close)]
    fits = np.logical_and.reduce([*body, low.mantissa > 0, volume.mantissa >= 0, quote.mantissa >= -1])
    return np.asarray(~fits)


def jumps_of(table: Table) -> Ints:
    """Gives the rows of bars whose price does not follow from the bar before, as in a redenomination."""
    opened, closed = (table.numbers[name].mantissa.astype(np.float64) for name in ("open", "close"))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = [opened[1:] / before[:-1] for before in (opened, closed)]
    far = [(one >= FACTOR) | (one <= 1.0 / FACTOR) for one in ratios]
    return np.flatnonzero(far[0] & far[1]) + 1
