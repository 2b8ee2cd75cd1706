"""Recorded markets come in one order, whatever order their rows, lines and files are in."""

import gzip
import os
import random
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.records.market import Bar, Funding, Tick, Ticker
from engine.records.wire import KIND_RANK, encode
from engine.world.sources.recorded import Recorded

HEADER = "symbol,open_time,open,high,low,close,volume,close_time,quote_volume,trades"
START = 1_618_500_000_000


def row(symbol: str, minute: int, close: str = "2") -> str:
    opened = START + minute * 60_000
    return f"{symbol},{opened},1,3,1,{close},10,{opened + 59_999},,"


def bar(symbol: str, at: int, close: str = "2") -> Bar:
    return Bar(at=at, venue="binance-spot", symbol=symbol, step_s=60, open_at=at - 60_000, open="1", high="3", low="1",
               close=close, volume="10")  # fmt: skip


def ticker(symbol: str, at: int) -> Ticker:
    return Ticker(at=at, venue="binance-spot", symbol=symbol, last="1", quote_volume_24h="5")


def write_lines(path: Path, records: list) -> Path:
    path.write_bytes(b"".join(encode(record) + b"\n" for record in records))
    return path


def keys(entries: list) -> list:
    return [(e.record.at, KIND_RANK[e.record.kind], getattr(e.record, "symbol", "")) for e in entries]


def test_candles_sorted_by_symbol_come_sorted_by_time(samples, read):
    entries, bad, _ = read(samples / "spot" / "candles.csv")
    assert keys(entries) == sorted(keys(entries))
    assert (len(entries), bad) == (18, [])


def test_a_bar_is_known_one_millisecond_after_its_close(samples, read):
    entries, _, _ = read(samples / "spot" / "candles.csv", symbols=("BTGUSDT",))
    first = entries[0].record
    assert (first.open_at, first.at, first.step_s) == (1618556400000, 1618556460000, 60)
    assert (first.quote_volume, first.trades, entries[0].line) == (None, None, None)


def test_numbers_keep_the_text_they_were_written_in(samples, read):
    text = (samples / "usdm" / "candles-full.csv").read_text().splitlines()[1].split(",")
    entries, _, _ = read(samples / "usdm" / "candles-full.csv", symbols=(text[0],))
    first = entries[0].record
    assert [first.open, first.high, first.low, first.close, first.volume, first.quote_volume] == [*text[2:7], text[8]]
    assert (first.trades, first.venue) == (int(text[9]), "binance-usdm")


def test_small_prices_with_exponents_become_plain_without_losing_a_digit(samples, read):
    entries, bad, _ = read(samples / "usdm" / "candles-small-prices.csv", symbols=("1000SATSUSDT",))
    assert [entries[0].record.open, entries[2].record.high] == ["0.0000368", "0.000037"]
    assert bad == []


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_shuffled_rows_give_the_same_facts(tmp_path, read, seed):
    rows = [row(symbol, minute) for symbol in ("AUSDT", "BUSDT", "币安人生USDT") for minute in range(30)]
    path = tmp_path / "candles.csv"
    path.write_text("\n".join([HEADER, *rows]))
    straight, _, _ = read(path)
    random.Random(seed).shuffle(rows)
    path.write_text("\n".join([HEADER, *rows]) + "\n")
    assert read(path)[0] == straight


def test_steps_of_one_symbol_at_one_instant_come_shortest_first(tmp_path, read):
    path = tmp_path / "candles.csv"
    long = f"AUSDT,{START},1,3,1,2,10,{START + 299_999},,"
    path.write_text("\n".join([HEADER, long, row("AUSDT", 4)]))
    assert [entry.record.step_s for entry in read(path)[0]] == [60, 300]


def test_a_line_is_handed_on_exactly_as_it_came(tmp_path, read):
    lines = [
        b'{"kind":"from_the_future","at":1,"x":[1,2]}',
        b'{"at": 5, "kind": "ticker", "venue": "v", "symbol": "A", "last": "1", "quote_volume_24h": "2"}',
        encode(ticker("B", 9)),
    ]
    path = tmp_path / "market.jsonl"
    path.write_bytes(b"\r\n".join(lines))
    entries, bad, _ = read(path)
    assert [entry.line for entry in entries] == lines
    assert [entry.record is None for entry in entries] == [True, False, False]
    assert bad == []


def test_records_of_one_instant_are_ordered_by_kind_venue_and_symbol(tmp_path, read):
    records = [
        Tick(at=7),
        ticker("B", 7),
        bar("B", 7),
        Funding(at=7, venue="binance-spot", symbol="A", rate="0"),
        bar("A", 7),
    ]
    path = write_lines(tmp_path / "a.jsonl", [*records[1:], records[0]])
    found = [(e.record.kind, getattr(e.record, "symbol", "")) for e in read(path)[0]]
    assert found == [("funding", "A"), ("bar", "A"), ("bar", "B"), ("ticker", "B"), ("tick", "")]


