"""What is known of each symbol of the market: facts folded into rolling windows, spreads, rules and chatter."""

from collections.abc import Callable, Sequence

import msgspec

from engine.errors import BadRecord
from engine.kernels.window import Window
from engine.records.base import Figure, Record, figure
from engine.records.glance import are_amounts, are_prices
from engine.records.market import (
    Announcement,
    Bar,
    BookTop,
    Funding,
    Post,
    SymbolRules,
    Ticker,
    Trade,
    check_price,
    check_rules,
    check_symbol,
    figures,
    price,
    signed,
)
from engine.records.tickers import Tickers
from engine.stages.candles import Candle, Candles, Feed
from engine.stages.chatter import Chatter
from engine.stages.together import Together

#: So many tickers wait at most, and of those that came together so many frames: their texts stand in these.
MOST_WAITING, MOST_TOGETHER = 2_000, 30
#: Posts may name anything: beyond so many symbols only those that are traded are remembered.
MAX_TALKED_OF = 5_000


class Coin(msgspec.Struct, kw_only=True):
    """What the scan knows of one symbol."""

    symbol: str
    venue: str
    heard_at: int
    first_at: int
    text: str = "0"
    window: Window | None = None
    coarse: bool = False
    step_s: int = 0
    ticker_volume_24h: float | None = None
    spread_bps: Figure | None = None
    funding_pct: Figure | None = None
    quote: str = ""
    trading: bool = True
    onboard_at: int | None = None
    bad: bool = False
    cooldown_until: int = 0


class CoinsState(msgspec.Struct, kw_only=True):
    """Everything that was heard: symbols, their feeds, what is said of them, and by kind what made no sense."""

    coins: dict[str, Coin] = {}
    feeds: dict[str, Feed] = {}
    chatter: dict[str, Chatter] = {}
    first_at: int | None = None
    dirty: dict[str, int] = {}


