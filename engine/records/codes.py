"""The one table of reason codes: every no has a name, a stage, a text and what to do about it."""

from typing import NamedTuple


class Code(NamedTuple):
    """A reason code: `stage` is where the way ends, `text` what it means, `fix` what the operator can do."""

    code: str
    stage: str
    text: str
    fix: str


_TABLE: tuple[tuple[str, str, str, str], ...] = (
    # code, stage, text, fix
    (
        "EXCLUDED",
        "scan",
        "The symbol is outside the universe: its quote asset is not wanted, or it is on the exclude list.",
        "Change scan.quote_assets or scan.exclude.",
    ),
    (
        "NOT_TRADING",
        "scan",
        "The exchange does not list the symbol as TRADING.",
        "Nothing: it comes back when the exchange opens it.",
    ),
    (
        "BAD_DATA",
        "scan",
        "The symbol's last fact could not be believed (bad numbers, a crossed book, a candle that has not closed).",
        "Look at the source; the bad lines are counted at the end of the scan.",
    ),
    (
        "SILENT",
        "scan",
        "Nothing was heard of the symbol for too long.",
        "Look at the feed; the limit is scan.silent_s.",
    ),
    (
        "COLD",
        "scan",
        "The symbol's windows are not whole yet: less than 24 h of volume, a hole, or a missing timeframe.",
        "Start the recording earlier, or wait. Coarser bars need other timeframes (hotcoin.timeframes).",
    ),
    (
        "LOW_VOLUME",
        "scan",
        "The quote volume of 24 h is below the minimum.",
        "Lower scan.min_quote_volume_24h, if thin coins are wanted.",
    ),
    (
        "QUIET",
        "scan",
        "No anomaly: the symbol is not in the pool of candidates.",
        "Nothing, or lower scan.anomaly_change_pct and scan.anomaly_surge.",
    ),
    (
        "DROPPED",
        "scan",
        "The candidate cooled for too long and left the pool this cycle.",
        "Nothing; scan.cooling_max_s is the limit.",
    ),
    ("OUTRANKED", "rank", "Hotter candidates fill the top N.", "Raise rank.top to keep more."),
    (
        "NO_HEAT",
        "rank",
        "No dimension of heat has an input.",
        "Look at the candidate's inputs; the recording may lack volumes.",
    ),
    ("NOT_HOT", "signal", "The candidate's status in the pool is not hot.", "Wait; it becomes hot at scan.hot_heat."),
    (
        "LOW_HEAT",
        "signal",
        "Heat is below the strategy's minimum.",
        "Lower hotcoin.min_heat, if cooler coins are wanted.",
    ),
    (
        "FRAME_COLD",
        "signal",
        "A timeframe of the strategy has too few closed candles.",
        "Start the recording earlier, or drop the timeframe from hotcoin.timeframes.",
    ),
    (
        "STALE_INPUT",
        "signal",
        "The last closed candle of a timeframe is too old to decide on.",
        "Look at the feed of that symbol.",
    ),
    (
        "BELOW_EMA",
        "signal",
        "Price closed below its moving average on a timeframe of the entry rule.",
        "Nothing: the coin is not rising on that timeframe.",
    ),
    (
        "EMA_FALLING",
        "signal",
        "The slope of the moving average is not above zero on the slow timeframe.",
        "Nothing: the slow trend is not up.",
    ),
    (
        "NO_CROSS",
        "signal",
        "The strategy's entry condition did not occur on this candle.",
        "Nothing: it enters only when the condition occurs.",
    ),
    (
        "BLACK_SWAN",
        "signal",
        "The change over five minutes is beyond the threshold: no entries.",
        "Wait, or raise hotcoin.black_swan_pct.",
    ),
    (
        "STRATEGY_ERROR",
        "signal",
        "The strategy failed on this symbol; the others went on.",
        "Read the stack on stderr and mend the strategy.",
    ),
    (
        "ENGINE_DEGRADED",
        "precheck",
        "The engine is degraded: no new positions, open ones are still watched.",
        "hot status shows the reason and the way back.",
    ),
    (
        "ENGINE_BLOCKED",
        "precheck",
        "The engine is blocked: no new positions.",
        "hot status shows the reason; hot resume ends it, where it does not end by itself.",
    ),
    (
        "STALE_SIGNAL",
        "precheck",
        "The signal is older than its time to live.",
        "Run the stages together; precheck.signal_ttl_s is the limit.",
    ),
    ("POSITION_OPEN", "precheck", "The symbol is held already.", "Nothing: one position a symbol."),
    ("ORDER_PENDING", "precheck", "An order of this symbol is still under way.", "Wait for it."),
    (
        "SYMBOL_NOT_ALLOWED",
        "precheck",
        "The symbol is not on the allow-list.",
        "Add it to rules.allow_list.symbols, or empty the list.",
    ),
    ("RISK_L4", "precheck", "Risk level L4: no new entries.", "Wait until drawdown and day loss recover."),
    (
        "RISK_L5",
        "precheck",
        "Risk level L5: all entries stop for the cool-down.",
        "Wait for the end of the cool-down; hot status shows it.",
    ),
    (
        "MAX_POSITIONS",
        "precheck",
        "As many positions are open as the settings allow.",
        "Wait for an exit, or raise rules.max_positions.limit.",
    ),
    (
        "MAX_ENTRIES_DAY",
        "precheck",
        "As many entries were made this UTC day as the settings allow.",
        "Wait for 00:00 UTC, or raise rules.max_entries_day.limit.",
    ),
    (
        "MAX_ORDER_NOTIONAL",
        "precheck",
        "The order is larger than a single order may be.",
        "Lower size.equity_share_pct, or raise rules.max_order_notional.limit_quote.",
    ),
    (
        "MAX_SYMBOL_EXPOSURE",
        "precheck",
        "The symbol would make up too much of the equity.",
        "Lower size.equity_share_pct, or raise rules.max_symbol_exposure.limit_pct.",
    ),
    (
        "MAX_EXPOSURE",
        "precheck",
        "All positions together would be too much of the equity, at current prices.",
        "Wait for an exit, or raise rules.max_exposure.limit_pct.",
    ),
    (
        "NO_CAPITAL",
        "precheck",
        "The capital that is not in use does not reach.",
        "Wait for an exit, or size entries smaller.",
    ),
    (
        "NOT_HELD",
        "precheck",
        "The signal asks to close what is not held.",
        "Nothing: there is nothing to sell.",
    ),
    (
        "PRICE_BAND",
        "precheck",
        "The price disagrees with the venue's other prices by more than the band.",
        "Look at the feed; precheck.price_band_pct is the limit.",
    ),
    ("NO_PRICE", "precheck", "There is no price to judge or size the order with.", "Look at the feed."),
    (
        "NO_RULES",
        "precheck",
        "The exchange's rules for the symbol are not known.",
        "Give the market symbol_rules records, or scan it with hot scan, which adds them.",
    ),
    (
        "PRECHECK_FAILED",
        "precheck",
        "The order breaks a filter of the exchange; precheck_code names it.",
        "hot explain PRECHECK_CODE tells about the filter.",
    ),
    ("DUPLICATE", "order", "The same intent is reserved already.", "Nothing: it is traded once."),
    (
        "ACCOUNT_CHANGED",
        "order",
        "The account changed between precheck and order; the rules now say no.",
        "Nothing: two intents raced, one won.",
    ),
    ("REJECTED", "order", "The venue rejected the order.", "The order_result record holds the venue's code."),
    ("ENTERED", "order", "An entry was sent in this cycle.", "Nothing: hot why SYMBOL --at T tells what came of it."),
    ("EXITED", "order", "The position was closed in this cycle.", "hot trades lists it."),
    ("HELD", "order", "The symbol is held, and nothing else was thought of it.", "hot positions lists it."),
)

