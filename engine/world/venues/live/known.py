"""What is known of an account before anything is asked, and what the desk knows of it now."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from engine.records.desk import EmergencyClose


class Ours(NamedTuple):
    """What the desk knows of an account, by symbol: held, left by closed positions, locked by orders of others."""

    held: Mapping[str, Decimal] = {}
    dust: Mapping[str, Decimal] = {}
    bound: Mapping[str, Decimal] = {}


class Known(NamedTuple):
    """What a ledger knows of its account. `booked` are (symbol, trade id), `own` the client ids of its orders, over or
    not; `ours` gives what the desk knows, `emergencies` the orders of emergency closes since a time.

    `adopts` says whether holdings that the desk does not know are told: not on spot, where they may be savings.
    """

    booked: Iterable[tuple[str, str]] = ()
    own: Iterable[str] = ()
    ours: Callable[[], Ours] = Ours
    adopts: bool = True
    emergencies: Callable[[int], Sequence[EmergencyClose]] = lambda since: ()


NOTHING_KNOWN = Known()
