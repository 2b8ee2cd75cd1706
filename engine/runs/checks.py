"""A check of hot doctor: what was looked at, how it stands, and what to do about it."""

from typing import Literal, NamedTuple

from engine.errors import Exit

State = Literal["ok", "warn", "fail"]


class Check(NamedTuple):
    """One line: what was looked at, how it stands, what was found, what to do, and the exit code of a failure."""

    check: str
    state: State
    found: str
    next: str = ""
    code: Exit = Exit.CONFIG
