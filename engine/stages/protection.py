"""What protects a position at an exchange: the memory of resting stops, and of exits that wait for one to go."""

import msgspec

from engine.stages.exits import Exit


class Stop(msgspec.Struct, kw_only=True):
    """A protective stop that rests at the exchange: where it triggers (ticks), for how much, and how far it has come.

    `leaving` says that its cancel was sent: nothing else is done on its symbol until its end is told.
    """

    client_id: str
    ticks: int
    steps: int
    working: bool = False
    leaving: bool = False


class Protection(msgspec.Struct, kw_only=True):
    """What protects positions at an exchange (live only), by symbol.

    `stops` rest there; `waiting` are exits that go out when the stop that locks their coins is gone; `naked_since` is
    since when a position has had no working stop, `tried_at` when one was sent last; `short_of` is the balance that was
    last too small.
    """

    stops: dict[str, Stop] = {}
    waiting: dict[str, list[Exit]] = {}
    naked_since: dict[str, int] = {}
    tried_at: dict[str, int] = {}
    short_of: str | None = None
