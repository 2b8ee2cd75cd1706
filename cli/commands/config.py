"""hot config: show settings with where each came from, or write them all to a file."""

import re
from pathlib import Path
from typing import Any

import typer

from cli import options
from cli.show import choose, write
from engine.errors import ConfigError, UsageError

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Show settings, or write them all to a file.")

_COLUMNS = ("key", "value", "origin")
_SECRET = re.compile(r"key|secret|token|password", re.IGNORECASE)


@app.command()
def show(
    config: options.Config = None,
    sets: options.Sets = None,
    json_: options.Json = False,
    jsonl: options.Jsonl = False,
    csv_: options.Csv = False,
    table: options.Table = False,
    limit: options.Limit = None,
    columns: options.Columns = None,
) -> None:
    """Show every setting in force with where it came from: default, file and line, environment, or --set.

    Later ones win: defaults, hot.toml (or --config), HOT_SECTION__KEY, --set. Values of keys that name a key, secret,
    token or password are not shown.

    Example: hot config show --set hotcoin.stop_pct=3 --table
    """
    import msgspec

    from cli.commands.trades import print_rows
    from engine.runs import settings

    used = settings.load(config, list(sets or []))
    rows = [
        {"key": key, "value": redacted(key, msgspec.to_builtins(value)), "origin": used.origins[key]}
        for key, value in used.values.items()
    ]
    # Other lists keep their newest rows; this one has no time.
    shown = rows[:limit] if limit is not None else rows
    print_rows(shown, _COLUMNS, _COLUMNS, choose(json_, jsonl, csv_, table), columns, None)


@app.command()
def init(
    path: Path = typer.Argument(Path("hot.toml"), help="The file to write."),  # noqa: B008
    force: bool = typer.Option(False, "--force", help="Write over a file that is there."),
) -> None:
    """Write a settings file with every default, each with a comment; prints its path. It refuses to overwrite.

    Example: hot config init hot.toml
    """
    from engine.runs.settings_file import default_file

    if path.exists() and not force:
        raise UsageError(f"{path} exists: name another path, or overwrite it with --force")
    try:
        path.write_text(default_file(), encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path} cannot be written ({error.strerror}): name another path") from None
    write(f"{path}\n")


def redacted(key: str, value: Any) -> Any:
    """Gives a setting's value, or stars where its name says that it is a secret."""
    return "***" if value and _SECRET.search(key.rpartition(".")[2]) else value
