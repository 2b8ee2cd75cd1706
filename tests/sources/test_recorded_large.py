"""Large recordings: whole markets at speed, in little memory, in order."""

import subprocess
import sys
from collections import Counter

import pytest

APRIL = "binance/spot/klines-1m-2021-04-13_2021-04-19.csv.gz"

READS = """
import resource, sys, time
from engine.world.sources.recorded import Recorded
base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start = time.process_time()
count, last, first = 0, 0, None
for entry in Recorded(sys.argv[1]).facts():
    if first is None:
        first = time.process_time() - start
    assert entry.record.at >= last
    last = entry.record.at
    count += 1
spent = time.process_time() - start
print(count, count / spent, first, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - base) / 1024)
"""


def test_600_000_candles_are_read_fast_and_in_little_memory(shared):
    out = subprocess.run([sys.executable, "-c", READS, str(shared / APRIL)], capture_output=True, text=True, check=True)
    count, per_second, first, grown_mb = map(float, out.stdout.split())
    assert count == 600_060
    assert grown_mb < 250
    # Far below what an idle machine does: this guards against reading rows one by one, not against a busy day.
    assert per_second > 60_000
    assert first < 4


@pytest.mark.parametrize(
    ("name", "kinds", "ignored"),
    [
        ("binance/usdm/klines-15m-2025-09-25_2025-10-03.csv.gz", {"bar": 431_657}, 0),
        ("binance/usdm/klines-1h-2026-02-19_2026-03-09.csv.gz", {"bar": 244_476}, 0),
        ("binance/usdm/klines-1d-raw-2025-06.json.gz", {"bar": 4_115}, 346),
        ("bybit/linear-klines-5m-2025-10.csv.gz", {"bar": 49_951}, 0),
        ("binance/usdm/open-interest-hist-4h.csv.gz", {"open_interest": 57_217}, 0),
        ("binance/usdm/funding-rate.csv.gz", {"funding": 53_667}, 0),
        ("binance/usdm/premiumIndex-2025-06-17.json.gz", {"funding": 521}, 0),
        ("binance/spot/exchangeInfo-2023-03-02.json.gz", {"symbol_rules": 2_156}, 0),
        ("binance/usdm/exchangeInfo-2021-07-21.json.gz", {"symbol_rules": 121}, 1),
        ("binance/spot/ticker24hr-2020-10-07.json.gz", {"ticker": 816}, 273),
        ("binance/spot/ws-btcusdt-2024-08-08.ndjson.gz", {"book_top": 27_989, "trade": 9_738}, 3_442),
        ("binance/usdm/ws-capture-2021-07-22.ndjson.gz", {"book_top": 613, "trade": 91, "bar": 4}, 828),
    ],
)
def test_a_whole_recording_has_no_bad_line(shared, read, name, kinds, ignored):
    entries, bad, source = read(shared / name)
    times = [entry.record.at for entry in entries]
    assert Counter(entry.record.kind for entry in entries) == kinds
    assert (bad, source.notes.ignored) == ([], ignored)
    assert times == sorted(times)


@pytest.mark.parametrize(
    "name",
    ["okx/ws-public-2022-05-13.ndjson.gz", "bybit/ws-linear-2021-04-17.ndjson.gz", "labels/telegram-pumps.csv.gz",
     "fixtures/binance-doc-examples.ndjson.gz", "binance/spot/myTrades-BTCUSDT.ndjson.gz",
     "binance/usdm/leverageBracket-2024-10.json.gz", "announcements/binance-cms-titles.ndjson"],
)  # fmt: skip
def test_what_is_no_market_of_ours_is_not_taken_for_one(shared, read, name):
    with pytest.raises(Exception, match="no market data that hot can read"):
        read(shared / name)
