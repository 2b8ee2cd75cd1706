"""The candidate pool: new, watching, hot, cooling, dropped."""

from collections.abc import Mapping

import msgspec

from engine.kernels.pool import COOLING, DROPPED, HOT, NEW, WATCHING, moved
from engine.records.ideas import PoolStatus

#: How records call the places in the pool.
STATUSES: Mapping[int, PoolStatus] = {
    NEW: "new", WATCHING: "watching", HOT: "hot", COOLING: "cooling", DROPPED: "dropped",
}  # fmt: skip
_NUMBERS = {name: number for number, name in STATUSES.items()}


class Member(msgspec.Struct, kw_only=True):
    """A candidate's place in the pool."""

    status: PoolStatus
    since: int
    status_since: int


def join(status: PoolStatus, at: int) -> Member:
    """Gives a new member."""
    return Member(status=status, since=at, status_since=at)


def move(member: Member, at: int, heat: float, anomaly: bool, hot_heat: float, cool_heat: float, drop_ms: int) -> None:
    """Moves a member on by one cycle, as `engine.kernels.pool.moved` says."""
    was = _NUMBERS[member.status]
    now = moved(was, member.since, member.status_since, at, heat, anomaly, hot_heat, cool_heat, drop_ms)
    if now != was:
        member.status, member.status_since = STATUSES[now], at
