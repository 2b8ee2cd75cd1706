"""A report over the decisions in the results folder of a backtest, for any span of it."""

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from engine.errors import BadRecord, HotError, LedgerError
from engine.records.wire import decode
from engine.runs.backtest.account import with_curve
from engine.runs.backtest.results import DECISIONS, EQUITY, MANIFEST, SUMMARY, is_results, is_whole
from engine.stages.report import Fold
from engine.stages.report_curve import Curve
from engine.stages.report_shape import Report
from engine.world.imports.lines import numbered_lines
from engine.world.imports.unpack import pieces

_CANDIDATE = b'{"kind":"candidate",'


def report_of_results(folder: Path, since: int | None = None, until: int | None = None) -> Report:
    """Gives the report of [since, until), with prices and equity as the desk marked them.

    Raises LedgerError for another folder, or results that cannot be read.
    """
    if not is_results(folder):
        raise LedgerError(f"{folder}: neither a ledger nor the results of a backtest")
    try:
        fold = _folded(folder, since, until)
        if until is None:
            fold.price(last_prices(folder))
        return _as_marked(fold.report(), folder, since, until)
    except (BadRecord, ArithmeticError, HotError, OSError, ValueError, KeyError, TypeError) as error:
        raise LedgerError(f"{folder}: results that cannot be read: {error}") from None


def last_prices(folder: Path) -> dict[tuple[str, str], tuple[str, int]]:
    """Gives what each open position was valued at in the end, by venue and symbol: the price, and when that was.

    There are none in results of a backtest that was killed.
    """
    path = folder / SUMMARY
    if not path.is_file():
        return {}
    held = json.loads(path.read_bytes())["open_positions"]
    return {(one["venue"], one["symbol"]): (one["price"], one["priced_at"]) for one in held}


def _folded(folder: Path, since: int | None, until: int | None) -> Fold:
    fold = Fold(since, until)
    held = fold.blotter.open
    for _, line in numbered_lines(pieces(folder / DECISIONS)):
        # Most candidates are of coins that nobody holds: they need no reading.
        if line is None or (not held and line.startswith(_CANDIDATE)):
            continue
        record = decode(line)
        if record is not None:
            fold.take(record)
    return fold


def _as_marked(report: Report, folder: Path, since: int | None, until: int | None) -> Report:
    """Gives the report with the account's equity, and all of its cycles, which blocks do not write down."""
    curve = Curve()
    for at, equity in _equity(folder, since):
        if until is None or at < until:
            curve.add(at, equity)
    if not curve.points:
        return report
    start = curve.points[0].equity if since is not None else report.equity.start
    money = with_curve(msgspec.structs.replace(report.equity, start=start), curve)
    report = msgspec.structs.replace(report, equity=money)
    if since is None and until is None and not is_whole(folder):
        counts: dict[str, Any] = json.loads((folder / MANIFEST).read_bytes())["counts"] or {}
        count = counts.get("cycles", report.cycles.count)
        report = msgspec.structs.replace(report, cycles=msgspec.structs.replace(report.cycles, count=count))
    return report


def _equity(folder: Path, since: int | None) -> Iterator[tuple[int, Decimal]]:
    """Gives the account's equity from a time on; what it was at that time stands first."""
    before: Decimal | None = None
    for _, line in numbered_lines(pieces(folder / EQUITY)):
        row = json.loads(line or b"{}")
        at, equity = int(row["at"]), Decimal(row["equity"])
        if since is not None and at < since:
            before = equity
            continue
        if since is not None and before is not None:
            yield since, before
            before = None
        yield at, equity
