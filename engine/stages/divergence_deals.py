"""The deals of a run: each holding from its first entry to its last exit, with the prices and codes told around it."""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping
from decimal import Context, Decimal, Inexact, InvalidOperation, localcontext
from typing import NamedTuple

import msgspec

from engine.errors import BadRecord
from engine.records.base import Record
from engine.records.desk import Run
from engine.records.ideas import Candidate, CandidateSnapshot, Cycle, Refusal, SignalSnapshot
from engine.records.trades import DUST, Fill, FundingPayment, OrderAttempt, OrderResult, Position
from engine.stages.report_trades import money

#: Sums and products of money never round: a digit that would be lost is an error.
EXACT = Context(prec=400, traps=[Inexact, InvalidOperation])
#: Kinds that make deals, and kinds that tell the rest.
DEEDS = ("run", "order_attempt", "order_result", "fill", "funding_payment", "position")
TELLING = ("candidate", "candidate_snapshot", "signal_snapshot", "refusal", "cycle")
#: A way out that is no order: what is still held. Another is DUST: what was too small to sell.
OPEN = "OPEN"
_NOTHING = Decimal(0)
Coin = tuple[str, str]


class Execution(NamedTuple):
    """A fill's time at the venue, its coins, and the reference price that its order named.

    `at_once` says that it was known when it was decided: the market was then where the order saw it.
    """

    venue_at: int
    qty: Decimal
    reference: Decimal
    at_once: bool


class Leg(msgspec.Struct, kw_only=True):
    """All fills of a deal for one reason: coins, what they cost or brought, and fees, in quote units."""

    side: str
    reason: str
    qty: Decimal = _NOTHING
    notional: Decimal = _NOTHING
    fee: Decimal = _NOTHING
    executions: list[Execution] = []

    @property
    def sign(self) -> int:
        """+1 for what brings money in, -1 for what takes it."""
        return 1 if self.side == "sell" else -1

    @property
    def times(self) -> list[int]:
        """When it was filled."""
        return sorted({one.venue_at for one in self.executions})


class Entry(msgspec.Struct, kw_only=True):
    """An entry order: what it asked for, and how it ended (`working` while it has not)."""

    venue: str
    symbol: str
    at: int
    qty: Decimal
    ended: str = "WORKING"


class Deal(msgspec.Struct, kw_only=True):
    """One holding. `keys` are the intents that opened it, `asked` the coins that their orders asked for.

    `funding` is what it brought (below zero: cost) at funding times.
    """

    venue: str
    symbol: str
    strategy: str
    decided_at: int
    keys: list[str] = []
    asked: Decimal = _NOTHING
    held: Decimal = _NOTHING
    legs: dict[tuple[str, str], Leg] = {}
    funding: Decimal = _NOTHING
    last_price: Decimal = _NOTHING
    last_at: int = 0

    @property
    def coin(self) -> Coin:
        """Its venue and symbol."""
        return self.venue, self.symbol

    @property
    def net(self) -> Decimal:
        """What it earned net of fees and funding, with what is still held at its last known price; inside of EXACT."""
        return sum((leg.sign * leg.notional - leg.fee for leg in self.legs.values()), self.funding)


