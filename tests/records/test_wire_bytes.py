"""What is written is read back as the same bytes, and every other JSON tool prints it unchanged."""

import json
import re
import shutil
import subprocess

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wire_samples import EXAMPLES, RECORDS, any_record, figures, quick

from engine.records.base import MAX_INTEGER, Record, figure
from engine.records.ideas import Candidate, HeatInputs
from engine.records.market import Bar, Tick, Ticker
from engine.records.trades import StateChange
from engine.records.wire import COMPARED, FACTS, KINDS, UNFIGURED, at_of, decode, encode, kind_of_line, schema

UGLY_NUMBER = re.compile(r"-?[0-9]+[eE]|-0(?![.0-9])|[0-9]\.0+(?![0-9])")


@pytest.mark.parametrize("kind", RECORDS)
def test_a_record_read_again_is_the_same_bytes(kind: str) -> None:
    @quick
    @given(RECORDS[kind])
    def same(record: Record) -> None:
        line = encode(record)
        read = decode(bytes(line))
        assert read == record
        assert encode(msgspec.structs.replace(read)) == line

    same()


@quick
@given(any_record)
def test_a_line_opens_with_its_kind_and_then_its_time(record: Record) -> None:
    line = encode(record)
    assert line.startswith(f'{{"kind":"{record.kind}","at":{record.at}'.encode())
    assert kind_of_line(line) == record.kind
    assert at_of(line) == record.at
    assert b"\n" not in line


@quick
@given(any_record)
def test_numbers_stand_in_plain_digits(record: Record) -> None:
    numbers: list[str] = []
    json.loads(encode(record), parse_float=numbers.append, parse_int=numbers.append)
    assert [text for text in numbers if UGLY_NUMBER.search(text)] == []


@quick
@given(any_record)
def test_any_key_order_and_white_space_means_the_same(record: Record) -> None:
    plain = json.loads(encode(record))
    backwards = json.dumps(dict(reversed(plain.items())), indent=1).encode()
    assert decode(backwards) == record


@pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed")
def test_jq_prints_every_decision_unchanged() -> None:
    lines: list[bytes] = []

    @quick
    @given(st.one_of(*(RECORDS[kind] for kind in sorted(COMPARED))))
    def collect(record: Record) -> None:
        # jq 1.6 writes DEL as an escape, which JSON allows; our texts do not hold it.
        line = encode(record)
        if b"\x7f" not in line:
            lines.append(line)

    collect()
    done = subprocess.run(["jq", "-c", "."], input=b"\n".join(lines), capture_output=True, check=True)
    assert len(lines) > EXAMPLES / 2
    assert done.stdout.splitlines() == lines


@quick
@given(st.floats(allow_nan=True, allow_infinity=True))
def test_a_figure_is_what_the_wire_can_carry(x: float) -> None:
    made = figure(x)
    text = json.dumps(made)
    assert made is None or -MAX_INTEGER <= made <= MAX_INTEGER
    assert not UGLY_NUMBER.search(text)
    assert figure(made) == made


@given(figures)
def test_a_figure_of_a_figure_is_itself(x: float) -> None:
    assert figure(x) == x


@pytest.mark.parametrize(
    ("x", "text"),
    [(5.0, "5"), (-0.0, "0"), (-0.00000001, "0"), (0.1 + 0.2, "0.3"), (0.00005, "0.0001"), (1e300, str(MAX_INTEGER)),
     (-1e300, str(-MAX_INTEGER)), (float("nan"), "null"), (float("inf"), "null"), (10**30, str(MAX_INTEGER))],
)  # fmt: skip
def test_figures_are_written_plainly(x: float, text: str) -> None:
    assert json.dumps(figure(x)) == text


def test_a_field_that_has_its_default_is_left_out() -> None:
    assert encode(Tick(at=5)) == b'{"kind":"tick","at":5}'


def test_the_cache_of_the_last_line_is_never_another_records() -> None:
    first, second = Tick(at=1), Tick(at=2)
    lines = [encode(one) for one in (first, second, first, first, second)]
    assert lines == [encode(Tick(at=at)) for at in (1, 2, 1, 1, 2)]


