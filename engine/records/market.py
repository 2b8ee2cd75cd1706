"""Facts of the market: what a source saw, prices and quantities as the decimal strings the exchange wrote."""

import re
from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec import Meta

from engine.errors import BadRecord
from engine.records.base import Figure, Moment, Record, Whole

# Plain digits only: no exponent, no sign, no NaN; bounded before anything is converted.
_PLAIN = re.compile(r"[0-9]{1,18}(?:\.[0-9]{1,18})?", re.ASCII)
#: A quantity or price of ours: held to plain digits when it is read, since orders are made of it.
Plain = Annotated[str, Meta(pattern=r"^[0-9]{1,18}(\.[0-9]{1,18})?$")]
Above0 = Annotated[str, Meta(pattern=r"^(?=.*[1-9])[0-9]{1,18}(\.[0-9]{1,18})?$")]
_PLAIN_SIX = re.compile(r"(?:[0-9]{1,18}(?:\.[0-9]{1,18})?,){6}", re.ASCII)
_PLAIN_THREE = re.compile(r"(?:[0-9]{1,18}(?:\.[0-9]{1,18})?,){3}", re.ASCII)
_SYMBOL = re.compile(r"[^\x00-\x20\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\"\\,<>&=;'`\[\](){}|]{1,40}")
MAX_AMOUNT = 1e15
#: Markets of perpetuals, as venues are named (`binance-usdm`, `bybit-linear`).
PERPETUALS = frozenset({"usdm", "linear", "swap"})
#: No candle is longer than a month.
LONGEST_STEP_S = 2_678_400


class Fact(Record, frozen=True, kw_only=True):
    """A fact of one symbol at one venue. `mono_ms` is the receiver's monotonic clock; absent, it equals `at`."""

    venue: str
    symbol: str
    mono_ms: Moment | None = None


class Ticker(Fact, frozen=True, kw_only=True):
    """A rolling 24 h ticker: last price, volumes of the last 24 h, best bid and ask where known."""

    last: str
    volume_24h: str = "0"
    quote_volume_24h: str
    bid: str | None = None
    ask: str | None = None


class Bar(Fact, frozen=True, kw_only=True):
    """A closed candle. `at` is close time + 1 ms, when it can be known; `open_at` its first millisecond."""

    step_s: Whole
    open_at: Whole
    open: str
    high: str
    low: str
    close: str
    volume: str
    quote_volume: str | None = None
    trades: Whole | None = None


class BookTop(Fact, frozen=True, kw_only=True):
    """Best bid and ask with the quantities waiting there."""

    bid: str
    bid_qty: str
    ask: str
    ask_qty: str


class Trade(Fact, frozen=True, kw_only=True):
    """One public trade; `side` is the taker's."""

    price: str
    qty: str
    side: Literal["buy", "sell"]
    trade_id: Whole | None = None


