"""hot explain: explain a reason code."""

from typing import Any

import typer

from cli import options
from cli.show import choose, safe, show, write
from engine.errors import UsageError

app = typer.Typer(add_completion=False)

_COLUMNS = ("code", "stage", "text", "fix")


@app.command()
def explain(
    code: str | None = typer.Argument(None, help="A reason code, as LOW_HEAT, or a precheck code; all when left out."),
    json_: options.Json = False,
    jsonl: options.Jsonl = False,
    csv_: options.Csv = False,
    table: options.Table = False,
    limit: options.Limit = None,
    columns: options.Columns = None,
) -> None:
    """Explain a reason code: the stage where it ends a symbol's way, what it means, and what you can do about it.

    Without a code it lists them all. Codes stand in cycle and refusal records, and in hot why.

    Example: hot explain MAX_POSITIONS
    """
    from engine.records.codes import CODES, PRECHECK_CODES, lookup

    form = choose(json_, jsonl, csv_, table)
    if code is None:
        from cli.commands.trades import print_rows

        rows = [row._asdict() for row in (*CODES.values(), *PRECHECK_CODES.values())]
        # The newest come last in other lists; here the first are wanted.
        print_rows(rows[:limit] if limit is not None else rows, _COLUMNS, _COLUMNS, form, columns, None)
        return
    found = lookup(code)
    if found is None:
        raise UsageError(_unknown(code, [*CODES, *PRECHECK_CODES]))
    if form == "table":
        write(_told(found._asdict()))
    else:
        show([found._asdict()], form, options.column_list(columns))


def _told(row: dict[str, Any]) -> str:
    return f"{safe(row['code'])} (at {row['stage']})\n  {row['text']}\n  What to do: {row['fix']}\n"


def _unknown(code: str, known: list[str]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(code.upper(), known, 1, 0.5)
    hint = f"did you mean {near[0]}?" if near else "hot explain lists them all"
    return f"no code {code!r}: {hint}"
