"""The exchange's words for what became of an order, and ours."""

from collections.abc import Mapping
from typing import NoReturn

from engine.records.trades import Side
from engine.world.account.account import Status
from engine.world.binance.redact import shown
from engine.world.binance.trouble import Unreadable

#: The statuses of plain orders, on spot and on futures.
PLAIN: Mapping[str, Status] = {
    "NEW": "working", "PENDING_NEW": "working", "PARTIALLY_FILLED": "working", "PENDING_CANCEL": "working",
    "FILLED": "filled", "CANCELED": "cancelled", "EXPIRED": "expired", "EXPIRED_IN_MATCH": "expired",
    "REJECTED": "rejected",
}  # fmt: skip
#: Those of conditional orders before they trigger; afterwards the plain order that they became says how it stands.
CONDITIONAL: Mapping[str, Status] = {
    "NEW": "working", "TRIGGERING": "working", "TRIGGERED": "working", "CANCELED": "cancelled", "EXPIRED": "expired",
    "REJECTED": "rejected",
}  # fmt: skip
#: A conditional order whose plain order has ended.
FINISHED = "FINISHED"
_SIDES: Mapping[str, Side] = {"BUY": "buy", "SELL": "sell"}
#: What stands where there is no reason.
_NO_REASON = frozenset({"", "0", "NONE"})


def status_of(words: Mapping[str, Status], word: str | None) -> Status:
    """Gives our word; raises Unreadable for one that is not known, so that the order is asked for again."""
    found = words.get(word or "")
    return found if found is not None else _unknown("status", word)


def side_of(word: str | None) -> Side:
    """Gives our word for BUY or SELL; raises Unreadable for another one."""
    found = _SIDES.get(word or "")
    return found if found is not None else _unknown("side", word)


def code_of(word: str | None, *reasons: str | None) -> str | None:
    """Gives why an order in this status ended early: the first reason that says something, or what its status says."""
    for reason in reasons:
        if reason is not None and reason.upper() not in _NO_REASON:
            return shown(reason, 80)
    return word if word == "EXPIRED_IN_MATCH" else None


def number_told(value: str | int | None) -> str | None:
    """Gives an order's number as text; None where none is told, which is written in several ways."""
    return None if value in (None, "", "0", 0) else str(value)


def _unknown(what: str, word: str | None) -> NoReturn:
    raise Unreadable(f"an order of {what} {shown(str(word), 40)!r}, which nobody knows here")
