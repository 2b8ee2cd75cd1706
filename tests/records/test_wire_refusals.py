"""What cannot be trusted is refused quickly, by name, and nothing a stranger writes ends in anything else."""

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wire_samples import any_record, quick

from engine.errors import BadRecord
from engine.records.base import MAX_INTEGER, Record
from engine.records.market import amount, check_symbol, price, signed
from engine.records.wire import MAX_DEPTH, MAX_LINE_BYTES, at_of, check_json, decode, encode, kind_of_line

POST = b'{"kind":"post","at":1,"source":"a","symbols":["A"]'
NEWS = b'{"kind":"announcement","at":1,"source":"a","announcement_id":"x","category":"other","symbols":["A"]'
RUN = b'{"kind":"run","at":1,"run_id":"x","version":"1","settings_hash":"h","settings":'
INTENT = (
    b'{"kind":"intent","at":1,"venue":"v","symbol":"S","strategy":"s","side":"buy","purpose":"entry","leg":"entry",'
    b'"order_type":"market","qty":"QTY","price":"1","notional":"1","intent_key":"k","risk_level":"L0"}'
)

UNTRUSTED = {
    "nothing": b"",
    "white space": b"  \t ",
    "no object": b"[1,2]",
    "a bare number": b"5",
    "a bare text": b'"tick"',
    "no kind": b'{"at":1}',
    "a kind that is no text": b'{"at":1,"kind":7}',
    "cut in the middle": POST[:-7],
    "cut before the brace": b'{"kind":"tick","at":1',
    "two objects": b'{"kind":"tick","at":1}{"kind":"tick","at":2}',
    "a NUL behind": b'{"kind":"tick","at":1}\x00',
    "a byte order mark": b'\xef\xbb\xbf{"kind":"tick","at":1}',
    "not UTF-8": b'{"kind":"post","at":1,"source":"\xff","symbols":["A"]}',
    "half a surrogate": b'{"kind":"post","at":1,"source":"\\ud800","symbols":["A"]}',
    "not UTF-8, in another order": b'{"at":1,"source":"\xff","symbols":["A"],"kind":"post"}',
    "no time": b'{"kind":"tick"}',
    "a time before 1970": b'{"kind":"tick","at":-1}',
    "a time beyond 2^53": b'{"kind":"tick","at":9007199254740992}',
    "a time of many digits": b'{"kind":"tick","at":' + b"9" * 400 + b"}",
    "a time with a point": b'{"kind":"tick","at":1.5}',
    "a time in quotes": b'{"kind":"tick","at":"1"}',
    "a time that is true": b'{"kind":"tick","at":true}',
    "a key twice": b'{"kind":"tick","at":1,"at":2}',
    "a kind twice": b'{"kind":"tick","kind":"bar","at":1}',
    "a key twice, deep in an unknown field": POST + b',"new":{"a":{"b":1,"b":2}}}',
    "a key twice in another order": b'{"at":1,"kind":"tick","at":1}',
    "NaN": POST + b',"sentiment":NaN}',
    "Infinity": POST + b',"sentiment":Infinity}',
    "minus Infinity": POST + b',"sentiment":-Infinity}',
    "NaN in an unknown field": POST + b',"new":NaN}',
    "1e400": POST + b',"sentiment":1e400}',
    "1e400 in an unknown field": POST + b',"new":1e400}',
    "a figure beyond 2^53": POST + b',"sentiment":1e300}',
    "an integer of 400 digits": NEWS + b',"opens_at":' + b"9" * 400 + b"}",
    "an integer of 100,000 digits": NEWS + b',"opens_at":' + b"9" * 100_000 + b"}",
    "an integer of 100,000 digits, unknown": NEWS + b',"new":' + b"9" * 100_000 + b"}",
    "an exponent bomb": NEWS + b',"opens_at":1e1000000000}',
    "deep in a field that holds anything": RUN + b'{"a":' + b"[" * 100 + b"]" * 100 + b"}}",
    "very deep": RUN + b'{"a":' + b"[" * 300_000 + b"]" * 300_000 + b"}}",
    "very deep objects": RUN + b'{"a":' * 100_000 + b"1" + b"}" * 100_001,
    "deep in an unknown field": POST + b',"new":' + b"[" * 40 + b"]" * 40 + b"}",
    "deep in another order": b'{"at":1,"new":' + b"[" * 200_000 + b"]" * 200_000 + b',"kind":"tick"}',
    "brackets before a text without end": b' {"a":' + b"[" * 40 + b'"' + b'\\"' * 500_000,
    "too long": b'{"kind":"tick","at":1,"new":"' + b"x" * MAX_LINE_BYTES + b'"}',
    "a list for a text": POST.replace(b'"a"', b"[]") + b"}",
    "null for a text": POST.replace(b'"a"', b"null") + b"}",
    "a receiver's clock before its start": b'{"kind":"tick","at":1,"mono_ms":-1}',
    "a word that is none of the literal's": b'{"kind":"operator","at":1,"action":"sell everything"}',
}


