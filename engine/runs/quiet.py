"""Quiet facts, of symbols that nobody holds or waits for: tickers are put aside and remembered at the tick, and candles
of one instant go a shorter way.
"""

from collections.abc import Sequence

from engine.errors import BadRecord
from engine.matching.exchange import PaperExchange
from engine.records.base import Record
from engine.records.market import Bar, Ticker, check_price
from engine.records.tickers import Tickers
from engine.runs.stages import Stages
from engine.stages.intake import Decimals, is_finer
from engine.stages.recent import PRICE_KINDS, SAMPLE_MS

#: A ticker, or a row of some that came together.
_Told = Ticker | tuple[Tickers, int]


class _Aside:
    """What the tickers of one symbol that were put aside leave to be remembered.

    `days` are their volumes of 24 hours, `samples` those that are far enough apart, `quoted` the last with bid and ask;
    of tickers that came together it is kept which row of which. `decimals` are those known of the symbol where its
    rules hang on them.
    """

    __slots__ = ("days", "decimals", "due", "last", "quoted", "samples")

    def __init__(self, due: int, decimals: Decimals | None) -> None:
        self.due, self.decimals = due, decimals
        self.days: list[float] = []
        self.samples: list[_Told] = []
        self.last: _Told | None = None
        self.quoted: Ticker | None = None


