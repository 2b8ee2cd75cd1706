"""How a live account is followed."""

import msgspec

from engine.records.bounds import Seconds


class LiveVenueSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a live account is followed.

    `entry_ttl_s`: an entry that could not leave for so long is dropped. `absent_after_s`: an order that the exchange
    does not know counts as never executed at the earliest so long after it was sent (recvWindow, 10 s, and a margin).
    `sync_s`: how often holdings and open orders are compared. `balance_s`: how often the wallet is. `poll_s`: how often
    a working order is asked for while the account's stream is heard, `poll_deaf_s` while it is not.
    """

    entry_ttl_s: Seconds = 20
    absent_after_s: Seconds = 18
    sync_s: Seconds = 30
    balance_s: Seconds = 300
    poll_s: Seconds = 30
    poll_deaf_s: Seconds = 5
