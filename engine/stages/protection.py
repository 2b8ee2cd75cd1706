"""What rests at an exchange for a position: the memory of these orders, and of exits that wait for one to go."""

from decimal import Decimal
from typing import NamedTuple

import msgspec

from engine.stages.exits import Exit

TIERS, TRAIL = "TIERS", "TRAIL"
_LISTED = "_STOP"


class Wish(NamedTuple):
    """An order that should rest: its price or trigger in ticks (where a trailing stop begins), and its steps."""

    ticks: int
    steps: int


class Resting(msgspec.Struct, kw_only=True):
    """An order that rests at the exchange: its price or trigger (ticks), how much is left of it, how far it has come.

    `leaving` says that its cancel was sent: nothing else takes its place until its end is told.
    """

    client_id: str
    ticks: int
    steps: int
    working: bool = False
    leaving: bool = False


class Protection(msgspec.Struct, kw_only=True):
    """What protects positions at an exchange (live only), by symbol.

    `resting` orders are kept by their leg: STOP, TRAIL, TIER_1, and TIER_1_STOP, which leaves the book with the tier it
    is in a list with. `by_program` are the symbols, each with TIERS or TRAIL, of which the exchange takes none: the
    program watches them. `waiting` are exits that go out when what is in their way is gone, and `waits_since` is when
    the first began to; `naked_since` is since when a position has lacked a working stop, `tried_at` when a leg was sent
    last, by symbol and leg; `short_of` is the balance that was last too small. `stuck` positions are of symbols that
    are not traded: when a way out was tried last; `refused` is when a way out was last turned away. `bound` are coins
    that sell orders of others have. `used` are the keys of the newest orders, with their time.
    """

    resting: dict[str, dict[str, Resting]] = {}
    by_program: list[str] = []
    waiting: dict[str, list[Exit]] = {}
    waits_since: dict[str, int] = {}
    naked_since: dict[str, int] = {}
    tried_at: dict[str, int] = {}
    short_of: str | None = None
    stuck: dict[str, int] = {}
    refused: dict[str, int] = {}
    bound: dict[str, Decimal] = {}
    used: dict[str, int] = {}

    def of(self, symbol: str) -> dict[str, Resting]:
        """Gives what rests for a symbol, by leg."""
        return self.resting.get(symbol, {})

    def leg_of(self, symbol: str, client_id: str) -> str | None:
        """Gives the leg that an order is; None for one that is none."""
        return next((leg for leg, one in self.of(symbol).items() if one.client_id == client_id), None)

    def forget(self, symbol: str) -> None:
        """Forgets what concerned a position that is gone; what still rests is remembered until its end is told."""
        self.naked_since.pop(symbol, None)
        self.waiting.pop(symbol, None)
        self.waits_since.pop(symbol, None)
        self.stuck.pop(symbol, None)
        self.refused.pop(symbol, None)
        self.bound.pop(symbol, None)
        self.by_program = [one for one in self.by_program if one.partition(" ")[0] != symbol]
        self._forget_tries(symbol)

    def bind(self, symbol: str, qty: Decimal) -> None:
        """Takes note of how many coins of a position orders of others have: how many may rest is tried anew."""
        self._forget_tries(symbol)
        if qty > 0:
            self.bound[symbol] = qty
        else:
            self.bound.pop(symbol, None)

    def _forget_tries(self, symbol: str) -> None:
        for leg in [leg for leg in self.tried_at if leg.partition(" ")[0] == symbol]:
            del self.tried_at[leg]

    def leave_to_program(self, symbol: str, what: str) -> None:
        """Takes note that tiers or the trail of a position cannot rest at the exchange."""
        if not self.is_by_program(symbol, what):
            self.by_program.append(f"{symbol} {what}")

    def is_by_program(self, symbol: str, what: str) -> bool:
        """Says whether the program alone watches tiers or the trail of a position."""
        return f"{symbol} {what}" in self.by_program

    @property
    def watched(self) -> set[str]:
        """The symbols of which the program alone watches tiers or the trail."""
        return {one.partition(" ")[0] for one in self.by_program}

    @property
    def guarded(self) -> set[str]:
        """The symbols for which a stop works, and none is missing."""
        stops = {symbol for symbol, legs in self.resting.items() if any(is_stop(leg) for leg in legs)}
        return stops - self.naked_since.keys()


def is_tier(leg: str) -> bool:
    """Says whether a leg is a tier's limit order."""
    return leg.startswith("TIER_") and not is_listed_stop(leg)


def is_stop(leg: str) -> bool:
    """Says whether a leg is a stop: the others are limit orders."""
    return not is_tier(leg)


def is_listed_stop(leg: str) -> bool:
    """Says whether a leg is the stop that is in a list with a tier."""
    return leg.endswith(_LISTED)


def other_of(leg: str) -> str:
    """Gives the leg that is, or would be, in a list with this one: what is executed of one ends the other."""
    return leg.removesuffix(_LISTED) if is_listed_stop(leg) else leg + _LISTED
