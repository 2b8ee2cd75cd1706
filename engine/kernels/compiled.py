"""The same kernels at machine speed, where numba is installed."""

import hashlib
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import FunctionType
from typing import Any

#: The folder within the data folder that keeps what is compiled.
KERNELS = "kernels"


@cache
def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a kernel's function compiled by numba together with the steps it calls; the source is the same.

    It is called like the plain one, with float64 arrays as state, columns and lines, and gives the same bits. Threads
    can run several at a time.
    """
    # Numba takes a second to import, which only a long run earns back.
    import numba

    assert isinstance(function, FunctionType)
    named = function.__globals__
    steps = {
        name: compiled(named[name]) for name in function.__code__.co_names if isinstance(named.get(name), FunctionType)
    }
    # Numba cannot call a plain function, so a twin of the same code sees the compiled steps under their names.
    twin = FunctionType(function.__code__, {**named, **steps}, function.__name__, function.__defaults__)
    options: dict[str, Any] = {"cache": _folder is not None, "nogil": True, "_nrt": _makes_arrays(function)}
    jitted: Callable[..., Any] = numba.njit(twin, **options)
    return jitted


def _makes_arrays(function: FunctionType) -> bool:
    """Says whether a function may make an array: ours do not, so that numba need not count who holds those they get.

    Counting costs more than the work where a function is called for each bar.
    """
    return not function.__module__.startswith("engine.kernels.")


_folder: Path | None = None


@cache
def _sources() -> str:
    """Gives a name that follows from the sources of all kernels."""
    sources = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        sources.update(path.read_bytes())
    return sources.hexdigest()[:16]


def is_kept(folder: Path) -> bool:
    """Says whether something of the kernels as they are now was kept in a folder of `folder` before."""
    return any(_kept_in(folder).rglob("*.nbc"))


def _kept_in(folder: Path) -> Path:
    return Path(os.environ.get("NUMBA_CACHE_DIR") or folder) / _sources()


def keep_compiled(folder: Path) -> None:
    """Keeps on disk what is compiled from here on, in a folder of `folder` that is named after all kernels' sources.

    Where the environment names a folder in numba's own NUMBA_CACHE_DIR, that one is meant. Numba itself would not
    notice that a step in another file has changed. A folder that cannot be written keeps nothing.
    """
    global _folder
    wanted = _kept_in(folder)
    try:
        wanted.mkdir(parents=True, exist_ok=True)
    except OSError:
        return
    import numba

    vars(numba.config)["CACHE_DIR"] = str(wanted)
    _folder = wanted
