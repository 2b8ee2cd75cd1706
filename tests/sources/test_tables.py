"""Tables of candles as other tools write them: the same bars, whatever columns, times and symbols are called."""

import csv
import io
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import DirtyInput
from engine.records.market import Bar
from engine.runs.market import MarketOptions, open_market
from engine.world.imports.ohlcv import columns_of

T = 1_700_000_040_000
MINUTE = 60_000
ROWS = [
    (T + i * MINUTE, f"{10 + i}.50", f"{11 + i}.25", f"{10 + i}.00", f"{10 + i}.75", f"{i + 1}.125")
    for i in range(20)
    if i != 4
]
BARS = [
    Bar(at=at + MINUTE, venue="binance-spot", symbol="BTCUSDT", step_s=60, open_at=at, open=open_, high=high, low=low,
        close=close, volume=volume)
    for at, open_, high, low, close, volume in ROWS
]  # fmt: skip
HEADER = ("timestamp", "open", "high", "low", "close", "volume")


def table(rows=ROWS, header=HEADER, separator=",", end="\n") -> str:
    return "".join(separator.join(map(str, row)) + end for row in (header, *rows))


def times(write) -> list[tuple]:
    return [(write(row[0]), *row[1:]) for row in ROWS]


def date(pattern):
    return lambda at: datetime.fromtimestamp(at / 1000, UTC).strftime(pattern)


