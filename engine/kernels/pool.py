"""The life of a candidate in the pool as a step of numbers: the same for one record and for a column of cycles."""

#: Places in the pool by number.
NONE, NEW, WATCHING, HOT, COOLING, DROPPED = range(6)


def moved(
    status: int, since: int, status_since: int, at: int, heat: float, anomaly: bool, hot_heat: float,
    cool_heat: float, drop_ms: int,
) -> int:  # fmt: skip
    """Gives a member's status one cycle on; times in ms.

    A first anomaly makes a new one watched; heat makes it hot or lets it cool; one that cools for `drop_ms` is dropped.
    """
    now = status
    if now == NEW and anomaly:
        now = WATCHING
    if now != NEW and heat >= hot_heat:
        now = HOT
    elif heat < cool_heat and now in (WATCHING, HOT):
        now = COOLING
    if status == COOLING and now == COOLING and at - status_since >= drop_ms:
        now = DROPPED
    if now == NEW and at - since >= drop_ms and heat < cool_heat:
        now = DROPPED
    return now
