"""How a live account is followed."""

import msgspec

from engine.records.bounds import Seconds, SecondsOrOff

#: A countdown is begun anew three times in its length, which is a request each.
LEAST_COUNTDOWN_S = 3


class LiveVenueSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a live account is followed.

    `entry_ttl_s`: an entry that could not leave for so long is dropped. `absent_after_s`: an order that the exchange
    does not know counts as never executed at the earliest so long after it was sent (recvWindow, 10 s, and a margin).
    `sync_s`: how often holdings and open orders are compared. `balance_s`: how often the wallet is. `poll_s`: how often
    a working order is asked for while the account's stream is heard, `poll_deaf_s` while it is not. `dead_man_s`: where
    nobody is here for so long, futures cancel the limit orders that are left (0: never); stops always stay.
    """

    entry_ttl_s: Seconds = 20
    absent_after_s: Seconds = 18
    sync_s: Seconds = 30
    balance_s: Seconds = 300
    poll_s: Seconds = 30
    poll_deaf_s: Seconds = 5
    dead_man_s: SecondsOrOff = 0

    def __post_init__(self) -> None:
        """Raises ValueError for a countdown that is over before it can be begun anew."""
        if 0 < self.dead_man_s < LEAST_COUNTDOWN_S:
            raise ValueError(f"dead_man_s {self.dead_man_s:g} must be 0 or at least {LEAST_COUNTDOWN_S}")