@pytest.mark.parametrize("line", UNTRUSTED.values(), ids=UNTRUSTED)
def test_what_cannot_be_trusted_is_refused_at_once(line: bytes) -> None:
    started = time.perf_counter()
    with pytest.raises(BadRecord):
        decode(line)
    assert time.perf_counter() - started < 1.0


@pytest.mark.parametrize(
    "qty", ["", "-1", "+1", "1e5", "NaN", "Infinity", "0x10", "1,5", " 1", "1.", ".5", "١", "1" * 40]
)
def test_an_intent_over_what_is_no_plain_quantity_is_refused(qty: str) -> None:
    with pytest.raises(BadRecord):
        decode(INTENT.replace(b"QTY", qty.encode()))


def test_an_intent_over_plain_digits_is_read() -> None:
    assert decode(INTENT.replace(b"QTY", b"0.5")) is not None


def test_unknown_fields_are_ignored() -> None:
    line = b'{"kind":"tick","at":5,"new":{"of":["a","newer",1.5,null]},"v":2}'
    assert encode(decode(line)) == b'{"kind":"tick","at":5}'  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "line", [b'{"kind":"sunspot","at":1}', b'{"at":1,"kind":"sunspot"}', b'{"kind":"TICK","at":1}', 
             b'{"kind":"\\ud800"}', b' {"kind":"\\ud800"}', '{"kind":"币","at":1}'.encode(), b'{"kind":"","at":1}']
)  # fmt: skip
def test_kinds_of_a_newer_version_are_handed_on(line: bytes) -> None:
    assert decode(line) is None


def test_as_deep_as_is_allowed_passes() -> None:
    inner = b"[" * (MAX_DEPTH - 2) + b"]" * (MAX_DEPTH - 2)
    assert decode(RUN + b'{"a":' + inner + b"}}") is not None


def test_brackets_in_a_text_are_not_depth() -> None:
    assert decode(POST + b',"text":"' + b"[{" * 200 + b'"}') is not None


def test_the_longest_line_passes() -> None:
    head, tail = POST + b',"text":"', b'"}'
    assert decode(head + b"x" * (MAX_LINE_BYTES - len(head) - len(tail)) + tail) is not None


def answer(line: bytes) -> None:
    try:
        read = decode(line)
    except BadRecord:
        return
    assert read is None or isinstance(read, Record)
    if read is not None:
        encode(read)


@quick
@given(any_record, st.lists(st.tuples(st.integers(0, 400), st.binary(max_size=3)), min_size=1, max_size=4))
def test_a_mutated_line_is_refused_or_read_and_nothing_else(record: Record, edits: list[tuple[int, bytes]]) -> None:
    line = bytearray(encode(record))
    for place, bytes_ in edits:
        at = place % (len(line) + 1)
        line[at : at + len(bytes_)] = bytes_
    answer(bytes(line))


