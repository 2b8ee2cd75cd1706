"""Each exchange file becomes the records it holds, with the numbers as they were written."""

import json

import pytest

from engine.errors import ConfigError, DirtyInput
from engine.records.market import Bar
from engine.world.imports.frames import facts
from engine.world.imports.notes import Notes
from engine.world.imports.origin import Origin
from engine.world.imports.rolling import derive_tickers


def test_kline_arrays_give_closed_bars_only(samples, read):
    raw = json.loads((samples / "usdm" / "klines-1d-raw.json").read_text())
    entries, bad, source = read(samples / "usdm" / "klines-1d-raw.json")
    newest = max(row[0] for rows in raw.values() for row in rows)
    assert bad == []
    assert len(entries) == sum(row[0] < newest for rows in raw.values() for row in rows)
    assert source.notes.ignored == sum(row[0] == newest for rows in raw.values() for row in rows) == 3
    first, row = entries[0].record, raw["1000000MOGUSDT"][0]
    assert [first.open, first.high, first.low, first.close, first.volume] == row[1:6]
    assert (first.at, first.quote_volume, first.trades) == (row[6] + 1, row[7], row[8])


def test_klines_of_one_symbol_are_named_by_their_file(samples, tmp_path, read):
    rows = json.loads((samples / "usdm" / "klines-1d-raw.json").read_text())["1000BONKUSDC"]
    (tmp_path / "1000BONKUSDC-1d.json").write_text(json.dumps(rows))
    (tmp_path / "answer.json").write_text(json.dumps(rows))
    entries, _, _ = read(tmp_path / "1000BONKUSDC-1d.json")
    assert {entry.record.symbol for entry in entries} == {"1000BONKUSDC"}
    with pytest.raises(DirtyInput, match="name the file after it"):
        read(tmp_path / "answer.json")


def test_spot_rules_of_2020_are_read_from_their_filters(samples, read):
    entries, _, _ = read(samples / "spot" / "exchangeInfo-2020-10-07.json")
    rules = {entry.record.symbol: entry.record for entry in entries}["DOGEUSDT"]
    assert (rules.at, rules.venue, rules.base, rules.quote) == (1602059952640, "binance-spot", "DOGE", "USDT")
    assert (rules.tick, rules.step, rules.min_qty, rules.min_notional) == ("0.0000001", "1", "1", "10")
    assert (rules.bid_multiplier_up, rules.ask_multiplier_down) == ("5", "0.2")
    assert (rules.max_orders, rules.max_algo_orders, rules.avg_price_mins) == (200, 5, 5)
    assert "LIMIT" in rules.order_types


def test_spot_rules_of_2024_are_read_from_the_newer_filters(samples, read):
    entries, _, _ = read(samples / "spot" / "exchangeInfo-2024-09-08.json")
    rules = {entry.record.symbol: entry.record for entry in entries}["BTCUSDT"]
    assert (rules.tick, rules.step, rules.min_notional, rules.max_notional) == ("0.01", "0.00001", "5", "9000000")
    assert (rules.min_notional_market, rules.max_notional_market) == (True, False)
    assert (rules.bid_multiplier_up, rules.ask_multiplier_up) == ("5", "5")


def test_futures_rules_are_read_and_symbols_not_open_yet_are_left_out(samples, read):
    entries, bad, source = read(samples / "usdm" / "exchangeInfo-2025-11-26.json")
    rules = {entry.record.symbol: entry.record for entry in entries}
    assert sorted(rules) == ["BTCUSDT", "DOGEUSDC", "币安人生USDT"]
    assert (bad, source.notes.ignored) == ([], 1)
    bitcoin = rules["BTCUSDT"]
    assert (bitcoin.venue, bitcoin.tick, bitcoin.min_notional, bitcoin.max_orders) == (
        "binance-usdm",
        "0.1",
        "100",
        10000,
    )
    assert (bitcoin.bid_multiplier_up, bitcoin.onboard_at) == ("1.05", 1569398400000)


