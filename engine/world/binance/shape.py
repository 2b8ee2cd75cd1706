"""What all answers have in common: names in the exchange's spelling, decimals within bounds, decoders made once."""

from collections.abc import Callable
from decimal import Decimal
from functools import cache
from typing import Any, TypeVar

import msgspec

from engine.world.binance.sign import Value

T = TypeVar("T")

#: No id or time is larger: exchanges count in 64 bits.
_MOST = 2**63
#: No price, quantity or amount has more digits before its point or after it; what has is nonsense or an attack.
_DIGITS = 24


class Shape(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An answer, or a part of one: what it does not know is passed over, decimals are bounded when it is read."""

    def __post_init__(self) -> None:
        """Raises ValueError for a decimal that is not finite or has too many digits, and a number beyond 64 bits."""
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if type(value) is Decimal and not _bounded(value):
                raise ValueError(f"{name} is no amount")
            if type(value) is int and not -_MOST <= value < _MOST:
                raise ValueError(f"{name} is beyond 64 bits")


class Row(msgspec.Struct, frozen=True, array_like=True):
    """An answer's line that is a JSON array."""


class Ticket(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An order as it is asked for: its fields are the endpoint's parameters."""

    def params(self) -> dict[str, Value]:
        """Gives the parameters in the exchange's spelling; what is None is not sent."""
        return dict(zip(self.__struct_encode_fields__, msgspec.structs.astuple(self), strict=True))


class Rows(list[T]):
    """The rows of an answer that could be read, and how many could not: one bad symbol must not hide the market."""

    bad: int = 0


def reader(kind: type[T]) -> Callable[[bytes], T]:
    """Gives what reads a body as a type. Numbers and truths in quotes are read too: the exchange is not consistent."""
    decoder: msgspec.json.Decoder[T] = _decoder(kind)  # type: ignore[arg-type]  # every type is hashable
    return decoder.decode


def rows_reader(kind: type[T]) -> Callable[[bytes], Rows[T]]:
    """Gives what reads market data, a list or one object, row by row; for money every row must be good (`reader`)."""
    one = reader(kind)

    def read(body: bytes) -> Rows[T]:
        found = _many.decode(body)
        rows = Rows[T]()
        problem: Exception | None = None
        for raw in found if isinstance(found, list) else [body]:
            try:
                rows.append(one(bytes(raw)))
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                rows.bad += 1
                problem = error
        if problem is not None and not rows:
            raise problem
        return rows

    return read


_many = msgspec.json.Decoder(list[msgspec.Raw] | dict[str, msgspec.Raw])


@cache
def _decoder(kind: Any) -> "msgspec.json.Decoder[Any]":
    return msgspec.json.Decoder(kind, strict=False)


def _bounded(value: Decimal) -> bool:
    if not value.is_finite() or value.adjusted() > _DIGITS:
        return False
    exponent = value.as_tuple().exponent
    return isinstance(exponent, int) and -_DIGITS <= exponent <= _DIGITS
