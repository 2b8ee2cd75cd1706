"""hot replay: think again over recorded facts, and compare with what was written."""

import json
import sys
from typing import TYPE_CHECKING, Any

import typer

from cli import options
from cli.commands.run import strategy_failed
from cli.options import Route
from cli.pipe import Rejects
from cli.play import Bar, drive
from cli.show import safe, say, write
from engine.errors import ConfigError, Exit, UsageError

if TYPE_CHECKING:
    from engine.records.ideas import Refusal
    from engine.runs.replay.compare import Difference
    from engine.runs.replay.explain import Told
    from engine.runs.replay.replay import Verdict

app = typer.Typer(add_completion=False)

_SHOWN = 400


@app.command()
def replay(
    file: str | None = typer.Argument(
        None, metavar="[FILE|LEDGER]", help="A ledger, a file that a pipe wrote, a file of trades, or - for stdin."
    ),
    ledger: options.LedgerThere = None,
    market: options.Markets = None,
    config: options.Config = None,
    sets: options.Sets = None,
    explain: bool = typer.Option(
        False, "--explain", help="Tell the chain of each trade, and why others were not entered."
    ),
    at: str | None = typer.Option(None, "--at", help="Explain the last cycle up to this time."),
    since: options.Since = None,
    until: options.Until = None,
    symbols: options.Symbols = None,
    jsonl: options.Jsonl = False,
    table: bool = typer.Option(False, "--table", help="In words for people, in a pipe too."),
    path: Route = typer.Option(  # noqa: B008
        Route.RECORDS, "--path", help="Fact by fact (records), over columns of a store (blocks), or auto."
    ),
    quiet: options.Quiet = False,
) -> None:
    """Think again over the facts of a ledger, or of a file that stood anywhere in a pipe, and compare each decision
    with what was written. The same bytes exit 0; else the first record and field that differ are shown, exit 1.

    Nothing is written. A file of decisions or trades alone is joined with --ledger or --market; in the results of a
    backtest it knows its market and settings. --market also names a ledger's market that has moved. --set asks what
    another setting would have changed. --since, --until and --symbol narrow what is compared and explained. --path
    blocks thinks over a ledger of candles, or decisions and trades that are joined with a market, in columns, from a
    store, many times as fast: intents, orders, fills, positions, state changes and trades are compared, and nothing
    else. The verdict goes to stderr, and as JSON to stdout when that is no terminal.

    Example: hot replay paper.db --explain --symbol ETCUSDT
    """
    from engine.runs.backtest.outcome import Unfit
    from engine.runs.cores import cores
    from engine.runs.replay.compare import Wanted
    from engine.runs.replay.explain import Chosen, Explainer
    from engine.runs.replay.replay import Replay
    from engine.runs.reporting.reporting import ledger_or_newest

    span = options.span(since, until)
    moment = options.when(at, "--at")
    if moment is not None and not explain:
        raise UsageError("--at says which cycle to explain: it needs --explain")
    named = frozenset(options.named(symbols))
    explainer = Explainer(Chosen(named, *span, moment)) if explain else None
    rejects = Rejects("replay")
    of = file if file is not None else str(ledger_or_newest(ledger, say))
    playing = Replay(
        of, wanted=Wanted(symbols=named, since=span[0], until=span[1]),
        sets=list(sets or []), market=market or (), ledger=ledger, config=config,
        tell=lambda text: None if quiet else say(f"hot replay: {text}"), on_bad=rejects.add, on_failure=strategy_failed,
        hear=explainer.hear if explainer is not None else None, route=path, processes=cores(),
    )  # fmt: skip
    with Bar("hot replay", quiet, None if quiet else playing.span()) as bar:
        try:
            drive(playing.play(), bar)
        except Unfit as no:
            raise ConfigError(f"--path blocks: {no}; --path records thinks it over fact by fact") from None
    machine = jsonl or not (table or sys.stdout.isatty())
    if explainer is not None:
        _explain(explainer.told, machine)
    elif machine:
        write(json.dumps(_row(playing.verdict), ensure_ascii=False, separators=(",", ":")) + "\n")
    _tell(playing.verdict, quiet)
    sys.stdout.flush()
    code = rejects.code()
    raise typer.Exit(Exit.DIFFERS if playing.verdict.first is not None else code)