def test_rules_without_a_server_time_take_the_date_of_the_file(samples, tmp_path, read):
    answer = json.loads((samples / "spot" / "exchangeInfo-2020-10-07.json").read_text())
    del answer["serverTime"]
    (tmp_path / "exchangeInfo-2020-10-07.json").write_text(json.dumps(answer))
    (tmp_path / "info.json").write_text(json.dumps(answer))
    assert read(tmp_path / "exchangeInfo-2020-10-07.json")[0][0].record.at == 1602028800000
    with pytest.raises(DirtyInput, match="says no serverTime"):
        read(tmp_path / "info.json")


@pytest.mark.parametrize(
    "odd",
    [
        {"filters": 5},
        {"filters": {"a": 1}},
        {"filters": [3]},
        {"orderTypes": 3},
        {"symbol": "<b>"},
        {"baseAsset": None},
    ],
)
def test_a_symbol_with_odd_rules_is_one_bad_line(samples, tmp_path, read, odd):
    answer = json.loads((samples / "spot" / "exchangeInfo-2020-10-07.json").read_text())
    answer["symbols"][1] |= odd
    (tmp_path / "exchangeInfo-2020-10-07.json").write_text(json.dumps(answer, separators=(",", ":")))
    entries, bad, _ = read(tmp_path / "exchangeInfo-2020-10-07.json")
    assert (len(entries), [number for number, _ in bad]) == (2, [2])


def test_binances_own_dumps_of_futures_are_read(tmp_path, read):
    metrics = tmp_path / "BTCUSDT-metrics-2025-01-01.csv"
    metrics.write_text(
        "create_time,symbol,sum_open_interest,sum_open_interest_value,count_toptrader_long_short_ratio,"
        "sum_toptrader_long_short_ratio,count_long_short_ratio,sum_taker_long_short_vol_ratio\n"
        "2025-01-01 00:05:00,BTCUSDT,90000.5000,8400000000.25,1.9,1.2,,0.98\n"
    )
    interest, *ratios = [entry.record for entry in read(metrics, venue="binance-usdm")[0]]
    assert (interest.at, interest.open_interest, interest.open_interest_value) == (
        1735689900000, "90000.5000", "8400000000.25",
    )  # fmt: skip
    assert {(one.whose, one.ratio, one.ended_at) for one in ratios} == {
        ("top_accounts", "1.9", interest.at), ("top_positions", "1.2", interest.at),
    }  # fmt: skip
    dump = "calc_time,funding_interval_hours,last_funding_rate\n1735689600003,8,-0.00010000\nsoon,8,0.1\n"
    (tmp_path / "BTCUSDT-fundingRate-2025-01.csv").write_text(dump)
    entries, bad, _ = read(tmp_path / "BTCUSDT-fundingRate-2025-01.csv")
    assert [(one.record.symbol, one.record.at, one.record.rate) for one in entries] == [
        ("BTCUSDT", 1735689600003, "-0.00010000")
    ]
    assert bad == [(3, "not a time: 'soon'")]
    (tmp_path / "funding.csv").write_text(dump)
    with pytest.raises(DirtyInput, match="name the file after it: BTCUSDT-fundingRate"):
        read(tmp_path / "funding.csv")


def test_open_interest_and_funding_rates_come_in_the_order_of_time(samples, read):
    interest, _, _ = read(samples / "usdm" / "open-interest-hist.csv")
    funding, _, _ = read(samples / "usdm" / "funding-rate.csv")
    for entries in (interest, funding):
        assert [entry.record.at for entry in entries] == sorted(entry.record.at for entry in entries)
        assert len(entries) == 8
    line = (samples / "usdm" / "open-interest-hist.csv").read_text().splitlines()[1].split(",")
    assert (interest[0].record.open_interest, interest[0].record.open_interest_value) == (line[2], line[3])
    assert funding[0].record.mark_price is None


def test_the_premium_index_gives_rates_and_mark_prices(samples, read):
    entries, _, _ = read(samples / "usdm" / "premiumIndex.json")
    first = next(entry.record for entry in entries if entry.record.symbol == "DIAUSDT")
    assert (first.at, first.rate, first.mark_price) == (1750149488000, "0.00005000", "0.38830000")


