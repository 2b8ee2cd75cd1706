"""Answers: whether one is a yes, a no, a wait or a riddle, by its status, its code and its words."""

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeVar

import msgspec

from engine.errors import BadRecord, KeyRefused
from engine.records.wire import check_json
from engine.world.binance.codes import Market, meaning_of
from engine.world.binance.redact import shown
from engine.world.binance.trouble import TURNED_AWAY, Banned, Limited, Rejected, Sort, Unreadable, utc

T = TypeVar("T")

#: What is believed of a wait: the longest ban is three days.
LONGEST_WAIT_MS = 4 * 86_400_000
#: A wait that nobody names: to the next minute, when budgets start anew; of a ban, its documented shortest.
_UNSAID_MS, _UNSAID_BAN_MS = 60_000, 120_000
_UNTIL = re.compile(r"banned until ([0-9]{13})\b", re.ASCII)
_SECONDS = re.compile(r"[0-9]{1,9}", re.ASCII)
_FILTER = re.compile(r"(?i)filter failure: ([A-Z_]{1,40})")
_ORDERS_PER_ACCOUNT = -1015
_TOO_MANY = -1003


class Answer(NamedTuple):
    """An answer as it came: status, headers by lower-case name, and the whole body, unpacked."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Hold(NamedTuple):
    """A wait that the exchange ordered: until when, whether it is a ban, and whether only orders must wait."""

    until_ms: int
    banned: bool
    orders_only: bool


class _Said(msgspec.Struct):
    code: int
    msg: str = ""


_said = msgspec.json.Decoder(_Said, strict=False)


def hold_of(answer: Answer, now_ms: int) -> Hold | None:
    """Gives the wait that an answer orders, None where it orders none. `now_ms` is the exchange's time."""
    said = _read(answer)
    code = said.code if said else None
    counted = answer.status < 500 and code in (_TOO_MANY, _ORDERS_PER_ACCOUNT)
    if answer.status not in (418, 429) and not counted:
        return None
    banned = answer.status == 418
    until = _retry_after(answer, now_ms) or _banned_until(said, now_ms)
    if until is None:
        until = now_ms + _UNSAID_BAN_MS if banned else (now_ms // _UNSAID_MS + 1) * _UNSAID_MS
    return Hold(min(until, now_ms + LONGEST_WAIT_MS), banned, code == _ORDERS_PER_ACCOUNT)


def check(answer: Answer, market: Market, host: str, hold: Hold | None) -> None:
    """Does nothing for a yes; raises what the answer means for anything else.

    KeyRefused for 401, 403 and 451, Limited or Banned for a wait, Rejected for the rest. `sort` is UNKNOWN wherever it
    is not certain that nothing was done: any 5xx that is not documented as definite, 408, and what cannot be read.
    """
    if hold is not None:
        raise _held(host, hold)
    if 200 <= answer.status < 300:
        return
    if answer.status == 451:
        raise KeyRefused(f"{host} answered 451: the exchange does not serve this country; nothing is tried again")
    said = _read(answer)
    if said is None:
        raise _without_code(answer, host)
    meaning = meaning_of(market, said.code, said.msg)
    words = shown(said.msg).rstrip(".")
    if meaning.sort is Sort.AUTH or answer.status in (401, 403):
        raise KeyRefused(f"{host}: {meaning.text} ({said.code}: {words}); {meaning.fix}")
    sort = _by_status(meaning.sort, answer.status, market, said)
    found = _FILTER.search(said.msg)
    raise Rejected(
        f"{host}: {meaning.text} ({said.code}: {words}); {meaning.fix}",
        sort=sort, status=answer.status, venue_code=said.code, said=words, filter=found.group(1) if found else None,
    )  # fmt: skip


def decode(body: bytes, read: Callable[[bytes], T], *, strict: bool, host: str = "") -> T:
    """Gives a body as what its endpoint answers; raises Unreadable, naming the host where it is given.

    `strict` is for money: a key given twice, a number that is not finite or deep nesting is no answer.
    """
    try:
        if strict:
            check_json(body)
        return read(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, BadRecord, ValueError) as error:
        why = shown(str(error), 120)
        where = f"{host}: " if host else ""
        raise Unreadable(f"{where}unreadable answer ({why}): {sample(body)}") from None


def sample(body: bytes) -> str:
    """Gives the beginning of a body, safe to print; "an empty body" where there is nothing."""
    return shown(body[:4096].decode("utf-8", "replace"), 120) or "an empty body"


def _held(host: str, hold: Hold) -> Limited:
    when = utc(hold.until_ms)
    if hold.banned:
        return Banned(
            f"{host} has banned this machine's address until {when}: nothing is asked of it before, since that would "
            "lengthen the ban; streams stay up; look for other programs on this address",
            hold.until_ms,
        )
    what = "new orders" if hold.orders_only else "requests"
    return Limited(f"{host}: too many {what}; nothing more until {when}", hold.until_ms, TURNED_AWAY)


def _without_code(answer: Answer, host: str) -> Exception:
    if answer.status in (401, 403):
        return KeyRefused(
            f"{host} answered {answer.status} without a reason (its firewall, or a wrong host for this key): "
            f"{sample(answer.body)}; wait some minutes, then look at host and key"
        )
    unsaid = answer.status == 503 and b"Service Unavailable." in answer.body
    return Rejected(
        f"{host} answered {answer.status}: {sample(answer.body)}",
        sort=Sort.WAIT if unsaid else Sort.UNKNOWN, status=answer.status, venue_code=None, said=sample(answer.body),
    )  # fmt: skip


def _by_status(sort: Sort, status: int, market: Market, said: _Said) -> Sort:
    """Gives the sort, mended by the status: what a definite code means is certain only from 400 to 499."""
    if status == 408 or status < 400:
        return Sort.UNKNOWN
    if status < 500 or sort is Sort.UNKNOWN:
        # -1000 and the like say themselves that nobody knows.
        return sort
    if market == "usdm" and status == 503:
        return Sort.WAIT if sort is Sort.WAIT or said.msg.startswith("Service Unavailable") else Sort.UNKNOWN
    # Overloaded is documented as not placed on both markets.
    return sort if said.code == -1008 else Sort.UNKNOWN


def _read(answer: Answer) -> _Said | None:
    if 200 <= answer.status < 300 or len(answer.body) > 1 << 16:
        return None
    try:
        said = _said.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return said if said.code < 0 else None


def _retry_after(answer: Answer, now_ms: int) -> int | None:
    seconds = answer.headers.get("retry-after", "")
    return now_ms + 1000 * max(1, int(seconds)) if _SECONDS.fullmatch(seconds) else None


def _banned_until(said: _Said | None, now_ms: int) -> int | None:
    found = _UNTIL.search(said.msg) if said else None
    until = int(found.group(1)) if found else 0
    return until if until > now_ms else None
