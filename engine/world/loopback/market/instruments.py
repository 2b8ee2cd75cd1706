"""What can be traded at the venue: a symbol's grid, its rules as the exchange tells them, and its state."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, NamedTuple

from engine.matching.units import E8, PART, Scale, div, e8, part
from engine.records.market import SymbolRules

Kind = Literal["spot", "usdm"]
VENUES: dict[str, Kind] = {"binance-spot": "spot", "binance-usdm": "usdm"}
#: What a perpetual's delivery date says while no delisting is announced (Binance, USDT-M).
NEVER_DELIVERED = 4_133_404_800_000
SPOT_TYPES = ("LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT")
ALGO_TYPES = ("STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET")
STP_MODES = ("NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH")


def text8(units: int) -> str:
    """Writes 1e-8 units with all eight decimals, as spot answers do."""
    if not units:
        return "0.00000000"
    sign, digits = ("-", str(-units).zfill(9)) if units < 0 else ("", str(units).zfill(9))
    return f"{sign}{digits[:-8]}.{digits[-8:]}"


def short8(units: int) -> str:
    """Writes 1e-8 units without trailing zeros, as futures answers do."""
    text = text8(units).rstrip("0")
    return text[:-1] if text.endswith(".") else text


class Filters(NamedTuple):
    """What a symbol's rules hold orders to, as numbers; `up` and `down` are parts of the price for buys and sells."""

    min_price: Decimal
    max_price: Decimal
    min_qty: Decimal
    max_qty: Decimal
    market_min_qty: Decimal
    market_max_qty: Decimal
    market_step: Decimal
    min_notional_e8: Decimal
    max_notional_e8: Decimal
    max_position_e8: Decimal
    up: tuple[int, int]
    down: tuple[int, int]

    @classmethod
    def of(cls, rules: SymbolRules) -> "Filters":
        """Reads them out of the rules, once for all orders."""
        return cls(
            Decimal(rules.min_price), Decimal(rules.max_price), Decimal(rules.min_qty), Decimal(rules.max_qty),
            Decimal(rules.market_min_qty), Decimal(rules.market_max_qty), Decimal(rules.market_step),
            Decimal(rules.min_notional) * E8, Decimal(rules.max_notional) * E8, Decimal(rules.max_position) * E8,
            (part(Decimal(rules.bid_multiplier_up)), part(Decimal(rules.ask_multiplier_up))),
            (part(Decimal(rules.bid_multiplier_down)), part(Decimal(rules.ask_multiplier_down))),
        )  # fmt: skip


@dataclass(slots=True, eq=False)
class Instrument:
    """A symbol of one market. Prices are ticks, quantities steps, money 1e-8 of the quote asset.

    `scale` is the grid the books count on; `tick` and `step` are what orders are held to, and may become coarser.
    """

    kind: Kind
    symbol: str
    base: str
    quote: str
    rules: SymbolRules
    filters: Filters
    scale: Scale
    tick_e8: int
    step_e8: int
    status: str
    tick: Decimal
    step: Decimal

    @classmethod
    def of(cls, kind: Kind, rules: SymbolRules) -> "Instrument":
        """Makes an instrument of its rules; raises ValueError for a grid finer than 1e-8, which no balance can hold."""
        scale = Scale.of(rules.tick, rules.step)
        tick_e8, step_e8 = e8(scale.tick), e8(scale.step)
        if Decimal(tick_e8) != scale.tick * E8 or Decimal(step_e8) != scale.step * E8:
            raise ValueError(f"{rules.symbol}: tick {rules.tick} or step {rules.step} is finer than 1e-8")
        return cls(
            kind, rules.symbol, rules.base, rules.quote, rules, Filters.of(rules), scale, tick_e8, step_e8,
            rules.status, scale.tick, scale.step,
        )  # fmt: skip

    def follow(self, rules: SymbolRules) -> None:
        """Takes new rules. The books go on counting on the grid they began with; what is finer is off it."""
        self.rules, self.filters, self.status = rules, Filters.of(rules), rules.status
        self.tick, self.step = Decimal(rules.tick), Decimal(rules.step)

    def money(self, ticks: int, steps: int, up: bool = False) -> int:
        """Gives price times quantity in 1e-8 quote, rounded down unless `up`."""
        return self.scale.money(ticks, steps, up)

    def price(self, ticks: int) -> str:
        """Writes a price as this market's answers do."""
        return text8(ticks * self.tick_e8) if self.kind == "spot" else short8(ticks * self.tick_e8)

    def qty(self, steps: int) -> str:
        """Writes a quantity as this market's answers do."""
        return text8(steps * self.step_e8) if self.kind == "spot" else short8(steps * self.step_e8)

    def average(self, money_e8: int, steps: int) -> int:
        """Gives the average price of a cost in 1e-8 quote, rounded down; 0 for no quantity."""
        return div(money_e8 * E8, steps * self.step_e8, up=False) if steps else 0

    def bounds(self, reference: int, side: int) -> tuple[int, int]:
        """Gives the lowest and highest ticks that PERCENT_PRICE allows around a reference price; 0 for no bound."""
        up, down = self.filters.up[side < 0], self.filters.down[side < 0]
        return div(reference * down, PART, up=True), reference * up // PART


