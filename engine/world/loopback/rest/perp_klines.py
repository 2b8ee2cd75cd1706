"""USDT-M's candles: of trades, and of mark price, index price and premium, which here all follow the trades."""

from typing import Any

from engine.world.loopback.books.floor import Floor
from engine.world.loopback.books.wanted import Wanted
from engine.world.loopback.rest import quotes
from engine.world.loopback.rest.routes import Call, Route

MOST = 1500
#: What only trades have: volumes. The number of trades stands for how often the price was told.
_VOLUMES = (5, 7, 9, 10)


class PerpKlines:
    """The answers of the paths that end in klines."""

    def __init__(self, floor: Floor) -> None:
        """Speaks of this floor."""
        self.floor = floor

    def routes(self) -> dict[str, Route]:
        """Gives the paths, below /fapi/, with their answers."""
        return {
            "v1/klines": Route(lambda call: quotes.klines(self.floor, call.wanted, MOST), _weight),
            "v1/continuousKlines": Route(self.continuous, _weight),
            "v1/markPriceKlines": Route(lambda call: _without_volume(self._rows(call, "symbol")), _weight),
            "v1/indexPriceKlines": Route(lambda call: _without_volume(self._rows(call, "pair")), _weight),
            "v1/premiumIndexKlines": Route(self.premium, _weight),
        }

    def continuous(self, call: Call) -> Any:
        """Tells the candles of a pair's contract: there are perpetual ones only."""
        kinds = ("PERPETUAL", "CURRENT_QUARTER", "NEXT_QUARTER", "TRADIFI_PERPETUAL")
        kind = call.wanted.one_of("contractType", kinds, -1130, "Data sent for parameter 'contractType' is not valid.")
        rows = self._rows(call, "pair")
        return rows if kind == "PERPETUAL" else []

    def premium(self, call: Call) -> Any:
        """Tells a premium that is none."""
        return [[row[0], *["0.00000000"] * 4, *row[5:]] for row in _without_volume(self._rows(call, "symbol"))]

    def _rows(self, call: Call, name: str) -> list[list[Any]]:
        values = call.wanted.values | {"symbol": call.wanted.must(name)}
        return quotes.klines(self.floor, Wanted(values), MOST)


def _without_volume(rows: list[list[Any]]) -> list[list[Any]]:
    return [["0" if i in _VOLUMES else value for i, value in enumerate(row)] for row in rows]


def _weight(wanted: Wanted) -> int:
    limit = wanted.limit(500, MOST)
    return 1 if limit < 100 else 2 if limit < 500 else 5 if limit <= 1000 else 10
