"""Ids that follow from content: the same wish has the same id, today and in a replay next year."""

from hashlib import sha256

_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
#: Ten bits at a time.
_PAIRS = [one + other for one in _LETTERS for other in _LETTERS]
_SHIFTS = range(150, -10, -10)


def intent_key(strategy: str, venue: str, symbol: str, side: str, purpose: str, decided_at: int, leg: str) -> str:
    """Gives the key of a wish to trade: sha256 in hex over what is wanted.

    Quantity, price, settings, ledger, mode and run are not in it, so that a retry, a restart or a race gives the same.
    """
    text = "\x1f".join((strategy, venue, symbol, side, purpose, str(decided_at), leg))
    return sha256(text.encode()).hexdigest()


def client_id(key: str, attempt: int) -> str:
    """Gives the client order id of one attempt: `h` and 27 base32 characters (28 in all; Binance allows 36)."""
    return "h" + _base32(f"{key}\x1f{attempt}")[:27]


def flatten_id(key: str) -> str:
    """Gives the client order id of an emergency close, which no run takes for one of its own."""
    return "flat-" + _base32(f"{key}\x1fflatten")[:23]


def _base32(text: str) -> str:
    """Gives the first 160 bits of a text's hash in base32 (RFC 4648), in small letters."""
    number = int.from_bytes(sha256(text.encode()).digest()[:20])
    return "".join([_PAIRS[number >> shift & 1023] for shift in _SHIFTS])
