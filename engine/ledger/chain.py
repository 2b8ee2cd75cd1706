"""The chain: each row's hash covers the row before it, back to the stamp; and the seal of rows that may change."""

from hashlib import sha256
from typing import NamedTuple


class Head(NamedTuple):
    """The last row of a chain; `str()` gives `seq:hash`, which a person can note down and check later."""

    seq: int
    hash: str

    def __str__(self) -> str:
        return f"{self.seq}:{self.hash}"


def genesis(mode: str, venue: str, account: str) -> str:
    """Gives the hash before the first row: it stands for the stamp, so that an edited stamp breaks the chain."""
    return sha256("\x1f".join(("hot ledger", mode, venue, account)).encode()).hexdigest()


def link(before: str, seq: int, line: bytes) -> str:
    """Gives a row's hash: sha256 in hex over the hash before it, its number and its line."""
    return sha256(f"{before} {seq} ".encode() + line).hexdigest()


def seal(*values: str | int | None) -> str:
    """Gives the check value of a row outside the chain, whose values may change: 16 hex digits."""
    return sha256("\x1f".join(map(str, values)).encode()).hexdigest()[:16]
