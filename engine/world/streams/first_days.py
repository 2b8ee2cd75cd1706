"""First days: when each symbol was listed, which never changes; kept in a file, so that it is asked for once."""

from contextlib import suppress
from pathlib import Path
from threading import Lock

import msgspec

_read = msgspec.json.Decoder(dict[str, int])


class FirstDays:
    """When symbols were listed, epoch ms. A file that is lost or damaged is only asked for again."""

    def __init__(self, path: Path) -> None:
        """Reads the file, where there is one."""
        self._path, self._lock = path, Lock()
        self._days: dict[str, int] = {}
        with suppress(OSError, msgspec.DecodeError):
            self._days = _read.decode(path.read_bytes())

    def get(self, symbol: str) -> int | None:
        """Gives when a symbol was listed, None where that is not known."""
        return self._days.get(symbol)

    def keep(self, symbol: str, listed_at: int) -> None:
        """Keeps when a symbol was listed."""
        with self._lock, suppress(OSError):
            self._days[symbol] = listed_at
            fresh = self._path.with_suffix(".new")
            fresh.write_bytes(msgspec.json.encode(self._days))
            fresh.replace(self._path)
