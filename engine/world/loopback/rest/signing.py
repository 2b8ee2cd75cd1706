"""Who sent a request, and whether it was really they: key, signature and timestamp, in the exchange's order."""

import hmac
from collections.abc import Mapping
from functools import lru_cache

from engine.world.loopback.books.orders import Account
from engine.world.loopback.books.refusals import Refusal, missing
from engine.world.loopback.books.wanted import Wanted
from engine.world.loopback.clock import VenueClock
from engine.world.loopback.market.instruments import Kind

#: Above this a timestamp is meant in microseconds (spot takes both).
_MICROSECONDS = 10**14
MAX_WINDOW_MS = 60_000
AHEAD_MS = 1000


def account_of(accounts: Mapping[str, Account], key: str | None) -> Account:
    """Gives the account of an API key; raises Refusal for none and for an unknown one."""
    if not key:
        raise Refusal(-2014, "API-key format invalid.", 401)
    account = accounts.get(key)
    if account is None or "read" not in account.rights:
        raise Refusal(-2015, "Invalid API-key, IP, or permissions for action.", 401)
    return account


def check_signature(account: Account, payload: str, signature: str | None) -> None:
    """Refuses a payload that was not signed with the account's secret; the payload is what stood on the wire."""
    if not signature:
        raise missing("signature")
    signing = _signing(account.secret).copy()
    signing.update(payload.encode("utf-8", "surrogateescape"))
    if not hmac.compare_digest(signing.hexdigest().encode(), signature.lower().encode("utf-8", "surrogateescape")):
        raise Refusal(-1022, "Signature for this request is not valid.")


@lru_cache
def _signing(secret: str) -> hmac.HMAC:
    """Gives a secret made ready to sign; what is signed with it is signed with a copy."""
    return hmac.new(secret.encode(), digestmod="sha256")


def check_time(clock: VenueClock, wanted: Wanted, kind: Kind) -> None:
    """Refuses a timestamp that is more than a second ahead, or older than its window.

    A venue whose time is not the wall's takes what is right by either clock.
    """
    stamp = wanted.whole("timestamp")
    if stamp is None:
        raise missing("timestamp")
    window = wanted.number("recvWindow")
    if window is not None and window > MAX_WINDOW_MS:
        raise Refusal(-1131, "recvWindow must be less than 60000.")
    if kind == "spot" and stamp > _MICROSECONDS:
        stamp //= 1000
    # Stamps are whole milliseconds: what of a window is no whole one makes no difference.
    now, longest = clock.now(), int(window) if window is not None else 5000
    if now - longest <= stamp < now + AHEAD_MS:
        return
    wall = clock.wall_ms()
    if wall - longest <= stamp < wall + AHEAD_MS:
        return
    if stamp >= max(now, wall) + AHEAD_MS:
        raise Refusal(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
    raise Refusal(-1021, "Timestamp for this request is outside of the recvWindow.")


def unsigned(query: str, body: str) -> str:
    """Gives what was signed: the query and, right behind it, the body, without the signature itself."""
    return _without(query) + _without(body)


def _without(text: str) -> str:
    start = 0 if text.startswith("signature=") else text.find("&signature=")
    if start < 0:
        return text
    end = text.find("&", start + 1)
    rest = text[end:] if end >= 0 else ""
    return text[:start] + (rest if start else rest[1:])
