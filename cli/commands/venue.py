"""hot venue: the exchange's protocols on loopback, to rehearse live without money."""

import asyncio
import secrets
import signal
import sys
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated

import typer

from cli import options
from cli.pipe import Rejects
from cli.show import say, write
from engine.errors import ConfigError, UsageError
from engine.runs.market import MarketOptions, open_market
from engine.world.imports.announcements import announcements as announcements_in
from engine.world.imports.notes import Notes
from engine.world.imports.origin import Origin
from engine.world.loopback.faults.script import read_script, seeded
from engine.world.loopback.market.generated import Generated
from engine.world.loopback.market.replayed import Replayed
from engine.world.loopback.market.source import MarketSource
from engine.world.loopback.rest.articles import ACTIVITIES, DELISTINGS, LISTINGS, Article
from engine.world.loopback.rest.routes import encode
from engine.world.loopback.serving import HOSTS, Serving, serve
from engine.world.loopback.venue import Venue, VenueOptions
from engine.world.pace import factor_of

app = typer.Typer(add_completion=False)

Seed = Annotated[int | None, typer.Option("--seed", help="Of market, faults and keys; chosen and printed without.")]
Host = Annotated[str, typer.Option("--host", help=f"Loopback only: {' or '.join(HOSTS)}.")]
Port = Annotated[int, typer.Option("--port", help="0 takes a free one.", min=0, max=65_535)]
Faults = Annotated[Path | None, typer.Option("--faults", help="A script of faults: a JSON list.")]
FaultRate = Annotated[float, typer.Option("--fault-rate", help="Share of orders that meet a fault.", min=0, max=1)]
Balances = Annotated[list[str] | None, typer.Option("--balance", help="ASSET=AMOUNT on spot; may be repeated.")]
Margin = Annotated[str, typer.Option("--margin", help="USDT in the wallet of perpetuals.")]
Limits = Annotated[bool, typer.Option("--limits/--no-limits", help="Enforce the exchange's rate limits.")]
Export = Annotated[Path | None, typer.Option("--export", help="Folder for requests.jsonl and, at the end, books.json.")]
AsRecorded = Annotated[
    bool, typer.Option("--as-recorded", help="Tell the recording at its own time and in its own words, nothing more.")
]
Announcements = Annotated[
    Path | None, typer.Option("--announcements", help="Announcements of the exchange (NDJSON) that its pages list.")
]
Speed = Annotated[str, typer.Option("--speed", help="realtime, or how many times real time.")]


@app.command()
def venue(
    market: options.Market = None,
    venue: options.VenueName = None,
    symbols: options.Symbols = None,
    since: options.Since = None,
    until: options.Until = None,
    speed: Speed = "realtime",
    as_recorded: AsRecorded = False,
    seed: Seed = None,
    host: Host = HOSTS[0],
    port: Port = 8788,
    faults: Faults = None,
    fault_rate: FaultRate = 0.0,
    balance: Balances = None,
    margin: Margin = "10000",
    limits: Limits = True,
    announcements: Announcements = None,
    export: Export = None,
    strict: options.Strict = False,
) -> None:
    """Serve a venue on this machine that speaks Binance's protocols for spot and USDT-M perpetuals, without money.

    REST, market streams, user streams and the websocket API, over books of its own; ccxt, python-binance and the
    exchange's own SDKs trade on it unchanged. The market comes from a seed, or from a recording; what lies before
    --since is then its history. One line of JSON tells seed, addresses, key and secret; it serves until TERM or INT.
    /venue/books and /venue/requests tell a checker what there was; POST /venue/faults adds faults, POST /venue/articles
    announcements.

    With --as-recorded its clock says the time of the recording, minutes are told in the words that were recorded, and
    no tickers and books are made of candles: hot daemon against it then decides as hot run on the recording does.

    Example: hot venue --seed 7 --port 8788
    """
    number = seed if seed is not None else secrets.randbelow(2**31)
    factor = factor_of(speed)
    if factor is None:
        raise ConfigError("a venue cannot be served at max: give --speed realtime, or a number of times real time")
    rejects = Rejects("venue", strict)
    start, _ = options.span(since, until)
    source: MarketSource = Generated(number, step_ms=max(250, round(60 * factor)))
    if market is not None:
        wanted = options.market_of([market], venue, symbols, None, until, "max", strict, 0)
        source = _source(wanted, start or 0, as_recorded, rejects)
    elif as_recorded:
        raise UsageError("--as-recorded needs a recording: name it with --market")
    if export is not None:
        export.mkdir(parents=True, exist_ok=True)
    script = read_script(faults) if faults is not None else []
    balances = {"balances": _balances(balance)} if balance else {}
    chosen = VenueOptions(
        seed=number, speed=factor, market=source, margin=_amount(margin), limits=limits,
        faults=(*script, *(seeded(fault_rate) if fault_rate else ())),
        requests_path=export / "requests.jsonl" if export is not None else None,
        articles=tuple(_articles(announcements, rejects)) if announcements is not None else (), **balances,
    )  # fmt: skip
    asyncio.run(_serve(chosen, host, port, export))
    raise typer.Exit(rejects.code())


async def _serve(chosen: VenueOptions, host: str, port: int, export: Path | None) -> None:
    loop, stop, opened = asyncio.get_running_loop(), asyncio.Event(), Venue(chosen)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    def ready(got: int) -> None:
        served = Serving(opened, host, got, loop)
        write(encode(served.told()).decode() + "\n")
        sys.stdout.flush()
        say(f"hot venue: seed {chosen.seed}, {served.rest_url}, {_holdings(chosen)}")

    await serve(opened, host, port, ready, stop)
    if export is not None:
        (export / "books.json").write_bytes(encode(opened.books()))
    say(f"hot venue: stopped after {opened.journal.count} requests; seed {chosen.seed}")


def _source(wanted: MarketOptions, start_ms: int, as_recorded: bool, rejects: Rejects) -> MarketSource:
    if wanted.path == "-":
        raise UsageError("a venue cannot wait for its market: name a file or a folder, not -")
    opened = open_market(wanted, rejects.add)
    return Replayed(opened.source.facts(), opened.snapshot, start_ms, as_recorded)


def _articles(path: Path, rejects: Rejects) -> Iterator[Article]:
    """Gives the announcements of a file as articles, each in the catalog that it belongs to."""
    catalogs = {"spot_listing": LISTINGS, "perp_listing": LISTINGS, "delisting": DELISTINGS}
    notes = Notes(lambda name, number, reason, line: rejects.add(name, number, reason))
    origin = Origin(path, str(path), "binance-spot", notes)
    for one in announcements_in(origin.lines(), origin):
        yield Article(
            title=one.title, catalog=catalogs.get(one.category, ACTIVITIES), code=one.announcement_id,
            released_at=one.at,
        )  # fmt: skip


def _balances(words: list[str]) -> dict[str, Decimal]:
    pairs = [word.partition("=") for word in words]
    if not all(name and equals for name, equals, _ in pairs):
        raise UsageError("--balance wants ASSET=AMOUNT, as in --balance USDT=10000")
    return {name: _amount(text) for name, _, text in pairs}


def _amount(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or not 0 <= amount <= 10**9:
        raise UsageError(f"{text[:40]!r} is no amount between 0 and a billion")
    return amount


def _holdings(chosen: VenueOptions) -> str:
    held = ", ".join(f"{amount} {asset}" for asset, amount in chosen.balances.items())
    return f"{held} on spot, {chosen.margin} USDT for perpetuals"
