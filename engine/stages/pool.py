"""The candidate pool: new, watching, hot, cooling, dropped, with each member's heat history."""

import msgspec

from engine.records.ideas import PoolStatus

HISTORY = 60


class Member(msgspec.Struct, kw_only=True):
    """A candidate's place in the pool. `heats` are its last heats, oldest first."""

    status: PoolStatus
    since: int
    status_since: int
    heats: list[float] = []


def join(status: PoolStatus, at: int) -> Member:
    """Gives a new member."""
    return Member(status=status, since=at, status_since=at)


def move(member: Member, at: int, heat: float, anomaly: bool, hot_heat: float, cool_heat: float, drop_ms: int) -> None:
    """Moves a member on by one cycle; only its status and history change.

    A first anomaly makes a new one watched; heat makes it hot or lets it cool; one that cools for `drop_ms` is dropped.
    """
    member.heats.append(heat)
    del member.heats[:-HISTORY]
    status = member.status
    if status == "new" and anomaly:
        status = "watching"
    if status != "new" and heat >= hot_heat:
        status = "hot"
    elif heat < cool_heat and status in ("watching", "hot"):
        status = "cooling"
    if member.status == "cooling" and status == "cooling" and at - member.status_since >= drop_ms:
        status = "dropped"
    if status == "new" and at - member.since >= drop_ms and heat < cool_heat:
        status = "dropped"
    if status != member.status:
        member.status, member.status_since = status, at
