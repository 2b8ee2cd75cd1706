"""The bundled rules of symbols: dated snapshots of what the venue said, for markets that bring no rules."""

import gzip
from functools import cache
from pathlib import Path
from typing import NamedTuple

import msgspec

from engine.errors import Bug
from engine.records.market import SymbolRules
from engine.records.wire import decode, encode

_HERE = Path(__file__).parent
_FILES = {"binance-spot": "spot-2024-09-08.jsonl.gz", "binance-usdm": "usdm-2025-11-26.jsonl.gz"}
_DATE_LENGTH = len("2024-09-08")


class Snapshot(NamedTuple):
    """A venue's rules by symbol, and the date they are of; a venue without a snapshot has none, of no date."""

    venue: str
    date: str
    rules: dict[str, SymbolRules]


@cache
def load(venue: str) -> Snapshot:
    """Gives the bundled snapshot of a venue, empty where there is none."""
    name = _FILES.get(venue)
    if name is None:
        return Snapshot(venue, "none", {})
    rules = {}
    for line in gzip.decompress((_HERE / name).read_bytes()).splitlines():
        record = decode(line)
        if not isinstance(record, SymbolRules):
            raise Bug(f"{name}: a line that is no symbol_rules")
        rules[record.symbol] = record
    return Snapshot(venue, name.split("-", 1)[1][:_DATE_LENGTH], rules)


def pack(rules: list[SymbolRules], date: str) -> bytes:
    """Gives a snapshot file's bytes: sorted by symbol, marked with its date, the same for the same rules."""
    marked = (msgspec.structs.replace(one, rules=f"snapshot {date}") for one in rules)
    text = b"".join(encode(one) + b"\n" for one in sorted(marked, key=lambda one: one.symbol))
    return gzip.compress(text, 9, mtime=0)
