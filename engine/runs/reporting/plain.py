"""Reports as plain JSON values."""

from decimal import Decimal
from typing import Any

import msgspec

from engine.matching.units import plain


def as_plain(value: Any) -> Any:
    """Gives a report, or a part of it, as plain JSON values in a fixed order of keys; money as decimal strings."""
    return _strings(msgspec.to_builtins(value, builtin_types=(Decimal,)))


def _strings(value: Any) -> Any:
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, dict):
        return {key: _strings(one) for key, one in value.items()}
    return [_strings(one) for one in value] if isinstance(value, list | tuple) else value
