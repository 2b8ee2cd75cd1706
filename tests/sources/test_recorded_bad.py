"""Bad input is skipped, counted and told; a file that is no good at all is refused in one line."""

import gzip
import io
import tracemalloc
import zipfile

import pytest
import zstandard
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from engine.errors import BadRecord, ConfigError, DirtyInput, HotError, UsageError
from engine.records.market import Bar, Ohlcv, check_symbol
from engine.records.wire import MAX_LINE_BYTES, decode
from engine.world.imports.fields import plain
from engine.world.imports.unpack import Limits, pieces

HEADER = b"symbol,open_time,open,high,low,close,volume,close_time,quote_volume,trades"
GOOD = b"BTCUSDT,1618272000000,5.4,5.6,5.3,5.5,10,1618272059999,55.1,7"
LATER = b"BTCUSDT,1618272060000,5.4,5.6,5.3,5.5,10,1618272119999,55.1,7"
TICKER = b'{"kind":"ticker","at":5,"venue":"v","symbol":"A","last":"1","quote_volume_24h":"2"}'


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (b"BTCUSDT,1618272000000,5.4,5.6,5.3,5.5,10,1618272059999,55.1", "9 columns instead of 10"),
        (GOOD + b",1", "11 columns instead of 10"),
        (b"BTCUSDT,16182720000", "2 columns instead of 10"),
        (GOOD.replace(b"5.6", b"5.2"), "do not fit together"),
        (GOOD.replace(b",10,", b",-10,"), "not a plain decimal"),
        (GOOD.replace(b"5.6", b"NaN"), "not a plain decimal"),
        (GOOD.replace(b"5.6", b"inf"), "not a plain decimal"),
        (GOOD.replace(b"5.6", b""), "not a plain decimal"),
        (GOOD.replace(b"5.6", b"5.6.1"), "not a plain decimal"),
        (GOOD.replace(b"5.6", b".6"), "not a plain decimal"),
        (GOOD.replace(b"55.1", b"5.5.1"), "not a plain decimal"),
        (GOOD.replace(b"5.6", b"1e999999999"), "not a plain decimal"),
        (GOOD.replace(b"5.6", b"9" * 19), "not a plain decimal"),
        (GOOD.replace(b"5.6", b"9" * 18), "do not fit together"),
        (GOOD.replace(b"5.3", b"0"), "do not fit together"),
        (GOOD.replace(b"55.1", b"9" * 17), "beyond 1e15"),
        (GOOD.replace(b",7", b",-7"), "not a number of trades"),
        (GOOD.replace(b"1618272000000", b"1618272"), "not a time in epoch milliseconds"),
        (GOOD.replace(b"1618272000000", b"16182720x0000"), "not a time in epoch milliseconds"),
        (GOOD.replace(b"1618272059999", b"1618272059998"), "not whole seconds long"),
        (GOOD.replace(b"1618272059999", b"1618271059999"), "not whole seconds long"),
        (GOOD.replace(b"BTC", b"\x1b[2J"), "not a symbol"),
        (GOOD.replace(b"BTC", b"\xff\xfe"), "not a symbol"),
        (GOOD.replace(b"BTC", b"B" * 60), "not a symbol"),
        (GOOD.replace(b"BTCUSDT", b""), "not a symbol"),
        (b"\x00" * 30, "1 columns instead of 10"),
    ],
)
def test_a_bad_row_is_told_with_its_number_and_the_rest_goes_on(tmp_path, read, row, reason):
    path = tmp_path / "candles.csv"
    path.write_bytes(b"\n".join([HEADER, row, LATER]))
    entries, bad, _ = read(path)
    assert [entry.record.open_at for entry in entries] == [1618272060000]
    assert [number for number, _ in bad] == [2]
    assert reason in bad[0][1]
    with pytest.raises(DirtyInput, match=r"candles\.csv:2: "):
        read(path, strict=True)


def test_blank_lines_and_a_header_in_the_middle_are_no_rows(tmp_path, read):
    path = tmp_path / "candles.csv"
    path.write_bytes(b"\xef\xbb\xbf" + b"\r\n".join([HEADER, GOOD, b"", HEADER, LATER, b""]))
    entries, bad, _ = read(path)
    assert (len(entries), bad) == (2, [])


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_mutated_row_is_either_the_bar_it_says_or_one_bad_line(tmp_path, read, data):
    row = bytearray(GOOD)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(row) - 1))
        row[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3).filter(lambda b: b"\n" not in b))
        if not row:
            break
    path = tmp_path / "candles.csv"
    path.write_bytes(b"\n".join([HEADER, bytes(row), LATER]))
    if _is_in_another_unit(bytes(row)):
        with pytest.raises(DirtyInput, match="its times are in milliseconds, those before in"):
            read(path)
        return
    entries, bad, _ = read(path)
    said = _bar_of(bytes(row))
    assume(said is None or said.open_at != 1618272060000)
    assert [entry.record for entry in entries if entry.record.open_at != 1618272060000] == [said] * (said is not None)
    assert len(bad) == (said is None and bool(bytes(row).strip()))