def _row(verdict: "Verdict") -> dict[str, Any]:
    """Gives the verdict as one plain JSON object."""
    first = verdict.first
    kinds = {
        kind: {"same": one.same, "changed": one.changed, "missing": one.missing, "added": one.added}
        for kind, one in sorted(verdict.tallies.items())
    }  # fmt: skip
    return {
        "compared": verdict.compared, "same": first is None, "path": verdict.route, "kinds": kinds,
        "first": None if first is None else {**first._asdict(), "place": _place(verdict, first)},
    }  # fmt: skip


def _tell(verdict: "Verdict", quiet: bool) -> None:
    first = verdict.first
    if first is None:
        if not quiet:
            nothing = (
                "nothing to compare: no decision is stored, or left by --at, --symbol and --since; it proves nothing"
            )
            same = f"{verdict.compared} records compared, all the same" if verdict.compared else nothing
            say(f"hot replay: {same}")
            if verdict.route == "blocks":
                say(f"hot replay: in blocks; compared was {', '.join(sorted(verdict.kinds))}, nothing else")
        return
    for line in _difference(verdict, first):
        say(line)
    if quiet:
        return
    for kind, one in sorted(verdict.tallies.items()):
        if one.changed or one.missing or one.added:
            say(f"  {kind}: {one.same} same, {one.changed} changed, {one.missing} missing, {one.added} added")


def _place(verdict: "Verdict", first: "Difference") -> str:
    return f"{verdict.place} {first.number}" if first.number is not None else ""


def _difference(verdict: "Verdict", first: "Difference") -> list[str]:
    """Gives the first difference in words, a line each."""
    about = f"{first.kind}{f' of {first.symbol}' if first.symbol else ''} at {options.utc(first.at)} UTC"
    place = _place(verdict, first)
    opening = f"hot replay: {verdict.compared} records compared; the first that differs:"
    if first.what == "missing":
        return [f"{opening} {place}, {about}, is not thought now", f"  stored {_short(first.stored_line)}"]
    if first.what == "added":
        before = f", before {place}" if place else ""
        return [f"{opening} {about}{before}, is thought now and was not stored", f"  now    {_short(first.now_line)}"]
    if first.what == "moved":
        return [f"{opening} {place}, {about}, stands elsewhere in its cycle now"]
    field = f"field {first.field}" if first.field else "the same fields, written differently"
    stored, now = (first.stored, first.now) if first.field else (first.stored_line, first.now_line)
    return [
        f"{opening} {place}, {about}, {field}",
        f"  stored {_short(_value(stored))}",
        f"  now    {_short(_value(now))}",
    ]  # fmt: skip


def _value(value: Any) -> str:
    return "nothing" if value is None else json.dumps(value, ensure_ascii=False)


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


def _explain(cycles: "list[Told]", machine: bool) -> None:
    from engine.runs.replay.explain import told_rows

    for cycle in cycles:
        if machine:
            for row in told_rows(cycle):
                write(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n")
        else:
            write("".join(f"{safe(line)}\n" for line in [*_cycle_lines(cycle), ""]))


def _cycle_lines(cycle: "Told") -> list[str]:
    """Gives a cycle in words: each trade's chain, then why the other candidates were not entered."""
    from cli.commands.why import told
    from engine.runs.replay.explain import result_of
    from engine.runs.reporting.text import length

    lines: list[str] = []
    for trail in cycle.trails:
        lines += told(trail)
        result = result_of(trail)
        if result:
            left = f", left by {', '.join(result['reasons'])}" if result["reasons"] else ""
            share = "" if result["return_pct"] is None else f" ({result['return_pct']:+.2f} %)"
            held = "" if result["held_s"] is None else f" in {length(result['held_s'])}"
            earned = f"{result['pnl']}{share} net of {result['fees']} fees{held}"
            lines.append(f"Result: {result['status']}, {earned}{left}")
    ended = ", ".join(f"{code} {count}" for code, count in sorted(cycle.codes.items()))
    lines.append(f"Candidates that were not entered at {options.utc(cycle.at)} UTC:")
    shown = {trail.symbol for trail in cycle.trails}
    lines += [
        f"  {refusal.symbol:<12} {refusal.stage:<9} {_why(refusal)}"
        for refusal in cycle.refusals
        if refusal.symbol not in shown
    ] or ["  (none)"]
    return [*lines, f"Symbols of the cycle by code: {ended}"]


def _why(refusal: "Refusal") -> str:
    code = f"{refusal.code} ({refusal.precheck_code})" if refusal.precheck_code else refusal.code
    if refusal.value is None and refusal.limit is None:
        return code
    return f"{code}: {_value(refusal.value)} against {_value(refusal.limit)}"
