"""Ways back: how each reason for which nothing is entered ends, and what the operator can do about it."""

from collections.abc import Mapping

WAYS_BACK: Mapping[str, str] = {
    "feed_stale": "by itself, when facts have come for desk.feed_fresh_s again; look at the feed",
    "feed_dirty": "by itself, after a minute in which the facts make sense again; look at the feed",
    "feed_died": "by itself where it was begun again, else hot resume; hot status lists what failed",
    "loop_lag": "by itself, when the process keeps up again; give it more of the machine",
    "user_stream": "by itself, when the account's stream is heard again and its books were compared",
    "clock_skew": "by itself, when this machine's clock is right again; set it (NTP)",
    "recovering": "by itself, when orders and holdings at the exchange are known",
    "ledger": "by itself, when the disk has room again",
    "banned": "by itself, when the exchange's ban ends; look for other programs on this address",
    "account_short": "by itself, when the short positions that others opened are closed; hot flatten closes them",
    "account_mode": "hot resume, when the account is in one-way mode, with margin and leverage as set",
    "auth": "hot resume, when hot doctor finds the key in order",
    "breaker": "hot resume, when the exchange answers again",
    "governor": "hot resume, when what asked for so many orders is known",
    "defect": "hot resume; it is a bug in hot, and stderr has its name",
    "watch_died": "hot resume after a new start; it is a bug in hot, and stderr has its name",
    "operator": "hot resume",
    "risk_L5": "by itself at the end of the cool-down, or hot resume",
}
OTHERWISE = "mend what the reason names; hot doctor checks what it can"


def way_back(reason: str) -> str:
    """Gives how a reason ends; `governor_symbols` ends as `governor` does."""
    return WAYS_BACK.get(reason) or WAYS_BACK.get(reason.partition("_")[0], OTHERWISE)
