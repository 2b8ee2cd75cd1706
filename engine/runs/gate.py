"""The gate before live trading: nothing is sent to an account before all of it is passed.

Real money needs two switches that do not lie in one hand (`--live`, and `live.enabled` outside of the command line),
settings within the step of the roll-out, evidence for that step, and an exchange and a key that are as they should be.
What once was passed stands in the ledger as a `live_step`: a restart needs no evidence again. The ways out of
positions (`hot sync`, `hot flatten`) never ask the gate.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from engine.errors import ConfigError, Exit, HotError, KeyRefused, LedgerError, Refused, VenueError
from engine.ledger.ledger import Ledger
from engine.records.desk import LiveStep
from engine.records.wire import decode, encode
from engine.runs.rollout import told
from engine.runs.settings import Settings

DAY_MS = 86_400_000
Say = Callable[[str], None]


class Evidence(NamedTuple):
    """What one ledger proves: the highest step that it allows (0: none), and what it lacks for the next."""

    allows: int
    lacks: str


def check_switches(used: Settings) -> None:
    """Raises Refused where the second switch is not on, or lies on the command line like the first."""
    where = "write enabled = true under [live] in hot.toml, or set HOT_LIVE__ENABLED=true"
    if not used.live.enabled:
        raise Refused(f"live trading needs a second switch beside --live: live.enabled is false; {where}")
    if used.origins["live.enabled"] == "--set":
        raise Refused(f"live.enabled is a switch of its own and does not count as --set beside --live: {where}")


def pass_gate(used: Settings, venue: str, ledger: Ledger, say: Say, skip_step: str | None = None) -> None:
    """Asks all that is left to ask when ledger and key are open; says warnings, and then what is about to trade.

    `skip_step` is the operator's reason to begin a step whose evidence is not there; it is kept in the ledger. Raises
    Refused, and what the exchange's state calls for: KeyRefused, VenueError, ConfigError.
    """
    step = _step_of(used, ledger, skip_step)
    _check_venue(used, venue, say)
    if step is not None:
        ledger.append(encode(step))
        ledger.commit()
    say(
        f"LIVE TRADING with real money on {venue}, account {ledger.stamp.account}, "
        f"{told(used.live.step, used.desk.quote_asset)}, ledger {ledger.path}"
    )
    if step is not None and step.skipped:
        say(f"step {step.step} begins without its evidence: {step.skipped}")


def _step_of(used: Settings, ledger: Ledger, skip_step: str | None) -> LiveStep | None:
    """Gives the step that begins now; None where this ledger is in it already."""
    begun = _steps(ledger)
    number = used.live.step
    if begun and begun[-1].step == number:
        return None
    now = time.time_ns() // 1_000_000
    own = _live_evidence(used, ledger)
    given = _given(used, ledger)
    allowed = max(own.allows, given.allows)
    if number <= allowed:
        return LiveStep(at=now, step=number)
    lacks = (own if begun else given).lacks
    # Enough for its own stage, and yet more than one step behind.
    lacks = lacks or f"what is proved opens step {allowed}, and each step proves the next: set live.step = {allowed}"
    may_skip = allowed >= 1
    if skip_step is None or not may_skip:
        hint = f"; or begin it anyway: --skip-step REASON, which is kept in {ledger.path}" if may_skip else ""
        raise Refused(f"live.step = {number} is not open yet: {lacks}{hint}")
    return LiveStep(at=now, step=number, skipped=skip_step)


def _given(used: Settings, ledger: Ledger) -> Evidence:
    """Gives what the ledger proves that live.evidence names."""
    wanted = f"{used.gate.min_days} days and {used.gate.min_trades} closed trades"
    how = f"trade on paper first (hot daemon --paper --ledger paper.db, {wanted}), then name it: live.evidence"
    if not used.live.evidence:
        return Evidence(0, f"live.evidence names no ledger; {how} = paper.db")
    path = Path(used.live.evidence).expanduser()
    if not path.is_file():
        return Evidence(0, f"live.evidence names {path}, where no ledger is; {how} = paper.db")
    from engine.ledger.verify import verify

    try:
        verdict = verify(path)
        with Ledger.read(path) as found:
            if not verdict.ok:
                return Evidence(0, f"{path} does not verify ({verdict.problems[0]}); name a whole ledger")
            if found.stamp.mode != "live":
                return _evidence(used, found, 0, [(0, None)])
            if (found.stamp.venue, found.stamp.account) != (ledger.stamp.venue, ledger.stamp.account):
                return Evidence(0, f"{path} is of another account; {how} = paper.db")
            return _live_evidence(used, found)
    except LedgerError as error:
        return Evidence(0, f"live.evidence: {error}; {how} = paper.db")


def _live_evidence(used: Settings, ledger: Ledger) -> Evidence:
    """Gives what a live ledger proves: the step that it is in, and the next where it was in it for long enough."""
    begun = _steps(ledger)
    if not begun:
        return Evidence(0, f"{ledger.path} began no step of live trading; name the ledger of the step before")
    last = begun[-1].step
    ends = [one.at for one in begun[1:]]
    spans = [(one.at, end) for one, end in zip(begun, [*ends, None], strict=True) if one.step == last]
    return _evidence(used, ledger, last, spans)


def _evidence(used: Settings, ledger: Ledger, stage: int, spans: list[tuple[int, int | None]]) -> Evidence:
    """Gives whether days and trades of a stage (0 is paper) within some spans are enough for the next one."""
    days, trades = _days(ledger, spans), _trades(used.signal.strategy, ledger, spans)
    least = used.gate
    if days >= least.min_days and trades >= least.min_trades:
        return Evidence(stage + 1, "")
    where = f"step {stage}" if stage else "on paper"
    return Evidence(
        stage,
        f"{ledger.path} has {days} of {least.min_days} days and {trades} of {least.min_trades} closed trades of "
        f"{used.signal.strategy} {where}",
    )


def _steps(ledger: Ledger) -> list[LiveStep]:
    found = (decode(line) for _, line in ledger.lines(kinds=["live_step"]))
    return [one for one in found if isinstance(one, LiveStep)]


def _days(ledger: Ledger, spans: list[tuple[int, int | None]]) -> int:
    return len({at // DAY_MS for since, until in spans for at in _ticks(ledger, since, until)})


def _ticks(ledger: Ledger, since: int, until: int | None) -> Iterator[int]:
    for _, line in ledger.lines(kinds=["tick"], since=since, until=until):
        record = decode(line)
        if record is not None:
            yield record.at


def _trades(strategy: str, ledger: Ledger, spans: list[tuple[int, int | None]]) -> int:
    """Counts the trades of a strategy that were opened and closed within one of the spans."""
    from engine.runs.reporting.reporting import TRADES_ONLY, report_of

    closed = [one for one in report_of(Path(ledger.path), kinds=TRADES_ONLY).trades if one.strategy == strategy]
    return sum(
        any(since <= one.opened_at and (until is None or one.closed_at < until) for since, until in spans)
        for one in closed
    )


def _check_venue(used: Settings, venue: str, say: Say) -> None:
    """Looks at the exchange as `hot doctor` does; says what is worth a warning, raises what fails first."""
    from engine.runs.doctor import venue_checks
    from engine.runs.lookup import venue_named

    for check in venue_checks(used, [venue_named(venue, used)], required=True):
        if check.state == "fail":
            raise _error(check.code)(f"{check.check}: {check.found}; {check.next}; hot doctor shows all of it")
        if check.state == "warn" and not check.check.startswith("rights"):  # said when the key was asked about
            say(f"warning: {check.check}: {check.found}" + (f"; {check.next}" if check.next else ""))


def _error(code: Exit) -> type[HotError]:
    return {Exit.KEY: KeyRefused, Exit.VENUE: VenueError}.get(code, ConfigError)
