"""What people see: safe text, tables, JSON, JSONL and CSV, on a terminal or in a pipe."""

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from cli.terminal import escaped

Format = Literal["table", "json", "jsonl", "csv"]

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?", re.IGNORECASE)


def safe(text: str) -> str:
    """Gives a text of one line with every character that could steer a terminal written as an escape."""
    return escaped(text).replace("\n", "\\u000a")


def choose(json_: bool, jsonl: bool, csv_: bool, table: bool) -> Format:
    """Gives the output format: what was asked for, else a table on a terminal and JSONL in a pipe."""
    for wanted, name in ((json_, "json"), (jsonl, "jsonl"), (csv_, "csv"), (table, "table")):
        if wanted:
            return name  # type: ignore[return-value]
    return "table" if sys.stdout.isatty() else "jsonl"


def show(
    rows: Sequence[Mapping[str, Any]], form: Format, columns: Sequence[str] | None = None, limit: int | None = None
) -> None:
    """Prints rows in a format; `columns` picks and orders, `limit` keeps the first so many."""
    import json

    if limit is not None:
        rows = rows[:limit]
    if columns:
        rows = [{name: row.get(name) for name in columns} for row in rows]
    if form == "json":
        write(json.dumps(list(rows), ensure_ascii=False, indent=2) + "\n")
    elif form == "jsonl":
        for row in rows:
            write(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n")
    elif form == "csv":
        _csv(rows, columns)
    else:
        write(table(rows, columns))


def write(text: str) -> None:
    """Writes to stdout."""
    sys.stdout.write(text)


def say(text: str) -> None:
    """Tells a person something, on stderr."""
    sys.stderr.write(safe(text) + "\n")
    sys.stderr.flush()


def table(rows: Iterable[Mapping[str, Any]], columns: Sequence[str] | None = None) -> str:
    """Gives rows as an aligned plain-text table; numbers to the right."""
    rows = list(rows)
    if not rows:
        return "(nothing)\n"
    names = list(columns) if columns else list(rows[0])
    cells = [[_cell(row.get(name)) for name in names] for row in rows]
    widths = [max(len(name), *(len(line[i]) for line in cells)) for i, name in enumerate(names)]
    right = [all(_NUMBER.fullmatch(line[i]) or line[i] in ("", "-") for line in cells) for i in range(len(names))]
    lines = ["  ".join(_pad(name, widths[i], right[i]) for i, name in enumerate(names)).rstrip()]
    lines.append("  ".join("-" * width for width in widths))
    lines += ["  ".join(_pad(line[i], widths[i], right[i]) for i in range(len(names))).rstrip() for line in cells]
    return "\n".join(lines) + "\n"


def _pad(text: str, width: int, right: bool) -> str:
    return text.rjust(width) if right else text.ljust(width)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, dict | list | tuple):
        value = _compact(value)
    return safe(str(value))


def _csv(rows: Sequence[Mapping[str, Any]], columns: Sequence[str] | None) -> None:
    import csv

    names = list(columns) if columns else list(rows[0]) if rows else []
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(names)
    for row in rows:
        writer.writerow([defused(row.get(name)) for name in names])


def _compact(value: Any) -> str:
    import json

    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def defused(value: Any) -> Any:
    """Gives a CSV cell that no spreadsheet takes for a formula; numbers stay numbers."""
    if value is None:
        return ""
    if isinstance(value, dict | list | tuple):
        value = _compact(value)
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA) and not _NUMBER.fullmatch(text) else text
