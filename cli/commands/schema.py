"""hot schema: print the JSON Schema of a kind of record."""

import json

import typer

from cli import options
from cli.show import choose, write
from engine.errors import UsageError

app = typer.Typer(add_completion=False)

_COLUMNS = ("kind", "owner", "text")


@app.command()
def schema(
    kind: str | None = typer.Argument(None, help="A kind, as candidate_snapshot; all are listed when left out."),
    all_: bool = typer.Option(False, "--all", help="The schemas of all kinds, as one object by kind."),
    json_: options.Json = False,
    jsonl: options.Jsonl = False,
    csv_: options.Csv = False,
    table: options.Table = False,
) -> None:
    """Print the JSON Schema (2020-12) of a kind of record.

    Without a kind it lists all kinds with the stage that owns each: the others hand it on untouched.

    Example: hot schema refusal | jq .properties
    """
    from engine.records import wire

    if all_:
        write(json.dumps({name: wire.schema(name) for name in wire.KINDS}, indent=2) + "\n")
        return
    if kind is None:
        from cli.commands.trades import print_rows

        rows = [
            {"kind": name, "owner": cls.OWNER, "text": (cls.__doc__ or "").split("\n")[0]}
            for name, cls in wire.KINDS.items()
        ]
        print_rows(rows, _COLUMNS, _COLUMNS, choose(json_, jsonl, csv_, table), None, None)
        return
    if kind not in wire.KINDS:
        raise UsageError(_unknown(kind, list(wire.KINDS)))
    write(json.dumps(wire.schema(kind), indent=2) + "\n")


def _unknown(kind: str, known: list[str]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(kind.lower().replace("-", "_"), known, 1, 0.5)
    hint = f"did you mean {near[0]}?" if near else "hot schema lists them all"
    return f"no kind {kind!r}: {hint}"
