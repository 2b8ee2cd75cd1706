"""Columns of decimal numbers: whole numbers of one exponent, how each was written, and back to text and float64."""

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

#: In place of a number of decimals: there is no value here; its mantissa is -1.
ABSENT = 255
#: Added to the number of decimals of a zero that was written with a minus sign.
_MINUS = 128
_LARGEST = 2**63 - 1
#: Up to here a whole number is a float64, and its division by a power of ten (up to 1e22) is correctly rounded.
_EXACT = 2**53
#: A wider one is divided as the sum of two doubles up to so many decimals and this size.
_DIGITS, _WIDEST = 12, 2**62
_POWERS = 10 ** np.arange(19, dtype=np.int64)
# A zero in front of another digit could not be written back.
_PLAIN = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,18})?", re.ASCII)
_PLAIN_LIST = re.compile(r"(?:-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,18})?,)*", re.ASCII)


class Unstorable(ValueError):
    """A number that a column cannot hold; `row` says which."""

    def __init__(self, row: int, reason: str) -> None:
        super().__init__(reason)
        self.row = row


class Numbers(NamedTuple):
    """Values as mantissa / 10**digits, and with how many decimals each was written (ABSENT: there is none).

    The exponent is what the values need: 1.50 has two decimals and a mantissa of 15, so that an exchange that always
    writes eight decimals does not use up the 64 bits.
    """

    mantissa: Ints
    decimals: Bytes
    digits: int

    @classmethod
    def of(cls, texts: Sequence[str | None]) -> "Numbers":
        """Reads decimal texts; raises Unstorable for what is no plain decimal or does not fit 64 bits."""
        if texts.count(None) == len(texts):
            return cls.absent(len(texts))
        given = ["0" if text is None else text for text in texts]
        joined = ",".join(given) + ","
        if not _PLAIN_LIST.fullmatch(joined):
            row = next(i for i, text in enumerate(given) if not _PLAIN.fullmatch(text))
            raise Unstorable(row, f"{given[row][:40]!r} is no decimal that the store can write back")
        points = np.array([text.find(".") for text in given], np.int64)
        written = _decimals(given, points)
        if "0," in joined:
            given = [text.rstrip("0") if "." in text else text for text in given]
        wholes = list(map(int, ",".join(given).replace(".", "").split(",")))
        try:
            mantissa = np.array(wholes, dtype=np.int64)
        except OverflowError:
            row = next(i for i, whole in enumerate(wholes) if abs(whole) > _LARGEST)
            raise Unstorable(row, f"{given[row]} does not fit 64 bits") from None
        needed = _decimals(given, points)
        digits = int(needed.max(initial=0))
        decimals = written.astype(np.uint8)
        if "-" in joined:
            minus = np.array([text.startswith("-") for text in given])
            decimals[minus & (mantissa == 0)] += _MINUS
        mantissa = _scaled(mantissa, needed, digits)
        none = np.array([text is None for text in texts])
        decimals[none], mantissa[none] = ABSENT, -1
        return cls(mantissa, decimals, digits)

    @classmethod
    def absent(cls, count: int) -> "Numbers":
        """Gives so many values that are not there."""
        return cls(np.full(count, -1, np.int64), np.full(count, ABSENT, np.uint8), 0)

    def is_absent(self) -> bool:
        """Says whether no value is there."""
        decimals = self.decimals if self.decimals.strides[0] else self.decimals[:1]
        return bool((decimals == ABSENT).all())

    def at_digits(self, digits: int) -> "Numbers":
        """Gives the same values with at least as fine an exponent; raises Unstorable where one does not fit."""
        if digits == self.digits:
            return self
        given = self.decimals != ABSENT
        mantissa = _scaled(self.mantissa, np.where(given, self.digits, digits), digits)
        return self._replace(mantissa=mantissa, digits=digits)

    def pick(self, rows: Ints | Flags | slice) -> "Numbers":
        """Gives some of the values."""
        return self._replace(mantissa=self.mantissa[rows], decimals=self.decimals[rows])

    def differs(self, other: "Numbers") -> Flags:
        """Says of each value whether it is another than that of the other column of the same exponent.

        1.50 is no other value than 1.5.
        """
        differs: Flags = (self.mantissa != other.mantissa) | ((self.decimals == ABSENT) != (other.decimals == ABSENT))
        return differs

    def texts(self) -> list[str | None]:
        """Gives the values as they were written."""
        if self.is_absent():
            return [None] * len(self.mantissa)
        given = self.decimals != ABSENT
        decimals = np.where(given, self.decimals & ~np.uint8(_MINUS), 0).astype(np.int64)
        needed = np.minimum(decimals, self.digits)
        wholes = np.abs(self.mantissa) // _POWERS[self.digits - needed]
        out: list[str | None] = list(map(_text, wholes.tolist(), needed.tolist()))
        for row in np.flatnonzero(decimals > needed).tolist():
            point = "" if self.digits else "."
            out[row] = f"{out[row]}{point}{'0' * int(decimals[row] - needed[row])}"
        minus = (self.mantissa < 0) | (self.decimals >= _MINUS)
        for row in np.flatnonzero(minus | ~given).tolist():
            out[row] = f"-{out[row]}" if given[row] else None
        return out

    def text(self, row: int) -> str | None:
        """Gives one value as it was written."""
        written = int(self.decimals[row])
        if written == ABSENT:
            return None
        mantissa, decimals = int(self.mantissa[row]), written & ~_MINUS
        needed = min(decimals, self.digits)
        text = _text(abs(mantissa) // 10 ** (self.digits - needed), needed)
        if decimals > needed:
            text += ("" if self.digits else ".") + "0" * (decimals - needed)
        return f"-{text}" if mantissa < 0 or written >= _MINUS else text

    def floats(self, out: Floats | None = None) -> Floats:
        """Gives the values as float64, bit for bit what `float(text)` gives; NaN where there is none.

        They are written into `out` where it is given.
        """
        values: Floats = np.divide(self.mantissa, np.float64(10**self.digits), out=out)
        if not len(values):
            return values
        if self.mantissa.max() > _EXACT or self.mantissa.min() < -_EXACT:
            wide = np.flatnonzero(np.abs(self.mantissa) > _EXACT)
            values[wide] = _quotients(self.pick(wide))
        # One number of decimals for all is a view of a single one.
        if (self.decimals if self.decimals.strides[0] else self.decimals[:1]).max() >= _MINUS:
            values[self.decimals >= _MINUS] = -0.0
            values[self.decimals == ABSENT] = np.nan
        return values


def _quotients(column: Numbers) -> Floats:
    """Gives values as float64 where their mantissas are none.

    The quotient of two doubles' sum is found as a sum itself (Dekker 1971), which rounds as the text would: no decimal
    number of 19 digits, 12 of them decimals, lies nearer to the middle of two doubles than that sum is to it.
    """
    if column.digits > _DIGITS or np.abs(column.mantissa).max(initial=0) > _WIDEST:
        return np.array([float(text or "nan") for text in column.texts()])
    power = np.float64(10**column.digits)
    high = column.mantissa.astype(np.float64)
    low = (column.mantissa - high.astype(np.int64)).astype(np.float64)
    quotient = high / power
    product, lost = _product(quotient, power)
    values: Floats = quotient + ((high - product) - lost + low) / power
    return values


def _product(x: Floats, y: np.float64) -> tuple[Floats, Floats]:
    """Gives a product and what its rounding lost."""
    product = x * y
    x_high, y_high = _upper(x), _upper(np.array([y]))
    x_low, y_low = x - x_high, y - y_high
    return product, ((x_high * y_high - product) + x_high * y_low + x_low * y_high) + x_low * y_low


def _upper(x: Floats) -> Floats:
    """Gives the upper half of the digits of doubles."""
    big = 134217729.0 * x
    upper: Floats = big - (big - x)
    return upper


def _text(whole: int, decimals: int) -> str:
    if not decimals:
        return str(whole)
    digits = str(whole)
    if len(digits) <= decimals:
        digits = digits.zfill(decimals + 1)
    return f"{digits[:-decimals]}.{digits[-decimals:]}"


def _decimals(texts: Sequence[str], points: Ints) -> Ints:
    """Gives how many decimals each text has, whose point stands at `points` (-1: nowhere)."""
    return np.where(points < 0, 0, np.array(list(map(len, texts)), np.int64) - points - 1)


def _scaled(mantissa: Ints, decimals: Ints, digits: int) -> Ints:
    """Gives mantissas, each of its own decimals, at one exponent; raises Unstorable."""
    factor = _POWERS[digits - decimals]
    beyond = np.abs(mantissa) > _LARGEST // factor
    if beyond.any():
        row = int(np.flatnonzero(beyond)[0])
        value = _text(abs(int(mantissa[row])), int(decimals[row]))
        raise Unstorable(row, f"{value} does not fit 64 bits beside values of {digits} decimals")
    return mantissa * factor


def joined(one: Numbers, other: Numbers) -> Numbers:
    """Gives two columns of the same exponent as one."""
    return Numbers(
        np.concatenate((one.mantissa, other.mantissa)), np.concatenate((one.decimals, other.decimals)), one.digits
    )
