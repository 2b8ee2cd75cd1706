"""A report over the decisions in the results folder of a backtest, for any span of it."""

from pathlib import Path

from engine.errors import BadRecord, HotError, LedgerError
from engine.records.wire import decode
from engine.runs.backtest.results import DECISIONS, is_results
from engine.stages.report import Fold
from engine.stages.report_shape import Report
from engine.world.imports.lines import numbered_lines
from engine.world.imports.unpack import pieces

_CANDIDATE = b'{"kind":"candidate",'


def report_of_results(folder: Path, since: int | None = None, until: int | None = None) -> Report:
    """Gives the report of [since, until); raises LedgerError for another folder, or decisions that cannot be read."""
    if not is_results(folder):
        raise LedgerError(f"{folder}: neither a ledger nor the results of a backtest")
    fold = Fold(since, until)
    held = fold.blotter.open
    try:
        for _, line in numbered_lines(pieces(folder / DECISIONS)):
            # Most candidates are of coins that nobody holds: they need no reading.
            if line is None or (not held and line.startswith(_CANDIDATE)):
                continue
            record = decode(line)
            if record is not None:
                fold.take(record)
    except (BadRecord, ArithmeticError, HotError, OSError) as error:
        raise LedgerError(f"{folder / DECISIONS} cannot be read: {error}") from None
    return fold.report()
