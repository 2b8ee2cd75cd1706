"""What an evaluation listens for: ranked candidates with the market around them, prices, and closed trades."""

from array import array
from decimal import Decimal
from typing import NamedTuple

from engine.errors import BadRecord, DirtyInput
from engine.kernels.heat import HEAT_WEIGHTS
from engine.records.base import Record
from engine.records.desk import Run
from engine.records.ideas import Candidate, CandidateSnapshot
from engine.records.market import Bar, Tick, Ticker, Trade, check_price
from engine.records.trades import Fill, OrderAttempt, Position
from engine.stages.report_trades import Blotter

#: The kinds that tell what was decided; the rest of what is listened for are prices.
DECIDED = frozenset({"run", "candidate", "candidate_snapshot", "tick", "order_attempt", "fill", "position"})
#: heat itself, then its dimensions.
SCORES = ("heat", *HEAT_WEIGHTS)
#: Symbols that the scan did not look at: no part of the market that the ranked ones are held against.
_UNFIT = frozenset({"EXCLUDED", "NOT_TRADING", "BAD_DATA", "SILENT", "COLD"})
#: Of prices closer than this one is kept: horizons are whole seconds.
_APART_MS = 1000
_UNKNOWN = float("nan")


class Closed(NamedTuple):
    """A closed trade: profit net of fees, return in percent of what was paid, and the snapshot it was entered on."""

    pnl: Decimal
    return_pct: float | None
    snapshot: CandidateSnapshot | None
    weights: dict[str, float]


class Prices:
    """When one symbol had which price: a candle's open from its first millisecond on, any other after it was told.

    A fact that came at T stood before the tick at T, so it is no price that a reader of that tick could still get.
    """

    __slots__ = ("at", "price")

    def __init__(self) -> None:
        """Starts empty."""
        self.at, self.price = array("q"), array("d")

    def add(self, fact: Bar | Ticker | Trade) -> None:
        """Takes a fact; one from before the last kept price, as an hour candle beside minute ones, is passed over."""
        if isinstance(fact, Bar):
            at, text = fact.open_at, fact.open
        else:
            at, text = fact.at - 1, fact.last if isinstance(fact, Ticker) else fact.price
        if not self.at or at - self.at[-1] >= _APART_MS:
            self.at.append(at)
            self.price.append(float(text))


class Heard:
    """Takes records in their order; what was decided and the prices may come one after the other."""

    def __init__(self, weights: dict[str, float] | None = None) -> None:
        """`weights` are those of heat's dimensions, until a run record names others."""
        self.weights = weights if weights is not None else dict(HEAT_WEIGHTS)
        self.ticks = array("q")
        self.prices: dict[str, Prices] = {}
        #: For each symbol that was looked at, the cycles in which it was.
        self.looked_at: dict[str, array[int]] = {}
        self.cycle, self.symbols = array("q"), list[str]()
        self.scores = {name: array("d") for name in SCORES}
        self.trades: list[Closed] = []
        self._scanned: list[str] = []
        self._snapshots: dict[str, CandidateSnapshot] = {}
        self._blotter = Blotter()
        self._entries: dict[str, CandidateSnapshot | None] = {}
        self._held: dict[tuple[str, str], tuple[CandidateSnapshot | None, dict[str, float]]] = {}

    def take(self, record: Record) -> None:
        """Takes a record; a price that makes no sense is passed over, as the stages do.

        Raises DirtyInput for cycles that do not go on in time, BadRecord for money that is none.
        """
        if isinstance(record, Bar | Ticker | Trade):
            self._price(record)
        elif isinstance(record, Candidate):
            self._scanned.append(record.symbol)
        elif isinstance(record, CandidateSnapshot):
            self._snapshot(record)
        elif isinstance(record, Tick):
            self._tick(record)
        elif isinstance(record, Run):
            self.weights = {
                name: float(record.settings.get(f"heat.{name}", HEAT_WEIGHTS[name])) for name in HEAT_WEIGHTS
            }
        else:
            self._trade(record)

    def _price(self, fact: Bar | Ticker | Trade) -> None:
        try:
            check_price(fact)
        except BadRecord:
            return
        prices = self.prices.get(fact.symbol)
        if prices is None:
            prices = self.prices[fact.symbol] = Prices()
        prices.add(fact)

    def _snapshot(self, snapshot: CandidateSnapshot) -> None:
        newest = next(iter(self._snapshots.values()), snapshot)
        if newest.at != snapshot.at:
            self._snapshots.clear()
        self._snapshots[snapshot.symbol] = snapshot

    def _tick(self, tick: Tick) -> None:
        if self.ticks and tick.at <= self.ticks[-1]:
            raise DirtyInput(
                f"the tick of {tick.at} comes after that of {self.ticks[-1]}: evaluate one market at a time"
            )
        ranked = [one for one in self._snapshots.values() if one.at == tick.at]
        looked_at = {*self._scanned, *(one.symbol for one in ranked)}
        looked_at.update(symbol for code in tick.codes.keys() - _UNFIT for symbol in tick.codes[code])
        cycle = len(self.ticks)
        self.ticks.append(tick.at)
        for symbol in looked_at:
            self.looked_at.setdefault(symbol, array("q")).append(cycle)
        for one in ranked:
            self.cycle.append(cycle)
            self.symbols.append(one.symbol)
            self.scores["heat"].append(one.heat)
            for name in HEAT_WEIGHTS:
                self.scores[name].append(one.dimensions.get(name, _UNKNOWN))
        self._scanned = []

    def _trade(self, record: Record) -> None:
        if isinstance(record, OrderAttempt):
            if record.purpose == "entry":
                snapshot = self._snapshots.get(record.symbol)
                known = snapshot is not None and snapshot.at == record.at
                self._entries[record.client_id] = snapshot if known else None
        elif isinstance(record, Fill):
            if self._blotter.fill(record):
                self._held[record.venue, record.symbol] = self._entries.get(record.client_id), self.weights
        elif isinstance(record, Position):
            closed = self._blotter.position(record)
            if closed is not None:
                entry = self._held.pop((record.venue, record.symbol), (None, self.weights))
                self.trades.append(Closed(closed.pnl, closed.return_pct, *entry))
