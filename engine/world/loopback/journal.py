"""What arrived at the venue, request by request, for whoever checks the other side's story."""

from collections import deque
from pathlib import Path
from typing import BinaryIO

import msgspec

_encode = msgspec.json.Encoder().encode
KEPT = 500_000


class Arrival(msgspec.Struct, frozen=True, omit_defaults=True):
    """A request as it came, when (ms of venue time), what it was answered, and which fault it met.

    Status 0 means that no whole answer went out. Of a websocket API's requests the path is the method's name.
    """

    n: int
    at: int
    method: str
    path: str
    query: str
    body: str
    key: str
    status: int
    answer: str
    fault: str = ""


class Journal:
    """The arrivals: in memory, the newest half million; whole in a file, where one is given."""

    def __init__(self, path: Path | None = None) -> None:
        """Opens the file (JSON lines) anew."""
        self.arrivals: deque[Arrival] = deque(maxlen=KEPT)
        self.count = 0
        self._file: BinaryIO | None = path.open("wb") if path is not None else None

    def note(
        self, at: int, method: str, path: str, query: str, body: str, key: str, status: int, answer: bytes, fault: str
    ) -> None:
        """Writes an arrival down."""
        self.count += 1
        told = answer[:2000].decode("utf-8", "replace")
        arrival = Arrival(self.count, at, method, path, query, body, key, status, told, fault)
        self.arrivals.append(arrival)
        if self._file is not None:
            self._file.write(_encode(arrival) + b"\n")

    def lines(self) -> bytes:
        """Gives the arrivals as JSON lines."""
        return b"".join(_encode(arrival) + b"\n" for arrival in self.arrivals)

    def close(self) -> None:
        """Closes the file."""
        if self._file is not None:
            self._file.close()
            self._file = None