class Quiet:
    """Feeds stages whose facts nobody listens to: what they decide, and remember at a tick, is as if fact by fact.

    A ticker of a symbol that is known, not held and without an order moves memories only, each symbol's by itself, so
    they can wait for the end of the cycle. A candle that comes right after another of the same instant moves neither
    the clock nor the account, so each stage that remembers it is told at once. Everything else goes through the stages.
    """

    def __init__(self, stages: Stages) -> None:
        """Puts nothing aside for stages that trade on an account."""
        self._stages = stages
        self._venues = [venue for venue in (stages.precheck.exchange, stages.venue) if isinstance(venue, PaperExchange)]
        self._desks = [stages.precheck.shadow.desk, stages.order.desk]
        self._aside: dict[str, _Aside] = {}
        #: Tickers that came together and were looked at one by one, until the tick.
        self._apart: dict[int, tuple[Tickers, list[Ticker]]] = {}
        self._never = len(self._venues) < len(self._desks)
        # The least silence that a desk takes notice of: whatever comes after one goes through the stages.
        self._stale_ms = 1000 * min(desk.settings.feed_stale_s for desk in self._desks)
        self._from = self._until = self._mono = self._count = 0
        #: The instant whose candles may go the shorter way, -1 for none.
        self._instant = -1

    def take(self, fact: Record) -> bool:
        """Puts a fact aside where that can be, and says whether it did; else it is to be fed, after `settle`."""
        if type(fact) is Bar:
            return fact.at == self._instant and self._pass(fact)
        if type(fact) is not Ticker:
            return False
        at, mono = fact.at, fact.mono_ms
        if mono is None:
            mono = at
        if not self._from <= at <= self._until or mono - self._mono > self._stale_ms:
            return False
        aside = self._aside.get(fact.symbol) or self._admit(fact.symbol)
        if aside is None:
            return False
        try:
            check_price(fact)
        except BadRecord:
            return False
        if aside.decimals is not None and is_finer(aside.decimals, fact):
            return False
        aside.last = fact
        aside.days.append(float(fact.quote_volume_24h))
        if at >= aside.due:
            aside.samples.append(fact)
            aside.due = at + SAMPLE_MS
        if fact.bid is not None and fact.ask is not None:
            aside.quoted = fact
        self._count += 1
        if mono > self._mono:
            self._mono = mono
        return True

    def take_together(self, tickers: Tickers) -> Sequence[Ticker]:
        """Puts tickers aside that came together; gives those that cannot be, one by one."""
        at, mono = tickers.at, tickers.mono_ms
        if mono is None:
            mono = at
        if not self._from <= at <= self._until or mono - self._mono > self._stale_ms:
            return tickers.records()
        loud = []
        for row, (symbol, day) in enumerate(zip(tickers.symbols, tickers.days.tolist(), strict=True)):
            aside = self._aside.get(symbol) or self._admit(symbol)
            if aside is None or aside.decimals is not None:
                loud.append(row)
                continue
            aside.last = (tickers, row)
            aside.days.append(day)
            if at >= aside.due:
                aside.samples.append(aside.last)
                aside.due = at + SAMPLE_MS
        self._count += len(tickers) - len(loud)
        self._mono = max(self._mono, mono)
        if not loud:
            return ()
        apart = tickers.records()
        return [apart[row] for row in loud]

    def _ticker(self, told: _Told) -> Ticker:
        if isinstance(told, Ticker):
            return told
        tickers, row = told
        if id(tickers) not in self._apart:
            self._apart[id(tickers)] = tickers, tickers.records()
        return self._apart[id(tickers)][1][row]

    def _pass(self, bar: Bar) -> bool:
        """Tells each stage of a candle what it remembers of it, where nothing else comes of it."""
        symbol, stages = bar.symbol, self._stages
        if self._count or not self._is_quiet(symbol):
            return False
        decimals = stages.intake.state.inferred.get(symbol)
        try:
            check_price(bar)
        except BadRecord:
            return False
        if decimals is not None and is_finer(decimals, bar):
            return False
        stages.scan.take(bar)
        stages.signal.take(bar)
        for desk in self._desks:
            desk.see(bar)
        for venue in self._venues:
            venue.pass_by(bar)
        return True

    def _is_quiet(self, symbol: str) -> bool:
        """Says whether a symbol is known, and nobody holds it or waits for it."""
        for desk, venue in zip(self._desks, self._venues, strict=True):
            known = desk.state
            if symbol in known.books or symbol not in known.recent or symbol in venue.state.working:
                return False
        return symbol in self._stages.intake.state.ruled and symbol in self._stages.scan.state.market.coins

    def _admit(self, symbol: str) -> _Aside | None:
        if not self._is_quiet(symbol):
            return None
        one, other = (desk.state.recent[symbol].due for desk in self._desks)
        if one != other:
            return None
        aside = self._aside[symbol] = _Aside(one, self._stages.intake.state.inferred.get(symbol))
        return aside

    def settle(self, fact: Record | None) -> None:
        """Lets the stages remember what was put aside and `fact` may hang on; of all symbols where it is None."""
        if self._count:
            for desk in self._desks:
                desk.heard(self._count, self._mono)
            self._count = 0
        if fact is not None and fact.kind in PRICE_KINDS and fact.at <= self._until:
            aside = self._aside.pop(getattr(fact, "symbol", ""), None)
            if aside is not None:
                self._remember(aside)
            return
        for aside in self._aside.values():
            self._remember(aside)
        self._aside.clear()
        self._apart.clear()

    def look(self, fact: Record) -> None:
        """Takes notice of where the stages are after a fact that went through them: which times may be put aside."""
        self._instant = fact.at if type(fact) is Bar and not self._never else -1
        clock = self._stages.intake.clock
        # Within the cycle of the tick that is due a ticker makes no other tick due; after a bar it may.
        if self._never or not clock.state.streaming:
            self._until = 0
            return
        due = clock.state.due
        # Nor does it pay funding, up to the time at which that is due.
        paid_at = min(desk.state.funding.next_at for desk in self._desks)
        self._from, self._until = due - clock.cycle_ms + 1, min(due, paid_at)
        self._mono = max(desk.state.last_fact for desk in self._desks)

    def _remember(self, aside: _Aside) -> None:
        if aside.last is None:
            return
        last, stages, days = self._ticker(aside.last), self._stages, aside.days
        samples = [self._ticker(one) for one in aside.samples]
        stages.scan.coins.tickers(last, aside.quoted, days)
        stages.signal.candles.tickers(last, days)
        for desk in self._desks:
            desk.state.recent[last.symbol].tickers(samples, last, aside.quoted)
        for venue in self._venues:
            venue.pass_by(last)
