"""The stretch of time that a recording covers, by the first and last lines of its files: good enough for progress."""

import re
from pathlib import Path

from engine.errors import HotError
from engine.world.imports.unpack import pieces

_EDGE = 1 << 16
#: The time of a line: the `at` of a record, or the second field of a candle row.
_AT = re.compile(rb'"at":([0-9]{12,14})|^[^,{"\n]{1,40},([0-9]{12,14}),', re.MULTILINE)


def span_of(path: str, since_ms: int | None = None, until_ms: int | None = None) -> tuple[int, int] | None:
    """Gives the first and last time of a file or folder in ms, within since and until; None where it cannot tell."""
    root = Path(path)
    if path == "-" or not root.exists():
        return None
    files = sorted(one for one in root.rglob("*") if one.is_file()) if root.is_dir() else [root]
    times: list[int] = []
    for file in files:
        if any(word in file.name for word in (".csv", ".jsonl", ".ndjson")) and "rules" not in file.name:
            times += _times(file)
    if not times:
        return None
    first, last = min(times), max(times)
    if since_ms is not None:
        first = max(first, since_ms)
    if until_ms is not None:
        last = min(last, until_ms)
    return (first, last) if first < last else None


def _times(file: Path) -> list[int]:
    start, end = b"", b""
    try:
        for piece in pieces(file):
            if len(start) < _EDGE:
                start += piece
            end = (end + piece)[-_EDGE:]
    except HotError:
        return []
    return [int(a or b) for a, b in (*_AT.findall(start[:_EDGE]), *_AT.findall(end))]