@quick
@given(any_record, st.integers(0, 400), st.integers(0, 400))
def test_a_line_with_a_piece_doubled_or_lost_is_refused_or_read(record: Record, start: int, end: int) -> None:
    line = encode(record)
    a, b = sorted((start % len(line), end % len(line)))
    answer(line[:a] + line[b:])
    answer(line[:b] + line[a:])


@quick
@given(st.binary(max_size=60), st.sampled_from([b"", b'{"kind":"tick"', b'{"kind":"', b'{"at":1,"kind":"bar",']))
def test_noise_is_refused_or_unknown(noise: bytes, head: bytes) -> None:
    answer(head + noise)


@quick
@given(st.binary(max_size=60))
def test_a_time_is_read_or_refused(noise: bytes) -> None:
    with contextlib.suppress(BadRecord):
        assert isinstance(at_of(noise), int)
    assert kind_of_line(noise) is None or noise.startswith(b'{"kind":"')


@pytest.mark.parametrize("text", ["1", "0", "0.5", "000.10", "123456789012345.123456789012345678"])
def test_plain_digits_are_an_amount(text: str) -> None:
    assert amount(text) == float(text)


@pytest.mark.parametrize(
    "text", ["", "-1", "+1", "1e5", "1E5", "NaN", "nan", "Infinity", ".5", "5.", "1_000", "1,5", " 1", "1 ", "0x1", "१",
             "9" * 19, "0." + "1" * 19, "9999999999999999", "1\n"]
)  # fmt: skip
def test_anything_else_is_no_amount(text: str) -> None:
    with pytest.raises(BadRecord):
        amount(text)


def test_an_amount_is_bounded_before_it_is_converted() -> None:
    started = time.perf_counter()
    for bomb in ("9" * 10_000_000, "1e" + "9" * 1_000_000, "0." + "0" * 10_000_000):
        with pytest.raises(BadRecord):
            amount(bomb)
    assert time.perf_counter() - started < 1.0


@pytest.mark.parametrize("text", ["0", "0.0", "-1"])
def test_a_price_is_above_zero(text: str) -> None:
    with pytest.raises(BadRecord):
        price(text)


def test_a_rate_may_be_negative_and_nothing_worse() -> None:
    assert signed("-0.0001") == -0.0001
    with pytest.raises(BadRecord):
        signed("--1")


@pytest.mark.parametrize(
    "symbol", ["BTCUSDT", "币安人生USDT", "1000SATSUSDT", "ТОНUSDT", "BTC-USDT", "BTC_PERP", "A", "É" * 40]
)
def test_symbols_of_any_script_pass(symbol: str) -> None:
    check_symbol(symbol)


@pytest.mark.parametrize(
    "symbol",
    ["", " ", "BTC USDT", "BTC\nUSDT", "BTC\x00", "\x1b[31mBTC", "BTC\x7f", "BTC\x9b31m", "BTC\u202eTDSU",
     "BTC\u200bUSDT",
     "BTC\u2066X", "\ufeffBTC", "[/]X", "<b>X", "BTC&side=SELL", "a=b", "X'--", 'X"', "X\\", "X`", "X;Y", "(X)", "{X}",
     "X|Y",
     "X,Y", "X" * 41, "\u2028X"],
)  # fmt: skip
def test_symbols_with_a_trick_in_them_are_refused(symbol: str) -> None:
    with pytest.raises(BadRecord):
        check_symbol(symbol)


@quick
@given(st.text(max_size=50))
def test_any_text_is_a_symbol_or_refused(text: str) -> None:
    try:
        check_symbol(text)
    except BadRecord:
        return
    assert 1 <= len(text) <= 40
    assert not any(ord(c) < 0x21 or 0x7F <= ord(c) <= 0x9F for c in text)


def test_the_strict_reader_reads_what_json_allows() -> None:
    assert check_json(b'{"a":[1,-2.5,true,null,"x"]}') == {"a": [1, -2.5, True, None, "x"]}


def test_the_largest_integer_passes() -> None:
    assert decode(b'{"kind":"tick","at":%d}' % MAX_INTEGER) is not None