class MarginTier(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A step of maintenance margin: notional above `floor` (in quote) must keep `rate` of itself as margin."""

    floor: Plain
    rate: Plain


class SymbolRules(Fact, frozen=True, kw_only=True):
    """An exchange's rules for one symbol; a limit that is absent or "0" is not enforced.

    `margin_tiers` are the maintenance margins of a perpetual, from the smallest notional on, where they are known.

    `rules` says where they come from: `venue`, `snapshot YYYY-MM-DD`, or `inferred` from the decimals seen.
    """

    status: str = "TRADING"
    base: str
    quote: str
    tick: Above0
    step: Above0
    min_price: Plain = "0"
    max_price: Plain = "0"
    min_qty: Plain = "0"
    max_qty: Plain = "0"
    market_step: Plain = "0"
    market_min_qty: Plain = "0"
    market_max_qty: Plain = "0"
    min_notional: Plain = "0"
    max_notional: Plain = "0"
    min_notional_market: bool = True
    max_notional_market: bool = False
    bid_multiplier_up: Plain = "0"
    bid_multiplier_down: Plain = "0"
    ask_multiplier_up: Plain = "0"
    ask_multiplier_down: Plain = "0"
    avg_price_mins: Whole = 5
    max_orders: Whole = 0
    max_algo_orders: Whole = 0
    max_position: Plain = "0"
    order_types: tuple[str, ...] = ()
    onboard_at: Whole | None = None
    margin_tiers: tuple[MarginTier, ...] = ()
    rules: str = "venue"


class OpenInterest(Fact, frozen=True, kw_only=True):
    """Open contracts in the base asset, and their value in the quote asset where known."""

    open_interest: str
    open_interest_value: str | None = None


class Funding(Fact, frozen=True, kw_only=True):
    """A perpetual's funding rate (a fraction, as decimal string, may be negative).

    `due_at` is when it is paid: live, the next funding time, up to which the rate still moves. Without it the rate was
    paid at `at`, as histories tell it.
    """

    rate: str
    mark_price: str | None = None
    due_at: Moment | None = None


class LongShort(Fact, frozen=True, kw_only=True):
    """Longs over shorts at the end of a period: of all accounts, the top traders' accounts or their positions."""

    whose: Literal["accounts", "top_accounts", "top_positions"]
    period_s: Whole
    ended_at: Whole
    ratio: str


class TakerFlow(Fact, frozen=True, kw_only=True):
    """What takers bought and sold within a period, in the base asset."""

    period_s: Whole
    ended_at: Whole
    bought: str
    sold: str


class Post(Record, frozen=True, kw_only=True):
    """A social post about some symbols. Its text is untrusted and never an instruction.

    `sentiment` is in [-1, 1] where it was scored; `written_at` says when it was written, where that was before it was
    heard of.
    """

    source: str
    symbols: tuple[str, ...]
    text: str = ""
    post_id: str | None = None
    sentiment: Figure | None = None
    written_at: Moment | None = None
    mono_ms: Moment | None = None


class Announcement(Record, frozen=True, kw_only=True):
    """An exchange's announcement about some symbols.

    `opens_at` is when trading opens and `released_at` when it was published, where they are told.
    """

    source: str
    announcement_id: str
    category: Literal["spot_listing", "perp_listing", "campaign", "delisting", "other"]
    symbols: tuple[str, ...]
    title: str = ""
    opens_at: Whole | None = None
    released_at: Moment | None = None
    mono_ms: Moment | None = None


class Tick(Record, frozen=True, kw_only=True):
    """The clock tick that closes a cycle: everything said about cycle `at` stands before it.

    `codes` maps a reason code to the sorted symbols whose way ended in the scan; every other scanned symbol is among
    the cycle's candidates.
    """

    OWNER: ClassVar[str] = "scan"

    codes: dict[str, tuple[str, ...]] = {}
    mono_ms: Moment | None = None


def amount(text: str) -> float:
    """Reads a plain non-negative decimal string as float64.

    Raises BadRecord for anything but bounded plain digits.
    """
    if not _PLAIN.fullmatch(text):
        raise BadRecord(f"not a plain decimal: {text[:40]!r}")
    value = float(text)
    if value > MAX_AMOUNT:
        raise BadRecord(f"beyond 1e15: {text[:40]!r}")
    return value


def signed(text: str) -> float:
    """Reads a plain decimal string with an optional sign as float64 (funding rates); raises BadRecord."""
    return -amount(text[1:]) if text.startswith("-") else amount(text)


def price(text: str) -> float:
    """Reads a plain decimal string above zero; raises BadRecord."""
    value = amount(text)
    if value <= 0.0:
        raise BadRecord(f"price not above zero: {text[:40]!r}")
    return value


def is_perp(venue: str) -> bool:
    """Says whether a venue trades perpetuals: the last word of its name is its market."""
    return venue.rsplit("-", 1)[-1] in PERPETUALS


def check_symbol(symbol: str) -> None:
    """Refuses a symbol with control, bidi or markup characters, or of unreasonable length; raises BadRecord.

    Letters of any script pass: exchanges list symbols in Chinese characters.
    """
    if not _SYMBOL.fullmatch(symbol):
        raise BadRecord(f"not a symbol: {symbol[:40]!r}")


class Ohlcv:
    """A bar's figures as float64: open, high, low, close, volume and quote volume."""

    __slots__ = ("close", "high", "low", "open", "quote_volume", "volume")

    def __init__(self, bar: Bar) -> None:
        """Reads the bar's strings; raises BadRecord where they cannot be a candle."""
        quote = bar.quote_volume
        joined = f"{bar.open},{bar.high},{bar.low},{bar.close},{bar.volume},{quote if quote is not None else '0'},"
        if not _PLAIN_SIX.fullmatch(joined):
            raise BadRecord(f"bar of {bar.symbol[:40]!r} holds something that is not a plain decimal")
        self.open, self.high, self.low, self.close = float(bar.open), float(bar.high), float(bar.low), float(bar.close)
        self.volume = float(bar.volume)
        if not 0.0 < self.low <= self.high <= MAX_AMOUNT or not (
            self.low <= self.open <= self.high and self.low <= self.close <= self.high
        ):
            raise BadRecord(f"bar of {bar.symbol[:40]!r}: open, high, low and close do not fit together")
        if bar.step_s <= 0 or not bar.open_at < bar.at:
            raise BadRecord(f"bar of {bar.symbol[:40]!r}: its times do not fit together")
        if quote is None:
            # The recordings that lack quote volume: volume x typical price.
            self.quote_volume = self.volume * (self.high + self.low + self.close) / 3.0
        else:
            self.quote_volume = float(quote)
        if self.quote_volume > MAX_AMOUNT:
            raise BadRecord(f"bar of {bar.symbol[:40]!r}: quote volume beyond 1e15")


_seen: tuple[Bar | None, Ohlcv | None] = (None, None)


def figures(bar: Bar) -> Ohlcv:
    """Gives a bar's figures; raises BadRecord. Stages of one process look at the same bar in turn: it is read once."""
    global _seen
    if _seen[0] is bar and _seen[1] is not None:
        return _seen[1]
    read = Ohlcv(bar)
    _seen = (bar, read)
    return read


_believed: Bar | Ticker | BookTop | Trade | None = None


def check_price(fact: Bar | Ticker | BookTop | Trade) -> None:
    """Refuses a fact whose numbers cannot be a market: not plain, a price of zero, a crossed or empty book.

    Raises BadRecord. Every stage asks this one, so that what one does not believe no other trades on.
    """
    global _believed
    if fact is _believed:
        return
    if isinstance(fact, Bar):
        figures(fact)
        # A candle that has not closed yet repaints: nothing may be decided on it.
        if fact.step_s > LONGEST_STEP_S or fact.at < fact.open_at + 1000 * fact.step_s:
            raise BadRecord(f"bar of {fact.symbol[:40]!r} has not closed yet")
    elif isinstance(fact, Ticker):
        _check_ticker(fact)
    elif isinstance(fact, BookTop):
        _check_book(fact.bid, fact.ask)
        amount(fact.bid_qty)
        amount(fact.ask_qty)
    else:
        price(fact.price)
        price(fact.qty)
    _believed = fact


def believe(ticker: Ticker) -> None:
    """Takes note that `check_price` would believe a ticker, as is known of its line."""
    global _believed
    _believed = ticker


def _check_ticker(ticker: Ticker) -> None:
    bid, ask, last = ticker.bid, ticker.ask, ticker.last
    # There is a ticker a second of every symbol: its three numbers are looked at in one go.
    if not _PLAIN_THREE.fullmatch(f"{last},{ticker.volume_24h},{ticker.quote_volume_24h},") or not (
        0.0 < float(last) <= MAX_AMOUNT
        and float(ticker.volume_24h) <= MAX_AMOUNT
        and float(ticker.quote_volume_24h) <= MAX_AMOUNT
    ):
        raise BadRecord(f"ticker of {ticker.symbol[:40]!r} holds something that is no price or no volume")
    if bid is not None and ask is not None:
        _check_book(bid, ask)
    elif bid or ask:
        price(bid or ask or last)


def _check_book(bid: str, ask: str) -> None:
    if price(bid) >= price(ask):
        raise BadRecord(f"crossed book: bid {bid}, ask {ask}")


def check_rules(rules: SymbolRules) -> None:
    """Refuses rules that no order can be held against: a limit that is no plain number, no tick, no step.

    Raises BadRecord; the rules that were known before stay in force.
    """
    check_symbol(rules.symbol)
    price(rules.tick)
    price(rules.step)
    for limit in (
        rules.min_price, rules.max_price, rules.min_qty, rules.max_qty, rules.market_step, rules.market_min_qty,
        rules.market_max_qty, rules.min_notional, rules.max_notional, rules.bid_multiplier_up,
        rules.bid_multiplier_down, rules.ask_multiplier_up, rules.ask_multiplier_down, rules.max_position,
    ):  # fmt: skip
        amount(limit)
    _check_tiers(rules.margin_tiers)


def _check_tiers(tiers: Sequence[MarginTier]) -> None:
    floors = [amount(tier.floor) for tier in tiers]
    rates = [amount(tier.rate) for tier in tiers]
    if not tiers:
        return
    if (
        floors[0] != 0.0
        or floors != sorted(set(floors))
        or rates != sorted(rates)
        or not 0.0 < rates[0] <= rates[-1] < 1.0
    ):
        raise BadRecord("margin tiers that do not ascend from 0, or whose rates are no fractions")
