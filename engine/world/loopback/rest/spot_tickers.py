"""Spot's tickers: of the last 24 hours, of the trading day, and of a window that the client names."""

import re
from typing import Any

from engine.world.loopback.books.floor import Floor
from engine.world.loopback.books.refusals import Refusal, illegal, missing
from engine.world.loopback.books.wanted import Wanted
from engine.world.loopback.market.tape import DAY, MINUTE, Tape
from engine.world.loopback.rest import quotes
from engine.world.loopback.rest.routes import Call, Route, symbols_of

#: So many symbols at once, of the tickers that are worked out when they are asked for.
MOST_SYMBOLS = 100
_WINDOW = re.compile(r"(?:([1-9]|[1-5][0-9])m|([1-9]|1[0-9]|2[0-3])h|([1-7])d)", re.ASCII)
_ZONE = re.compile(r"([+-]?)([0-9]{1,2})(?::([0-5][0-9]))?", re.ASCII)
_MINI = (
    "symbol", "openPrice", "highPrice", "lowPrice", "lastPrice", "volume", "quoteVolume", "openTime", "closeTime",
    "firstId", "lastId", "count",
)  # fmt: skip
_WITH_CHANGE = (*_MINI, "priceChange", "priceChangePercent", "weightedAvgPrice")


class SpotTickers:
    """The answers of the paths below ticker/."""

    def __init__(self, floor: Floor) -> None:
        """Speaks of this floor."""
        self.floor = floor

    def routes(self) -> dict[str, Route]:
        """Gives the paths, below /api/v3/, with their answers."""
        return {
            "ticker/24hr": Route(self.day, _day_weight),
            "ticker/tradingDay": Route(self.trading_day, _weight),
            "ticker": Route(self.window, _weight),
        }

    def day(self, call: Call) -> Any:
        """Tells the last 24 hours."""
        keep = _kept(call.wanted, None)
        return of_each(self.floor, call.wanted, lambda tape: _only(quotes.day_ticker(tape), keep))

    def trading_day(self, call: Call) -> Any:
        """Tells the day that began at midnight of a time zone, UTC unless told otherwise."""
        keep, zone = _kept(call.wanted, _WITH_CHANGE), zone_ms(call.wanted)
        return self._since(call, keep, lambda at: (at + zone) // DAY * DAY - zone)

    def window(self, call: Call) -> Any:
        """Tells a window of minutes, hours or days; it begins with a whole minute."""
        keep, width = _kept(call.wanted, _WITH_CHANGE), _width(call.wanted)
        return self._since(call, keep, lambda at: (at - width) // MINUTE * MINUTE)

    def _since(self, call: Call, keep: tuple[str, ...] | None, begins: Any) -> Any:
        if symbols_of(call.wanted) is None:
            raise missing("symbol")

        def told(tape: Tape) -> dict[str, Any]:
            start = begins(tape.at)
            return _only(quotes.ticker_of(tape, tape.since(start), start), keep)

        return of_each(self.floor, call.wanted, told)


def of_each(floor: Floor, wanted: Wanted, told: Any) -> Any:
    """Answers for the symbol that was named with an object, for several or all with a list."""
    names, status = symbols_of(wanted), wanted.text("symbolStatus")
    if status is not None and status not in ("TRADING", "HALT", "BREAK"):
        raise Refusal(-1122, "Invalid symbolStatus.")
    if names is None:
        tapes = [tape for tape in floor.tapes.values() if tape.quoted and tape.last]
        return [told(tape) for tape in tapes if status in (None, tape.coin.status)]
    rows = [floor.tape(name) for name in names]
    if any(status not in (None, tape.coin.status) for tape in rows):
        raise Refusal(-1220, "The symbol's status does not match the requested symbolStatus.")
    return told(rows[0]) if wanted.text("symbol") else [told(tape) for tape in rows]


def zone_ms(wanted: Wanted) -> int:
    """Gives how far a time zone (`8`, `-1:00`, `05:45`) is ahead of UTC; raises Refusal for one that is none."""
    text = wanted.text("timeZone")
    if text is None:
        return 0
    found = _ZONE.fullmatch(text)
    if found is None:
        raise illegal("timeZone", "^([+-]?[0-9]{1,2})(:[0-5][0-9])?$")
    sign, hours, minutes = found.groups()
    ahead = (int(hours) * 60 + int(minutes or 0)) * MINUTE * (-1 if sign == "-" else 1)
    if not -12 * 60 * MINUTE <= ahead <= 14 * 60 * MINUTE:
        raise Refusal(-1130, "Data sent for parameter 'timeZone' is not valid.")
    return ahead


def _width(wanted: Wanted) -> int:
    found = _WINDOW.fullmatch(wanted.text("windowSize") or "1d")
    if found is None:
        raise Refusal(-1130, "Data sent for parameter 'windowSize' is not valid.")
    minutes, hours, days = (int(one or 0) for one in found.groups())
    return (minutes + 60 * hours) * MINUTE + days * DAY


def _kept(wanted: Wanted, full: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Gives the fields that are told, None for all."""
    kind = wanted.one_of("type", ("FULL", "MINI"), -1139, "Invalid ticker type.", "FULL")
    return _MINI if kind == "MINI" else full


def _only(row: dict[str, Any], keep: tuple[str, ...] | None) -> dict[str, Any]:
    return row if keep is None else {name: row[name] for name in keep}


def _weight(wanted: Wanted) -> int:
    names = symbols_of(wanted) or []
    if len(names) > MOST_SYMBOLS:
        raise Refusal(-1101, f"Too many values sent for parameter 'symbols', maximum allowed up to {MOST_SYMBOLS}.")
    return min(4 * len(names), 200)


def _day_weight(wanted: Wanted) -> int:
    names = symbols_of(wanted)
    if names is None or len(names) > 100:
        return 80
    return 2 if len(names) <= 20 else 40
