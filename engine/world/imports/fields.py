"""Fields of an exchange's JSON: read as what they must be, prices and quantities as the text they came in."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from engine.errors import BadRecord, DirtyInput
from engine.records.base import MAX_INTEGER
from engine.records.market import amount, check_symbol, price, signed
from engine.records.wire import check_json
from engine.world.imports.origin import Origin

Fields = dict[str, Any]

#: Times from 1973 to 5138: seconds and microseconds are caught.
EARLIEST_MS, LATEST_MS = 10**11, 10**14

_EXPONENT = re.compile(r"(-?[0-9]{1,18}(?:\.[0-9]{1,18})?)[eE]([+-]?[0-9]{1,2})", re.ASCII)


def document(origin: Origin) -> Any:
    """Gives a JSON file's content; raises DirtyInput for one that is not strict JSON."""
    try:
        return check_json(bytes(origin.whole()))
    except BadRecord as error:
        raise DirtyInput(f"{origin.name}: {error}") from None


def fields_of(value: Any) -> Fields:
    """Gives a JSON object; raises BadRecord for anything else."""
    if not isinstance(value, dict):
        raise BadRecord(f"not an object: {str(value)[:40]}")
    return value


def text(fields: Fields, key: str) -> str:
    """Gives a text field; raises BadRecord."""
    value = fields.get(key)
    if not isinstance(value, str):
        raise BadRecord(f"{key} is not a text: {str(value)[:40]}")
    return value


def list_in(fields: Fields, key: str) -> list[Any]:
    """Gives a list field, empty where it is absent; raises BadRecord."""
    value = fields.get(key) or []
    if not isinstance(value, list):
        raise BadRecord(f"{key} is not a list: {str(value)[:40]}")
    return value


def symbol_in(fields: Fields, key: str) -> str:
    """Gives a symbol that is one; raises BadRecord."""
    symbol = text(fields, key)
    check_symbol(symbol)
    return symbol


def amount_in(fields: Fields, key: str) -> str:
    """Gives a plain decimal, zero or more; raises BadRecord."""
    value = text(fields, key)
    amount(value)
    return value


def price_in(fields: Fields, key: str) -> str:
    """Gives a plain decimal above zero; raises BadRecord."""
    value = text(fields, key)
    price(value)
    return value


def quote_in(fields: Fields, key: str) -> str | None:
    """Gives a bid or ask; None where nobody quotes (absent, or zero); raises BadRecord."""
    if key not in fields:
        return None
    value = amount_in(fields, key)
    return value if float(value) > 0.0 else None


def signed_in(fields: Fields, key: str) -> str:
    """Gives a plain decimal with or without a sign; raises BadRecord."""
    value = text(fields, key)
    signed(value)
    return value


def time_in(fields: Fields, key: str) -> int:
    """Gives a time in epoch ms; raises BadRecord."""
    return instant(fields.get(key), key)


def instant(value: Any, name: str) -> int:
    """Gives a time in epoch ms that is one; raises BadRecord."""
    if type(value) is not int or not 0 < value <= MAX_INTEGER:
        raise BadRecord(f"{name} is not a time in epoch milliseconds: {str(value)[:40]}")
    return value


def count_or_none(value: Any) -> int | None:
    """Gives a count or a number that names something; None for what is absent or none."""
    return value if type(value) is int and 0 <= value <= MAX_INTEGER else None


def plain(number: str) -> str:
    """Gives a number without its exponent, exactly; what has none, or a wild one, stays as it is."""
    if "e" not in number and "E" not in number:
        return number
    found = _EXPONENT.fullmatch(number)
    if found is None or abs(int(found.group(2))) > 18:
        return number
    return format(Decimal(number), "f")


def short(number: str) -> str:
    """Gives a plain decimal without trailing zeros; raises BadRecord for what is none."""
    amount(number)
    return number.rstrip("0").rstrip(".") if "." in number else number


def moment(at_ms: int) -> str:
    """Gives epoch ms as `2021-04-16T07:00:00Z`; what is none as it is."""
    if not EARLIEST_MS <= at_ms < LATEST_MS:
        return str(at_ms)
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
