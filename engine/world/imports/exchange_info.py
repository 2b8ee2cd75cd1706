"""Binance exchangeInfo (spot and USDT-M): the rules of every symbol."""

from collections.abc import Iterator
from typing import Any

from engine.errors import BadRecord, DirtyInput
from engine.records.market import SymbolRules
from engine.world.imports.batches import Batch, sorted_batches
from engine.world.imports.fields import Fields, count_or_none, document, fields_of, list_in, short, symbol_in, text
from engine.world.imports.origin import Origin, dated


def sniff(name: str, head: bytes) -> bool:
    """Says whether a file is an answer of /exchangeInfo."""
    return head.startswith(b"{") and b'"timezone"' in head and b'"exchangeFilters"' in head


def read(origin: Origin) -> Iterator[Batch]:
    """Gives the rules of all symbols, at the time of the answer."""
    return sorted_batches(rules(document(origin), origin))


def rules(answer: Any, origin: Origin) -> Iterator[SymbolRules]:
    """Gives the rules of an answer's symbols; `at` is its serverTime, else the date in the file's name.

    A symbol whose filters cannot be read is a bad line, numbered from 1. Raises DirtyInput where there is no time.
    """
    if not isinstance(answer, dict) or not isinstance(answer.get("symbols"), list):
        raise DirtyInput(f"{origin.name}: no exchangeInfo: it has no list of symbols")
    at = count_or_none(answer.get("serverTime")) or dated(origin.name)
    if at is None:
        raise DirtyInput(f"{origin.name}: says no serverTime; put its date (2024-09-08) into the file's name")
    for number, one in enumerate(answer["symbols"], 1):
        if isinstance(one, dict) and one.get("status") == "PENDING_TRADING":
            # Not open yet, and its filters may still be empty (a tickSize of 0).
            origin.notes.ignore()
            continue
        try:
            yield symbol_rules(fields_of(one), at, origin.venue)
        except BadRecord as error:
            origin.bad(number, str(error))


def symbol_rules(fields: Fields, at: int, venue: str, source: str = "venue") -> SymbolRules:
    """Gives one symbol's rules; raises BadRecord. A filter that is absent is not enforced."""
    filters = {text(one, "filterType"): one for one in map(fields_of, list_in(fields, "filters"))}
    lot, market_lot = filters.get("LOT_SIZE", {}), filters.get("MARKET_LOT_SIZE", {})
    prices = filters.get("PRICE_FILTER", {})
    return SymbolRules(
        at=at, venue=venue, symbol=symbol_in(fields, "symbol"), status=text(fields, "status"),
        base=text(fields, "baseAsset"), quote=text(fields, "quoteAsset"), rules=source,
        tick=_needed(prices, "tickSize"), min_price=_limit(prices, "minPrice"), max_price=_limit(prices, "maxPrice"),
        step=_needed(lot, "stepSize"), min_qty=_limit(lot, "minQty"), max_qty=_limit(lot, "maxQty"),
        market_step=_limit(market_lot, "stepSize"), market_min_qty=_limit(market_lot, "minQty"),
        market_max_qty=_limit(market_lot, "maxQty"),
        max_orders=_count(filters.get("MAX_NUM_ORDERS", {}), "maxNumOrders"),
        max_algo_orders=_count(filters.get("MAX_NUM_ALGO_ORDERS", {}), "maxNumAlgoOrders"),
        max_position=_limit(filters.get("MAX_POSITION", {}), "maxPosition"),
        order_types=tuple(str(one) for one in list_in(fields, "orderTypes") or list_in(fields, "OrderType")),
        onboard_at=count_or_none(fields.get("onboardDate")),
        **_notional(filters), **_multipliers(filters),
    )  # fmt: skip


def _notional(filters: dict[str, Fields]) -> Fields:
    both, least = filters.get("NOTIONAL"), filters.get("MIN_NOTIONAL")
    if both is not None:
        return {
            "min_notional": _limit(both, "minNotional"), "max_notional": _limit(both, "maxNotional"),
            "min_notional_market": bool(both.get("applyMinToMarket", True)),
            "max_notional_market": bool(both.get("applyMaxToMarket", False)),
        } | _minutes(both)  # fmt: skip
    if least is None:
        return {}
    # Futures call it `notional`, and hold market orders against it as well.
    key = "notional" if "notional" in least else "minNotional"
    return {
        "min_notional": _limit(least, key),
        "min_notional_market": bool(least.get("applyToMarket", True)),
    } | _minutes(least)


def _minutes(fields: Fields) -> Fields:
    minutes = fields.get("avgPriceMins")
    return {"avg_price_mins": minutes} if type(minutes) is int and 0 <= minutes <= 1440 else {}


def _multipliers(filters: dict[str, Fields]) -> Fields:
    by_side, both = filters.get("PERCENT_PRICE_BY_SIDE"), filters.get("PERCENT_PRICE")
    if by_side is not None:
        return {
            "bid_multiplier_up": _limit(by_side, "bidMultiplierUp"),
            "bid_multiplier_down": _limit(by_side, "bidMultiplierDown"),
            "ask_multiplier_up": _limit(by_side, "askMultiplierUp"),
            "ask_multiplier_down": _limit(by_side, "askMultiplierDown"),
        }
    if both is None:
        return {}
    up, down = _limit(both, "multiplierUp"), _limit(both, "multiplierDown")
    return {
        "bid_multiplier_up": up, "bid_multiplier_down": down, "ask_multiplier_up": up, "ask_multiplier_down": down,
    }  # fmt: skip


def _needed(fields: Fields, key: str) -> str:
    found = _limit(fields, key)
    if found == "0":
        raise BadRecord(f"no {key}")
    return found


def _limit(fields: Fields, key: str) -> str:
    value = fields.get(key, "0")
    if not isinstance(value, str):
        raise BadRecord(f"{key} is not a text: {str(value)[:40]}")
    return short(value)


def _count(fields: Fields, key: str) -> int:
    value = fields.get(key, fields.get("limit", 0))
    count = count_or_none(value)
    if count is None:
        raise BadRecord(f"{key} is not a number: {str(value)[:40]}")
    return count
