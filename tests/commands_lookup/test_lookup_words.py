"""hot explain and hot schema: every code and kind, and the nearest of a wrong one."""

import json
from collections.abc import Callable

import pytest

from engine.records.codes import CODES, PRECHECK_CODES
from engine.records.wire import KINDS, schema


def test_a_code_is_explained(hot: Callable[..., object]) -> None:
    out = hot("explain", "max_positions", "--table").out
    code = CODES["MAX_POSITIONS"]
    assert out == f"MAX_POSITIONS (at precheck)\n  {code.text}\n  What to do: {code.fix}\n"
    assert json.loads(hot("explain", "BUY_MIN_NOTIONAL").out) == PRECHECK_CODES["BUY_MIN_NOTIONAL"]._asdict()


def test_all_codes_are_listed(hot: Callable[..., object]) -> None:
    rows = [json.loads(row)["code"] for row in hot("explain").out.splitlines()]
    assert rows == [*CODES, *PRECHECK_CODES]
    assert hot("explain", "-n", 1, "--columns", "code", "--csv").out == f"code\n{rows[0]}\n"


@pytest.mark.parametrize(
    ("wrong", "hint"), [("MAX_POSITION", "MAX_POSITIONS"), ("low-heat", "LOW_HEAT"), ("\x1b[2J", "lists them all")]
)
def test_an_unknown_code_names_the_nearest(hot: Callable[..., object], wrong: str, hint: str) -> None:
    said = hot("explain", wrong)
    assert (said.code, said.out) == (2, "")
    assert hint in said.err
    assert "\x1b" not in said.err


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_kind_has_a_schema(hot: Callable[..., object], kind: str) -> None:
    assert json.loads(hot("schema", kind).out) == json.loads(json.dumps(schema(kind)))


def test_kinds_are_listed_with_their_owners(hot: Callable[..., object]) -> None:
    rows = [json.loads(row) for row in hot("schema").out.splitlines()]
    assert {row["kind"]: row["owner"] for row in rows} == {kind: cls.OWNER for kind, cls in KINDS.items()}
    assert all(row["text"] for row in rows)
    assert list(json.loads(hot("schema", "--all").out)) == list(KINDS)


def test_an_unknown_kind_names_the_nearest(hot: Callable[..., object]) -> None:
    said = hot("schema", "candidate-snapshots")
    assert (said.code, said.out) == (2, "")
    assert "did you mean candidate_snapshot?" in said.err