def _is_in_another_unit(row: bytes) -> bool:
    """Says whether both times of a row are epochs of one unit that is not milliseconds."""
    fields = row.removesuffix(b"\r").split(b",")
    return len(fields) == 10 and any(
        all(time.isdigit() and len(time) == digits for time in (fields[1], fields[7])) for digits in (10, 16)
    )


def _bar_of(row: bytes) -> Bar | None:
    """The plain way to read a row, one check at a time."""
    try:
        fields = row.removesuffix(b"\r").decode().split(",")
        symbol, opened, *prices, closed, quote, trades = fields
        if len(fields) != 10 or not all(len(t) == 13 and t.isascii() and t.isdigit() for t in (opened, closed)):
            return None
        if trades and not (trades.isascii() and trades.isdigit() and len(trades) <= 15):
            return None
        step = int(closed) - int(opened) + 1
        open_, high, low, close, volume = map(plain, prices)
        check_symbol(symbol)
        bar = Bar(at=int(closed) + 1, venue="binance-spot", symbol=symbol, step_s=step // 1000, open_at=int(opened),
                  open=open_, high=high, low=low, close=close, volume=volume, quote_volume=plain(quote) or None,
                  trades=int(trades) if trades else None)  # fmt: skip
        Ohlcv(bar)
    except (ValueError, BadRecord):
        return None
    return bar if step % 1000 == 0 else None


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_mutated_lines_are_skipped_and_counted_exactly(tmp_path, read, data):
    lines = []
    for _ in range(data.draw(st.integers(1, 5))):
        line = bytearray(TICKER)
        at = data.draw(st.integers(0, len(line) - 1))
        line[at : at + data.draw(st.integers(0, 20))] = data.draw(
            st.binary(max_size=4).filter(lambda b: b"\n" not in b)
        )
        lines.append(bytes(line))
    path = tmp_path / "market.jsonl"
    path.write_bytes(b"\n".join([TICKER, *lines]))
    entries, bad, source = read(path, max_lateness_ms=2**53)
    good = sum(_is_good(line) for line in lines)
    blank = sum(not line or line.isspace() for line in lines)
    assert len(entries) == 1 + good
    assert len(bad) == source.skipped == len(lines) - good - blank


def _is_good(line: bytes) -> bool:
    if not line or line.isspace():
        return False
    try:
        decode(line.removesuffix(b"\r"))
    except BadRecord:
        return False
    return True


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
@pytest.mark.parametrize(
    "name",
    ["usdm/klines-1d-raw.json", "usdm/exchangeInfo-2025-11-26.json", "spot/ticker24hr.json", "usdm/premiumIndex.json",
     "usdm/open-interest-hist.csv", "usdm/funding-rate.csv", "usdm/frames.ndjson", "frames-mixed.ndjson",
     "announcements.ndjson", "tweets.ndjson"],
)  # fmt: skip
def test_mutated_exchange_files_end_in_facts_bad_lines_or_one_clear_error(samples, tmp_path, read, name, data):
    content = bytearray((samples / name).read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 30))] = data.draw(st.binary(max_size=4))
    path = tmp_path / name.split("/")[-1]
    path.write_bytes(bytes(content))
    try:
        _, bad, source = read(path)
    except HotError as error:
        assert str(path) in str(error)
    else:
        assert len(bad) == source.skipped