def test_24_h_tickers_of_what_never_traded_are_left_out(samples, read):
    entries, bad, source = read(samples / "spot" / "ticker24hr.json")
    first = next(entry.record for entry in entries if entry.record.symbol == "ETHBTC")
    assert (len(entries), bad, source.notes.ignored) == (3, [], 1)
    assert (first.at, first.last, first.bid, first.ask) == (1602059971477, "0.03209800", "0.03209800", "0.03210200")
    assert (first.volume_24h, first.quote_volume_24h) == ("255195.24800000", "8231.62604966")


def test_spot_frames_give_books_and_trades_at_the_receivers_time(samples, read):
    entries, bad, source = read(samples / "spot" / "frames.ndjson")
    assert [(e.record.kind, e.record.at) for e in entries] == [
        ("book_top", 1633998513377), ("book_top", 1633998513392), ("trade", 1633998523957), ("trade", 1633998534481),
    ]  # fmt: skip
    assert (bad, source.notes.ignored) == ([], 5)
    book = entries[0].record
    assert (book.bid, book.bid_qty, book.ask, book.ask_qty) == (
        "0.35210000", "672.00000000", "0.35260000", "3199.00000000",
    )  # fmt: skip


def test_a_closed_candle_in_a_frame_is_a_bar(samples, read):
    entries, _, _ = read(samples / "usdm" / "frames.ndjson")
    bars = [entry.record for entry in entries if isinstance(entry.record, Bar)]
    assert [(bar.symbol, bar.open_at, bar.step_s, bar.at) for bar in bars] == [
        ("SUSHIUSDT", 1626992700000, 60, 1626992760247), ("CTKUSDT", 1626992700000, 60, 1626992760837),
    ]  # fmt: skip
    assert bars[0].quote_volume is not None


def test_nanoseconds_and_arrays_and_frames_of_both_markets_are_understood(samples, read):
    entries, _, _ = read(samples / "usdm" / "frames-ns.ndjson")
    assert [entry.record.at for entry in entries][:2] == [1723161255088, 1723161255088]
    mixed, bad, _ = read(samples / "frames-mixed.ndjson")
    kinds = {(entry.record.kind, entry.record.venue) for entry in mixed}
    assert bad == []
    assert kinds == {
        ("trade", "binance-spot"), ("trade", "binance-usdm"), ("ticker", "binance-spot"), ("ticker", "binance-usdm"),
        ("funding", "binance-usdm"), ("book_top", "binance-usdm"),
    }  # fmt: skip
    assert [entry.record.at for entry in mixed] == sorted(entry.record.at for entry in mixed)


def frame(tmp_path, content):
    notes = Notes()
    origin = Origin(tmp_path / "x", "x", "binance-spot", notes)
    return [e.record for _, e in facts([(1, json.dumps(content).encode())], origin)], notes


def test_the_taker_sold_where_the_buyer_was_the_maker(tmp_path):
    event = {"e": "trade", "E": 5, "s": "BTCUSDT", "t": 9, "p": "9302.00", "q": "0.1", "m": True}
    assert frame(tmp_path, event)[0][0].side == "sell"
    assert frame(tmp_path, event | {"m": False})[0][0].side == "buy"


def test_a_frame_may_be_text_inside_its_wrapper(tmp_path):
    event = {"u": 1, "s": "BTCUSDT", "b": "1", "B": "2", "a": "3", "A": "4"}
    found, _ = frame(tmp_path, {"t": 1.5, "frame": json.dumps({"stream": "btcusdt@bookTicker", "data": event})})
    assert (found[0].at, found[0].ask_qty) == (1500, "4")


def test_times_and_numbers_beyond_all_bounds_are_no_facts(tmp_path):
    event = {"e": "trade", "E": 10**18, "s": "BTCUSDT", "t": 10**18, "p": "9302.00", "q": "0.1", "m": True}
    found, _ = frame(tmp_path, event)
    assert (found[0].at, found[0].trade_id) == (0, None)
    assert frame(tmp_path, {"t_ns": 10**30, "frame": event})[1].skipped == 1
    assert frame(tmp_path, event | {"p": "1e5"})[1].skipped == 1
    assert frame(tmp_path, event | {"p": 9302.0})[1].skipped == 1


