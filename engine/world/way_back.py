"""The way back of a live pipe: what the account tells its last stage is handed to its first, for all stages to hear.

A fifo in a folder of its own, named in the run record, which only the pipe that it belongs to has read.
"""

import os
import shutil
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from engine.errors import UsageError
from engine.records.account import Told
from engine.records.base import Record
from engine.records.market import SymbolRules
from engine.records.wire import MAX_LINE_BYTES, decode, encode

_PIECE = 1 << 16


class Hearing:
    """The end at the first stage."""

    def __init__(self) -> None:
        """Makes the fifo; nobody has to write into it yet."""
        self._folder = Path(tempfile.mkdtemp(prefix="hot-"))
        self.path = self._folder / "account"
        os.mkfifo(self.path, 0o600)
        self._fd = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)
        self._rest = b""

    def facts(self) -> list[Record]:
        """Gives the facts that were told since it was asked last; their times are the reader's to set."""
        while piece := self._read():
            self._rest += piece
            self._unlink()  # whoever was meant to has opened it
        if len(self._rest) > MAX_LINE_BYTES and b"\n" not in self._rest:
            self._rest = b""  # no fact is as long
        *lines, self._rest = self._rest.split(b"\n")
        found = [decode(line) for line in lines]
        return [one for one in found if isinstance(one, Told | SymbolRules)]

    def _read(self) -> bytes:
        try:
            return os.read(self._fd, _PIECE)
        except BlockingIOError:
            return b""

    def _unlink(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> "Hearing":
        return self

    def __exit__(self, *_: object) -> None:
        self._unlink()
        os.close(self._fd)


class Telling:
    """The end at the last stage. It never waits: what the fifo does not take at once goes with the next `push`."""

    def __init__(self, path: str) -> None:
        """Raises UsageError where the first stage of the pipe is gone."""
        try:
            self._fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            raise UsageError(
                "the first stage of this pipe is gone: live orders are sent for a pipe that is running, not for a file"
            ) from None
        self._rest = b""

    def tell(self, facts: Iterable[Record]) -> None:
        """Hands facts over."""
        self._rest += b"".join(encode(fact) + b"\n" for fact in facts)
        self.push()

    def push(self) -> None:
        """Hands over what is left; where the first stage is gone the pipe's input ends, which says so."""
        with suppress(BlockingIOError, BrokenPipeError):
            while self._rest:
                self._rest = self._rest[os.write(self._fd, self._rest) :]

    def close(self) -> None:
        """Closes this end."""
        os.close(self._fd)