class Coins:
    """Folds facts into what is known of each symbol.

    There is a ticker a second of each: those without quotes wait until another fact comes or somebody wants to know,
    and are then taken in one go, by symbol.
    """

    def __init__(self, state: CoinsState, new_window: Callable[[int], Window | None]) -> None:
        """Goes on with `state`; `new_window` makes the window for candles of so many seconds, None if too coarse."""
        self.state = state
        self.candles = Candles(state.feeds)
        self._new_window = new_window
        self._waiting: list[Ticker] = []
        self._together: Together | None = None

    def hear(self, record: Record) -> None:
        """Takes a fact. One that makes no sense is counted by kind, marks its symbol and changes nothing else."""
        if type(record) is Tickers:
            self._hear_together(record)
            return
        if type(record) is Ticker and record.bid is None and record.ask is None:
            self._settle_together()
            self._waiting.append(record)
            if len(self._waiting) >= MOST_WAITING:
                self.settle()
            return
        self.settle()
        self._hear_one(record)

    def settle(self) -> None:
        """Takes the tickers that wait."""
        self._settle_together()
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, []
        texts = [one.quote_volume_24h for one in waiting]
        last = {one.symbol: one for one in waiting}
        if not (
            last.keys() <= self.state.coins.keys()
            and are_amounts(texts)
            and are_prices([one.last for one in waiting])
            and are_amounts([one.volume_24h for one in waiting])
        ):
            for one in waiting:  # a symbol's first one makes it known; what cannot be believed is counted
                self._hear_one(one)
            return
        if self.state.first_at is None:
            self.state.first_at = waiting[0].at
        days: dict[str, list[float]] = {symbol: [] for symbol in last}
        for one, day in zip(waiting, map(float, texts), strict=True):
            days[one.symbol].append(day)
        for symbol, ticker in last.items():
            self._tickers(ticker, None, days[symbol])

    def _hear_together(self, tickers: Tickers) -> None:
        if self._together is None or self._together.names is not tickers.names:
            self.settle()
            self._together = Together(tickers.names, self.state.coins, self.state.feeds)
        if not self._together.take(tickers):
            for one in tickers.records():  # a symbol's first one makes it known
                self.hear(one)
            return
        if self.state.first_at is None and len(tickers):
            self.state.first_at = tickers.at
        if len(self._together) >= MOST_TOGETHER:
            self.settle()

    def _settle_together(self) -> None:
        if self._together is not None:
            together, self._together = self._together, None
            together.settle(self.state.coins, self.state.feeds)

    def _hear_one(self, record: Record) -> None:
        if self.state.first_at is None and not isinstance(record, SymbolRules):
            self.state.first_at = record.at
        try:
            self._hear(record)
        except BadRecord:
            self._dirty(record)

    def _dirty(self, record: Record) -> None:
        self.state.dirty[record.kind] = self.state.dirty.get(record.kind, 0) + 1
        coin = self.state.coins.get(getattr(record, "symbol", ""))
        if coin is not None:
            coin.bad = True

    def _hear(self, record: Record) -> None:
        if isinstance(record, Bar):
            self._bar(record)
        elif isinstance(record, Ticker):
            self._ticker(record)
        elif isinstance(record, BookTop):
            check_price(record)
            self._heard(record).spread_bps = _spread_bps(record.bid, record.ask)
        elif isinstance(record, Trade):
            check_price(record)
            self._heard(record).text = record.price
        elif isinstance(record, SymbolRules):
            self._rules(record)
        elif isinstance(record, Funding):
            coin = self.state.coins.get(record.symbol)
            if coin is not None:
                coin.funding_pct = figure(signed(record.rate) * 100.0)
        elif isinstance(record, Post):
            for symbol in self._talked_of(record.symbols):
                self.state.chatter[symbol].post(record)
        elif isinstance(record, Announcement):
            for symbol in self._talked_of(record.symbols):
                self.state.chatter[symbol].announce(record)

    def _talked_of(self, symbols: tuple[str, ...]) -> list[str]:
        """Gives each symbol once, however often a post names it; too many that nobody trades are not remembered."""
        known: list[str] = []
        for symbol in dict.fromkeys(symbols):
            check_symbol(symbol)
            if symbol not in self.state.chatter:
                if len(self.state.chatter) >= MAX_TALKED_OF and symbol not in self.state.coins:
                    continue
                self.state.chatter[symbol] = Chatter()
            known.append(symbol)
        return known

    def _heard(self, fact: Bar | Ticker | BookTop | Trade) -> Coin:
        mono = fact.mono_ms if fact.mono_ms is not None else fact.at
        coin = self.state.coins.get(fact.symbol)
        if coin is None:
            check_symbol(fact.symbol)
            coin = Coin(symbol=fact.symbol, venue=fact.venue, heard_at=mono, first_at=fact.at)
            self.state.coins[fact.symbol] = coin
        coin.heard_at = mono
        coin.bad = False
        return coin

    def _bar(self, bar: Bar) -> None:
        check_price(bar)
        read = figures(bar)
        coin = self._heard(bar)
        coin.text, coin.step_s = bar.close, bar.step_s
        candle = self.candles.bar(bar, read)
        if candle is not None:
            self._candle(coin, candle)

    def _ticker(self, ticker: Ticker) -> None:
        check_price(ticker)
        coin = self._heard(ticker)
        self.candles.ticker(ticker)
        coin.text = ticker.last
        coin.ticker_volume_24h = float(ticker.quote_volume_24h)
        if ticker.bid is not None and ticker.ask is not None:
            coin.spread_bps = _spread_bps(ticker.bid, ticker.ask)

    def tickers(self, last: Ticker, quoted: Ticker | None, days: Sequence[float]) -> None:
        """Takes several tickers of one known symbol, all believed, in their order.

        The last of them, the last that has a bid and an ask, and what each says of the volume of 24 h.
        """
        self.settle()
        self._tickers(last, quoted, days)

    def _tickers(self, last: Ticker, quoted: Ticker | None, days: Sequence[float]) -> None:
        coin = self.state.coins[last.symbol]
        coin.heard_at = last.mono_ms if last.mono_ms is not None else last.at
        coin.bad, coin.text = False, last.last
        self.candles.tickers(last, days)
        coin.ticker_volume_24h = days[-1]
        if quoted is not None and quoted.bid is not None and quoted.ask is not None:
            coin.spread_bps = _spread_bps(quoted.bid, quoted.ask)

    def minute(self, now: int) -> None:
        """Closes the minute of the symbols that live on tickers, at a tick."""
        self.settle()
        for candle in self.candles.minute(now):
            coin = self.state.coins.get(candle.symbol)
            if coin is not None:
                self._candle(coin, candle)

    def _candle(self, coin: Coin, candle: Candle) -> None:
        if coin.window is None or coin.window.step_s != candle.step_s:
            coin.window = self._new_window(candle.step_s)
            coin.coarse = coin.window is None
        if coin.window is not None:
            if candle.hole:
                coin.window.clear()
            coin.window.take(candle.close, candle.volume)

    def _rules(self, rules: SymbolRules) -> None:
        check_rules(rules)
        coin = self.state.coins.get(rules.symbol)
        if coin is None:
            coin = Coin(symbol=rules.symbol, venue=rules.venue, heard_at=-1, first_at=rules.at)
            self.state.coins[rules.symbol] = coin
        coin.quote, coin.trading = rules.quote, rules.status == "TRADING"
        if rules.onboard_at is not None:
            coin.onboard_at = rules.onboard_at  # rules that were asked for in haste do not tell it

    def newest_minutes(self) -> dict[str, int]:
        """Gives the opening of the newest minute candle that was heard of each symbol."""
        return {symbol: feed.opened_at for symbol, feed in self.state.feeds.items() if feed.step_s == 60}

    def sweep(self, now: int, mono: int, silent_ms: int) -> list[str]:
        """Forgets old chatter, and what symbols did that have been silent for long; gives those."""
        self.settle()
        silent = []
        for symbol in sorted(self.state.coins):
            coin = self.state.coins[symbol]
            if coin.heard_at >= 0 and mono - coin.heard_at > max(silent_ms, 2000 * coin.step_s):
                coin.heard_at, coin.window, coin.text = -1, None, "0"
                self.candles.drop(symbol)
                silent.append(symbol)
        for symbol in sorted(self.state.chatter):
            chatter = self.state.chatter[symbol]
            chatter.sweep(now)
            if chatter.empty:
                del self.state.chatter[symbol]
        return silent


def _spread_bps(bid: str, ask: str) -> Figure | None:
    low, high = price(bid), price(ask)
    return figure((high - low) / ((high + low) / 2.0) * 10_000.0)
