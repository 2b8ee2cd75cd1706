"""hot report divergence: why one run earned more than another, in shares that sum to the gap exactly."""

import json
import sys
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import typer

from cli import options
from cli.show import choose, safe, say, show, table, write
from engine.errors import Exit, UsageError

if TYPE_CHECKING:
    from engine.stages.divergence import Divergence, Split

COLUMNS = (
    "symbol", "decided_at", "taken_by", "gap", "signal", "timing", "price", "fee", "funding", "fill", "causes", "net_a",
    "net_b", "asked_a", "asked_b", "open_a", "open_b", "strategy", "venue",
)  # fmt: skip
#: So many trades and causes the tables show.
_ROWS = 10
#: So many causes a trade of the table names.
_CAUSES = 3


def divergence(
    a: str = typer.Argument(metavar="A", help="A ledger, a file of decisions (.zst too), or a backtest's results."),
    b: str = typer.Argument(metavar="B", help="The other run: the gap is its net result less that of A."),
    json_: options.Json = False,
    jsonl: options.Jsonl = False,
    csv_: options.Csv = False,
    table_: options.Table = False,
    limit: options.Limit = None,
    columns: options.Columns = None,
) -> None:
    """Split the gap between two runs over the same market into shares that sum to it exactly: in total, by cause, by
    symbol and by trade. Trades are joined by the intents of their entries. Runs that are the same exit 0, others 1.

    signal: trades or exits that only one of the two made, with the code of the other's refusal. timing: the market's
    move between their fills. price: what was paid against the market. fee, funding. fill: other quantities, ASKED for
    (other equity or risk) or FILLED by the venue. What is still held counts at its last known price.

    --table is a summary for people, --json the whole as one object (--jsonl: on one line), --csv the trades that
    differ, the worst first. --limit and --columns are for the trades of --table and --csv.

    Example: hot report divergence paper.db results
    """
    from engine.runs.divergence import divergence_of
    from engine.runs.reporting.plain import as_plain

    named = _known(columns)
    made = divergence_of(a, b)
    form = choose(json_, jsonl, csv_, table_)
    if form == "csv":
        show([_row(one) for one in made.trades[:limit]], form, named or COLUMNS)
    elif form == "table":
        write(f"{_opening(made)}\nA is {safe(a)}, B is {safe(b)}\n")
        write("".join(f"\n{title}\n{table(rows, shown)}" for title, rows, shown in _tables(made, limit, named) if rows))
    else:
        write_whole(as_plain(made), form)
    if not made.total.same and not made.total.intents_shared:
        say("hot report: the two share no intent: each trade is a signal of only one of them")
    sys.stdout.flush()
    raise typer.Exit(Exit.OK if made.total.same else Exit.DIFFERS)


def _known(columns: str | None) -> list[str] | None:
    """Gives the columns asked for; raises UsageError for one that is none."""
    named = options.column_list(columns)
    for name in named or ():
        if name not in COLUMNS:
            raise UsageError(f"--columns: there is no column {name!r}; there are {', '.join(COLUMNS)}")
    return named


def write_whole(made: Any, form: str) -> None:
    """Writes a report as one JSON object, on one line unless the form is `json`."""
    indent, separators = (2, None) if form == "json" else (None, (",", ":"))
    write(json.dumps(made, ensure_ascii=False, indent=indent, separators=separators) + "\n")


def _row(one: "Split") -> dict[str, Any]:
    """Gives a trade as one flat row of exact figures."""
    from engine.runs.reporting.plain import as_plain

    causes = "+".join(f"{cause.share}:{cause.cause}" for cause in one.causes)
    row: dict[str, Any] = as_plain(one)
    return {**row, **row["shares"], "causes": causes}


Rows = list[dict[str, Any]]


def _tables(
    made: "Divergence", limit: int | None, named: Sequence[str] | None
) -> Iterator[tuple[str, Rows, Sequence[str] | None]]:
    """Gives title, rows and columns of each table for people."""
    yield "Shares of the gap", _shares(made), None
    yield "Trades that differ, the worst first", _trades(made, _ROWS if limit is None else limit), named or COLUMNS[:11]
    yield "Causes, the largest first", _causes(made), None
    yield "By symbol", _symbols(made), None
    yield "Settings that differ", [{"setting": key, "a": a, "b": b} for key, (a, b) in made.settings.items()], None
    yield "Still held, at the last known price", _held(made), None


def _opening(made: "Divergence") -> str:
    total = made.total
    quote = total.quote_asset or "quote"
    if total.same:
        return f"the same: both earned {_exact(total.net_a)} {quote}, {total.trades_a} trades"
    return (
        f"gap {_exact(total.gap)} {quote}: B {_exact(total.net_b)} against A {_exact(total.net_a)}; "
        f"{total.trades_b} trades against {total.trades_a}, {len(made.trades)} differ; "
        f"{total.intents_shared} entries shared, {total.intents_only_a} only of A, {total.intents_only_b} only of B"
    )


def _shares(made: "Divergence") -> Rows:
    return [] if made.total.same else [{"share": name, "amount": _exact(part)} for name, part in made.shares.items()]


def _causes(made: "Divergence") -> Rows:
    return [
        {"share": one.share, "cause": one.cause, "trades": one.trades, "amount": _short(one.amount)}
        for one in made.causes[:_ROWS]
    ]


def _symbols(made: "Divergence") -> Rows:
    return [
        {"symbol": one.symbol, "trades": one.trades, "gap": _short(one.gap), **_parts(one.shares)}
        for one in made.by_symbol[:_ROWS]
    ]


def _held(made: "Divergence") -> Rows:
    from engine.runs.reporting.text import moment, price

    return [
        {"run": one.run.upper(), "symbol": one.symbol, "qty": _exact(one.qty), "price": price(one.price),
         "priced_at": moment(one.priced_at), "value": _short(one.value)}
        for one in made.open_positions
    ]  # fmt: skip


def _trades(made: "Divergence", limit: int) -> Rows:
    from engine.runs.reporting.text import moment

    return [
        {**_row(one), "decided_at": moment(one.decided_at), "gap": _short(one.gap), **_parts(one.shares),
         "causes": _named(one)}
        for one in made.trades[:limit]
    ]  # fmt: skip


def _named(one: "Split") -> str:
    """Gives the causes of a trade, the first few by name."""
    named = [f"{cause.share}:{cause.cause}" for cause in one.causes]
    more = len(named) - _CAUSES
    return " ".join([*named[:_CAUSES], f"+{more}"] if more > 0 else named)


def _parts(shares: dict[str, Decimal]) -> dict[str, str]:
    return {name: _short(part) for name, part in shares.items()}


def _exact(value: Decimal) -> str:
    from engine.matching.units import plain

    return plain(value)


def _short(value: Decimal) -> str:
    return f"{value:.4f}"
