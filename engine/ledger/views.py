"""Views: each stored kind as a table of named columns, for sqlite3, sqlite-utils and datasette."""

from typing import Any

import msgspec

from engine.records.base import Record
from engine.records.wire import FACTS, KINDS

#: What the index of `records` is made of; a query uses it only when it spells the expressions like this.
KIND = "json_extract(line,'$.kind')"
AT = "json_extract(line,'$.at')"
SYMBOL = "json_extract(line,'$.symbol')"


def view_statements() -> dict[str, str]:
    """Gives the name and the CREATE VIEW statement of each kind that a ledger holds; names come from KINDS alone."""
    return {kind: _view(kind, cls) for kind, cls in KINDS.items() if kind not in FACTS}


def _view(kind: str, cls: type[Record]) -> str:
    columns = ", ".join(["seq", *(_column(field) for field in msgspec.structs.fields(cls))])
    return f"CREATE VIEW \"{kind}\" AS SELECT {columns} FROM records WHERE {KIND}='{kind}'"


def _column(field: msgspec.structs.FieldInfo) -> str:
    value = f"json_extract(line,'$.{field.encode_name}')"
    default = _literal(field.default)
    # Fields that hold their default are not on the wire.
    if default is not None and value != AT:
        value = f"coalesce({value},{default})"
    return f'{value} AS "{field.name}"'


def _literal(default: Any) -> str | None:
    """Gives a scalar default as an SQL literal; containers stay NULL when they are empty."""
    if isinstance(default, bool | int | float):
        return str(int(default) if isinstance(default, bool) else default)
    if isinstance(default, str):
        return "'" + default.replace("'", "''") + "'"
    return None