def spot_info(coin: Instrument) -> dict[str, Any]:
    """Gives a spot symbol as exchangeInfo tells it."""
    rules = coin.rules
    filters: list[dict[str, Any]] = [
        {"filterType": "PRICE_FILTER", "minPrice": _8(rules.min_price), "maxPrice": _8(rules.max_price),
         "tickSize": _8(rules.tick)},
        {"filterType": "LOT_SIZE", "minQty": _8(rules.min_qty), "maxQty": _8(rules.max_qty),
         "stepSize": _8(rules.step)},
        {"filterType": "ICEBERG_PARTS", "limit": 100},
        {"filterType": "MARKET_LOT_SIZE", "minQty": _8(rules.market_min_qty), "maxQty": _8(rules.market_max_qty),
         "stepSize": _8(rules.market_step)},
        {"filterType": "TRAILING_DELTA", "minTrailingAboveDelta": 10, "maxTrailingAboveDelta": 2000,
         "minTrailingBelowDelta": 10, "maxTrailingBelowDelta": 2000},
        {"filterType": "PERCENT_PRICE_BY_SIDE", "bidMultiplierUp": rules.bid_multiplier_up,
         "bidMultiplierDown": rules.bid_multiplier_down, "askMultiplierUp": rules.ask_multiplier_up,
         "askMultiplierDown": rules.ask_multiplier_down, "avgPriceMins": rules.avg_price_mins},
        {"filterType": "NOTIONAL", "minNotional": _8(rules.min_notional),
         "applyMinToMarket": rules.min_notional_market, "maxNotional": _8(rules.max_notional),
         "applyMaxToMarket": rules.max_notional_market, "avgPriceMins": rules.avg_price_mins},
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": rules.max_orders},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": rules.max_algo_orders},
    ]  # fmt: skip
    if Decimal(rules.max_position):
        filters.append({"filterType": "MAX_POSITION", "maxPosition": _8(rules.max_position)})
    return {
        "symbol": coin.symbol, "status": coin.status, "baseAsset": coin.base, "baseAssetPrecision": 8,
        "quoteAsset": coin.quote, "quotePrecision": 8, "quoteAssetPrecision": 8, "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8, "orderTypes": list(SPOT_TYPES), "icebergAllowed": False,
        "ocoAllowed": True, "otoAllowed": False, "opoAllowed": False, "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": True, "cancelReplaceAllowed": True, "amendAllowed": False,
        "pegInstructionsAllowed": False, "isSpotTradingAllowed": True, "isMarginTradingAllowed": False,
        "filters": filters, "permissions": [], "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER", "allowedSelfTradePreventionModes": list(STP_MODES),
    }  # fmt: skip


def perp_info(coin: Instrument) -> dict[str, Any]:
    """Gives a perpetual as exchangeInfo tells it."""
    rules = coin.rules
    lot = {"stepSize": rules.step, "minQty": rules.min_qty}
    return {
        "symbol": coin.symbol, "pair": coin.symbol, "contractType": "PERPETUAL", "deliveryDate": NEVER_DELIVERED,
        "onboardDate": rules.onboard_at or 1_569_398_400_000, "status": coin.status, "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000", "baseAsset": coin.base, "quoteAsset": coin.quote,
        "marginAsset": coin.quote, "pricePrecision": _digits(rules.tick), "quantityPrecision": _digits(rules.step),
        "baseAssetPrecision": 8, "quotePrecision": 8, "underlyingType": "COIN", "underlyingSubType": [],
        "triggerProtect": "0.0500", "liquidationFee": "0.012500", "marketTakeBound": "0.05",
        "maxMoveOrderLimit": 10000,
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": rules.min_price, "maxPrice": rules.max_price,
             "tickSize": rules.tick},
            {"filterType": "LOT_SIZE", "maxQty": rules.max_qty, **lot},
            {"filterType": "MARKET_LOT_SIZE", "maxQty": rules.market_max_qty, **lot},
            {"filterType": "MAX_NUM_ORDERS", "limit": rules.max_orders},
            {"filterType": "MIN_NOTIONAL", "notional": rules.min_notional},
            {"filterType": "PERCENT_PRICE", "multiplierUp": rules.bid_multiplier_up,
             "multiplierDown": rules.ask_multiplier_down, "multiplierDecimal": "4"},
        ],
        "orderTypes": ["LIMIT", "MARKET", *ALGO_TYPES], "timeInForce": ["GTC", "IOC", "FOK", "GTX", "GTD"],
    }  # fmt: skip


def _8(text: str) -> str:
    return f"{Decimal(text):.8f}"


def _digits(text: str) -> int:
    exponent = Decimal(text).normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
