"""Report: what a ledger's records add up to in a span of time: trades, money, refusals, heat and cycles."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from engine.records.base import Record, figure
from engine.records.desk import Run
from engine.records.ideas import Candidate, CandidateSnapshot, Cycle, Refusal, SignalSnapshot
from engine.records.trades import (
    Fill,
    FundingPayment,
    Intent,
    OrderAttempt,
    OrderResult,
    PastTrade,
    Position,
    StateChange,
)
from engine.stages.report_curve import Curve
from engine.stages.report_shape import Cycles, Equity, Funnel, Health, Report, Span
from engine.stages.report_sums import by_reason, by_symbol, summed
from engine.stages.report_tallies import Counts, Means, Refusals, compared
from engine.stages.report_trades import Blotter, Trade, money

#: So many of the newest runs and state changes are kept whole; the rest is counted.
NEWEST_RUNS = 20
NEWEST_CHANGES = 200
NEWEST_ELSEWHERE = 200
#: Signals that say nothing of the coin: its candles were not whole, or too old.
_NOT_COVERED = frozenset({"FRAME_COLD", "STALE_INPUT"})
_OVER = frozenset({"filled", "cancelled", "expired", "rejected"})


class Entry(NamedTuple):
    """An entry order: when it was decided, and the snapshot of its coin then, where that was among the records."""

    at: int
    snapshot: CandidateSnapshot | None


class Start(NamedTuple):
    """Where the span starts from."""

    equity: Decimal
    realised: Decimal
    fees: Decimal
    funding: Decimal


def report(records: Iterable[Record], since: int | None = None, until: int | None = None) -> Report:
    """Gives the report of [since, until) over records in ledger order; those before `since` tell what was held."""
    fold = Fold(since, until)
    for record in records:
        fold.take(record)
    return fold.report()


class Fold:
    """Takes records one by one; remembers trades whole, everything else as bounded sums."""

    def __init__(self, since: int | None = None, until: int | None = None) -> None:
        """Counts what is in [since, until)."""
        self.since, self.until = since, until
        self.blotter, self.curve = Blotter(), Curve()
        self._base = Decimal(0)
        self._start: Start | None = None
        self._trades: list[Trade] = []
        self._runs: deque[Run] = deque(maxlen=NEWEST_RUNS)
        self._changes: deque[StateChange] = deque(maxlen=NEWEST_CHANGES)
        self._elsewhere: deque[PastTrade] = deque(maxlen=NEWEST_ELSEWHERE)
        self._counts = Counts()
        self._results, self._codes = Counts(), Counts()
        self._refusals, self._precheck = Refusals(), Refusals()
        self._ranked, self._entered = Means(), Means()
        self._snapshots: dict[str, CandidateSnapshot] = {}
        self._entries: dict[str, Entry] = {}
        self._held: dict[tuple[str, str], Entry] = {}
        self._cycles: list[int] = []

    def take(self, record: Record) -> None:
        """Takes a record; kinds that say nothing here are passed over. Raises BadRecord for money that is none."""
        taker = _TAKERS.get(type(record))
        if taker is None or (self.until is not None and record.at >= self.until):
            return
        # A run record stands before its market and tells no time of it.
        within = record.kind != "run" and (self.since is None or record.at >= self.since)
        if within and self._start is None and record.kind != "past_trade":
            self._start = self._now()
            self.curve.add(record.at, self._start.equity)
        taker(self, record, within)

    def _now(self) -> Start:
        blotter = self.blotter
        return Start(
            self._base + blotter.realised + blotter.unrealised, blotter.realised, blotter.fees, blotter.funding
        )

    def _run(self, run: Run, within: bool) -> None:
        # Later runs on a ledger go on with the desk of the first.
        if not self._counts.of("run"):
            self._base = money(run.start_equity)
        self._counts.add("run")
        self._runs.append(run)

    def _candidate(self, candidate: Candidate, within: bool) -> None:
        self.blotter.mark(candidate.venue, candidate.symbol, candidate.price, candidate.at)

    def _snapshot(self, snapshot: CandidateSnapshot, within: bool) -> None:
        self.blotter.mark(snapshot.venue, snapshot.symbol, snapshot.price, snapshot.at)
        newest = next(iter(self._snapshots.values()), None)
        if newest is not None and newest.at != snapshot.at:
            self._snapshots.clear()
        self._snapshots[snapshot.symbol] = snapshot
        if within:
            self._counts.add("ranked")
            self._ranked.add(_heats(snapshot))

    def _signal(self, signal: SignalSnapshot, within: bool) -> None:
        self.blotter.mark(signal.venue, signal.symbol, signal.price, signal.at)
        if not within:
            return
        self._counts.add("signals")
        if signal.code not in _NOT_COVERED:
            self._counts.add("covered")
        if signal.action == "enter":
            self._counts.add("enter_signals")

    def _intent(self, intent: Intent, within: bool) -> None:
        if within:
            self._counts.add("intents")

    def _refusal(self, refusal: Refusal, within: bool) -> None:
        if within:
            self._refusals.add(refusal)
            if refusal.stage == "precheck":
                self._precheck.add(refusal)

    def _attempt(self, attempt: OrderAttempt, within: bool) -> None:
        if within:
            self._counts.add("orders")
        if attempt.purpose == "entry":
            snapshot = self._snapshots.get(attempt.symbol)
            known = snapshot is not None and snapshot.at == attempt.at
            self._entries[attempt.client_id] = Entry(attempt.at, snapshot if known else None)

    def _result(self, result: OrderResult, within: bool) -> None:
        if result.status in _OVER:
            self._entries.pop(result.client_id, None)
            if within:
                self._results.add(result.status)

    def _fill(self, fill: Fill, within: bool) -> None:
        opens = self.blotter.fill(fill)
        entry = self._entries.get(fill.client_id)
        if opens and entry is not None:
            self._held[(fill.venue, fill.symbol)] = entry
            self._warm((fill.venue, fill.symbol), entry.snapshot, within)
        if within:
            self._counts.add("fills")

    def _warm(self, key: tuple[str, str], snapshot: CandidateSnapshot | None, within: bool) -> None:
        if snapshot is None:
            return
        self.blotter.open[key].heat = snapshot.heat
        if within:
            self._entered.add(_heats(snapshot))

    def _position(self, position: Position, within: bool) -> None:
        trade = self.blotter.position(position)
        if trade is not None:
            self._held.pop((position.venue, position.symbol), None)
        if within:
            if trade is not None:
                self._trades.append(trade)
            self.curve.add(position.at, self._now().equity)

    def _funding(self, payment: FundingPayment, within: bool) -> None:
        self.blotter.fund(payment)

    def _change(self, change: StateChange, within: bool) -> None:
        if within:
            self._counts.add("state_changes")
            self._changes.append(change)

    def _past_trade(self, trade: PastTrade, within: bool) -> None:
        if within:
            self._counts.add("elsewhere")
            self._elsewhere.append(trade)

    def _cycle(self, cycle: Cycle, within: bool) -> None:
        if not within:
            return
        self._counts.add("cycles")
        self._cycles = [*self._cycles[:1], cycle.at]
        for code, symbols in cycle.codes.items():
            self._codes.add(code, len(symbols))
        self.curve.add(cycle.at, self._now().equity)

    def price(self, prices: Mapping[tuple[str, str], tuple[str, int]]) -> None:
        """Takes what open positions were worth at the last cycle, by venue and symbol: the price, and when that was."""
        self.blotter.price(prices)
        if self._cycles:
            self.curve.add(self._cycles[-1], self._now().equity)

    def unheated(self) -> list[tuple[str, int]]:
        """Gives (symbol, time of decision) of open positions whose snapshot was not among the records taken."""
        return [(symbol, e.at) for (venue, symbol), e in self._held.items() if e.snapshot is None]

    def heat(self, snapshot: CandidateSnapshot) -> None:
        """Takes the snapshot that an open position was entered on, when that was before the span."""
        entry = self._held.get((snapshot.venue, snapshot.symbol))
        if entry is not None and entry.at == snapshot.at:
            self._warm((snapshot.venue, snapshot.symbol), snapshot, within=False)

    def report(self) -> Report:
        """Gives the report of what was taken so far."""
        trades, count = tuple(self._trades), self._counts.of
        first, last = (self._cycles[0], self._cycles[-1]) if self._cycles else (None, None)
        now = last if last is not None else (self.until or 0)
        return Report(
            span=Span(since=self.since, until=self.until, first_at=first, last_at=last), summary=summed(trades),
            equity=self._money(), health=self._health(), funnel=self._funnel(), trades=trades,
            open_positions=tuple(self.blotter.open_positions(now)), by_symbol=by_symbol(trades),
            by_reason=by_reason(trades), refusals=self._refusals.counted(), precheck=self._precheck.counted(),
            heat=compared(self._ranked, self._entered),
            cycles=Cycles(count=count("cycles"), codes=self._codes.ranked()), state_changes=tuple(self._changes),
            state_change_count=count("state_changes"), runs=tuple(self._runs), run_count=count("run"),
            elsewhere=tuple(self._elsewhere), elsewhere_count=count("elsewhere"),
        )  # fmt: skip

    def _money(self) -> Equity:
        now, curve = self._now(), self.curve
        start = self._start if self._start is not None else now
        based = bool(self._counts.of("run"))
        quote = self._runs[-1].settings.get("desk.quote_asset", "") if self._runs else ""
        return Equity(
            quote_asset=str(quote), start=start.equity, end=now.equity, realised=now.realised - start.realised,
            unrealised=self.blotter.unrealised, fees=now.fees - start.fees, funding=now.funding - start.funding,
            max_drawdown=curve.drawdown,
            max_drawdown_pct=curve.drawdown_pct if based else None, max_drawdown_at=curve.deepest_at,
            drawdown_pct=curve.depth_pct if based else None, points=tuple(curve.points),
        )  # fmt: skip

    def _health(self) -> Health:
        count = self._counts.of
        return Health(
            signal_coverage_pct=_pct(count("covered"), count("ranked")),
            precheck_failure_pct=_pct(self._precheck.total, self._precheck.total + count("intents")),
            ambiguous_pct=_pct(len([trade for trade in self._trades if trade.ambiguous]), len(self._trades)),
        )

    def _funnel(self) -> Funnel:
        count = self._counts.of
        return Funnel(
            ranked=count("ranked"), signals=count("signals"), enter_signals=count("enter_signals"),
            intents=count("intents"), orders=count("orders"), order_results=self._results.ranked(),
            fills=count("fills"),
        )  # fmt: skip


_TAKERS: dict[type[Record], Callable[[Fold, Any, bool], None]] = {
    Run: Fold._run, Candidate: Fold._candidate, CandidateSnapshot: Fold._snapshot, SignalSnapshot: Fold._signal,
    Intent: Fold._intent, Refusal: Fold._refusal, OrderAttempt: Fold._attempt, OrderResult: Fold._result,
    Fill: Fold._fill, Position: Fold._position, FundingPayment: Fold._funding, StateChange: Fold._change,
    Cycle: Fold._cycle, PastTrade: Fold._past_trade,
}  # fmt: skip


def _heats(snapshot: CandidateSnapshot) -> dict[str, float]:
    return {"heat": snapshot.heat, **snapshot.dimensions}


def _pct(part: int, whole: int) -> float | None:
    return figure(100.0 * part / whole) if whole else None
