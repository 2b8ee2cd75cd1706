"""Reporting: a ledger's report for a span of time."""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from engine.errors import BadRecord, LedgerError
from engine.ledger.ledger import Ledger
from engine.records.ideas import CandidateSnapshot
from engine.records.wire import decode
from engine.runs.latency import Latency, latency_of
from engine.runs.marks import prices_in
from engine.stages.report import Fold
from engine.stages.report_shape import Report

DAY_MS = 86_400_000
_HOUR_MS = 3_600_000
#: What tells which positions a span starts with.
_BEFORE = ("run", "order_attempt", "order_result", "fill", "funding_payment", "position")
_WITHIN = (
    *_BEFORE, "cycle", "candidate", "candidate_snapshot", "signal_snapshot", "intent", "refusal", "state_change",
    "past_trade",
)  # fmt: skip
#: What closed trades follow from, with their heat.
TRADES_ONLY = (*_BEFORE, "candidate_snapshot")
_CANDIDATE = b'{"kind":"candidate",'


def report_of(path: Path, since: int | None = None, until: int | None = None, kinds: Sequence[str] = _WITHIN) -> Report:
    """Gives the report of a ledger over [since, until) in record time; the whole of it where neither is given.

    `path` may also be the results folder of a backtest. Fewer `kinds` make it faster, and leave out what follows from
    the others. Raises LedgerError for a file that is no ledger, or a row that cannot be read.
    """
    if path.is_dir():
        from engine.runs.backtest.report import report_of_results

        return report_of_results(path, since, until)
    with Ledger.read(path) as ledger:
        fold = Fold(since, until)
        if since is not None:
            _take(ledger, fold, ledger.lines(kinds=_BEFORE, until=since))
            _warm(ledger, fold, since)
        _take(ledger, fold, ledger.lines(kinds=kinds, since=since, until=until))
        last = ledger.last_tick()
        if until is None or (last is not None and last[1] < until):
            fold.price(prices_in(ledger))
        return fold.report()


def latency_in(path: Path) -> Latency | None:
    """Gives how long the cycles of a ledger's last run took; None where nothing tells it."""
    if path.is_dir():
        return None
    with Ledger.read(path) as ledger:
        return latency_of(ledger)


def today(now_ms: int | None = None) -> tuple[int, int]:
    """Gives the UTC day of a time, or of the clock, as [since, until)."""
    now = now_ms if now_ms is not None else time.time_ns() // 1_000_000
    since = now // DAY_MS * DAY_MS
    return since, since + DAY_MS


def last_day(path: Path) -> tuple[int | None, int | None]:
    """Gives the UTC day of a ledger's last tick as [since, until); (None, None) before its first, and for results of a
    backtest.
    """
    if path.is_dir():
        return None, None
    with Ledger.read(path) as ledger:
        last = ledger.last_tick()
    return today(last[1]) if last is not None else (None, None)


def ledger_or_newest(named: Path | None, tell: Callable[[str], None]) -> Path:
    """Gives the ledger that was named, else the newest of the data folder, which is told."""
    if named is not None:
        return named
    from engine.runs.data import latest_ledger

    path = latest_ledger()
    tell(f"ledger {path}")
    return path


def _take(ledger: Ledger, fold: Fold, rows: Iterator[tuple[int, bytes]]) -> None:
    held = fold.blotter.open
    for seq, line in rows:
        # Most candidates are of coins that nobody holds: they need no reading.
        if not held and line.startswith(_CANDIDATE):
            continue
        try:
            record = decode(line)
            if record is not None:
                fold.take(record)
        except (BadRecord, ArithmeticError) as error:
            raise LedgerError(f"{ledger.path}: row {seq} cannot be read ({error}); run `hot ledger verify`") from None


def _warm(ledger: Ledger, fold: Fold, since: int) -> None:
    """Gives what is held at the start its heat and its last told price."""
    for symbol, at in fold.unheated():
        for _, line in ledger.lines(kinds=["candidate_snapshot"], since=at, until=at + 1, symbol=symbol):
            snapshot = decode(line)
            if isinstance(snapshot, CandidateSnapshot):
                fold.heat(snapshot)
    for _, symbol in sorted(fold.blotter.open):
        _take(ledger, fold, ledger.lines(kinds=["candidate"], since=since - _HOUR_MS, until=since, symbol=symbol))
