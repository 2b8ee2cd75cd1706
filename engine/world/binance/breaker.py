"""The breaker: an exchange whose answers fail is asked less, then not for entries any more, until somebody looks.

Pure: outcomes of calls in, a level out. Who keeps it where other processes see it is `budget`.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from engine.records.bounds import check_ascending

Percent = Annotated[int, Meta(ge=1, le=100)]
Times = Annotated[int, Meta(ge=1, le=1000)]

#: Nothing is wrong; half, and a quarter, of what may be asked; and no entries before the operator resumes.
CLOSED, HALF, QUARTER, OPEN = 0, 1, 2, 3
#: What is left of every budget at a level, in percent.
SHARES_PCT = (100, 50, 25, 25)
WORDS = ("all is well", "half of the requests", "a quarter of the requests", "no entries until hot resume")
#: Kinds of key calls that are counted by themselves; a client has fewer.
MOST_KEYS = 32


class BreakerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When an exchange whose answers fail is asked half as much, a quarter, and for no entries any more.

    `failed_pct`: each level begins when so many percent of the last calls failed. `run`: or when so many failed in a
    row. `of`: how many calls the share is of. `key_run`: so many failures in a row of one key call (an order, a cancel,
    a look at the account) stop entries at once. `good_run`: so many good calls in a row bring it one level down, but
    never from the last one, which ends with hot resume.
    """

    failed_pct: tuple[Percent, Percent, Percent] = (20, 40, 60)
    run: tuple[Times, Times, Times] = (5, 10, 15)
    of: Times = 20
    key_run: Times = 3
    good_run: Times = 5

    def __post_init__(self) -> None:
        """Raises ValueError for levels that do not ascend."""
        check_ascending("failed_pct", self.failed_pct)
        check_ascending("run", self.run)


#: What holds where nothing else is set.
BREAKER = BreakerSettings()


class BreakerState(msgspec.Struct, kw_only=True):
    """Where it stands: the outcomes of the last calls (newest last), and what came in a row."""

    level: int = CLOSED
    recent: str = ""
    failed_run: int = 0
    good_run: int = 0
    keys: dict[str, int] = {}


def after(state: BreakerState, settings: BreakerSettings, good: bool, key: str = "") -> BreakerState:
    """Gives the state after a call; `key` names the call where it is a key call."""
    keys = dict(state.keys)
    if key and (good or len(keys) < MOST_KEYS or key in keys):
        keys[key] = 0 if good else keys.get(key, 0) + 1
    keys = {name: run for name, run in keys.items() if run}
    if good:
        return _good(state, settings, keys)
    recent = (state.recent + "x")[-settings.of :]
    failed_run = state.failed_run + 1
    level = max(state.level, _by_share(recent, settings), _by_run(failed_run, settings))
    if key and keys.get(key, 0) >= settings.key_run:
        level = OPEN
    return BreakerState(level=level, recent=recent, failed_run=failed_run, keys=keys)


def _good(state: BreakerState, settings: BreakerSettings, keys: dict[str, int]) -> BreakerState:
    recent, good_run = (state.recent + ".")[-settings.of :], state.good_run + 1
    if state.level in (HALF, QUARTER) and good_run >= settings.good_run:
        # What failed before the way down is told by the level that is left; it must not count twice.
        return BreakerState(level=state.level - 1, keys=keys)
    return BreakerState(level=state.level, recent=recent, good_run=good_run, keys=keys)


def _by_share(recent: str, settings: BreakerSettings) -> int:
    if len(recent) < settings.of:
        return CLOSED
    failed = recent.count("x")
    return sum(100 * failed >= limit * len(recent) for limit in settings.failed_pct)


def _by_run(failed_run: int, settings: BreakerSettings) -> int:
    return sum(failed_run >= limit for limit in settings.run)
