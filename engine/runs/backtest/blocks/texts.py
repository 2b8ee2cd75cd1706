"""Whole numbers of a unit as texts."""

from decimal import Decimal

#: Decimals of the average price of a position. Up to so many of them, and unless it is nearer to a tie than so small a
#: share of one, it does not matter that it is rounded twice.
_PRICE_DIGITS, _MOST, _TIE = 12, 10**20, 10**6


class Texts:
    """Writes multiples of a unit in plain digits, as `engine.matching.units.plain` does."""

    def __init__(self, unit: Decimal) -> None:
        """Takes the unit."""
        _, digits, exponent = unit.as_tuple()
        assert isinstance(exponent, int)
        self._whole = int("".join(map(str, digits))) * 10 ** max(0, exponent)
        self._digits = max(0, -exponent)

    def of(self, count: int) -> str:
        """Writes so many units."""
        if count < 0:
            return f"-{self.of(-count)}"
        digits, text = self._digits, str(count * self._whole)
        if not digits:
            return text
        if len(text) <= digits:
            text = text.zfill(digits + 1)
        part = text[-digits:].rstrip("0")
        return f"{text[:-digits]}.{part}" if part else text[:-digits]

    def price(self, cost_e8: int, count: int) -> str:
        """Writes what so many units cost each, of a cost in 1e-8 quote, as `engine.stages.desk.Book.entry_price` does.

        That rounds to the 28 digits of a Decimal first, then to twelve decimals.
        """
        cost, parts = cost_e8 * 10 ** (self._digits + _PRICE_DIGITS), 10**8 * count * self._whole
        whole, rest = divmod(cost, parts)
        past = 2 * rest - parts
        if abs(past) * _TIE < parts or whole > _MOST:
            qty = Decimal(count * self._whole).scaleb(-self._digits)
            whole = int(round(Decimal(cost_e8).scaleb(-8) / qty, _PRICE_DIGITS).scaleb(_PRICE_DIGITS))
        elif past > 0:
            whole += 1
        return PRICE.of(whole)


MONEY, PRICE = Texts(Decimal("0.00000001")), Texts(Decimal((0, (1,), -_PRICE_DIGITS)))
