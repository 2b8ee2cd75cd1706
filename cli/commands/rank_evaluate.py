"""hot rank --evaluate: did heat predict what prices did next, as tables, JSON or CSV."""

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from cli import options
from cli.commands.report_divergence import write_whole
from cli.commands.run import strategy_failed
from cli.pipe import Rejects, stdin_is_market
from cli.play import Bar, Stop
from cli.show import choose, say, show, table, write
from engine.errors import Exit, UsageError
from engine.runs import settings
from engine.runs.evaluate.evaluate import HORIZONS_S, NOTE, TRADES_NOTE, Evaluation, evaluate, flat_rows, plain
from engine.runs.evaluate.heard import SCORES, Heard
from engine.runs.evaluate.read import from_file, from_ledger, from_market, horizons_of
from engine.runs.market import open_market

_WIDTH = 110
_SCORES = "score", "horizon", "observations", "mean %", "lift %", "lift %/h", "hit %", "IC"
_BUCKETS = "heat", "horizon", "observations", "mean %", "lift %", "hit %"


class Wanted(NamedTuple):
    """What was asked for on the command line."""

    market: str | None
    ledger: Path | None
    config: Path | None
    sets: list[str]
    horizons: tuple[str, ...]
    seed: int
    strict: bool
    quiet: bool


def evaluated(wanted: Wanted, json_: bool, jsonl: bool, csv_: bool, table_: bool) -> int:
    """Prints the evaluation in the format asked for and gives the exit code."""
    horizons = horizons_of(wanted.horizons, HORIZONS_S)
    rejects = Rejects("rank", wanted.strict)
    with Stop() as stop:
        heard = _heard(wanted, rejects, stop)
        if stop.asked:
            say("hot rank: interrupted, so nothing was evaluated")
            return Exit.SIGNAL + 2
    found = evaluate(heard, horizons, wanted.seed)
    form = choose(json_, jsonl, csv_, table_)
    if form == "csv":
        show(flat_rows(found), form)
    elif form == "table":
        write(tables(found))
    else:
        write_whole(plain(found), form)
    return rejects.code()


def _heard(wanted: Wanted, rejects: Rejects, stop: Stop) -> Heard:
    if wanted.ledger is not None:
        if wanted.sets or wanted.config is not None:
            raise UsageError("a ledger was ranked with its own settings: leave out --set, --top and --config")
        return from_ledger(wanted.ledger, wanted.market, rejects.add)
    if wanted.market is None:
        if not stdin_is_market():
            raise UsageError("nothing to evaluate: name a --market or a --ledger, or pipe in what hot rank wrote")
        if wanted.sets or wanted.config is not None:
            raise UsageError("what is piped in was ranked before: leave out --set, --top and --config")
        return from_file("-", rejects.add)
    used = settings.load(wanted.config, wanted.sets)
    from_path = options.market_of([wanted.market], None, None, None, None, "max", wanted.strict, 0)
    opened = open_market(from_path, rejects.add, with_span=not wanted.quiet and wanted.market != "-")
    with Bar("hot rank", wanted.quiet, opened.span) as bar:
        return from_market(used, opened, show=bar.show, stopped=stop, on_failure=strategy_failed)


def tables(found: Evaluation) -> str:
    """Gives an evaluation as tables for people."""
    first, last = found.first_at, found.last_at
    spanned = f"{options.utc(first)} to {options.utc(last)} UTC, " if first is not None and last is not None else ""
    rows = [row for row in flat_rows(found) if row["score"] in found.known]
    unknown = [name for name in SCORES if name not in found.known]
    parts = [
        f"{spanned}{found.cycles} cycles, {found.ranked} ranked candidates, {found.symbols} symbols looked at",
        "; ".join(f"{_length(at.horizon_s)}: {at.left_out} left out without a price" for at in found.horizons),
        "",
        "All ranked candidates, and how the lift decays with the horizon",
        table([_row(row, _SCORES) for row in _by_score(rows)], _SCORES),
        *([f"Never known: {', '.join(unknown)}", ""] if unknown else []),
        "By heat",
        table([_row(row, _BUCKETS) for row in rows if _is_bucket(row)], _BUCKETS),
        _wrapped(NOTE),
        "",
        "Profit of closed trades by dimension of heat",
        table(_owed(found), ("dimension", "profit", "share %")),
        _fitted(found),
        _wrapped(TRADES_NOTE),
    ]
    return "\n".join(parts) + "\n"


def _by_score(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Gives the rows of whole scores, each score's horizons below one another."""
    return sorted((row for row in rows if row["bucket"] == "all"), key=lambda row: SCORES.index(row["score"]))


def _is_bucket(row: dict[str, Any]) -> bool:
    return bool(row["score"] == "heat" and row["bucket"] != "all" and row["observations"])


def _row(row: dict[str, Any], columns: Sequence[str]) -> dict[str, Any]:
    cells = {
        "score": row["score"], "heat": row["bucket"], "horizon": _length(row["horizon_s"]),
        "observations": row["observations"], "mean %": _spread(row, "mean_pct", 3),
        "lift %": _spread(row, "lift_pct", 3), "lift %/h": _number(row["lift_pct_per_h"], 3),
        "hit %": _spread(row, "hit_pct", 1), "IC": _spread(row, "ic", 3),
    }  # fmt: skip
    return {name: cells[name] for name in columns}


def _spread(row: dict[str, Any], name: str, digits: int) -> str:
    if row[name] is None:
        return "not enough"
    return f"{row[name]:.{digits}f} [{row[f'{name}_low']:.{digits}f}, {row[f'{name}_high']:.{digits}f}]"


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _owed(found: Evaluation) -> list[dict[str, Any]]:
    owed = found.attribution
    parts = {**{name: amount for name, amount in owed.parts.items() if amount}, "unknown": owed.unknown}
    rows = [
        {"dimension": name, "profit": f"{amount:.8f}", "share %": f"{amount / owed.pnl * 100:.1f}" if owed.pnl else "-"}
        for name, amount in parts.items()
        if amount or name != "unknown"
    ]
    return [
        *rows,
        {
            "dimension": f"all {owed.trades} trades",
            "profit": f"{owed.pnl:.8f}",
            "share %": "100.0" if owed.pnl else "-",
        },
    ]


def _fitted(found: Evaluation) -> str:
    owed = found.attribution
    if owed.fit is None:
        return f"R2: not enough ({owed.trades} closed trades)\n"
    return f"R2 {owed.fit.r2:.3f}, left out {owed.fit.r2_left_out:.3f} (on {', '.join(owed.fitted)})\n"


def _wrapped(text: str) -> str:
    return textwrap.fill(text, _WIDTH)


def _length(seconds: int) -> str:
    for unit, name in ((86_400, "d"), (3600, "h"), (60, "m")):
        if seconds % unit == 0:
            return f"{seconds // unit}{name}"
    return f"{seconds}s"