def test_receivers_time_never_runs_backwards(tmp_path):
    event = {"u": 1, "s": "BTCUSDT", "b": "1", "B": "2", "a": "3", "A": "4"}
    lines = [(i, json.dumps({"t": t, "frame": event}).encode()) for i, t in enumerate((2.0, 1.0, 3.0))]
    origin = Origin(tmp_path / "x", "x", "binance-spot", Notes())
    assert [entry.record.at for _, entry in facts(lines, origin)] == [2000, 2000, 3000]


def test_posts_name_the_coins_they_tag(samples, read):
    entries, bad, source = read(samples / "tweets.ndjson")
    assert [entry.record.symbols for entry in entries[:3]] == [("FUELUSDT",), ("MEXCUSDT", "TYGAUSDT"), ("SOLUSDT",)]
    assert {entry.record.sentiment for entry in entries} == {None}
    assert (len(entries), bad, source.notes.ignored) == (8, [], 4)
    assert entries[0].record.at == 1738930343000


def test_parquet_gives_what_csv_gives(samples, tmp_path, read):
    pytest.importorskip("pyarrow")
    from pyarrow import csv, parquet

    source = samples / "spot" / "candles.csv"
    columns = (source.read_text().splitlines()[0]).split(",")
    text = csv.ConvertOptions(column_types={name: "string" for name in columns if not name.endswith("_time")})
    parquet.write_table(csv.read_csv(source, convert_options=text), tmp_path / "text.parquet")
    parquet.write_table(csv.read_csv(source), tmp_path / "numbers.parquet")
    wanted = [entry.record for entry in read(source)[0]]
    assert [entry.record for entry in read(tmp_path / "text.parquet")[0]] == wanted
    numbers = [entry.record for entry in read(tmp_path / "numbers.parquet")[0]]
    assert [float(bar.close) for bar in numbers] == [float(bar.close) for bar in wanted]


@pytest.mark.parametrize(("unit", "zone"), [("ms", None), ("us", "UTC"), ("ns", "Asia/Tokyo")])
def test_times_of_parquet_may_be_timestamps(samples, tmp_path, read, unit, zone):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import csv, parquet

    source = samples / "spot" / "candles.csv"
    table = csv.read_csv(source)
    for name in ("open_time", "close_time"):
        times = table.column(name).cast(pyarrow.timestamp("ms", zone)).cast(pyarrow.timestamp(unit, zone))
        table = table.set_column(table.schema.get_field_index(name), name, times)
    parquet.write_table(table, tmp_path / "times.parquet")
    wanted = [(entry.record.symbol, entry.record.at, entry.record.open_at) for entry in read(source)[0]]
    found = read(tmp_path / "times.parquet")[0]
    assert [(entry.record.symbol, entry.record.at, entry.record.open_at) for entry in found] == wanted


def test_a_parquet_file_that_holds_no_candles_is_refused(tmp_path, read):
    pytest.importorskip("pyarrow")
    import pyarrow
    from pyarrow import parquet

    parquet.write_table(pyarrow.table({"symbol": ["A"]}), tmp_path / "a.parquet")
    with pytest.raises(DirtyInput, match="no candles: its columns are symbol"):
        read(tmp_path / "a.parquet")
    (tmp_path / "b.parquet").write_bytes((tmp_path / "a.parquet").read_bytes()[:40])
    with pytest.raises(DirtyInput, match="damaged"):
        read(tmp_path / "b.parquet")


def test_without_pyarrow_the_error_names_the_extra(tmp_path, read, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    (tmp_path / "a.parquet").write_bytes(b"PAR1....")
    with pytest.raises(ConfigError, match=r"pip install 'hotcoin\[parquet\]'"):
        read(tmp_path / "a.parquet")


def test_rolling_tickers_hold_24_hours_of_volume():
    day = 86_400_000
    bars = [
        Bar(at=at, venue="v", symbol="A", step_s=60, open_at=at - 60_000, open="1", high="3", low="1", close="2",
            volume=volume, quote_volume=quote)
        for at, volume, quote in ((60_000, "1.5", "3"), (120_000, "2", None), (60_000 + day, "4", "8"))
    ]  # fmt: skip
    assert [(one.at, one.last, one.volume_24h, one.quote_volume_24h) for one in derive_tickers(bars)] == [
        (60_000, "2", "1.5", "3"), (120_000, "2", "3.5", "7"), (60_000 + day, "2", "6", "12"),
    ]  # fmt: skip
