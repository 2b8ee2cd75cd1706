"""Trust in files: a series is hashed before it is read first, and again whenever its file is another than then.

What was found sound stands in the store, by size and time of writing. A disk that changes bits without a write is not
noticed in this way: `hot store check` hashes everything.
"""

import os
from pathlib import Path

import msgspec

from engine.errors import DirtyInput
from engine.world.store.files import SeriesFile

SOUND = "sound.json"


class _Sound(msgspec.Struct, frozen=True, array_like=True):
    bytes: int
    written_ns: int
    sha256: str


_decoder = msgspec.json.Decoder(dict[str, _Sound])


class Trust:
    """Which files of a store were found to hold what their headers say."""

    def __init__(self, root: Path) -> None:
        """Knows what processes before this one found."""
        self._root, self._path = root, root / SOUND
        try:
            self._sound = _decoder.decode(self._path.read_bytes())
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            self._sound = {}

    def look(self, file: SeriesFile) -> SeriesFile:
        """Gives the file; raises DirtyInput when its data are not what was written."""
        name, now = file.path.relative_to(self._root).as_posix(), _sound(file)
        if self._sound.get(name) != now:
            if file.sha256() != file.header.sha256:
                raise DirtyInput(
                    f"{file.path}: damaged: its data are not what was written; delete it and import them again"
                )
            self._sound[name] = now
            self._keep()
        return file

    def _keep(self) -> None:
        """Writes down what was found, where the store can be written; else it is found anew each time."""
        part = self._path.with_name(f"{SOUND}.{os.getpid()}.part")
        try:
            part.write_bytes(msgspec.json.encode(self._sound))
            part.replace(self._path)
        except OSError:
            part.unlink(missing_ok=True)


def _sound(file: SeriesFile) -> _Sound:
    stat = file.path.stat()
    return _Sound(stat.st_size, stat.st_mtime_ns, file.header.sha256)
