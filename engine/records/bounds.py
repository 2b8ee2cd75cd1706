"""The bounds of settings by their units: a percentage given as a fraction, or a second as a millisecond, is caught.

A plug that gives its settings these types needs no checks of its own; what must hold between settings its
`__post_init__` says, with a ValueError. Either way a wrong value is one line and exit code 78.
"""

import math
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any, get_args

from msgspec import Meta

Percent = Annotated[float, Meta(ge=0.0, le=100.0)]
PercentAboveZero = Annotated[float, Meta(gt=0.0, le=100.0)]
#: A share of equity that may be more than all of it, on margin.
Exposure = Annotated[float, Meta(ge=0.0, le=12_500.0)]
Leverage = Annotated[int, Meta(ge=1, le=125)]
Heat = Annotated[float, Meta(ge=0.0, le=100.0)]
Weight = Annotated[float, Meta(ge=0.0, le=1.0)]
Rate = Annotated[float, Meta(ge=0.0, le=0.02)]
Bps = Annotated[float, Meta(ge=0.0, le=200.0)]
Fraction = Annotated[float, Meta(gt=0.0, le=1.0)]
Ratio = Annotated[float, Meta(gt=0.0, le=100.0)]
Seconds = Annotated[int, Meta(ge=1, le=604_800)]
SecondsOrOff = Annotated[int, Meta(ge=0, le=604_800)]
Milliseconds = Annotated[int, Meta(ge=0, le=60_000)]
Days = Annotated[float, Meta(ge=0.0, le=365.0)]
Count = Annotated[int, Meta(ge=1, le=500)]
Bars = Annotated[int, Meta(ge=1, le=1_000)]
Candles = Annotated[int, Meta(ge=100, le=100_000)]
Megabytes = Annotated[int, Meta(ge=1, le=1_000_000)]
DayCount = Annotated[int, Meta(ge=1, le=100_000)]
Amount = Annotated[float, Meta(ge=0.0, le=1e12)]
#: Whole 1e-8 units of it must fit in 64 bits, with room to grow. msgspec bounds no decimals: `check_number` does.
Money = Annotated[Decimal, Meta(extra={"least": Decimal("0.01"), "most": Decimal(10_000_000_000)})]

_ASSET = re.compile(r"[A-Z0-9]{1,20}")
_REFUSAL = re.compile(
    r"Expected `(\w+)`(?: (>=|<=|>|<) (\S+?)| of length (\d+))?(?:, got (?:`\w+`|\d+))?(?: - at `\$((?:\[\d+\])+)`)?"
)
_TYPES = {
    "float": "a number", "decimal": "a number", "int": "a whole number", "bool": "true or false", "str": "a text",
    "array": "a list", "object": "a table",
}  # fmt: skip
_BOUNDS = {">=": "of at least", "<=": "of at most", ">": "above", "<": "below"}


def in_words(refusal: str) -> str:
    """Gives what msgspec says of a wrong value in the words of people; any other text as it is."""
    found = _REFUSAL.fullmatch(refusal)
    if found is None or found[1] not in _TYPES:
        return refusal
    bound = f" {_BOUNDS[found[2]]} {float(found[3]):,.12g}" if found[2] else ""
    size = f" of {found[4]} items" if found[4] else ""
    items = [str(int(number) + 1) for number in re.findall(r"\d+", found[5] or "")]
    which = f"item {' of item '.join(reversed(items))}" if items else "it"
    return f"{which} must be {_TYPES[found[1]]}{bound}{size}"


def check_number(value: Any, kind: Any) -> None:
    """Raises ValueError for a number that is not finite, also inside a list, or a decimal out of its kind's bounds."""
    if isinstance(value, tuple | list):
        for one in value:
            check_number(one, None)
    elif isinstance(value, float | Decimal) and not math.isfinite(value):
        raise ValueError("not a finite number")
    for meta in get_args(kind)[1:]:
        bounds = meta.extra if isinstance(meta, Meta) else None
        if bounds and not bounds["least"] <= value <= bounds["most"]:
            raise ValueError(f"it must be {bounds['least']} to {bounds['most']:,}")


def check_ascending(name: str, levels: Sequence[float]) -> None:
    """Raises ValueError for levels of which one lies below the one before it."""
    if list(levels) != sorted(levels):
        raise ValueError(f"{name} {list(levels)} must ascend")


def check_asset(name: str, value: str, words: Sequence[str] = ()) -> None:
    """Raises ValueError for what is neither an asset's name (capitals and digits) nor one of some words."""
    if value in words or _ASSET.fullmatch(value):
        return
    from difflib import get_close_matches

    near = get_close_matches(value, words, 1) or [value.upper()] * bool(_ASSET.fullmatch(value.upper()))
    known = ", ".join((*words, "or an asset's name in capitals" if words else "an asset's name in capitals"))
    raise ValueError(f"{name} {value[:40]!r} is not {known}" + (f"; did you mean {near[0]}?" if near else ""))
