"""Speaking aside: who trades is never held up by who listens, or has stopped listening."""

import io
import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

#: A pipe that select calls writable takes so many bytes at once without a wait.
PIECE = 512
#: So many lines wait for a reader that is slow; the oldest of more are dropped, and counted.
MOST_LINES = 500
#: At the end a slow reader gets so long, in seconds.
AT_THE_END_S = 1.0


class Aside(io.TextIOBase):
    """A stream for people that never waits: lines that cannot be written now are written with later ones.

    A reader that has gone hears nothing more, and that is no error.
    """

    def __init__(self, below: TextIO) -> None:
        """Writes to `below` when it can be written to."""
        self._below, self._lines, self._dropped = below, list[bytes](), 0

    def write(self, text: str) -> int:
        """Takes text, and writes what can be written without a wait."""
        self._lines.append(text.encode("utf-8", "backslashreplace"))
        if len(self._lines) > MOST_LINES:
            self._dropped += len(self._lines) - MOST_LINES
            self._lines = self._lines[-MOST_LINES:]
        self.flush()
        return len(text)

    def flush(self) -> None:
        """Writes what waits, as far as it can be written without a wait."""
        self._write(0.0)

    def end(self) -> None:
        """Writes what waits, for a reader that is only slow."""
        self._write(AT_THE_END_S)

    def _write(self, patience_s: float) -> None:
        try:
            while self._lines and select.select([], [self.fileno()], [], patience_s)[1]:
                if self._dropped:
                    told, self._dropped = f"hot: {self._dropped} messages were not read in time\n", 0
                    self._lines.insert(0, told.encode())
                piece = self._lines[0][:PIECE]
                rest = self._lines[0][os.write(self.fileno(), piece) :]
                self._lines[:1] = [rest] if rest else []
        except OSError:
            self._lines.clear()

    def fileno(self) -> int:
        """Gives the number of the stream below."""
        return self._below.fileno()

    def isatty(self) -> bool:
        """Says whether a terminal is below."""
        return self._below.isatty()

    def writable(self) -> bool:
        """Says yes."""
        return True


@contextmanager
def speaking_aside() -> Iterator[None]:
    """Has stderr never wait while this lasts, where it can be told whether it would."""
    before = sys.stderr
    if not _can_be_asked(before):
        yield
        return
    before.flush()
    sys.stderr = aside = Aside(before)
    try:
        yield
    finally:
        aside.end()
        sys.stderr = before


def _can_be_asked(stream: TextIO) -> bool:
    try:
        select.select([], [stream.fileno()], [], 0)
    except (OSError, ValueError):  # a Windows, or no file at all
        return False
    return True