class Deals:
    """Folds the deeds of one run, in their order, into deals."""

    def __init__(self) -> None:
        """Starts flat."""
        self.run: Run | None = None
        self.all: list[Deal] = []
        self.entries: dict[str, Entry] = {}
        self.open: dict[Coin, Deal] = {}
        self._sent: dict[str, OrderAttempt] = {}
        self._last: Fill | None = None

    @property
    def quote_asset(self) -> str:
        """What the run counts in; empty where no record tells."""
        return str(self.run.settings.get("desk.quote_asset", "")) if self.run is not None else ""

    def take(self, record: Record) -> None:
        """Takes a record; raises BadRecord for deeds that do not add up."""
        with localcontext(EXACT):
            if isinstance(record, Run):
                self.run = record
            elif isinstance(record, OrderAttempt):
                self._attempt(record)
            elif isinstance(record, OrderResult):
                self._result(record)
            elif isinstance(record, Fill):
                self._fill(record)
            elif isinstance(record, FundingPayment):
                self._funding(record)
            elif isinstance(record, Position):
                self._position(record)

    def _attempt(self, attempt: OrderAttempt) -> None:
        self._sent[attempt.client_id] = attempt
        if attempt.purpose == "entry":
            self.entries[attempt.intent_key] = Entry(
                venue=attempt.venue, symbol=attempt.symbol, at=attempt.at, qty=money(attempt.qty)
            )

    def _result(self, result: OrderResult) -> None:
        attempt = self._sent.get(result.client_id)
        if attempt is None or result.status in ("working", "part_filled"):
            return
        del self._sent[result.client_id]
        if attempt.purpose == "entry":
            self.entries[attempt.intent_key].ended = result.code or result.status.upper()

    def _fill(self, fill: Fill) -> None:
        attempt = self._sent.get(fill.client_id)
        if attempt is None:
            raise BadRecord(f"a fill of {fill.symbol[:40]!r} whose order is not there: the whole run is needed")
        deal = self._deal_of(fill, attempt)
        qty, price = money(fill.qty), money(fill.price)
        if qty <= 0:
            raise BadRecord(f"a fill of {fill.symbol[:40]!r} without coins")
        leg = deal.legs.setdefault((fill.side, fill.reason), Leg(side=fill.side, reason=fill.reason))
        leg.qty += qty
        if fill.reason != DUST:  # which costs nothing
            leg.notional += money(fill.notional)
        leg.fee += money(fill.fee_quote)
        at_once = fill.at == attempt.at
        leg.executions.append(Execution(fill.venue_at, qty, money(attempt.reference_price), at_once))
        deal.held -= leg.sign * qty
        deal.last_price, deal.last_at = price, fill.at
        self._last = fill

    def _deal_of(self, fill: Fill, attempt: OrderAttempt) -> Deal:
        deal = self.open.get((fill.venue, fill.symbol))
        if deal is None:
            if attempt.purpose != "entry" or fill.side != "buy":
                raise BadRecord(f"{fill.symbol[:40]!r} is left and was never entered: the whole run is needed")
            deal = Deal(venue=fill.venue, symbol=fill.symbol, strategy=attempt.strategy, decided_at=attempt.at)
            self.open[deal.coin] = deal
            self.all.append(deal)
        if attempt.purpose == "entry" and attempt.intent_key not in deal.keys:
            deal.keys.append(attempt.intent_key)
            deal.asked += money(attempt.qty)
        return deal

    def _funding(self, payment: FundingPayment) -> None:
        deal = self.open.get((payment.venue, payment.symbol))
        if deal is None:
            raise BadRecord(f"funding of {payment.symbol[:40]!r}, of which nothing is held: the whole run is needed")
        deal.funding += money(payment.amount)

    def _position(self, position: Position) -> None:
        deal = self.open.get((position.venue, position.symbol))
        if deal is None:
            raise BadRecord(f"a position in {position.symbol[:40]!r} without fills: the whole run is needed")
        self._kept_coins(deal, money(position.qty) + money(position.dust))
        if position.status == "closed":
            del self.open[deal.coin]
            if deal.held:
                deal.legs["sell", DUST] = Leg(side="sell", reason=DUST, qty=deal.held)

    def _kept_coins(self, deal: Deal, held: Decimal) -> None:
        """Takes a fee that the venue kept in coins out of what was bought: those coins were never held."""
        fill, kept = self._last, deal.held - held
        if not kept:
            return
        if fill is None or (fill.venue, fill.symbol) != deal.coin or fill.side != "buy" or kept != money(fill.fee):
            raise BadRecord(f"a position in {deal.symbol[:40]!r} that its fills do not add up to")
        leg = deal.legs[fill.side, fill.reason]
        last = leg.executions[-1]
        leg.executions[-1] = last._replace(qty=last.qty - kept)
        leg.qty -= kept
        leg.notional -= money(fill.fee_quote)
        if leg.qty <= 0:
            raise BadRecord(f"a fill of {deal.symbol[:40]!r} whose fee is all of it")
        deal.held = held

    def value(self, told: "Told") -> None:
        """Values what is still held, at the end of the run, at its last known price."""
        with localcontext(EXACT):
            for coin, deal in self.open.items():
                at, price = told.last.get(coin, (-1, _NOTHING))
                if at < deal.last_at:
                    at, price = deal.last_at, deal.last_price
                deal.last_at, deal.last_price = at, price
                if deal.held:
                    seen = Execution(at, deal.held, price, True)
                    deal.legs["sell", OPEN] = Leg(
                        side="sell", reason=OPEN, qty=deal.held, notional=deal.held * price, executions=[seen]
                    )


