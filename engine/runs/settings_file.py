"""The settings file with every default: TOML whose comments are taken from the docstrings of what they set."""

import json
import re
import sys
import textwrap
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, get_args, get_origin, get_type_hints

import msgspec

from engine.runs import catalog, settings

_WIDTH = 100
_UNITS = {
    "_pct": "percent", "_bps": "basis points (1e-4)", "_ms": "milliseconds", "_s": "seconds", "_mb": "megabytes",
    "_rate": "a fraction", "_days": "days", "_quote": "in the quote asset",
}  # fmt: skip
_TYPES = {bool: "true or false", int: "a whole number", float: "a number", Decimal: "a number", str: "a text"}


def default_file() -> str:
    """Gives the text of a settings file that loads to the defaults."""
    head = (
        "# Settings of hot, every one at its default: delete what you do not change.\n"
        "# Each can also be set as HOT_SECTION__KEY in the environment, or with --set section.key=value.\n"
    )
    tables = [_table(name, cls, belief) for name, cls, belief in _sections()]
    return head + "".join(f"\n{text}" for text in tables if text)


def _sections() -> Iterator[tuple[str, type[Any], str]]:
    """Gives each table's name, the class of its settings, and what the plug behind it believes."""
    for name, cls in get_type_hints(settings.Settings).items():
        if isinstance(cls, type) and issubclass(cls, msgspec.Struct):
            yield name, cls, ""
    for room, prefix in (("strategies", ""), ("rules", "rules.")):
        for plug in catalog.names(room):
            cls = catalog.load(room, plug)
            yield prefix + plug, cls, (sys.modules[cls.__module__].__doc__ or "").split("\n")[0]


def _table(name: str, cls: type[Any], belief: str) -> str:
    fields = _fields(cls)
    if not fields:
        return ""
    about, notes = _notes(cls, list(fields))
    lines = [*_comment(belief), *_comment(about), f"[{name}]"]
    for key, (kind, default) in fields.items():
        lines += _comment(notes.get(key, ""))
        # TOML has no null: what is unset by default stays a comment.
        line = f"{key} = {_value(default)}" if default is not None else f"# {key} ="
        lines.append(line if key in notes else f"{line}  # {_guess(key, kind)}")
    return "\n".join(lines) + "\n"


def _fields(cls: type[Any]) -> dict[str, tuple[Any, Any]]:
    if issubclass(cls, msgspec.Struct):
        return {field.name: (field.type, field.default) for field in msgspec.structs.fields(cls)}
    import dataclasses

    hints = get_type_hints(cls)
    return {field.name: (hints[field.name], field.default) for field in dataclasses.fields(cls)}


def _notes(cls: type[Any], keys: list[str]) -> tuple[str, dict[str, str]]:
    """Splits a docstring into what it says of the whole and what it says of single keys."""
    whole: list[str] = []
    notes: dict[str, str] = {}
    for sentence in re.split(r"(?<=[.])\s+", " ".join((cls.__doc__ or "").split())):
        key, general = "", []
        for clause in sentence.rstrip(".").split("; "):
            named = [name for name in re.findall(r"`(\w+)`", clause) if name in keys and name not in notes]
            if named:
                key = named[0]
                notes[key] = re.sub(rf"^`{key}`:\s*", "", clause).replace("`", "")
            elif key:
                notes[key] += f"; {clause}"
            else:
                general.append(clause)
        whole.append("; ".join(general))
    about = [sentence for sentence in whole if sentence not in ("", "Settings")]
    return ". ".join(about) + "." * bool(about), notes


def _guess(key: str, kind: Any) -> str:
    """Gives what a key's name, its unit and its type tell."""
    if str(kind).startswith("typing.Literal"):
        return "one of " + ", ".join(map(str, get_args(kind)))
    ending = next((ending for ending in _UNITS if key.endswith(ending)), "")
    words = key.removesuffix(ending).replace("_", " ")
    return f"{words}, {_UNITS.get(ending) or _TYPES.get(kind, 'a list' if get_origin(kind) is tuple else str(kind))}"


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(text, _WIDTH)] if text else []


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return str(value) if value == value.to_integral_value() else json.dumps(str(value))
    if isinstance(value, tuple | list):
        return f"[{', '.join(_value(one) for one in value)}]"
    if isinstance(value, str):
        # A TOML basic string has JSON's escapes.
        return json.dumps(value, ensure_ascii=False)
    return repr(value)