TABLES = {
    "milliseconds": table(),
    "seconds": table(times(lambda at: at // 1000)),
    "whole seconds with a point": table(times(lambda at: f"{at // 1000}.0")),
    "microseconds": table(times(lambda at: at * 1000)),
    "nanoseconds": table(times(lambda at: at * 10**6)),
    "dates": table(times(date("%Y-%m-%d %H:%M:%S")), ("Date", "Open", "High", "Low", "Close", "Volume")),
    "dates with a zone": table(times(date("%Y-%m-%dT%H:%M:%S+00:00"))),
    "an index without a name": table(times(date("%Y-%m-%dT%H:%M:%SZ")), ("", *HEADER[1:])),
    "semicolons": table(separator=";"),
    "tabs": table(separator="\t"),
    "Windows": "\ufeff" + table(end="\r\n"),
    "quoted": table([tuple(f'"{one}"' for one in row) for row in ROWS]),
    "newest first": table(ROWS[::-1]),
    "other columns among them": table([(*row[:2], "x", *row[2:]) for row in ROWS], (*HEADER[:2], "note", *HEADER[2:])),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_gives_its_candles(tmp_path, read, name):
    (tmp_path / "BTCUSDT-1m.csv").write_bytes(TABLES[name].encode())
    entries, bad, _ = read(tmp_path / "BTCUSDT-1m.csv")
    assert ([entry.record for entry in entries], bad) == (BARS, [])


@pytest.mark.parametrize("name", ["BTC_USDT-1m.csv", "BTC-USDT.csv", "Binance_BTCUSDT_minute.csv", "BTCUSDT.csv"])
def test_a_file_may_name_the_symbol(tmp_path, read, name):
    (tmp_path / name).write_text(table())
    assert [entry.record for entry in read(tmp_path / name)[0]] == BARS


@pytest.mark.parametrize("symbol", ["BTCUSDT", "BTC/USDT", "BTC/USDT:USDT", "BTC-USDT"])
def test_a_column_may_name_the_symbol(tmp_path, read, symbol):
    (tmp_path / "all.csv").write_text(table([(*row, symbol) for row in ROWS], (*HEADER, "pair")))
    assert [entry.record for entry in read(tmp_path / "all.csv")[0]] == BARS


def test_what_stands_beside_is_kept_and_a_close_time_counts(tmp_path, read):
    opened = T // 300_000 * 300_000
    header = ("Open time", *HEADER[1:], "Close time", "Quote asset volume", "Number of trades")
    (tmp_path / "BTCUSDT.csv").write_text(table([(opened, *ROWS[0][1:], opened + 299_999, "1000.5", 12)], header))
    [entry] = read(tmp_path / "BTCUSDT.csv")[0]
    assert (entry.record.step_s, entry.record.at) == (300, opened + 300_000)
    assert (entry.record.quote_volume, entry.record.trades) == ("1000.5", 12)


JSONS = {
    "arrays": json.dumps([[row[0], *map(float, row[1:])] for row in ROWS]),
    "arrays by line": "".join(json.dumps([row[0], *map(float, row[1:])]) + "\n" for row in ROWS),
    "objects": json.dumps([dict(zip(HEADER, row, strict=True)) for row in ROWS]),
    "objects by line": "".join(json.dumps(dict(zip(HEADER, row, strict=True))) + "\n" for row in ROWS),
}


@pytest.mark.parametrize("name", JSONS)
def test_arrays_and_objects_give_the_same_candles(tmp_path, read, name):
    (tmp_path / "BTCUSDT-1m.json").write_text(JSONS[name])
    entries, bad, _ = read(tmp_path / "BTCUSDT-1m.json")
    found = [entry.record for entry in entries]
    assert [(bar.at, bar.open_at, float(bar.close)) for bar in found] == [
        (bar.at, bar.open_at, float(bar.close)) for bar in BARS
    ]
    assert bad == []


@pytest.mark.parametrize("form", ["parquet", "feather"])
def test_data_frames_give_the_same_candles(tmp_path, read, form):
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import feather, parquet

    columns = dict(zip(HEADER, zip(*ROWS, strict=True), strict=True))
    columns["timestamp"] = arrow.array(columns["timestamp"]).cast(arrow.timestamp("ms", "UTC"))
    made, path = arrow.table({"date": columns.pop("timestamp"), **columns}), tmp_path / f"BTC_USDT-1m.{form}"
    parquet.write_table(made, path) if form == "parquet" else feather.write_feather(made, path)
    assert [entry.record for entry in read(path)[0]] == BARS
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(DirtyInput, match="damaged"):
        read(path)


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("candles.csv", table(), "neither a column symbol nor its name"),
        ("BTCUSDT.csv", table(ROWS[:1]), "add a column close_time"),
        ("BTCUSDT.csv", table([*ROWS[:3], (ROWS[3][0] * 1000, *ROWS[3][1:])]), r":5: its times are in microseconds"),
        ("BTCUSDT.csv", table(header=("when", *HEADER[1:])), "its columns lack open_time;"),
    ],
)
def test_what_cannot_be_told_of_a_table_is_said(tmp_path, read, name, content, why):
    (tmp_path / name).write_text(content)
    with pytest.raises(DirtyInput, match=why):
        read(tmp_path / name)


@pytest.mark.parametrize("content", [table([]), table([("no time", *ROWS[0][1:])])])
def test_a_table_without_a_good_row_is_an_empty_market(tmp_path, content):
    path = tmp_path / "BTCUSDT-1m.csv"
    path.write_text(content)
    market = open_market(MarketOptions(str(path)), lambda *_: None)
    assert list(market.source.facts()) == []


def test_bad_rows_are_told_with_their_line_and_cost_no_other(tmp_path, read):
    rows = [*map(list, ROWS)]
    rows[1][0] = "yesterday"
    rows[3][2] = "9.00"  # a high below the low
    rows[5] = rows[5][:3]
    (tmp_path / "BTCUSDT.csv").write_text(table(rows))
    entries, bad, _ = read(tmp_path / "BTCUSDT.csv")
    assert [entry.record for entry in entries] == [bar for i, bar in enumerate(BARS) if i not in (1, 3, 5)]
    assert sorted(line for line, _ in bad) == [3, 5, 7]
    assert "not a time: 'yesterday'" in [reason for _, reason in bad]


@given(st.permutations(HEADER), st.sampled_from(",;\t|"), st.booleans())
def test_columns_are_found_wherever_they_stand(order, separator, shout):
    made = io.StringIO()
    csv.writer(made, delimiter=separator).writerow([name.upper() if shout else name for name in order])
    found = columns_of(made.getvalue().strip().split(separator))
    assert found is not None
    assert [order[found[name]] for name in ("open_time", *HEADER[1:])] == list(HEADER)
