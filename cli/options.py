"""The options that mean the same everywhere."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.show import say
from engine.errors import UsageError

if TYPE_CHECKING:
    from engine.ledger.ledger import Ledger as OpenLedger
    from engine.runs.live import Trading
    from engine.runs.market import Live, MarketOptions
    from engine.runs.settings import Settings

#: The last millisecond of the year 9999.
LAST_MS = 253_402_300_799_999

Market = Annotated[
    str | None,
    typer.Option("--market", help="A recording (file or folder, JSONL or candles, .gz, .zst), a store, or -."),
]
Markets = Annotated[
    list[str] | None,
    typer.Option(
        "--market",
        help="A recording (file or folder, JSONL or candles, .gz, .zst), a store, or -. May be repeated, but for -.",
    ),
]
Ledger = Annotated[
    Path | None, typer.Option("--ledger", envvar="HOT_LEDGER__PATH", help="The ledger file; made when it is not there.")
]
LedgerThere = Annotated[Path | None, typer.Option("--ledger", envvar="HOT_LEDGER__PATH", help="The ledger file.")]
Config = Annotated[Path | None, typer.Option("--config", help="A settings file instead of hot.toml.")]
Sets = Annotated[list[str] | None, typer.Option("--set", help="One setting, as section.key=value; may be repeated.")]
Since = Annotated[str | None, typer.Option("--since", help="From this time on: ISO 8601 UTC, epoch ms, or today.")]
Until = Annotated[str | None, typer.Option("--until", help="Up to this time, not including it.")]
Symbols = Annotated[list[str] | None, typer.Option("--symbol", help="Only this symbol; may be repeated.")]
Seed = Annotated[int, typer.Option("--seed", help="Written into the manifest; nothing here is left to chance.")]
Strict = Annotated[bool, typer.Option("--strict", help="Stop at the first bad line (exit 65) instead of skipping it.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no notes on stderr.")]
VenueName = Annotated[
    str | None, typer.Option("--venue", help="The live market, or the venue of a recorded one that names none.")
]
Lateness = Annotated[int, typer.Option("--max-lateness", help="How late a fact of a stream may come, in ms.", min=0)]
KeepJumps = Annotated[
    bool, typer.Option("--keep-jumps", help="Take a price that jumps between two candles (a split?) for a move.")
]
Speed = Annotated[str, typer.Option("--speed", help="max, realtime, or how many times real time.")]
Posts = Annotated[
    str | None,
    typer.Option("--posts", help="Social posts, JSON lines: a growing file, a named pipe, -; beside --market a file."),
]
Paper = Annotated[bool, typer.Option("--paper", help="Trade on paper: the default.")]
ForReal = Annotated[bool, typer.Option("--live", help="Trade with real money on the account that live.key names.")]
SkipStep = Annotated[
    str | None,
    typer.Option("--skip-step", help="Begin live.step without its evidence; the reason is kept in the ledger."),
]
RequireEnd = Annotated[
    bool, typer.Option("--require-end", help="Exit 65 when the input stops without its end record (upstream died).")
]
IdleTimeout = Annotated[
    float | None, typer.Option("--idle-timeout", help="Give up (exit 4) after so many seconds without input.")
]
Json = Annotated[bool, typer.Option("--json", help="One JSON array.")]
Jsonl = Annotated[bool, typer.Option("--jsonl", help="One JSON object a line.")]
Csv = Annotated[bool, typer.Option("--csv", help="Comma-separated values.")]
Table = Annotated[bool, typer.Option("--table", help="An aligned table.")]
Limit = Annotated[int | None, typer.Option("--limit", "-n", help="At most so many rows.", min=0)]
Columns = Annotated[str | None, typer.Option("--columns", help="Only these columns, comma-separated, in this order.")]


if TYPE_CHECKING:
    Books = tuple[OpenLedger, Trading | None]


class Route(StrEnum):
    """How a market is played: fact by fact, over columns, or over columns where that can be."""

    AUTO = "auto"
    RECORDS = "records"
    BLOCKS = "blocks"


def when(text: str | None, name: str) -> int | None:
    """Gives a time option in epoch ms; raises UsageError for what is no time."""
    if text is None:
        return None
    if text == "today":
        return int(datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0).timestamp() * 1000)
    if text.isdigit() and 11 <= len(text) <= 14:
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{name} {text!r} is no time: write 2021-04-16T07:00 (UTC), epoch ms, or today") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp() * 1000)


def duration(text: str | None, name: str) -> int | None:
    """Gives a length of time in ms; raises UsageError for what is none."""
    if text is None:
        return None
    found = re.fullmatch(r"([1-9][0-9]{0,6})([smhd])", text)
    if found is None:
        raise UsageError(f"{name} {text[:40]!r} is no length of time: write 90s, 15m, 2h or 7d")
    return int(found[1]) * {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}[found[2]]


def span(since: str | None, until: str | None) -> tuple[int | None, int | None]:
    """Gives --since and --until in epoch ms; raises UsageError for what is no time, or a span that holds none."""
    first, end = when(since, "--since"), when(until, "--until")
    if first is not None and end is not None and first >= end:
        raise UsageError(f"--since {since} is not before --until {until}: nothing lies between")
    return first, end


def named(symbols: Sequence[str] | None) -> tuple[str, ...]:
    """Gives the symbols of --symbol as exchanges write them, in capitals."""
    return tuple(symbol.upper() for symbol in symbols or ())


def market_of(
    paths: Sequence[str] | None, venue: str | None, symbols: list[str] | None, since: str | None, until: str | None,
    speed: str, strict: bool, max_lateness: int, keep_jumps: bool = False,
) -> "MarketOptions":  # fmt: skip
    """Gives what of a market is wanted, from the options that scan, run and daemon share."""
    from engine.runs.market import MarketOptions

    since_ms, until_ms = span(since, until)
    path, *more = paths or ("",)
    return MarketOptions(
        path=path, more=tuple(more), venue=venue, symbols=named(symbols), since_ms=since_ms, until_ms=until_ms,
        speed=speed, strict=strict, max_lateness_ms=max_lateness, keep_jumps=keep_jumps,
    )  # fmt: skip


def open_books(for_real: bool, used: "Settings", wanted: "MarketOptions", path: Path) -> "OpenLedger":
    """Opens the ledger of a run, without anything else."""
    from engine.ledger.ledger import Ledger

    if for_real:
        from engine.runs.live import open_ledger

        return open_ledger(used, wanted.venue or used.live.venue, path)
    return Ledger.open(path, mode="paper", venue="paper")


@contextmanager
def books(
    for_real: bool, used: "Settings", wanted: "MarketOptions", path: Path, skip_step: str | None = None
) -> "Iterator[Books]":
    """Opens the ledger of a run, and with --live the account that it trades on, past the gate; closes both."""
    from cli.show import say

    if for_real:
        from engine.runs.live import open_live

        ledger, trading = open_live(
            used, wanted.venue or used.live.venue, path, lambda text: say(f"hot: {text}"), skip_step
        )
    else:
        ledger, trading = open_books(for_real, used, wanted, path), None
    try:
        yield ledger, trading
    finally:
        if trading is not None:
            trading.close()
        ledger.close()


def ledger_for(for_real: bool, wanted: "MarketOptions", path: Path | None, skip_step: str | None = None) -> Path:
    """Gives where the ledger is: a fresh one on paper, where none is named.

    Raises UsageError for --live on a recorded market, or without a ledger of its own, and for a step that is skipped
    on paper, or without a reason.
    """
    from engine.runs.data import fresh_ledger

    check_step(for_real, skip_step)
    if for_real:
        return check_live(wanted, path)
    return path if path is not None else fresh_ledger("paper")


def check_step(for_real: bool, skip_step: str | None) -> None:
    """Raises UsageError for a step that is skipped on paper, or without a reason."""
    if skip_step is not None and not (for_real and skip_step.strip()):
        raise UsageError("--skip-step belongs to --live, and names a reason")


def no_live_ledger() -> UsageError:
    """Gives the error of --live without a ledger."""
    return UsageError("--live needs a ledger of its own: name it with --ledger live.db")


def check_live(wanted: "MarketOptions", path: Path | None) -> Path:
    """Gives the ledger of --live; raises UsageError on a recorded market, or without a ledger of its own."""
    if wanted.path:
        raise UsageError("--live trades on the live market: leave out --market, or --live")
    if path is None:
        raise no_live_ledger()
    return path


def live_of(
    used: "Settings",
    command: str,
    quiet: bool,
    stopped: Callable[[], bool] = lambda: False,
    once: bool = False,
    beats: bool = False,
    together: bool = False,
) -> "Live":
    """Gives what a live market is opened with, for commands that take one when --market is not given."""
    from engine.runs.market import Live

    def tell(text: str) -> None:
        if not quiet:
            say(f"hot {command}: {text}")

    return Live(
        used.live, used.scan.cycle_s, used.scan.quote_assets, once, stopped, inputs=used.scan.inputs,
        announcements=used.announcements, beats=beats, told=tell, breaker=used.breaker,
        together=together,
    )  # fmt: skip


def settings_of(config: Path | None, sets: list[str] | None, posts: str | None) -> "Settings":
    """Gives the settings in force; posts that are given, by --posts or posts.path, are declared in scan.inputs."""
    import json

    from engine.runs import settings
    from engine.runs.beside import SENTIMENT, SOCIAL

    given = list(sets or [])
    if posts is not None:
        given.append(f"posts.path={json.dumps(posts, ensure_ascii=False)}")
    used = settings.load(config, given)
    if used.posts.path and not {SOCIAL, SENTIMENT} & set(used.scan.inputs):
        return settings.load(config, [*given, f"scan.inputs={','.join((*used.scan.inputs, SOCIAL, SENTIMENT))}"])
    return used


def posts_beside(wanted: "MarketOptions", used: "Settings") -> "MarketOptions":
    """Gives what of a market is wanted, with the posts of the settings among its facts."""
    from engine.runs.beside import SENTIMENT, PostsWanted

    if not used.posts.path:
        return wanted
    scored_by = used.posts.sentiment if SENTIMENT in used.scan.inputs else ""
    return wanted._replace(posts=PostsWanted(used.posts.path, used.scan.quote_assets[0], scored_by))


def utc(at_ms: int) -> str:
    """Gives epoch ms as `2021-04-16 07:00:00`, UTC; as the number where no calendar reaches."""
    if not 0 <= at_ms <= LAST_MS:
        return str(at_ms)
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def column_list(text: str | None) -> list[str] | None:
    """Gives the names of a --columns option."""
    return [name.strip() for name in text.split(",") if name.strip()] if text else None