def test_what_is_no_fact_stays_where_it_came(tmp_path, read):
    end = b'{"kind":"end","at":3,"stage":"scan","records":3}'
    lines = [encode(ticker("A", 5)), end, encode(Tick(at=5)), b'{"kind":"new","at":1}', encode(ticker("A", 6))]
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\n".join(lines))
    entries, bad, _ = read(path)
    assert [entry.line for entry in entries] == lines
    assert bad == []


def test_a_fact_that_is_late_is_a_bad_line(tmp_path, read):
    path = write_lines(
        tmp_path / "a.jsonl", [ticker("A", 1000), ticker("A", 3000), ticker("B", 2000), ticker("A", 4000)]
    )
    entries, bad, source = read(path)
    assert [entry.record.at for entry in entries] == [1000, 3000, 4000]
    assert bad == [(3, "time runs backwards by 1000 ms: 2000 after 3000")]
    assert source.skipped == 1


def test_a_fact_within_the_lateness_finds_its_place(tmp_path, read):
    path = write_lines(
        tmp_path / "a.jsonl", [ticker("A", 1000), ticker("A", 3000), ticker("B", 2000), ticker("A", 4000)]
    )
    entries, bad, _ = read(path, max_lateness_ms=1000)
    assert [entry.record.at for entry in entries] == [1000, 2000, 3000, 4000]
    assert bad == []


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(times=st.lists(st.integers(1, 60), max_size=40), lateness=st.integers(0, 60))
def test_lateness_never_lets_time_run_backwards_and_counts_the_rest(tmp_path, read, times, lateness):
    path = write_lines(tmp_path / "a.jsonl", [ticker("A", at) for at in times])
    if not times:
        return
    entries, bad, _ = read(path, max_lateness_ms=lateness)
    found = [entry.record.at for entry in entries]
    late = sum(at < max(times[: i + 1]) - lateness for i, at in enumerate(times))
    assert found == sorted(found)
    assert (len(found), len(bad)) == (len(times) - late, late)


def test_a_folder_is_merged_and_what_is_no_market_is_left_out(tmp_path, read):
    (tmp_path / "deep").mkdir()
    write_lines(tmp_path / "deep" / "tickers.jsonl", [ticker("A", START + 60_000 * i) for i in range(1, 4)])
    (tmp_path / "candles.csv").write_text("\n".join([HEADER, row("AUSDT", 0), row("AUSDT", 1), row("AUSDT", 2)]))
    (tmp_path / "README.md").write_text("about")
    (tmp_path / "notes.txt").write_text("nothing to see")
    entries, _, source = read(tmp_path)
    assert [(e.record.kind, e.record.at - START) for e in entries] == [
        (kind, 60_000 * i) for i in (1, 2, 3) for kind in ("bar", "ticker")
    ]
    assert source.notes.files == [f"{tmp_path / 'notes.txt'}: no market data"]


def test_a_folder_of_many_files_opens_them_when_their_time_comes(tmp_path, read):
    for day in range(40):
        write_lines(tmp_path / f"{day:02}.jsonl", [ticker("A", 1000 * day + i) for i in (1, 2, 3)] + [ticker("B", 1)])
    entries, bad, _ = read(tmp_path)
    found = [entry.record.at for entry in entries]
    assert found == sorted(found)
    assert (len(found), len(bad)) == (120, 40)


def test_a_bar_in_two_files_is_given_once_and_a_differing_one_is_told(tmp_path, read):
    write_lines(tmp_path / "a.jsonl", [bar("A", 60_000), bar("B", 60_000)])
    write_lines(tmp_path / "b.jsonl", [bar("A", 60_000), bar("B", 60_000, close="3")])
    entries, bad, source = read(tmp_path)
    assert [(e.record.symbol, e.record.close) for e in entries] == [("A", "2"), ("B", "2")]
    assert (source.notes.repeated, len(bad)) == (1, 1)
    assert "close is 2 and 3" in bad[0][1]


@pytest.mark.parametrize("copies", [2, 3])
def test_identical_bars_are_dropped_and_counted(tmp_path, read, copies):
    path = tmp_path / "candles.csv"
    path.write_text("\n".join([HEADER, *[row("AUSDT", 0)] * copies, row("AUSDT", 1)]))
    entries, bad, source = read(path)
    assert (len(entries), bad, source.notes.repeated) == (2, [], copies - 1)


def test_of_differing_bars_the_first_is_kept(tmp_path, read):
    path = tmp_path / "candles.csv"
    path.write_text("\n".join([HEADER, row("AUSDT", 0, "2"), row("AUSDT", 0, "1")]))
    entries, bad, _ = read(path)
    assert [entry.record.close for entry in entries] == ["2"]
    assert [number for number, _ in bad] == [3]