def zipped(data: bytes, *names: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names or ("candles.csv",):
            archive.writestr(name, data)
    return out.getvalue()


@pytest.mark.parametrize("pack", [gzip.compress, lambda data: zstandard.ZstdCompressor().compress(data), zipped])
@pytest.mark.parametrize("keep", [0.3, 0.9])
def test_a_cut_off_file_is_refused(tmp_path, read, pack, keep):
    packed = pack(b"\n".join([HEADER] + [GOOD] * 5000))
    path = tmp_path / "candles.csv.packed"
    path.write_bytes(packed[: int(len(packed) * keep)])
    with pytest.raises(DirtyInput, match="cut off"):
        read(path)


def test_a_damaged_file_is_refused(tmp_path, read):
    packed = bytearray(gzip.compress(b"\n".join([HEADER] + [GOOD] * 5000)))
    packed[40:60] = b"x" * 20
    path = tmp_path / "candles.csv.gz"
    path.write_bytes(packed)
    with pytest.raises(DirtyInput, match=r"gzip (data are damaged|file is cut off)"):
        read(path)


def test_a_zip_of_one_file_is_that_file(tmp_path, read):
    path = tmp_path / "candles.zip"
    path.write_bytes(zipped(HEADER + b"\n" + GOOD))
    assert len(read(path)[0]) == 1
    path.write_bytes(zipped(HEADER + b"\n" + GOOD, "a.csv", "b.csv"))
    with pytest.raises(DirtyInput, match="a zip of 2 files; unpack it"):
        read(path)
    damaged = bytearray(zipped(b"\n".join([HEADER] + [GOOD] * 5000)))
    damaged[60:80] = b"x" * 20
    path.write_bytes(damaged)
    with pytest.raises(DirtyInput, match="zip file is damaged or cut off"):
        read(path)


@pytest.mark.parametrize("pack", ["gz", "zst", "zip"])
def test_a_bomb_is_stopped_early(tmp_path, pack):
    path = tmp_path / f"bomb.jsonl.{pack}"
    path.write_bytes(_bomb(pack))
    assert path.stat().st_size < 1 << 20
    tracemalloc.start()
    with pytest.raises(DirtyInput, match="as only a bomb does"):
        sum(map(len, pieces(path)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100 << 20


def _bomb(pack: str) -> bytes:
    if pack == "zip":
        return zipped(b"0" * (200 << 20))
    out = io.BytesIO()
    writer = (
        gzip.GzipFile("", "wb", 6, out)
        if pack == "gz"
        else zstandard.ZstdCompressor().stream_writer(out, closefd=False)
    )
    with writer:
        for _ in range(200):
            writer.write(b"0" * (1 << 20))
    return out.getvalue()


def test_the_cap_on_expanded_bytes_is_a_setting(tmp_path):
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(b"\n".join([TICKER] * 1000)))
    with pytest.raises(DirtyInput, match="more than 1000 bytes"):
        list(pieces(path, Limits(1000)))


def test_a_giant_line_is_one_bad_line_and_never_held(tmp_path, read):
    path = tmp_path / "market.jsonl"
    with path.open("wb") as file:
        file.write(TICKER + b"\n")
        for _ in range(100):
            file.write(b"[" * (1 << 20))
        file.write(b"\n" + TICKER)
    tracemalloc.start()
    entries, bad, _ = read(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (len(entries), bad) == (2, [(2, f"longer than {MAX_LINE_BYTES} bytes")])
    assert peak < 16 << 20


def test_an_endless_last_line_is_told_once(tmp_path, read):
    path = tmp_path / "market.jsonl"
    path.write_bytes(TICKER + b"\n" + b"x" * (3 * MAX_LINE_BYTES))
    assert read(path)[1] == [(2, f"longer than {MAX_LINE_BYTES} bytes")]


def test_an_empty_file_is_refused(tmp_path, read):
    (tmp_path / "a.csv").write_bytes(b"")
    with pytest.raises(DirtyInput, match="the file is empty"):
        read(tmp_path / "a.csv")
    (tmp_path / "b.csv").write_bytes(HEADER + b"\n")
    assert read(tmp_path / "b.csv")[0] == []


def test_a_missing_file_is_named(tmp_path, read):
    with pytest.raises(UsageError, match=r"no market at .*gone"):
        read(tmp_path / "gone.jsonl")


def test_a_folder_without_market_data_is_named(tmp_path, read):
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(ConfigError, match="no market data in the folder"):
        read(tmp_path)


def test_a_file_of_another_kind_is_refused_with_what_can_be_read(tmp_path, read):
    (tmp_path / "a.txt").write_text("hello\nworld\n")
    with pytest.raises(DirtyInput, match=r"no market data that hot can read; it reads candles \(CSV\)"):
        read(tmp_path / "a.txt")


@pytest.mark.parametrize(
    ("header", "why"),
    [
        (HEADER.replace(b",high", b""), "lack high;"),
        (HEADER.upper().replace(b",OPEN_TIME,OPEN", b""), "lack open_time, open;"),
    ],
)
def test_a_header_that_is_almost_one_of_candles_says_what_it_lacks(tmp_path, read, header, why):
    (tmp_path / "a.csv").write_bytes(header + b"\r\n")
    with pytest.raises(DirtyInput, match=f"its columns {why} candles are a time of opening, open, high,"):
        read(tmp_path / "a.csv")
