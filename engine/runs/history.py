"""What a ledger says about the runs before: where a new one starts, and from which state."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from engine.errors import ConfigError, LedgerError
from engine.ledger.ledger import Ledger
from engine.records.desk import Run
from engine.records.wire import decode
from engine.runs.live_history import LiveStart, desk_values, live_start
from engine.runs.manifest import STDIN, UNNAMED, same_market
from engine.runs.pipeline import CHECKPOINT_VERSION, PipelineState, unpack
from engine.runs.settings import Settings


class Start(NamedTuple):
    """Where a run starts: the stages' state, the row after which decisions are said again, and the facts to skip.

    `follows` is the (row, time) of the tick that another market must come after; None when it goes on with its own.
    """

    state: PipelineState | None = None
    after_seq: int = 0
    skip: int = 0
    follows: tuple[int, int] | None = None


def find_start(ledger: Ledger, market: Mapping[str, Any], settings: Settings, *, first_at: int | None = None) -> Start:
    """Gives where a run over `market` starts on this ledger.

    The same market with the same settings goes on where it was; another one must come after the last tick, and the run
    before it must have ended in order. `first_at` is given for a pipe, which sees its market from the first fact, at
    that time: a stream that begins after the last tick is another one. Raises ConfigError and LedgerError.
    """
    runs = all_runs(ledger)
    if not runs:
        return Start()
    if ledger.stamp.mode == "live":
        return _live(ledger, runs, market, settings, piped=first_at is not None)
    last = ledger.last_tick()
    goes_on = first_at is not None and not market.get("files") and last is not None and first_at > last[1]
    if same_market(runs[-1][1].market, market) and not goes_on:
        if first_at is None and runs[-1][1].at and _is_heard_live(market):
            raise LedgerError(
                f"{ledger.path} is of a pipe over the live market, whose stages remember what no process has: go on "
                "with hot scan | ... | hot order, if that pipe ended in order, or name another --ledger"
            )
        _same_settings(runs[-1][1], settings)
        first = _first_of_market(runs)
        newest = ledger.load_checkpoint(CHECKPOINT_VERSION)
        if newest is not None and newest.seq >= first and first_at is None:
            reached = unpack(newest.blob)
            if reached.whole:
                return Start(reached, newest.seq, reached.facts)
        before = ledger.load_checkpoint(CHECKPOINT_VERSION, not_after_seq=first)
        return Start(unpack(before.blob) if before is not None else None, first)
    checkpoint = ledger.load_checkpoint(CHECKPOINT_VERSION)
    state = unpack(checkpoint.blob) if checkpoint is not None else None
    if checkpoint is None or (last is not None and checkpoint.seq < last[0]):
        if same_market(runs[-1][1].market, market) and _is_heard_live(market):
            raise LedgerError(
                f"{ledger.path}: its last pipe was killed, and what it heard of the live market is not told a second "
                "time: name another --ledger; hot report, hot why and hot replay still read this one"
            )
        raise LedgerError(
            f"the last run of {ledger.path} did not end in order: run it once more with its own market, or name "
            "another --ledger"
        )
    return Start(state, ledger.head.seq, 0, last)


def _is_heard_live(market: Mapping[str, Any]) -> bool:
    """Says whether a market is neither read from files nor piped in, so that nobody can bring it a second time."""
    return not market.get("files") and market.get("stream") not in (STDIN, UNNAMED["stream"])


def _live(
    ledger: Ledger, runs: list[tuple[int, Run]], market: Mapping[str, Any], settings: Settings, *, piped: bool
) -> Start:
    start = live_start_of(ledger, runs, market, settings, piped=piped)
    # What a pipe begins anew must come after what was decided; one process hears its account at once.
    follows = ledger.last_tick() if piped and not start.again else None
    return Start(start.state, start.after_seq, start.skip, follows)


def live_start_of(
    ledger: Ledger, runs: list[tuple[int, Run]], market: Mapping[str, Any], settings: Settings, *, piped: bool
) -> LiveStart:
    """Gives where a run starts on a live ledger that has runs; raises ConfigError and LedgerError."""
    start = live_start(ledger, runs, market, piped=piped)
    if start.again:
        _same_settings(runs[-1][1], settings)
    return start


def start_of(ledger: Ledger, market: Mapping[str, Any], settings: Settings, first_at: int) -> dict[str, Any]:
    """Gives the desk and exchange that a pipe's run record starts from, as plain JSON values; empty for a fresh one."""
    return desk_values(find_start(ledger, market, settings, first_at=first_at).state)


def all_runs(ledger: Ledger) -> list[tuple[int, Run]]:
    """Gives (row, run record) of every run of a ledger, oldest first."""
    found: list[tuple[int, Run]] = []
    for seq, line in ledger.lines(kinds=["run"]):
        record = decode(line)
        if isinstance(record, Run):
            found.append((seq, record))
    return found


def _first_of_market(runs: list[tuple[int, Run]]) -> int:
    first = runs[-1][0]
    for seq, run in reversed(runs):
        if not same_market(run.market, runs[-1][1].market):
            break
        first = seq
    return first


def _same_settings(prior: Run, settings: Settings) -> None:
    if prior.settings_hash == settings.hash:
        return
    now = settings.decisive
    for key in sorted({*now, *prior.settings}):
        was = prior.settings.get(key)
        if was != now.get(key):
            raise ConfigError(
                f"this ledger's run has {key} = {was!r}, now {now.get(key)!r}: a run goes on with its own settings; "
                "name another --ledger"
            )
    raise ConfigError("this ledger's run has other settings: name another --ledger")
