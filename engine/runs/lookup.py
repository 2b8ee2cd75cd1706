"""What the exchange is asked at the terminal: prices, symbols, balances, as plain rows. Amounts are decimal texts."""

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from engine.errors import BadRecord, ConfigError, UsageError
from engine.records.market import BookTop, check_symbol, signed
from engine.runs.data import data_dir
from engine.runs.settings import Settings
from engine.world.binance.settings import BinanceSettings

if TYPE_CHECKING:
    from engine.world.binance.binance import Binance
    from engine.world.binance.market_shapes import Day

VenueName = Literal["binance-spot", "binance-usdm"]
VENUES: tuple[VenueName, ...] = ("binance-spot", "binance-usdm")
#: So many contracts are asked for one by one; of more the whole market is.
_FEW = 20
#: What the exchange answers for a symbol that it does not list, and for what can be none (BTC/USDT).
_NO_SYMBOL = frozenset({-1121, -1100})

PRICE = ("symbol", "price", "bid", "ask", "change_24h_pct", "quote_volume_24h", "at", "venue")
SYMBOL = (
    "symbol", "base", "quote", "status", "tick", "step", "min_qty", "min_notional", "quote_volume_24h", "onboard_at",
    "venue",
)  # fmt: skip
BALANCE = ("asset", "free", "locked", "total", "unrealised", "venue")


def venue_named(name: str | None, used: Settings) -> VenueName:
    """Gives the venue that is meant: the named one, else that of the settings; raises ConfigError."""
    wanted = name or used.live.venue
    for venue in VENUES:
        if venue == wanted:
            return venue
    raise ConfigError(f"no live market {wanted!r}: there are {', '.join(VENUES)}")


def where_of(used: Settings) -> BinanceSettings:
    """Gives where Binance is; live.rest_url and live.account_url stand for both markets where they are set."""
    rest, account, where = used.live.rest_url, used.live.account_url, used.binance
    if rest:
        where = msgspec.structs.replace(where, spot_url=rest, usdm_url=rest)
    if account:
        where = msgspec.structs.replace(where, spot_user_url=account, usdm_user_url=account)
    return where


def open_public(used: Settings) -> "Binance":
    """Gives Binance as anybody."""
    from engine.world.binance.binance import Binance

    return Binance(where_of(used), data_dir(), breaker=used.breaker)


def open_account(used: Settings) -> "Binance":
    """Gives Binance as the account whose key live.key names; raises KeyRefused."""
    from engine.world.binance.binance import Binance
    from engine.world.binance.keys import load_key

    return Binance(where_of(used), data_dir(), key=load_key(used.live.key), breaker=used.breaker)


def prices(binance: "Binance", venue: VenueName, symbols: Sequence[str], quotes: Sequence[str]) -> list[dict[str, Any]]:
    """Gives last price, best bid and ask, change and volume of a day, of symbols in their order.

    Without symbols, of the market in `quotes`, the most traded first. What was not traded within a day is left out.
    Raises UsageError for a symbol that is not listed, VenueError.
    """
    from engine.world.binance import facts

    symbols = list(dict.fromkeys(symbols))  # the exchange refuses one that is named twice
    days = {day.symbol: day for day in _days(binance, venue, symbols)}
    good, _ = facts.tickers(venue, days.values())
    tickers = {one.symbol: one for one in good}
    books = _books(binance) if venue == "binance-usdm" else {}
    if symbols:
        named = [symbol for symbol in symbols if symbol in tickers]
    else:
        named = sorted(
            (symbol for symbol in tickers if symbol.endswith(tuple(quotes))),
            key=lambda symbol: (-float(tickers[symbol].quote_volume_24h), symbol),
        )
    rows = []
    for symbol in named:
        one = tickers[symbol]
        best = books.get(symbol, one)
        row = {
            "symbol": symbol, "price": one.last, "bid": best.bid, "ask": best.ask,
            "change_24h_pct": _change(days[symbol]), "quote_volume_24h": one.quote_volume_24h, "at": one.at,
            "venue": venue,
        }  # fmt: skip
        rows.append(row)
    return rows


