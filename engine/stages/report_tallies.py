"""Tallies of a report: refusals by code and symbol, heat by dimension; each bounded however long the ledger is."""

from collections import OrderedDict
from collections.abc import Mapping

import msgspec

from engine.records.base import figure
from engine.records.ideas import Refusal

#: So many names are counted one by one; the least recently used goes first.
NAMES_MAX = 500


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """Refusals: how many, and by reason code, by the filter or rule behind it, and by symbol; the most first."""

    total: int
    by_code: dict[str, int]
    by_precheck_code: dict[str, int]
    by_symbol: dict[str, int]


class DimensionHeat(msgspec.Struct, frozen=True, kw_only=True):
    """The mean of one dimension (or of heat itself), over all ranked candidates and over those that were entered."""

    name: str
    ranked: float | None
    ranked_count: int
    entered: float | None
    entered_count: int


class Counts:
    """Counts names; of more than `most` the least recently used are forgotten."""

    def __init__(self, most: int = NAMES_MAX) -> None:
        """Starts empty."""
        self._counts: OrderedDict[str, int] = OrderedDict()
        self._most = most

    def add(self, name: str, count: int = 1) -> None:
        """Counts a name."""
        self._counts[name] = self._counts.pop(name, 0) + count
        if len(self._counts) > self._most:
            self._counts.popitem(last=False)

    def of(self, name: str) -> int:
        """Gives the count of a name."""
        return self._counts.get(name, 0)

    def ranked(self) -> dict[str, int]:
        """Gives the counts, the most first, ties by name."""
        return dict(sorted(self._counts.items(), key=lambda item: (-item[1], item[0])))


class Refusals:
    """Tallies refusals."""

    def __init__(self) -> None:
        """Starts empty."""
        self.total = 0
        self._codes, self._precheck_codes, self._symbols = Counts(), Counts(), Counts()

    def add(self, refusal: Refusal) -> None:
        """Takes a refusal."""
        self.total += 1
        self._codes.add(refusal.code)
        if refusal.precheck_code is not None:
            self._precheck_codes.add(refusal.precheck_code)
        self._symbols.add(refusal.symbol)

    def counted(self) -> Counted:
        """Gives the tally."""
        return Counted(
            total=self.total, by_code=self._codes.ranked(), by_precheck_code=self._precheck_codes.ranked(),
            by_symbol=self._symbols.ranked(),
        )  # fmt: skip


class Means:
    """Running means by name."""

    def __init__(self) -> None:
        """Starts empty."""
        self._sums: dict[str, float] = {}
        self._counts: dict[str, int] = {}

    def add(self, values: Mapping[str, float]) -> None:
        """Takes one value of each name; a name that is absent is no zero."""
        for name, value in values.items():
            if name not in self._sums and len(self._sums) >= NAMES_MAX:
                continue
            self._sums[name] = self._sums.get(name, 0.0) + value
            self._counts[name] = self._counts.get(name, 0) + 1

    def names(self) -> list[str]:
        """Gives the names in the order they were first heard of."""
        return list(self._sums)

    def mean(self, name: str) -> float | None:
        """Gives the mean of a name, None where there was no value."""
        count = self._counts.get(name, 0)
        return figure(self._sums[name] / count, 4) if count else None

    def count(self, name: str) -> int:
        """Gives how many values of a name there were."""
        return self._counts.get(name, 0)


def compared(ranked: Means, entered: Means) -> tuple[DimensionHeat, ...]:
    """Gives the means of both, name by name."""
    return tuple(
        DimensionHeat(
            name=name, ranked=ranked.mean(name), ranked_count=ranked.count(name), entered=entered.mean(name),
            entered_count=entered.count(name),
        )
        for name in ranked.names()
    )  # fmt: skip
