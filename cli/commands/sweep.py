"""hot sweep: many backtests with other settings, judged together; a winner only where it is more than luck."""

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer

from cli import options
from cli.commands.backtest import Asked
from cli.show import Format, choose, say, show, table, write
from engine.errors import Exit, UsageError
from engine.runs.data import data_dir
from engine.runs.market import no_market, open_market
from engine.runs.sweep.judge import OBJECTIVES
from engine.runs.sweep.results import BEST, WINNER, results_of, write_results
from engine.runs.sweep.search import SEARCHES
from engine.runs.sweep.space import make_space, name_of
from engine.runs.sweep.study import Study
from engine.runs.sweep.sweep import Plan, Progress, Sweep, identity_of
from engine.runs.sweep.workers import DaskWorkers, LocalWorkers, Workers

app = typer.Typer(add_completion=False)

#: The best so many trials stand in the table.
_SHOWN = 20
_FIGURES = ("trades", "net_profit", "max_drawdown_pct")


@app.command()
def sweep(
    market: options.Markets = None,
    space: Path | None = typer.Option(None, "--space", help="A TOML file: key = [a, b, c] or key = 'low..high:step'."),  # noqa: B008
    vary: list[str] | None = typer.Option(  # noqa: B008
        None, "--vary", help="One setting: KEY=a,b,c or KEY=low..high[:step]; may be repeated, also over --space."
    ),
    search: str = typer.Option("grid", "--search", help=f"How to search: {', '.join(SEARCHES)}."),
    trials: int | None = typer.Option(None, "--trials", help="So many points at most; a larger number goes on.", min=1),
    objective: str = typer.Option("sharpe", "--objective", help=f"What is best: {', '.join(OBJECTIVES)}."),
    folds: int = typer.Option(
        0, "--folds", help="Walk forward: pick in so many windows, look at what came next.", min=0
    ),
    workers: int | None = typer.Option(
        None, "--workers", help="Processes on this machine (default: its cores).", min=1
    ),
    scheduler: str | None = typer.Option(None, "--scheduler", help="A Dask scheduler instead: tcp://host:port."),
    seed: int = typer.Option(0, "--seed", help="Chooses the points of random and tpe.", min=0),
    out: Path | None = typer.Option(None, "--out", help="The results folder; a sweep that is there goes on."),  # noqa: B008
    venue: options.VenueName = None,
    config: options.Config = None,
    sets: options.Sets = None,
    since: options.Since = None,
    until: options.Until = None,
    symbols: options.Symbols = None,
    posts: options.Posts = None,
    keep_jumps: options.KeepJumps = False,
    json_: options.Json = False,
    jsonl: options.Jsonl = False,
    csv_: options.Csv = False,
    table_: options.Table = False,
    quiet: options.Quiet = False,
) -> None:
    """Backtest a recorded market with many settings and say whether the best is more than the luck of many tries.

    Settings have the names that hot config shows; values are checked before anything runs. The grid goes through all
    points, the last key fastest; random draws them; tpe (needs optuna) goes where good ones were. After the search the
    neighbours of its best point are run too. The same trials come out on any number of workers, here or on Dask.

    A winner is recommended only with 30 trades, a Deflated Sharpe ratio of 0.95 that counts every trial of the study,
    a probability of overfitting below 0.5, neighbours that do not fall off, and, with --folds, a gain out of sample;
    otherwise nothing, with each reason. What a fold made is told for its own time, and for a year only where it has 30
    days or more. Results: sweep.json, trials.jsonl, sweep.html, best.toml (for hot backtest --config), winner.toml
    (where one is recommended), and study.db with every trial. The same command again goes on where it stopped.

    Example: hot sweep --market examples/session --vary hotcoin.stop_pct=3,5,8 --vary hotcoin.hold_max_s=3600,14400
    """
    if not market:
        raise no_market()
    if "-" in market:
        raise UsageError("a sweep reads the market many times: name a file or a folder, not -")
    if objective not in OBJECTIVES:
        raise UsageError(f"--objective {objective!r}: there are {', '.join(OBJECTIVES)}")
    if workers is not None and scheduler is not None:
        raise UsageError("--workers are processes here, --scheduler has workers of its own: name one of them")
    used = options.settings_of(config, sets, posts)
    wanted = options.market_of(market, venue, symbols, since, until, "max", False, 0, keep_jumps)
    wanted = options.posts_beside(wanted, used)
    plan = Plan(make_space(used, space, list(vary or [])), search, trials, seed, objective, folds)
    form = choose(json_, jsonl, csv_, table_)
    opened = open_market(wanted, lambda *_: None)
    if opened.broken and not quiet:
        say(
            f"hot sweep: prices of {', '.join(opened.broken)} jump between two candles: they are left out from there on"
        )
    identity = identity_of(plan, used, opened)
    folder = out if out is not None else data_dir() / f"sweep-{_short(identity)}"
    study = Study(folder, identity)
    hired: Workers | None = None
    stop = Asked()
    try:
        hired = DaskWorkers(scheduler) if scheduler is not None else LocalWorkers(workers or os.cpu_count() or 1)
        playing = Sweep(plan, wanted, identity["market"], study, hired)
        with stop:
            telling = _Teller(quiet, len(study.trials()))
            try:
                for now in playing.play(stop):
                    telling.show(now)
            finally:
                judged = playing.judged()
                results = results_of(plan, identity, judged, playing.complete)
                write_results(folder, results, plan.space.settings(judged.best.point) if judged.best else None)
    finally:
        if hired is not None:
            hired.close()
        study.close()
    if not quiet:
        _tell(results, folder)
    _show(results, form)
    if stop.asked:
        raise typer.Exit(Exit.SIGNAL + stop.number)
    raise typer.Exit(Exit.PARTIAL if results["failed"] else Exit.DIRTY if results["skipped_lines"] else Exit.OK)