CODES: dict[str, Code] = {row[0]: Code(*row) for row in _TABLE}

# The exchange's filters, as `SIDE_FILTER`; the first sentence is the filter's rule.
_FILTERS: dict[str, str] = {
    "ORDER_TYPE": "The symbol does not take this order type.",
    "MIN_PRICE": "The price is below PRICE_FILTER.minPrice.",
    "MAX_PRICE": "The price is above PRICE_FILTER.maxPrice.",
    "TICK_SIZE": "The price is not a multiple of PRICE_FILTER.tickSize.",
    "PERCENT_PRICE": "The limit price is too far from the average price (PERCENT_PRICE, PERCENT_PRICE_BY_SIDE).",
    "MIN_QTY": "The quantity is below the minimum (MARKET_LOT_SIZE for market orders, LOT_SIZE for all).",
    "MAX_QTY": "The quantity is above the maximum (MARKET_LOT_SIZE for market orders, LOT_SIZE for all).",
    "STEP_SIZE": "The quantity is not a multiple of the step (MARKET_LOT_SIZE for market orders, LOT_SIZE for all).",
    "MIN_NOTIONAL": "Price times quantity is below MIN_NOTIONAL or NOTIONAL.minNotional.",
    "MAX_NOTIONAL": "Price times quantity is above NOTIONAL.maxNotional.",
    "MAX_ORDERS": "As many orders are open on the symbol as MAX_NUM_ORDERS allows.",
    "MAX_POSITION": "The holding of the base asset would pass MAX_POSITION.",
}

PRECHECK_CODES: dict[str, Code] = {
    f"{side}_{name}": Code(
        f"{side}_{name}", "precheck", text, "hot schema symbol_rules shows the limits; size the order to them."
    )
    for side in ("BUY", "SELL")
    for name, text in _FILTERS.items()
    if (side, name) != ("SELL", "MAX_POSITION")  # it bounds what is held: only a buy can pass it
}


def lookup(code: str) -> Code | None:
    """Gives the table's row for a reason code or a precheck code, in any case; None when there is none."""
    upper = code.upper()
    return CODES.get(upper) or PRECHECK_CODES.get(upper)
