"""hot backtest: the pipe over a recorded market, in memory, with its results in a folder."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import typer

from cli import options
from cli.commands.report import summary as told
from cli.commands.run import strategy_failed
from cli.options import Route
from cli.pipe import Rejects
from cli.play import Bar, Stop, drive, tell_market
from cli.show import Format, choose, say, show, table, write
from engine.errors import ConfigError, Exit, HotError, LedgerError, UsageError
from engine.kernels.compiled import KERNELS, is_kept
from engine.runs import settings
from engine.runs.backtest.account import HOURLY
from engine.runs.backtest.backtest import fastest, playing
from engine.runs.backtest.lookahead import Found, Lookahead
from engine.runs.backtest.outcome import Playing, Result, Unfit
from engine.runs.backtest.results import TRADE, Results, fresh_folder, trade_rows
from engine.runs.data import data_dir
from engine.runs.market import Market as MarketOf
from engine.runs.market import is_store, no_market, open_market
from engine.world.unbroken import Gaps

if TYPE_CHECKING:
    from engine.stages.report_shape import Report

app = typer.Typer(add_completion=False)


class Asked(Stop):
    """Remembers by which signal an end was asked for."""

    number = 0

    def _hear(self, number: int, frame: FrameType | None) -> None:
        super()._hear(number, frame)
        self.number = number


@app.command()
def backtest(
    market: options.Markets = None,
    out: Path | None = typer.Option(None, "--out", help="The results folder; older results in it are replaced."),  # noqa: B008
    venue: options.VenueName = None,
    config: options.Config = None,
    sets: options.Sets = None,
    since: options.Since = None,
    until: options.Until = None,
    symbols: options.Symbols = None,
    max_lateness: options.Lateness = 0,
    posts: options.Posts = None,
    keep_jumps: options.KeepJumps = False,
    seed: int = typer.Option(0, "--seed", help="Chooses the cuts of --check-lookahead; stands in the manifest."),
    check_lookahead: bool = typer.Option(
        False, "--check-lookahead", help="Think over cut-off and altered markets too: nothing before a cut may change."
    ),
    cuts: int = typer.Option(20, "--cuts", help="So many cuts for --check-lookahead.", min=1),
    path: Route = typer.Option(Route.AUTO, "--path", help="Fact by fact (records), over columns (blocks), or auto."),  # noqa: B008
    strict: options.Strict = False,
    json_: options.Json = False,
    jsonl: options.Jsonl = False,
    csv_: options.Csv = False,
    table_: options.Table = False,
    quiet: options.Quiet = False,
) -> None:
    """Decide and trade over a recorded market as hot run does, in memory and without a ledger: the same decisions,
    byte by byte, sooner. The summary is printed; decisions, trades, equity, summary, page and manifest stand in a
    results folder (a new one in the data folder without --out), which hot report and hot trades read as a --ledger.

    Symbol rules count from the time they were recorded; those that the market does not bring are bundled ones of a
    later day, as the manifest says. A position whose symbol goes silent keeps its last price and is listed as stuck.
    Perpetuals pay and get the funding that the market tells; funding times without a rate are counted. Interrupted, it
    keeps what was done, marked as not complete. --csv prints the closed trades.

    A store (hot store import) is played in blocks of columns, many times as fast, where numba is installed: the same
    trades to the last digit, but only entries that were asked for, and what became of them, stand in the decisions, and
    cycles name only what was held, entered and left; --path records writes them all. With --posts what is said of coins
    counts too, fact by fact.

    --check-lookahead exits 1 when a decision before a cut changes with what comes after it, when the strategy opens a
    file while it thinks, or when its columns lead to other trades in blocks; it prints the cuts instead of the summary.

    Example: hot backtest --market examples/session --out results
    """
    if not market:
        raise no_market()
    if check_lookahead and "-" in market:
        raise UsageError("--check-lookahead reads the market many times: name a file or a folder, not -")
    used = options.settings_of(config, sets, posts)
    wanted = options.market_of(market, venue, symbols, since, until, "max", strict, max_lateness, keep_jumps)
    wanted = options.posts_beside(wanted, used)
    form = choose(json_, jsonl, csv_, table_)
    rejects = Rejects("backtest", strict)
    found: list[Found] = []
    otherwise: str | None = None
    stop = Asked()
    with stop:
        opened = open_market(wanted, rejects.add, with_span=not quiet, stopped=stop)
        folder = out if out is not None else fresh_folder()
        with (
            _writable(folder), Results(folder, used, opened, seed) as results,
            Bar("hot backtest", quiet, opened.span) as bar,
        ):  # fmt: skip
            looking = Lookahead(used, opened, results, strategy_failed) if check_lookahead else None
            under_way = looking.playing if looking is not None else _playing(path, used, opened, results, quiet)
            try:
                drive((looking or under_way).play(stop), bar)
            except HotError:
                results.finish(under_way.result(), rejects.count)
                _tell_kept(under_way.result(), folder, quiet)
                raise
            result = under_way.result()
            report, summary = results.finish(result, rejects.count)
        if not quiet:
            _tell(result, summary, bar.seconds, folder)
        if looking is not None and not stop.asked:
            otherwise = looking.in_blocks(stop)
            found = _check(looking, cuts, seed, stop, quiet)
            results.write_lookahead(one.row() for one in found)
    if looking is not None:
        _show_cuts(found, looking.reads, form)
        if otherwise is not None:
            say(f"hot backtest: in blocks the strategy's columns lead to other deeds, first {otherwise[:400]}")
    else:
        _show(report, summary, form, whole=results.path == "records")
    if stop.asked:
        raise typer.Exit(Exit.SIGNAL + stop.number)
    differs = looking is not None and (looking.reads or otherwise or not all(one.same for one in found))
    raise typer.Exit(Exit.DIFFERS if differs else rejects.code())


@contextmanager
def _writable(folder: Path) -> Iterator[None]:
    """Raises LedgerError where the results cannot be written."""
    try:
        yield
    except OSError as error:
        raise LedgerError(
            f"{folder}: the results cannot be written ({error.strerror}): what is there is not complete, as "
            "its manifest says; make room, or name another --out"
        ) from None


def _playing(path: Route, used: settings.Settings, market: MarketOf, results: Results, quiet: bool) -> Playing:
    """Gives the backtest by the path that was asked for; a store is played in blocks where that can be."""
    kept = is_kept(data_dir() / KERNELS)
    if path == Route.AUTO and is_store(market.path) and not market.more:
        made, why = fastest(used, market, results, strategy_failed)
        if why is not None and not quiet:
            say(f"hot backtest: fact by fact, since {why}")
    elif path == Route.BLOCKS:
        try:
            made, why = playing(used, market, results, "blocks", strategy_failed), None
        except Unfit as no:
            raise ConfigError(f"--path blocks: {no}; --path records plays it fact by fact") from None
    else:
        made, why = playing(used, market, results, "records", strategy_failed), ""
    results.path = "blocks" if why is None else "records"
    if why is None and not quiet and not kept:
        say("hot backtest: kernels are compiled now, once, for about half a minute; --path records needs none")
    return made


def _tell(result: Result, summary: Mapping[str, Any], seconds: float, folder: Path) -> None:
    say(
        f"hot backtest: {'done' if result.complete else 'stopped'} in {seconds:.1f} s: {result.facts} facts "
        f"({result.facts / max(seconds, 1e-9):.0f} a second), {result.cycles} cycles, {summary['trades']} trades; "
        f"results {folder}"
    )
    if not result.complete:
        say(f"hot backtest: not complete: it had come to {options.utc(result.reached)} UTC")
    tell_market("hot backtest", result.complete and not result.cycles, Gaps(**summary["gaps"]))
    for one in summary["stuck_positions"]:
        say(
            f"hot backtest: stuck: {one['symbol']} has no price since {options.utc(one['last_price_at'])} UTC "
            f"(status {one['status'] or 'unknown'}); its {one['value']} count in the equity"
        )
    if summary["stuck_positions"]:
        say(f"hot backtest: without what is stuck the equity ends at {summary['end_equity_without_stuck']}")
    if summary["funding_payments"]:
        say(f"hot backtest: {summary['funding_payments']} funding payments, {summary['funding']} in all")
    if summary["funding_missing"]:
        say(
            f"hot backtest: {summary['funding_missing']} funding times were held through that the market has no rate "
            "for: nothing was charged for them"
        )


def _tell_kept(result: Result, folder: Path, quiet: bool) -> None:
    if result.reached and not quiet:
        say(f"hot backtest: broken off at {options.utc(result.reached)} UTC; what was done is kept: {folder}")


def _check(looking: Lookahead, cuts: int, seed: int, stop: Asked, quiet: bool) -> list[Found]:
    found = []
    for one in looking.check(cuts, seed, stop):
        found.append(one)
        if not quiet:
            say(f"hot backtest: cut {len(found)} of {cuts} at {options.utc(one.cut.at)} UTC: {_verdict(one)}")
    return found


def _verdict(one: Found) -> str:
    return f"{one.compared} decisions, all the same" if one.same else f"decision {one.decision} differs"


def _show_cuts(found: list[Found], reads: frozenset[str], form: Format) -> None:
    for path in sorted(reads):
        say(f"hot backtest: the strategy opens {path} while it thinks: what it knows of the future cannot be judged")
    if form != "table":
        show([one.row() for one in found], form)
        return
    rows = [
        {
            "cut": options.utc(one.cut.at), "after facts": one.cut.facts,
            "inside cycle": "yes" if one.cut.inside else "no", "from": "start" if one.cut.from_start else "state",
            "compared": one.compared,
            "first difference": "none" if one.same else f"decision {one.decision} when the future is {one.future}",
        }
        for one in found
    ]  # fmt: skip
    write(table(rows))


def _show(report: "Report", summary: Mapping[str, Any], form: Format, whole: bool) -> None:
    if form == "csv":
        show(trade_rows(report), "csv", TRADE)
    elif form == "table":
        write(f"{told(report, whole)}\nRisk and exposure\n{table(_risk(summary))}")
    else:
        indent, separators = (2, None) if form == "json" else (None, (",", ":"))
        write(json.dumps(summary, ensure_ascii=False, indent=indent, separators=separators) + "\n")


def _risk(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    exposure = summary["exposure"]
    basis = f"{summary['periods']} returns of {summary['period']}"
    short = ", none of less than 30 days" if summary["period"] == HOURLY.name else ""
    rows = [
        ("sharpe", summary["sharpe"], basis), ("sortino", summary["sortino"], basis),
        ("growth a year, %", summary["cagr_pct"], f"{summary['days']} days{short}"),
        ("calmar", summary["calmar"], f"max drawdown {summary['max_drawdown_pct']} %{short}"),
        ("held, % of time", exposure["time_held_pct"], f"at most {exposure['most_positions']} positions"),
        ("equity at work, %", exposure["mean_pct"], "mean over time"),
        ("ambiguous, % of trades", summary["ambiguous_pct"], "bars that touched both sides"),
        ("stuck positions", len(summary["stuck_positions"]), f"{summary['stuck_value']} in the equity"),
        ("complete", "yes" if summary["complete"] else "no", f"to {options.utc(summary['reached_at'] or 0)} UTC"),
    ]  # fmt: skip
    return [{"figure": name, "value": value, "with": other} for name, value, other in rows]
