"""Whole numbers of a unit as texts."""

from decimal import Decimal


class Texts:
    """Writes multiples of a unit in plain digits, as `engine.matching.units.plain` does."""

    def __init__(self, unit: Decimal) -> None:
        """Takes the unit."""
        _, digits, exponent = unit.as_tuple()
        assert isinstance(exponent, int)
        self._whole = int("".join(map(str, digits))) * 10 ** max(0, exponent)
        self._one = 10 ** max(0, -exponent)

    def of(self, count: int) -> str:
        """Writes so many units."""
        whole, part = divmod(abs(count) * self._whole, self._one)
        # The leading one keeps the zeros behind the point.
        text = f"{whole}.{str(self._one + part)[1:].rstrip('0')}" if part else str(whole)
        return f"-{text}" if count < 0 else text


MONEY = Texts(Decimal("0.00000001"))
