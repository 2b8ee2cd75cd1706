"""The tail of a file that others write to: what is appended from now on, across rotations, from a pipe, or on stdin."""

import os
import select
import stat
import time
from collections.abc import Callable, Iterator
from io import FileIO
from pathlib import Path

from engine.errors import ConfigError

STDIN = "-"
#: How often a file is looked at, and how long a stop may wait for that, in seconds.
LOOK_S = 0.25
_CHUNK = 1 << 16


def tail(path: str, stopped: Callable[[], bool], stdin: int = 0) -> Iterator[bytes]:
    """Gives what is written from now on, in pieces, until `stopped`; stdin ends when its writer does.

    A file that was there is read from its end, one that comes later, after a rotation or at first, from its beginning.
    Raises ConfigError for what cannot be read.
    """
    if path == STDIN:
        return _of_pipe(stdin, stopped, for_ever=False)
    try:
        if stat.S_ISFIFO(Path(path).stat().st_mode):
            # Without waiting for a writer: there may be none yet.
            return _of_pipe(os.open(path, os.O_RDONLY | os.O_NONBLOCK), stopped, for_ever=True)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise _unreadable(path, error) from None
    return _of_file(Path(path), stopped)


def _of_pipe(fd: int, stopped: Callable[[], bool], for_ever: bool) -> Iterator[bytes]:
    while not stopped():
        if not select.select([fd], [], [], LOOK_S)[0]:
            continue
        piece = os.read(fd, _CHUNK)
        if piece:
            yield piece
        elif for_ever:
            time.sleep(LOOK_S)  # the last writer left; another may come
        else:
            return
    if for_ever:
        os.close(fd)


def _of_file(path: Path, stopped: Callable[[], bool]) -> Iterator[bytes]:
    file = _opened(path)
    if file is not None:
        file.seek(0, os.SEEK_END)
    while not stopped():
        # What was appended before it was replaced is read first.
        replaced = file is None or _is_replaced(path, file)
        while file is not None and (piece := file.read(_CHUNK)):
            yield piece
        fresh = _opened(path) if replaced else None
        if fresh is not None:
            if file is not None:
                yield b"\n"  # a line that the old file left unfinished is none
                file.close()
            file = fresh
        else:
            time.sleep(LOOK_S)
    if file is not None:
        file.close()


def _opened(path: Path) -> FileIO | None:
    try:
        return path.open("rb", buffering=0)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unreadable(str(path), error) from None


def _is_replaced(path: Path, file: FileIO) -> bool:
    """Says whether another file has taken the name, or the file was cut to begin anew."""
    here = os.fstat(file.fileno())
    if here.st_size < file.tell():
        return True
    try:
        there = path.stat()
    except OSError:
        return False  # between two files
    return (there.st_dev, there.st_ino) != (here.st_dev, here.st_ino)


def _unreadable(path: str, error: OSError) -> ConfigError:
    return ConfigError(f"{path} cannot be read ({error.strerror}): name a file, a named pipe or - for posts")