def test_a_good_bar_counts_where_the_first_one_was_bad(tmp_path, read):
    path = tmp_path / "candles.csv"
    path.write_text("\n".join([HEADER, row("AUSDT", 0, "9"), row("AUSDT", 0, "2")]))
    entries, bad, _ = read(path)
    assert [entry.record.close for entry in entries] == ["2"]
    assert [number for number, _ in bad] == [2]


def test_since_and_until_bound_the_facts_but_not_the_rules(samples, tmp_path, read):
    folder = tmp_path / "spot"
    folder.mkdir()
    for name in ("candles.csv", "exchangeInfo-2020-10-07.json"):
        (folder / name).write_bytes((samples / "spot" / name).read_bytes())
    entries, _, _ = read(tmp_path, since_ms=1618556400000, until_ms=1618556460000, symbols=("BTCUSDT",))
    assert [(e.record.kind, e.record.symbol) for e in entries] == [("symbol_rules", "BTCUSDT"), ("bar", "BTCUSDT")]
    assert entries[1].record.at == 1618556400000


def test_posts_and_announcements_are_kept_for_the_symbols_they_name(samples, read):
    entries, _, _ = read(samples / "announcements.ndjson", symbols=("FOGOUSDT",))
    assert [entry.record.title for entry in entries] == ["Binance Will List Fogo (FOGO) with Seed Tag Applied"]


@pytest.mark.parametrize("pack", [gzip.compress, lambda data: zstandard.ZstdCompressor().compress(data), bytes])
def test_packed_files_give_what_plain_ones_give(samples, tmp_path, read, pack):
    data = (samples / "spot" / "candles.csv").read_bytes()
    path = tmp_path / "packed"
    path.write_bytes(pack(data) + pack(b"ETHUSDT,1618556400000,1,1,1,1,1,1618556459999,,\n"))
    assert len(read(path)[0]) == 19


def test_stdin_is_read_as_records_and_waiting_is_announced():
    out, into = os.pipe()
    os.write(into, encode(ticker("A", 1)) + b"\n" + encode(Tick(at=1)) + b"\nnot a record\n" + encode(ticker("A", 2)))
    waits: list[int] = []
    source = Recorded("-", before_wait=lambda: (waits.append(1), os.close(into)), stdin=out)
    facts = source.facts()
    assert [next(facts).record.kind, next(facts).record.kind] == ["ticker", "tick"]
    assert waits == []
    assert next(facts).record.at == 2
    assert (waits, source.skipped, source.manifest()) == ([1], 1, {"stream": "stdin"})


def test_a_pipe_in_place_of_a_file_is_read_as_records(tmp_path, read):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    if os.fork() == 0:
        path.write_bytes(encode(ticker("A", 1)) + b"\n" + encode(ticker("A", 2)) + b"\n")
        os._exit(0)
    entries, bad, _ = read(path)
    os.wait()
    assert ([entry.record.at for entry in entries], bad) == ([1, 2], [])


def test_the_index_of_a_recording_is_no_market(tmp_path, read):
    write_lines(tmp_path / "000001.jsonl", [ticker("A", 1)])
    (tmp_path / "index.jsonl").write_text('{"chunk":"000001.jsonl.zst","first_at":1}\n')
    entries, bad, _ = read(tmp_path)
    assert (len(entries), bad) == (1, [])


def test_the_manifest_names_each_file_with_its_hash(tmp_path):
    write_lines(tmp_path / "b.jsonl", [ticker("A", 1)])
    (tmp_path / "a").mkdir()
    write_lines(tmp_path / "a" / "c.jsonl", [ticker("A", 1)])
    files = Recorded(str(tmp_path)).manifest()["files"]
    assert [file["path"] for file in files] == ["a/c.jsonl", "b.jsonl"]
    assert {file["sha256"] for file in files} == {files[0]["sha256"]}
    assert files[0]["bytes"] == (tmp_path / "b.jsonl").stat().st_size
    one = tmp_path / "b.jsonl"
    assert Recorded(str(one)).manifest()["files"][0]["path"] == str(one)


@pytest.mark.parametrize(
    ("folder", "name", "venue"),
    [
        ("spot", "a.csv", "binance-spot"), ("binance/usdm", "a.csv", "binance-usdm"), (".", "a.csv", "binance-spot"),
        ("um", "a.csv", "binance-usdm"), ("bybit", "linear-klines.csv", "bybit-linear"),
    ],
)  # fmt: skip
def test_the_venue_is_read_from_the_folders(tmp_path, read, folder, name, venue):
    path = tmp_path / folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([HEADER, row("AUSDT", 0)]))
    assert read(path)[0][0].record.venue == venue
    assert read(path, venue="mine")[0][0].record.venue == "mine"
