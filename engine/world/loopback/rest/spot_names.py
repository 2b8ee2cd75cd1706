"""Which parameters spot's calls know: spot refuses what it does not know, where perpetuals pass it over."""

from engine.world.loopback.rest.routes import Routes

_SIGNED = {"recvWindow", "timestamp", "signature"}
_ORDER = {
    "symbol", "side", "type", "timeInForce", "quantity", "quoteOrderQty", "price", "newClientOrderId", "strategyId",
    "strategyType", "stopPrice", "trailingDelta", "icebergQty", "newOrderRespType", "selfTradePreventionMode",
    "pegPriceType", "pegOffsetType", "pegOffsetValue", *_SIGNED,
}  # fmt: skip
_REPLACED = {
    "cancelReplaceMode", "cancelOrderId", "cancelOrigClientOrderId", "cancelNewClientOrderId", "cancelRestrictions",
    "orderRateLimitExceededMode",
}  # fmt: skip
_SPAN = {"startTime", "endTime", "limit"}
_ONE_OR_MANY = {"symbol", "symbols", "symbolStatus"}
_CANDLES = {"symbol", "interval", "timeZone", *_SPAN}

#: Of the calls that are not here whatever is sent beside what they know is passed over.
KNOWN = {
    ("POST", "order"): _ORDER,
    ("POST", "order/test"): _ORDER | {"computeCommissionRates"},
    ("POST", "order/cancelReplace"): _ORDER | _REPLACED,
    ("GET", "order"): {"symbol", "orderId", "origClientOrderId", *_SIGNED},
    ("DELETE", "order"): {
        "symbol", "orderId", "origClientOrderId", "newClientOrderId", "cancelRestrictions", *_SIGNED,
    },
    ("GET", "openOrders"): {"symbol", *_SIGNED},
    ("DELETE", "openOrders"): {"symbol", *_SIGNED},
    ("GET", "allOrders"): {"symbol", "orderId", *_SPAN, *_SIGNED},
    ("GET", "myTrades"): {"symbol", "orderId", "fromId", *_SPAN, *_SIGNED},
    ("GET", "account"): {"omitZeroBalances", *_SIGNED},
    ("GET", "ping"): set(),
    ("GET", "time"): set(),
    ("GET", "depth"): {"symbol", "limit", "symbolStatus"},
    ("GET", "trades"): {"symbol", "limit"},
    ("GET", "historicalTrades"): {"symbol", "limit", "fromId"},
    ("GET", "aggTrades"): {"symbol", "fromId", *_SPAN},
    ("GET", "klines"): _CANDLES,
    ("GET", "uiKlines"): _CANDLES,
    ("GET", "avgPrice"): {"symbol"},
    ("GET", "ticker/24hr"): {*_ONE_OR_MANY, "type"},
    ("GET", "ticker/price"): _ONE_OR_MANY,
    ("GET", "ticker/bookTicker"): _ONE_OR_MANY,
    ("GET", "ticker/tradingDay"): {*_ONE_OR_MANY, "type", "timeZone"},
    ("GET", "ticker"): {*_ONE_OR_MANY, "type", "windowSize"},
}  # fmt: skip


def knowing(routes: Routes, prefix: str) -> Routes:
    """Gives routes that refuse what they do not know; their paths begin with `prefix`."""
    known = {(method, prefix + path): frozenset(names) for (method, path), names in KNOWN.items()}
    return {key: route._replace(takes=known.get(key)) for key, route in routes.items()}
