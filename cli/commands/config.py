"""hot config: show settings with where each came from, or write them all to a file."""

import re
from collections.abc import Collection
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
    name: str | None = typer.Argument(None, help="Only this setting, or this section, as desk; all when left out."),
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

    Later ones win: defaults, hot.toml (or --config), HOT_SECTION__KEY, --set. Texts whose setting is called a key,
    secret, token or password are not shown. Settings of strategies that are not in use are left out.

    Example: hot config show hotcoin --set hotcoin.stop_pct=3 --table
    """
    import msgspec

    from cli.commands.trades import print_rows
    from engine.runs import settings

    used = settings.load(config, list(sets or []))
    rows = [
        {"key": key, "value": redacted(key, msgspec.to_builtins(value)), "origin": used.origins[key]}
        for key, value in used.values.items()
        if name is None or f"{key}.".startswith(f"{name}.")
    ]
    if not rows:
        raise UsageError(_unknown(str(name), used.values))
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


def _unknown(name: str, known: Collection[str]) -> str:
    """Says that there is no setting and no section of this name, and which one may be meant."""
    from difflib import get_close_matches

    sections = {key[:at] for key in known for at, letter in enumerate(key) if letter == "."}
    near = get_close_matches(name, [*sorted(sections), *known], 1, 0.5)
    hint = f"did you mean {near[0]}?" if near else "hot config show lists them all"
    return f"no setting and no section {name[:40]!r}: {hint}"


def redacted(key: str, value: Any) -> Any:
    """Gives a setting's value, or stars for a text whose name says that it is a secret; no number is one."""
    return "***" if value and isinstance(value, str) and _SECRET.search(key.rpartition(".")[2]) else value
