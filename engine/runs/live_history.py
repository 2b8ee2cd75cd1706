"""Where a run on a live ledger starts: one process goes on where it was, a pipe begins anew after each end in order.

A pipe that was killed is begun once more: its first stage tells the facts that were recorded, so that all stages think
them again, and then the market goes on.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from engine.errors import ConfigError, LedgerError
from engine.ledger.ledger import Ledger
from engine.records.desk import Run
from engine.runs.manifest import same_market
from engine.runs.pipeline import CHECKPOINT_VERSION, PipelineState, unpack
from engine.world.recording import count_lines, folder_of


class LiveStart(NamedTuple):
    """The stages' state, the row after which decisions are said again, the recorded facts to skip, and their number.

    `again` says that the last run's facts are thought again, with its own settings; `whole` that every stage goes on.
    """

    state: PipelineState | None
    after_seq: int
    skip: int
    recorded: int
    again: bool
    whole: bool = False


def live_start(ledger: Ledger, runs: list[tuple[int, Run]], market: Mapping[str, Any], *, piped: bool) -> LiveStart:
    """Gives where a run starts on a live ledger that has runs.

    Raises ConfigError for another market, LedgerError where a pipe follows a process that did not end in order.
    """
    last = runs[-1][1]
    if not same_market(last.market, market):
        raise ConfigError(f"{ledger.path} is of the market {last.market.get('stream')}: name another --ledger")
    begun = _first_alike(runs)
    newest = ledger.load_checkpoint(CHECKPOINT_VERSION)
    state = unpack(newest.blob) if newest is not None else None
    recorded = count_lines(folder_of(Path(ledger.path)))
    if not piped and newest is not None and state is not None and state.whole and newest.seq >= begun:
        return LiveStart(state, newest.seq, state.facts, recorded, again=True, whole=True)
    if recorded == (state.facts if state is not None else 0):
        # Nothing was heard since the last end in order.
        return LiveStart(_desk_of(state), ledger.head.seq, recorded, recorded, again=False)
    if piped and not last.at:
        raise LedgerError(
            f"the last run of {ledger.path} did not end in order: end it with hot sync --ledger {ledger.path}, or go "
            "on with hot daemon --live"
        )
    before = ledger.load_checkpoint(CHECKPOINT_VERSION, not_after_seq=begun)
    state = _desk_of(unpack(before.blob) if before is not None else None)
    return LiveStart(state, begun, state.facts if state is not None else 0, recorded, again=True)


def go_on(before: Run, after: Run) -> bool:
    """Says whether a live run went on with the facts of the one before it: one process always does after another."""
    return before.after_facts == after.after_facts or not (before.at or after.at)


def _first_alike(runs: list[tuple[int, Run]]) -> int:
    """Gives the row of the first of the last runs that went on one from the other."""
    first, later = runs[-1]
    for seq, run in reversed(runs):
        if not go_on(run, later):
            break
        first, later = seq, run
    return first


def _desk_of(state: PipelineState | None) -> PipelineState | None:
    """Gives of what the stages remember that which another run takes over: the desk."""
    if state is None:
        return None
    return PipelineState(order=state.order, venue=state.venue, facts=state.facts)


def desk_values(state: PipelineState | None) -> dict[str, Any]:
    """Gives a desk as the plain JSON values that a run record holds; none of a fresh one."""
    if state is None:
        return {}
    return {"desk": msgspec.to_builtins(state.order), "exchange": msgspec.to_builtins(state.venue)}
