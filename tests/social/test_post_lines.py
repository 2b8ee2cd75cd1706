"""A line of a post: any producer's, never believed, always bounded."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import BadRecord
from engine.records.market import Post
from engine.records.wire import decode, encode
from engine.stages.chatter import Chatter
from engine.world.imports.posts import MAX_SYMBOLS, MAX_TEXT, post_of

NOW = 1_700_000_000_000


def post(now_ms: int | None = NOW, **fields: Any) -> Post:
    return post_of(json.dumps(fields).encode(), now_ms=now_ms)


def test_tags_are_coins_against_the_quote_asset() -> None:
    assert post(text="$SOL and #eth, not $4,000").symbols == ("ETHUSDT", "SOLUSDT")
    assert post_of(b'{"text":"$SOL"}', "USDC", NOW).symbols == ("SOLUSDC",)


def test_symbols_that_are_named_count_instead_of_tags() -> None:
    assert post(text="$SOL", symbols=["BTCUSDT", "BTCUSDT"]).symbols == ("BTCUSDT",)


@pytest.mark.parametrize(
    ("told", "at"),
    [
        ({"at": 5}, 5),
        ({"created_at": "2025-02-07T04:47:00Z"}, 1_738_903_620_000),
        ({"created_at": "2025-02-07 04:47:00"}, 1_738_903_620_000),
        ({"created_at": "Fri Feb 07 04:47:00 +0000 2025"}, 1_738_903_620_000),
        ({}, NOW),
    ],
)
def test_times_are_read_as_producers_write_them(told: dict[str, Any], at: int) -> None:
    assert post(text="$SOL", **told).at == at


def test_a_post_of_a_recording_needs_a_time() -> None:
    with pytest.raises(BadRecord, match="time"):
        post(None, text="$SOL")


@pytest.mark.parametrize(
    "fields",
    [
        {"text": 5}, {"text": "x", "at": "soon"}, {"text": "x", "at": -1}, {"text": "x", "symbols": "SOL"},
        {"text": "x", "symbols": ["A B"]}, {"text": "x", "symbols": ["A\u202e"]}, {"text": "x", "symbols": [1]},
        {"text": "x", "symbols": ["A"] * (MAX_SYMBOLS + 1)}, {"text": "x", "sentiment": 2},
        {"text": "x", "sentiment": True}, {"text": "x", "source": 5}, {"text": "x", "kind": "fill"},
        {"text": "\ud800"}, {"text": "x", "created_at": "9999999-01-01"},
    ],
)  # fmt: skip
def test_what_is_no_post_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(BadRecord):
        post(**fields)


def test_text_and_tags_are_bounded() -> None:
    long = post(text=" ".join(f"$A{i}" for i in range(2_000)), id="n" * 500)
    assert (len(long.text), len(long.symbols), len(long.post_id or "")) == (MAX_TEXT, MAX_SYMBOLS, 100)


def test_an_id_of_any_form_is_kept_as_text() -> None:
    assert post(text="x", id=1887745622112358400).post_id == "1887745622112358400"
    assert post(text="x", id_str="7", id=8).post_id == "7"
    assert post(text="x").post_id is None


@given(st.binary(max_size=300) | st.text(max_size=200).map(str.encode))
def test_no_line_breaks_the_reader(line: bytes) -> None:
    try:
        read = post_of(line, now_ms=NOW)
    except BadRecord:
        return
    assert decode(encode(read)) == read


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3), max_leaves=8,
)  # fmt: skip
_fields = st.sampled_from(
    ["at", "created_at", "text", "symbols", "source", "post_id", "id", "id_str", "sentiment", "kind"]
)


@given(st.dictionaries(_fields, _json | st.just("$SOL to the moon") | st.integers(1, 2**41)))
def test_no_field_breaks_the_reader(fields: dict[str, Any]) -> None:
    try:
        read = post_of(json.dumps(fields).encode(), now_ms=NOW)
    except BadRecord:
        return
    assert decode(encode(read)) == read
    assert len(read.symbols) <= MAX_SYMBOLS and len(read.text) <= MAX_TEXT


def test_a_post_that_is_heard_of_late_counts_for_when_it_was_written() -> None:
    chatter = Chatter()
    for written in (NOW - 7_200_000, NOW - 60_000, NOW - 7_100_000, NOW + 99):
        chatter.post(Post(at=NOW, source="x", symbols=("A",), written_at=written, sentiment=0.5))
    chatter.post(Post(at=NOW, source="x", symbols=("A",)))
    assert chatter.times == sorted(chatter.times) and chatter.times[-1] == NOW
    assert chatter.sentiments == [0.5, 0.5, 0.5, 0.5, None]
    assert chatter.mentions(NOW) == 3
