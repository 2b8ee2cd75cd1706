"""Random records of every kind, made from the fields of their classes, as a writer of ours would write them."""

import os
from typing import Any

import msgspec
from hypothesis import settings
from hypothesis import strategies as st

from engine.records.base import MAX_INTEGER, Record, figure
from engine.records.market import Plain
from engine.records.wire import KINDS

#: How many examples a property gets; many more where time does not count.
EXAMPLES = 2_000 if os.environ.get("HOT_TEST_LONG") else 60
quick = settings(max_examples=EXAMPLES, deadline=None)

texts = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=8)
plain_numbers = st.from_regex(r"\A[0-9]{1,9}(\.[0-9]{1,8})?\Z")
positive_numbers = plain_numbers.filter(lambda text: text.strip("0.") != "")
PLAIN = msgspec.inspect.type_info(Plain).pattern  # type: ignore[attr-defined]
figures = st.floats(-1e9, 1e9).map(figure)
wholes = st.integers(-MAX_INTEGER, MAX_INTEGER)
any_json = st.recursive(
    st.none() | st.booleans() | wholes | figures | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)


def values_of(kind: Any) -> st.SearchStrategy[Any]:
    """Gives values of a field, from what msgspec knows about its type."""
    match kind:
        case msgspec.inspect.UnionType():
            # A figure is an int or a float, whichever writes the number shorter.
            types = [t for t in kind.types if not isinstance(t, msgspec.inspect.FloatType)]
            ways = [values_of(t) for t in types]
            floats = [t for t in kind.types if isinstance(t, msgspec.inspect.FloatType)]
            return st.one_of(*ways, *[figures.map(abs) if t.ge == 0 else figures for t in floats])
        case msgspec.inspect.IntType():
            return st.integers(kind.ge if kind.ge is not None else -MAX_INTEGER, MAX_INTEGER)
        case msgspec.inspect.StrType():
            return {None: texts, PLAIN: plain_numbers}.get(kind.pattern, positive_numbers)
        case msgspec.inspect.BoolType():
            return st.booleans()
        case msgspec.inspect.NoneType():
            return st.none()
        case msgspec.inspect.AnyType():
            return any_json
        case msgspec.inspect.LiteralType():
            return st.sampled_from(sorted(kind.values))
        case msgspec.inspect.VarTupleType():
            return st.lists(values_of(kind.item_type), max_size=3).map(tuple)
        case msgspec.inspect.DictType():
            return st.dictionaries(texts, values_of(kind.value_type), max_size=3)
        case msgspec.inspect.StructType():
            return structs_of(kind.cls)
    raise AssertionError(f"a field of a type that no record had: {kind}")


def structs_of(cls: type[Any]) -> st.SearchStrategy[Any]:
    """Gives structs of a class with random fields."""
    fields = msgspec.inspect.type_info(cls).fields  # type: ignore[attr-defined]
    return st.builds(cls, **{field.name: values_of(field.type) for field in fields})


RECORDS: dict[str, st.SearchStrategy[Record]] = {kind: structs_of(cls) for kind, cls in sorted(KINDS.items())}
any_record = st.one_of(*RECORDS.values())
