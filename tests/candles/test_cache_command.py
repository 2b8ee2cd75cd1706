"""hot cache: what is kept and what it spared, in every format; a folder without a cache is told so."""

import json
from pathlib import Path

from candle_exchange import START, CandleExchange, through
from hot_runs import Done, run_hot

from engine.world.candles.cache import CACHE_FILE, CandleCache


def hot(folder: Path, *words: str) -> Done:
    return run_hot(folder, "cache", *words, HOT_DATA__DIR=str(folder))


def test_it_tells_what_is_kept_and_spared(tmp_path: Path) -> None:
    exchange = CandleExchange()
    exchange.now = START + 30_000
    cache = CandleCache(tmp_path / CACHE_FILE)
    candles = through(cache, exchange)
    for _ in range(4):
        candles.newest("AUSDT", "1m", 100)
        candles.newest("BUSDT", "1m", 100)
    cache.close()
    (row,) = map(json.loads, hot(tmp_path, "--jsonl").stdout.splitlines())
    assert (row["venue"], row["step_s"], row["symbols"], row["candles"]) == ("binance-spot", 60, 2, 200)
    assert (row["asks"], row["hits"], row["asks_hit_pct"], row["candles_hit_pct"]) == (8, 6, 75.0, 75.0)
    assert (row["requests"], row["plain_requests"], row["requests_spared_pct"]) == (2, 8, 75.0)
    told = hot(tmp_path, "--table")
    assert b"asks_hit_pct" in told.stdout and str(tmp_path).encode() in told.stderr


def test_a_folder_without_one_is_told_so(tmp_path: Path) -> None:
    told = hot(tmp_path, "--jsonl")
    assert (told.returncode, told.stdout) == (0, b"")
    assert b"no candles are kept yet" in told.stderr and not (tmp_path / CACHE_FILE).exists()


def test_a_damaged_cache_is_begun_anew_and_said_to_be(tmp_path: Path) -> None:
    (tmp_path / CACHE_FILE).write_bytes(b"candles" * 1000)
    told = hot(tmp_path, "--jsonl")
    assert told.returncode == 0 and b"not a database" in told.stderr and b"Traceback" not in told.stderr
