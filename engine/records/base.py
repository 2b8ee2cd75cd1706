"""What every record is: immutable, keyword-only, its kind first and its time second."""

import re
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import Meta

_WORD = re.compile(r"(?<!^)(?=[A-Z])")

# Largest integer that every JSON reader keeps exactly (RFC 8259, section 6).
MAX_INTEGER = 2**53 - 1

#: A whole number on the wire, a time in epoch milliseconds, and a figure. A number beyond 2^53 is refused when it is
#: read. A figure written as `5` is read as an int and written as `5` again, never as `5.0`.
#: `Unsigned` is a figure that is not below zero.
Whole = Annotated[int, Meta(ge=-MAX_INTEGER, le=MAX_INTEGER)]
Moment = Annotated[int, Meta(ge=0, le=MAX_INTEGER)]
Figure = Whole | Annotated[float, Meta(ge=-MAX_INTEGER, le=MAX_INTEGER)]
Unsigned = Moment | Annotated[float, Meta(ge=0, le=MAX_INTEGER)]


def kind_of(name: str) -> str:
    """Gives the wire name of a record class: `BookTop` is `book_top`."""
    return _WORD.sub("_", name).lower()


class Record(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag=kind_of, omit_defaults=True, gc=False):
    """A fact, an idea or a deed, at one instant.

    A field with a default is left out of the line where it has it. Defaults are None, False, 0 or empty: msgspec looks
    whether a value *is* its default, and a text that was read is never the same object as one in the code.

    `at` is epoch milliseconds, UTC: for a fact the time it could be known, for a decision the time of the
    record that caused it.
    """

    at: Moment

    OWNER: ClassVar[str] = "market"
    #: The record's name on the wire. It is asked for several times a record, so that each class has it at hand.
    kind: ClassVar[str] = "record"

    def __init_subclass__(cls, **config: Any) -> None:
        """Names the kind."""
        super().__init_subclass__(**config)
        cls.kind = kind_of(cls.__name__)


def figure(x: float | None, digits: int = 6) -> Figure | None:
    """Rounds a figure to what the wire can carry so that every jq prints it unchanged.

    Not finite gives None. Integral values become int (no `50.0`, no `-0`); what is smaller than 1e-4 is rounded to
    four decimals, since jq 1.6 would print it with an exponent. Beyond 2^53, where JSON readers start to differ, it
    stays there: one absurd price must not end a stream, and no threshold is near.
    """
    if x is None:
        return None
    if not -MAX_INTEGER <= x <= MAX_INTEGER:
        if x != x or x in (float("inf"), float("-inf")):
            return None
        return MAX_INTEGER if x > 0 else -MAX_INTEGER
    if isinstance(x, int):
        return x
    rounded = round(x, digits if x >= 1e-4 or x <= -1e-4 else 4)
    whole = int(rounded)
    return whole if whole == rounded else rounded


def written(value: float | str | None) -> Figure | str | None:
    """Gives a value as it stands on the wire: numbers as figures, texts as they are."""
    return value if isinstance(value, str) else figure(value)
