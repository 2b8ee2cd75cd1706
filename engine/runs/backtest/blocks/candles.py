"""One symbol's candles as columns of the store, and single bars as records."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np

from engine.kernels import reading
from engine.kernels.compiled import compiled
from engine.kernels.measures import averages
from engine.records.market import Bar
from engine.runs.backtest.outcome import Unfit
from engine.stages.recent import WINDOW_MS
from engine.world.store.files import SeriesFile
from engine.world.store.numbers import ABSENT, Floats, Ints, Numbers

_NONE = np.zeros(0, np.int64)
_PRICES = ("open", "high", "low", "close")
#: What is played, in the order of `engine.runs.backtest.blocks.grid.Block.wholes`.
PLAYED = (*_PRICES, "volume")


class Candles:
    """One symbol's candles as columns of the store; rows are counted from the first that is wanted."""

    def __init__(self, file: SeriesFile, since: int | None, until: int | None) -> None:
        header = file.header
        self.venue, self.symbol, self.step_s = header.venue, header.symbol, header.step_s
        step_ms = 1000 * header.step_s
        for name in ("at", "mono_ms"):
            if file.column(name) is not None:
                raise Unfit(f"{header.symbol} has bars that were not known right at their close")
        opened = file.key()
        low = 0 if since is None else int(np.searchsorted(opened, since - step_ms))
        high = len(opened) if until is None else int(np.searchsorted(opened, until - step_ms))
        rows = slice(low, max(low, high))
        self.opened = opened[rows]
        self.numbers = {name: file.numbers(name, rows) for name in file.layout.numbers}
        trades = file.column("trades")
        self.trades = trades[rows] if trades is not None else None
        #: The greatest mantissas, where they are known.
        self._most = dict(header.most) if len(self.opened) == header.count else {}
        self.is_whole = header.gaps == 0
        self._step_ms = step_ms

    def __len__(self) -> int:
        return len(self.opened)

    def check(self, most_quote_volume: float) -> None:
        """Raises Unfit for what only the record path knows how to take."""
        if self.is_whole:
            aligned = int(self.opened[0]) % self._step_ms == 0
        else:
            aligned = not (self.opened % self._step_ms).any()
        if not aligned:
            raise Unfit(f"{self.symbol} has bars that do not begin at whole steps")
        if self.most > reading.EXACT:
            raise Unfit(f"{self.symbol} has prices of more digits than float64 holds")
        if self._has_quotes and self._greatest("quote_volume") / self._powers["quote_volume"] > most_quote_volume:
            raise Unfit(f"{self.symbol} has a quote volume that is not believed")

    def rows(self, opened_from: int, opened_to: int) -> tuple[int, int]:
        """Gives the rows whose open time is from one time up to, not including, another."""
        if self.is_whole:
            first = int(self.opened[0])
            low, high = (opened_from - first) // self._step_ms, (opened_to - first) // self._step_ms
            return min(max(low, 0), len(self)), min(max(high, 0), len(self))
        low, high = np.searchsorted(self.opened, (opened_from, opened_to)).tolist()
        return low, high

    def floats(self, name: str, low: int, high: int, out: Floats) -> Floats:
        """Writes a column as float64, bit for bit what `float` gives of the texts; NaN where there is none."""
        column = self.numbers[name].pick(slice(low, high))
        if name in _PRICES:
            return np.divide(column.mantissa, self._powers[name], out=out)
        return column.floats(out)

    def quotes(self, low: int, high: int, out: Floats) -> Floats:
        """Writes quote volumes; without one volume times the typical price counts."""
        column = self.numbers["quote_volume"].pick(slice(low, high))
        if column.is_absent():
            return self._typical(low, high, out)
        quote = column.floats(out)
        absent = column.decimals == ABSENT
        if absent.any():
            np.copyto(quote, self._typical(low, high, np.empty(high - low)), where=absent)
        return quote

    def _typical(self, low: int, high: int, out: Floats) -> Floats:
        """Writes volume times the typical price."""
        room = np.empty(high - low)
        self.floats("high", low, high, out)
        out += self.floats("low", low, high, room)
        out += self.floats("close", low, high, room)
        out *= self.floats("volume", low, high, room)
        out /= 3.0
        return out

    def samples(self, low: int, high: int) -> tuple[list[float], list[float], list[float]]:
        """Gives closes, volumes and quote volumes of a few rows."""
        closes, volumes = (self.floats(name, low, high, np.empty(high - low)) for name in ("close", "volume"))
        return closes.tolist(), volumes.tolist(), self.quotes(low, high, np.empty(high - low)).tolist()

    def measure(self, times: Ints, minutes: int, out: Floats) -> None:
        """Gives, for each time, the last close and the average price of so many minutes before (NaN: unknown)."""
        if self.is_whole:
            rows = np.minimum((times - int(self.opened[0])) // self._step_ms, len(self)) - 1
        else:
            rows = np.searchsorted(self.opened, times - self._step_ms, side="right") - 1
        compiled(averages)(
            rows, times, self.opened, self._step_ms, *self._turnover(slice(None)), minutes * 60_000, WINDOW_MS, out
        )

    def _turnover(self, rows: slice) -> tuple[Any, ...]:
        """Gives the mantissas of rows, with their powers, that say what was traded; none where there are no quotes."""
        n, powers = self.numbers, self._powers
        quotes = n["quote_volume"].mantissa[rows] if self._has_quotes else _NONE
        return (
            *(n[name].mantissa[rows] for name in ("close", "high", "low")), powers["close"],
            n["volume"].mantissa[rows], powers["volume"], quotes, powers["quote_volume"],
        )  # fmt: skip

    def read(self, low: int, high: int, start: int, out: tuple[Any, ...]) -> None:
        """Writes rows of plain candles without a hole from a column on into closes, sums, last candles and runs."""
        wide = self._greatest(self._traded) > reading.EXACT
        compiled(reading.read)(start, wide, *self._turnover(slice(low, high)), *out)

    @cached_property
    def _powers(self) -> dict[str, float]:
        return {name: float(10**column.digits) for name, column in self.numbers.items()}

    @cached_property
    def is_plain(self) -> bool:
        """True with quote volumes that kernels can divide, all of them or none."""
        decimals = self.numbers[self._traded].decimals
        # One number of decimals for all is a view of a single one.
        written = decimals if decimals.strides[0] else decimals[:1]
        return int(written.max()) < ABSENT // 2 and self._greatest(self._traded) <= reading.widest(
            self._powers[self._traded]
        )

    @property
    def _traded(self) -> str:
        """The column that says what was traded."""
        return "quote_volume" if self._has_quotes else "volume"

    def _greatest(self, name: str) -> int:
        if name not in self._most:
            self._most[name] = int(self.numbers[name].mantissa.max())
        return self._most[name]

    @cached_property
    def _has_quotes(self) -> bool:
        return not self.numbers["quote_volume"].is_absent()

    @cached_property
    def most(self) -> int:
        """The greatest mantissa of a price."""
        return self._greatest("high")

    def bar(self, row: int) -> Bar:
        """Gives a row as the record that was imported."""
        n, opened = self.numbers, int(self.opened[row])
        trades = int(self.trades[row]) if self.trades is not None else -1
        return Bar(
            at=opened + self._step_ms, venue=self.venue, symbol=self.symbol, step_s=self.step_s, open_at=opened,
            open=self._text("open", row), high=self._text("high", row), low=self._text("low", row),
            close=self._text("close", row), volume=self._text("volume", row),
            quote_volume=n["quote_volume"].text(row), trades=trades if trades >= 0 else None,
        )  # fmt: skip

    def close_text(self, row: int) -> str:
        """Gives a row's close as it was written."""
        return self._text("close", row)

    def _text(self, name: str, row: int) -> str:
        text = self.numbers[name].text(row)
        assert text is not None
        return text

    def finer(self) -> Iterator[int]:
        """Gives the rows whose prices or volumes have more decimals than any before."""
        price, volume = -1, -1
        prices = [self.numbers[name] for name in _PRICES]
        for low in range(0, len(self), 4096):
            rows = slice(low, low + 4096)
            fine = np.max([_decimals(one, rows) for one in prices], axis=0)
            sizes = _decimals(self.numbers["volume"], rows)
            for i in np.flatnonzero((fine > price) | (sizes > volume)).tolist():
                if fine[i] > price or sizes[i] > volume:
                    price, volume = max(price, int(fine[i])), max(volume, int(sizes[i]))
                    yield low + i
            if price >= prices[0].digits and volume >= self.numbers["volume"].digits:
                return


def _decimals(column: Numbers, rows: slice) -> Ints:
    """Gives how many decimals values need, trailing zeros not counted."""
    mantissa = column.mantissa[rows]
    needed = np.zeros(len(mantissa), np.int64)
    for digits in range(column.digits):
        needed[mantissa % 10 ** (column.digits - digits) != 0] = digits + 1
    return needed
