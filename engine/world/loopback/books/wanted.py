"""What a request asks for: its parameters, read strictly, and refused in the exchange's words."""

import re
from decimal import Decimal

from engine.matching.units import MOST, on_grid
from engine.world.loopback.books.refusals import Refusal, empty, illegal, missing
from engine.world.loopback.market.instruments import Instrument

_NUMBER = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,20})?", re.ASCII)
_WHOLE = re.compile(r"[0-9]{1,20}", re.ASCII)
_SPOT_ID = re.compile(r"[a-zA-Z0-9\-_]{1,36}", re.ASCII)
_PERP_ID = re.compile(r"[.A-Z:/a-z0-9_\-]{1,36}", re.ASCII)


class Wanted:
    """The parameters of one request. A parameter that is empty counts as not sent."""

    __slots__ = ("values",)

    def __init__(self, values: dict[str, str]) -> None:
        """Holds the decoded values by name."""
        self.values = values

    def text(self, name: str) -> str | None:
        """Gives a parameter, None where it was not sent."""
        return self.values.get(name) or None

    def must(self, name: str) -> str:
        """Gives a parameter that has to be there."""
        value = self.values.get(name)
        if not value:
            raise missing(name) if value is None else empty(name)
        return value

    def one_of(self, name: str, allowed: tuple[str, ...], code: int, text: str, default: str | None = None) -> str:
        """Gives a parameter that is one of a few words; raises Refusal(code, text) for another."""
        value = self.values.get(name) or default
        if value is None:
            raise missing(name)
        if value not in allowed:
            raise Refusal(code, text)
        return value

    def number(self, name: str) -> Decimal | None:
        """Gives a plain decimal of at least zero."""
        value = self.values.get(name)
        if not value:
            return None
        if not _NUMBER.fullmatch(value):
            raise illegal(name, r"^([0-9]{1,20})(\.[0-9]{1,20})?$")
        return Decimal(value)

    def whole(self, name: str) -> int | None:
        """Gives a whole number of at least zero."""
        value = self.values.get(name)
        if not value:
            return None
        if not _WHOLE.fullmatch(value):
            raise illegal(name, "^[0-9]{1,20}$")
        return min(int(value), MOST)

    def flag(self, name: str) -> bool:
        """Says whether a parameter is true; it may be absent."""
        value = (self.text(name) or "false").lower()
        if value not in ("true", "false"):
            raise Refusal(-1130, f"Data sent for parameter '{name}' is not valid.")
        return value == "true"

    def limit(self, default: int, most: int) -> int:
        """Gives how many rows are wanted, between 1 and the most there may be."""
        value = self.whole("limit")
        if value is not None and value <= 0:
            raise Refusal(-1130, "Data sent for parameter 'limit' is not valid.")
        return min(value or default, most)

    def client_id(self, name: str, kind: str) -> str | None:
        """Gives a client order id, held to its market's pattern."""
        value = self.text(name)
        if value is None:
            return None
        if kind == "usdm":
            if not _PERP_ID.fullmatch(value):
                raise Refusal(-4015, "Client order id is not valid.")
        elif not _SPOT_ID.fullmatch(value):
            raise illegal(name, "^[a-zA-Z0-9-_]{1,36}$")
        return value


def on_ticks(coin: Instrument, price: Decimal | None) -> int | None:
    """Gives a price in ticks, None where it is off the grid; no price is 0."""
    if price is None:
        return 0
    return _whole(price, coin.scale.tick, coin.tick)


def on_steps(coin: Instrument, qty: Decimal) -> int | None:
    """Gives a quantity in steps, None where it is off the grid."""
    return _whole(qty, coin.scale.step, coin.step)


def _whole(value: Decimal, unit: Decimal, grid: Decimal) -> int | None:
    """Gives how many units a value is, None where that is no whole number, or where it is off a coarser grid."""
    ratio = value / unit
    units = int(ratio)
    return min(units, MOST) if units == ratio and (grid == unit or on_grid(value, grid)) else None


def check_digits(value: Decimal | None) -> None:
    """Refuses more than eight decimals: finer than any asset is counted."""
    if value is not None and value != round(value, 8):
        raise Refusal(-1111, "Precision is over the maximum defined for this asset.")
