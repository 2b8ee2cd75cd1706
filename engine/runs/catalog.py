"""The catalog of plugs: finds strategies, rules, sources and sentiments by their file names."""

import importlib
import importlib.util
import pkgutil
from pathlib import Path
from typing import Any

import engine.rules
import engine.strategies
import engine.world.sentiments
import engine.world.sources
from engine.errors import ConfigError

_ROOMS = {
    "strategies": engine.strategies, "rules": engine.rules, "sources": engine.world.sources,
    "sentiments": engine.world.sentiments,
}  # fmt: skip


def names(room: str) -> list[str]:
    """Gives the plugs of a room (`strategies`, `rules`), sorted."""
    return sorted(info.name for info in pkgutil.iter_modules(_ROOMS[room].__path__))


def load(room: str, name: str) -> type[Any]:
    """Gives a plug's class: the one in its file that is named after the file.

    A strategy may also be the path of a file outside the package (`./my_idea.py`). Raises ConfigError for a plug that
    is not there or a file that holds no such class.
    """
    if name.endswith(".py"):
        return _load_file(Path(name))
    known = names(room)
    if name not in known:
        from difflib import get_close_matches

        near = get_close_matches(name, known, 1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}, or name the path of a .py file"
        raise ConfigError(f"no plug {name!r} in {room}: {hint}")
    return _class_in(importlib.import_module(f"{_ROOMS[room].__name__}.{name}"), name)


def plug_name(name: str) -> str:
    """Gives the name of a plug that may be given as a path: its file's stem."""
    return Path(name).stem if name.endswith(".py") else name


def _load_file(path: Path) -> type[Any]:
    spec = importlib.util.spec_from_file_location(f"hot_plug_{path.stem}", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ConfigError(f"no strategy file {path}: give the path of a .py file, or the name of a bundled one")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return _class_in(module, path.stem)


def _class_in(module: Any, name: str) -> type[Any]:
    wanted = "".join(word.capitalize() for word in name.split("_"))
    found = getattr(module, wanted, None)
    if not isinstance(found, type):
        raise ConfigError(f"{module.__file__} holds no class {wanted}: the class is named after its file")
    return found
