"""Standard streams made safe before anything else runs: closed ones opened on nothing, terminals shown no escapes."""

import io
import os
import re
import sys
from typing import Any

# C0 but newline and tab, DEL, C1, bidi, zero-width and tag characters: they hide or rewrite what stands beside them.
_STEERING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e007f]|[\ud800-\udfff]"
)


def escaped(text: str) -> str:
    """Gives text with every character that could steer a terminal as a JSON escape; lines and tabs stay."""
    return _STEERING.sub(_escape, text)


def _escape(match: "re.Match[str]") -> str:
    code = ord(match.group())
    if code <= 0xFFFF:
        return f"\\u{code:04x}"
    high, low = divmod(code - 0x10000, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"


def for_terminal(data: bytes) -> bytes:
    """Gives output as a terminal may be shown it; what is not UTF-8 is written as escapes."""
    return escaped(data.decode("utf-8", "backslashreplace")).encode()


def settle() -> None:
    """Makes the three standard streams usable, whatever the parent left of them.

    A closed one is opened on nothing: else the next file that is opened, a ledger perhaps, would take its number and
    be written to as output.
    """
    for fd in (0, 1, 2):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - it lives as long as the process
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stdout.isatty():
        sys.stdout = io.TextIOWrapper(
            _Shown(sys.stdout.buffer),
            encoding="utf-8", errors="backslashreplace", line_buffering=True, write_through=True,
        )  # fmt: skip


class _Shown(io.BufferedIOBase):
    """A terminal's bytes, with what could steer it escaped."""

    def __init__(self, below: Any) -> None:
        self._below = below

    def write(self, data: Any) -> int:
        self._below.write(for_terminal(bytes(data)))
        return len(data)

    def flush(self) -> None:
        self._below.flush()

    def fileno(self) -> int:
        return int(self._below.fileno())

    def isatty(self) -> bool:
        return True

    def writable(self) -> bool:
        return True