class Told:
    """What a run told around its deals: prices at chosen moments, and how chosen symbols ended in their cycle."""

    def __init__(self, moments: Mapping[Coin, Collection[int]], asked: Iterable[Entry]) -> None:
        """Looks out for the last price of each coin up to each moment, and for the codes of entries asked about."""
        self._moments = {coin: sorted(times) for coin, times in moments.items()}
        self._marks: dict[tuple[Coin, int], tuple[int, Decimal]] = {}
        self._asked: dict[int, set[str]] = {}
        for entry in asked:
            self._asked.setdefault(entry.at, set()).add(entry.symbol)
        self._codes: dict[tuple[int, str], str] = {}
        self.last: dict[Coin, tuple[int, Decimal]] = {}
        self.symbols: set[str] = set()
        self.venues: set[str] = set()
        self.first_at = 0
        self.last_at: int | None = None

    def take(self, record: Record) -> None:
        """Takes a record, in ledger order; raises BadRecord for a price that is none."""
        if isinstance(record, Candidate | CandidateSnapshot | SignalSnapshot):
            self._mark((record.venue, record.symbol), record.at, money(record.price))
        elif isinstance(record, Refusal):
            self.venues.add(record.venue)
            if record.symbol in self._asked.get(record.at, ()):
                named = f"{record.code} ({record.precheck_code})" if record.precheck_code else record.code
                self._codes[record.at, record.symbol] = named
        elif isinstance(record, Cycle):
            self._cycle(record)

    def _mark(self, coin: Coin, at: int, price: Decimal) -> None:
        self.venues.add(coin[0])
        self.last[coin] = (at, price)
        times = self._moments.get(coin)
        if times is not None:
            i = bisect_left(times, at)
            if i < len(times):
                self._marks[coin, times[i]] = (at, price)

    def _cycle(self, cycle: Cycle) -> None:
        if self.last_at is None:
            self.first_at = cycle.at
        self.last_at = cycle.at
        asked = self._asked.get(cycle.at, ())
        for code, symbols in cycle.codes.items():
            self.symbols.update(symbols)
            for symbol in symbols:
                if symbol in asked:
                    self._codes.setdefault((cycle.at, symbol), code)

    def marks(self, coin: Coin) -> dict[int, tuple[int, Decimal]]:
        """Gives for each moment of a coin its last price up to then, with the time at which it was told."""
        found: dict[int, tuple[int, Decimal]] = {}
        newest: tuple[int, Decimal] | None = None
        for moment in self._moments.get(coin, ()):
            newest = self._marks.get((coin, moment), newest)
            if newest is not None:
                found[moment] = newest
        return found

    def overlaps(self, other: "Told") -> bool:
        """Says whether two runs have a time in common."""
        return self.first_at <= (other.last_at or 0) and other.first_at <= (self.last_at or 0)

    def code(self, at: int, symbol: str) -> str:
        """Gives how a symbol ended in the cycle at a time."""
        if not self.first_at <= at <= (self.last_at or 0):
            return "NOT_RUN"
        return self._codes.get((at, symbol), "NOT_SCANNED")