def _short(identity: Mapping[str, Any]) -> str:
    import hashlib

    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:12]


class _Teller:
    """Says on stderr how far a sweep is, every few seconds."""

    def __init__(self, quiet: bool, known: int) -> None:
        self._quiet, self._best = quiet, ""
        self._score: float | None = None
        self._started = self._told = time.monotonic()
        if known and not quiet:
            say(f"hot sweep: goes on: {known} trials are done")

    def show(self, now: Progress) -> None:
        if now.score is not None and (self._score is None or now.score > self._score):
            self._score, self._best = now.score, f", best {now.score} by {name_of(now.trial.point)}"
        clock = time.monotonic()
        if self._quiet or (clock - self._told < 5.0 and now.done != now.known):
            return
        self._told = clock
        left = (clock - self._started) / now.done * (now.known - now.done)
        say(f"hot sweep: {now.done} of {now.known} trials, {left:.0f} s left{self._best}")


def _tell(results: Mapping[str, Any], folder: Path) -> None:
    say(f"hot sweep: {'done' if results['complete'] else 'stopped'}: {results['trials']} trials; results {folder}")
    if results["skipped_lines"]:
        say(f"hot sweep: {results['skipped_lines']} bad lines of the market, or jumps of a price, were skipped")
    for trial in results["all"]:
        if trial["failed"]:
            say(f"hot sweep: trial {trial['trial']} failed: {trial['failed']}")
    if results["recommends"] is not None:
        say(f"hot sweep: recommends trial {results['recommends']}: hot backtest --config {folder / WINNER}")
        return
    say("hot sweep: recommends nothing:")
    for reason in results["reasons"]:
        say(f"  - {reason}")
    if results["best"] is not None:
        say(f"hot sweep: the best trial's settings are in {folder / BEST}")


def _show(results: Mapping[str, Any], form: Format) -> None:
    if form == "csv":
        show(results["all"], "csv")
    elif form == "table":
        write(f"{table(_best(results))}\n{table(_judgement(results))}")
        if all(one.get("calmar") is None for one in results["all"]):
            write("\nLess than 30 days have no Calmar, which is a rate a year.\n")
        if results["walk_forward"]:
            write(f"\n{table(_folds(results['walk_forward']['folds']))}")
    else:
        indent, separators = (2, None) if form == "json" else (None, (",", ":"))
        write(json.dumps(results, ensure_ascii=False, indent=indent, separators=separators) + "\n")


def _best(results: Mapping[str, Any]) -> list[dict[str, Any]]:
    keys = [one["key"] for one in results["space"]]
    ranked = sorted(results["all"], key=lambda one: (one["score"] is None, -(one["score"] or 0.0), one["trial"]))
    names = dict.fromkeys(("trial", *keys, "score", *_FIGURES))
    return [{name: one.get(name) for name in names} for one in ranked[:_SHOWN]]


def _judgement(results: Mapping[str, Any]) -> list[dict[str, Any]]:
    made = results["judgement"] or {}
    rows = [("recommended trial", results["recommends"]), *((name.replace("_", " "), made[name]) for name in made)]
    return [{"figure": name, "value": value} for name, value in rows]


def _folds(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    times = ("trained_from", "tested_from", "tested_to")
    yearly = [name for name in ("trained_a_year_pct", "tested_a_year_pct") if all(row[name] is None for row in rows)]
    return [
        {name: options.utc(value) if name in times else value for name, value in row.items() if name not in yearly}
        for row in rows
    ]
