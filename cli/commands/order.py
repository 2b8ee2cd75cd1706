"""hot order: trade what passed, on paper or on an account, and leave positions by their plans."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import typer

from cli import options
from cli.aside import speaking_aside
from cli.news import News
from cli.pipe import run_filter
from cli.play import Stop
from cli.show import say
from engine.errors import UsageError
from engine.ledger.ledger import Ledger
from engine.records.base import Record
from engine.records.desk import Alert, Run
from engine.records.wire import at_of
from engine.runs import manifest, settings
from engine.runs.data import fresh_ledger
from engine.runs.owner import Owner

app = typer.Typer(add_completion=False)


@app.command()
def order(
    paper: options.Paper = True,
    for_real: options.ForReal = False,
    skip_step: options.SkipStep = None,
    ledger: options.Ledger = None,
    config: options.Config = None,
    sets: options.Sets = None,
    strict: options.Strict = False,
    require_end: options.RequireEnd = False,
    idle_timeout: options.IdleTimeout = None,
    quiet: options.Quiet = False,
) -> None:
    """Trade what passed precheck on the paper venue, and leave positions by their plans on each fact that triggers one.

    Reads intents, facts and ticks; gives order_attempt, order_result, fill, position, state_change and, each cycle, one
    cycle record. Every decision that passes is kept in the ledger; an intent is durable before it is sent. Without
    --ledger a fresh one is made, and its path printed.

    With --live it trades with real money on the account that live.key names, at the end of a pipe that began with hot
    scan --live on the same --ledger, under the conditions of hot daemon --live. When its input ends it waits until no
    order is on its way; what rests at the exchange stays there. Exit 75: an order is in doubt, hot sync looks it up.

    Example: hot scan --market S | hot rank | hot signal | hot precheck | hot order --paper --ledger paper.db
    """
    given = list(sets or [])
    own = settings.load(config, given)
    options.check_step(for_real, skip_step)
    common: dict[str, Any] = {
        "strict": strict, "require_end": require_end, "idle_timeout": idle_timeout, "quiet": quiet,
    }  # fmt: skip
    if for_real:
        if ledger is None:
            raise options.no_live_ledger()
        raise typer.Exit(_live(own, given, ledger, skip_step, common))
    raise typer.Exit(_paper(own, given, ledger, common))


def _paper(own: settings.Settings, given: list[str], ledger: Path | None, common: dict[str, Any]) -> int:
    owners: list[Owner] = []

    def make(run: Run | None) -> Owner:
        if run is not None and run.mode == "live":
            raise UsageError("this pipe began with hot scan --live: end it with hot order --live")
        path = ledger if ledger is not None else fresh_ledger("paper")
        if ledger is None and not common["quiet"]:
            say(f"hot order: ledger {path}")
        used = manifest.settings_for(run, own, given)
        owners.append(Owner(used, run, Ledger.open(path, mode="paper", venue="paper")))
        return owners[-1]

    try:
        return run_filter("order", make, Owner.wants, keep_line=_keep, **common)
    finally:
        for owner in owners:
            owner.close()


def _live(own: settings.Settings, given: list[str], path: Path, skip_step: str | None, common: dict[str, Any]) -> int:
    from engine.runs.live_owner import LiveOwner, open_owner

    owners: list[LiveOwner] = []
    news = News("hot order")

    def tell(alert: Alert) -> None:
        if not common["quiet"]:
            news(alert)

    def make(run: Run | None) -> LiveOwner:
        used = manifest.settings_for(run, own, given)
        owners.append(open_owner(used, run, path, lambda text: say(f"hot: {text}"), skip_step, tell))
        return owners[-1]

    def beat() -> bool:
        for owner in owners:
            owner.beat()
        return not stop.asked

    def at_end() -> Iterable[Record]:
        for owner in owners:
            yield from owner.settle(stop)

    with Stop() as stop, speaking_aside():
        try:
            return run_filter("order", make, LiveOwner.wants, keep_line=_keep, beat=beat, at_end=at_end, **common)
        finally:
            for owner in owners:
                owner.close()


def _keep(owner: Any, kind: str, line: bytes) -> None:
    owner.keep_line(kind, line, at_of(line))