def test_a_record_holds_its_integers_as_integers() -> None:
    change = StateChange(
        at=1, scope="risk", was="L0", now="L1", reason="drawdown", value=figure(3.0), limit=figure(3.0)
    )
    assert b'"value":3,"limit":3' in encode(change)


def test_figures_inside_a_record_are_plain() -> None:
    inputs = HeatInputs(change_5m_pct=figure(2.0000000001), volume_surge=figure(1e-7), quote_volume_24h=figure(1e12))
    line = encode(
        Candidate(at=1, venue="v", symbol="S", status="hot", since=0, status_since=0, price="1", inputs=inputs)
    )
    assert b'"inputs":{"change_5m_pct":2,"volume_surge":0,"quote_volume_24h":1000000000000}' in line


JSON_TYPES = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "object": dict, "array": list,
              "null": type(None)}  # fmt: skip


def holds(value: object, rule: dict, defs: dict) -> bool:
    """A tiny JSON Schema checker: what our schemas use, nothing more."""
    if "$ref" in rule:
        return holds(value, defs[rule["$ref"].rpartition("/")[2]], defs)
    if "anyOf" in rule:
        return any(holds(value, one, defs) for one in rule["anyOf"])
    if "enum" in rule:
        return value in rule["enum"]
    if "type" in rule and not isinstance(value, JSON_TYPES[rule["type"]]):
        return False
    if isinstance(value, dict):
        named = rule.get("properties", {})
        others = rule.get("additionalProperties", {})
        return set(rule.get("required", ())) <= value.keys() and all(
            holds(one, named.get(key, others if isinstance(others, dict) else {}), defs) for key, one in value.items()
        )
    if isinstance(value, list):
        return all(holds(one, rule.get("items", {}), defs) for one in value)
    if isinstance(value, str):
        return re.search(rule.get("pattern", ""), value) is not None
    low, high = rule.get("minimum"), rule.get("maximum")
    return not isinstance(value, int | float) or ((low is None or value >= low) and (high is None or value <= high))


@pytest.mark.parametrize("kind", KINDS)
def test_the_schema_of_a_kind_describes_its_lines(kind: str) -> None:
    wanted = schema(kind)
    assert wanted["title"] == kind
    assert wanted["type"] == "object"
    assert {"kind", "at"} <= set(wanted["required"])
    assert json.dumps(wanted)

    @quick
    @given(RECORDS[kind])
    def described(record: Record) -> None:
        assert holds(json.loads(encode(record)), wanted, wanted.get("$defs", {}))

    described()


@pytest.mark.parametrize("kind", KINDS)
def test_the_schema_refuses_a_line_without_a_time(kind: str) -> None:
    wanted = schema(kind)
    assert not holds({"kind": kind}, wanted, wanted.get("$defs", {}))


def test_kinds_are_facts_or_decisions_never_both() -> None:
    assert not FACTS & COMPARED
    assert "judged" not in COMPARED


def test_every_kind_is_named_after_its_class() -> None:
    assert {kind: cls.__name__ for kind, cls in KINDS.items() if kind.replace("_", "") != cls.__name__.lower()} == {}


def test_facts_keep_the_strings_that_the_exchange_wrote() -> None:
    bar = Bar(at=60_000, venue="v", symbol="S", step_s=60, open_at=0, open="1.500", high="2", low="1", close="1.50",
              volume="0.0")  # fmt: skip
    assert b'"open":"1.500","high":"2","low":"1","close":"1.50","volume":"0.0"' in encode(bar)


def test_a_symbol_in_chinese_passes_as_it_is() -> None:
    line = encode(Ticker(at=1, venue="v", symbol="币安人生USDT", last="1", quote_volume_24h="5"))
    assert "币安人生USDT".encode() in line
    assert encode(decode(bytes(line))) == line


def test_no_exponent_is_looked_for_where_no_figure_stands() -> None:
    assert all('"number"' not in json.dumps(schema(cls.kind)) for cls in UNFIGURED)
