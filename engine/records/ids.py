"""Ids that follow from content: the same wish has the same id, today and in a replay next year."""

import base64
import re
from hashlib import sha256

_CLIENT_ID = re.compile(r"h[a-z2-7]{27}", re.ASCII)


def intent_key(strategy: str, venue: str, symbol: str, side: str, purpose: str, decided_at: int, leg: str) -> str:
    """Gives the key of a wish to trade: sha256 in hex over what is wanted.

    Quantity, price, settings, ledger, mode and run are not in it, so that a retry, a restart or a race gives the same.
    """
    text = "\x1f".join((strategy, venue, symbol, side, purpose, str(decided_at), leg))
    return sha256(text.encode()).hexdigest()


def client_id(key: str, attempt: int) -> str:
    """Gives the client order id of one attempt: `h` and 27 base32 characters (28 in all; Binance allows 36)."""
    digest = sha256(f"{key}\x1f{attempt}".encode()).digest()
    return "h" + base64.b32encode(digest).decode().lower()[:27]


def flatten_id(key: str) -> str:
    """Gives the client order id of an emergency close, which no run takes for one of its own."""
    digest = sha256(f"{key}\x1fflatten".encode()).digest()
    return "flat-" + base64.b32encode(digest).decode().lower()[:23]


def is_client_id(text: str) -> bool:
    """Says whether a client order id looks like one of ours."""
    return _CLIENT_ID.fullmatch(text) is not None