def listed(
    binance: "Binance", venue: VenueName, *, quotes: Sequence[str] = (), statuses: Sequence[str] = (),
    min_volume: float | None = None,
) -> list[dict[str, Any]]:  # fmt: skip
    """Gives the symbols that the exchange lists with their rules and the quote volume of a day, by name.

    Only those in `quotes` and with one of `statuses` where such are given, and those with that much volume.
    """
    from engine.world.binance import facts

    market = binance.spot_market if venue == "binance-spot" else binance.usdm_market
    info = market.exchange_info()
    rules, _ = info.rules(venue, info.server_time)
    good, _ = facts.tickers(venue, market.days())
    volumes = {one.symbol: one.quote_volume_24h for one in good}
    rows = []
    for one in sorted(rules, key=lambda one: one.symbol):
        volume = volumes.get(one.symbol, "0")
        if (quotes and one.quote not in quotes) or (statuses and one.status not in statuses):
            continue
        if min_volume is not None and float(volume) < min_volume:
            continue
        row = {name: getattr(one, name) for name in SYMBOL if name != "quote_volume_24h"}
        rows.append({**row, "quote_volume_24h": volume})
    return rows


def balances(binance: "Binance", venue: VenueName) -> list[dict[str, Any]]:
    """Gives what the account holds, by asset; raises KeyRefused, VenueError.

    `total` of perpetuals is the wallet without what open positions have won or lost, `free` what orders may use.
    """
    if venue == "binance-spot":
        rows = [
            _balance(venue, one.asset, one.free, one.locked, one.free + one.locked, None)
            for one in binance.spot_orders.account().balances
        ]
    else:
        rows = [
            _balance(venue, one.asset, one.available_balance, None, one.balance, one.cross_un_pnl)
            for one in binance.usdm_account.balances()
        ]
    return sorted((row for row in rows if _holds(row)), key=lambda row: str(row["asset"]))


def _days(binance: "Binance", venue: VenueName, symbols: Sequence[str]) -> "list[Day]":
    from engine.world.binance.trouble import Rejected

    for symbol in symbols:
        try:
            check_symbol(symbol)
        except BadRecord as error:
            raise UsageError(str(error)) from None
    try:
        if venue == "binance-spot":
            return binance.spot_market.days(symbols)
        if 0 < len(symbols) <= _FEW:
            return [day for symbol in symbols for day in binance.usdm_market.days(symbol)]
        return [day for day in binance.usdm_market.days() if not symbols or day.symbol in symbols]
    except Rejected as error:
        if error.venue_code not in _NO_SYMBOL:
            raise
        named = symbols[0] if len(symbols) == 1 else f"{', '.join(symbols)}, or not all of them"
        raise UsageError(f"{venue} does not list {named}: hot symbols tells what it lists") from None


def _books(binance: "Binance") -> dict[str, BookTop]:
    """Gives best bids and asks of the perpetuals, whose 24 h tickers have none."""
    from engine.world.binance import facts

    market = binance.usdm_market
    return {one.symbol: one for one in facts.book_tops("binance-usdm", market.best_quotes(), 0)[0]}


def _change(day: "Day") -> str | None:
    try:
        signed(day.price_change_percent)
    except BadRecord:
        return None
    return day.price_change_percent


def _balance(
    venue: VenueName, asset: str, free: Decimal, locked: Decimal | None, total: Decimal, unrealised: Decimal | None
) -> dict[str, Any]:
    amounts = {"free": free, "locked": locked, "total": total, "unrealised": unrealised}
    return {
        "asset": asset,
        **{name: None if one is None else f"{one:f}" for name, one in amounts.items()},
        "venue": venue,
    }


def _holds(row: dict[str, Any]) -> bool:
    return any(Decimal(row[name] or 0) for name in ("free", "locked", "total", "unrealised"))
