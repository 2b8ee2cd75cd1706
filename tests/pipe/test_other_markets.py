"""Other markets than the bundled one: coarser bars, tickers only, one symbol, posts and announcements, other venues."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from hot_runs import ROOT, SESSION, Hot, compared

from engine.records.market import Announcement, Bar, Post
from engine.records.wire import decode, encode, kind_of_line
from engine.world.imports.rolling import derive_tickers
from engine.world.sources.recorded import Recorded

SHARED = Path(os.environ.get("HOT_SHARED", ROOT.parent / "shared")) / "data"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="the large recordings are not here")


def kinds(done: subprocess.CompletedProcess[bytes]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for line in done.stdout.splitlines():
        kind = kind_of_line(line) or "?"
        counts[kind] = counts.get(kind, 0) + 1
    return counts


def bars_of(*symbols: str, until: str = "2021-04-16T12:00") -> list[Bar]:
    from cli.options import when

    source = Recorded(str(SESSION), symbols=symbols, until_ms=when(until, "--until"))
    return [entry.record for entry in source.facts() if isinstance(entry.record, Bar)]


def test_tickers_alone_are_enough_to_trade(hot: Hot, tmp_path: Path) -> None:
    tickers = derive_tickers(bars_of("ETCUSDT", "DOGEUSDT", "CHZUSDT"))
    (tmp_path / "tickers.jsonl").write_bytes(b"".join(encode(ticker) + b"\n" for ticker in tickers))
    done = hot("run", "--market", "tickers.jsonl", "--ledger", "t.db", "-q")
    assert done.returncode == 0, done.stderr
    assert kinds(done)["fill"] >= 2


def test_five_minute_bars_trade_with_timeframes_that_fit(hot: Hot, tmp_path: Path) -> None:
    coarse: list[Bar] = []
    for symbol in ("ETCUSDT", "DOGEUSDT"):
        bars = bars_of(symbol)
        for i in range(0, len(bars) - 4, 5):
            part = bars[i : i + 5]
            coarse.append(
                Bar(
                    at=part[-1].at, venue="binance-spot", symbol=symbol, step_s=300, open_at=part[0].open_at,
                    open=part[0].open, close=part[-1].close, high=max((b.high for b in part), key=float),
                    low=min((b.low for b in part), key=float), volume=f"{sum(float(b.volume) for b in part):.4f}",
                )
            )  # fmt: skip
    coarse.sort(key=lambda bar: (bar.at, bar.symbol))
    (tmp_path / "five.jsonl").write_bytes(b"".join(encode(bar) + b"\n" for bar in coarse))
    cold = hot("run", "--market", "five.jsonl", "--ledger", "cold.db", "-q")
    assert b"FRAME_COLD" in cold.stdout and "fill" not in kinds(cold)
    sets = ("--set", "hotcoin.timeframes=5m,15m,1h", "--set", "hotcoin.above_ema=5m")
    assert kinds(hot("run", "--market", "five.jsonl", "--ledger", "warm.db", "-q", *sets))["fill"] >= 2


def test_settings_of_a_strategy_that_do_not_fit_are_a_config_error(hot: Hot) -> None:
    done = hot("run", "--market", str(SESSION), "--set", "hotcoin.timeframes=5m", "-q")
    assert done.returncode == 78 and b"above_ema" in done.stderr
    done = hot("run", "--market", str(SESSION), "--set", "hotcoin.timeframes=7m,1m,5m,15m", "-q")
    assert done.returncode == 78 and b"7m" in done.stderr


def test_posts_and_announcements_count_when_they_are_declared(hot: Hot, tmp_path: Path) -> None:
    bars = bars_of("ETCUSDT", until="2021-04-16T02:00")
    at = bars[-60].at
    news = [
        Announcement(at=at, source="binance", announcement_id="1", category="spot_listing", symbols=("ETCUSDT",)),
        *[Post(at=at + i, source="x", symbols=("ETCUSDT",), text="up", sentiment=0.5) for i in range(40)],
    ]
    facts = sorted([*bars, *news], key=lambda record: record.at)
    (tmp_path / "news.jsonl").write_bytes(b"".join(encode(fact) + b"\n" for fact in facts))
    silent = hot("run", "--market", "news.jsonl", "--ledger", "silent.db", "-q")
    sets = ("--set", "scan.inputs=announcement,social,sentiment")
    told = hot("run", "--market", "news.jsonl", "--ledger", "told.db", "-q", *sets)
    dimensions = [
        json.loads(line)["dimensions"] for line in told.stdout.splitlines() if b'"candidate_snapshot"' in line
    ]
    assert {"announcement", "social", "sentiment"} <= set(dimensions[-1])
    assert b'"social"' not in silent.stdout


def test_a_symbol_in_chinese_characters_passes_every_stage(hot: Hot, tmp_path: Path) -> None:
    name = "币安人生USDT"
    lines = b"".join(
        encode(bar).replace(b"ETCUSDT", name.encode()) + b"\n" for bar in bars_of("ETCUSDT", until="2021-04-16T08:00")
    )
    (tmp_path / "chinese.jsonl").write_bytes(lines)
    done = hot("run", "--market", "chinese.jsonl", "--ledger", "c.db", "-q")
    assert done.returncode == 0, done.stderr
    fills = [decode(line) for line in compared(done.stdout) if kind_of_line(line) == "fill"]
    assert fills and all(fill.symbol == name for fill in fills)  # type: ignore[union-attr]
    assert name in hot("trades", "--ledger", "c.db", "--table").stdout.decode()


def test_times_that_run_backwards_and_negative_volumes_are_skipped_and_counted(hot: Hot, tmp_path: Path) -> None:
    bars = [encode(bar) for bar in bars_of("ETCUSDT", until="2021-04-15T01:00")]
    bars[20:20] = [bars[5], bars[20].replace(b'"volume":"', b'"volume":"-')]
    (tmp_path / "back.jsonl").write_bytes(b"\n".join(bars) + b"\n")
    done = hot("scan", "--market", "back.jsonl")
    assert done.returncode == 65
    assert b"backwards" in done.stderr and b"made no sense" in done.stderr


@needs_shared
@pytest.mark.parametrize(
    ("path", "more", "least"),
    [
        ("binance/usdm/klines-1m-2026-02-01_2026-02-06.csv.gz", ("--until", "2026-02-03"), {"fill": 20, "cycle": 2800}),
        ("binance/usdm/klines-15m-2025-09-25_2025-10-03.csv.gz", ("--until", "2025-09-25T06:00"), {"cycle": 20}),
        ("binance/usdm/klines-1h-2026-02-19_2026-03-09.csv.gz", ("--until", "2026-02-20"), {"cycle": 20}),
        ("bybit/linear-klines-5m-2025-10.csv.gz", ("--until", "2025-10-21"), {"cycle": 400, "anomaly": 100}),
        ("binance/spot/klines-1m-2021-05-10_2021-05-13.csv.gz", ("--symbol", "NANOUSDT"), {"fill": 2, "cycle": 5000}),
        ("binance/usdm/ws-capture-2021-07-22.ndjson.gz", (), {"cycle": 1}),
    ],
)
def test_recordings_that_are_not_bundled_run_as_well(
    path: str, more: tuple[str, ...], least: dict[str, int], hot: Hot
) -> None:
    done = hot("run", "--market", str(SHARED / path), *more, "--ledger", "other.db", "-q")
    assert done.returncode == 0, done.stderr
    counts = kinds(done)
    assert all(counts.get(kind, 0) >= number for kind, number in least.items()), counts
    assert hot("ledger", "verify", "--ledger", "other.db").returncode == 0


@pytest.mark.parametrize("command", ["run", "daemon"])
def test_what_the_market_lacks_is_told_not_filled(hot: Hot, tmp_path: Path, command: str) -> None:
    bars = bars_of("ETCUSDT", until="2021-04-15T01:00")
    (tmp_path / "bars.jsonl").write_bytes(b"".join(encode(bar) + b"\n" for bar in bars[:20] + bars[23:]))
    done = hot(command, "--market", "bars.jsonl", "--ledger", "g.db")
    assert b"3 candles are missing, in 1 hole; nothing is filled in" in done.stderr
    assert b"no prices" not in done.stderr
    done = hot(command, "--market", "bars.jsonl", "--symbol", "NOPEUSDT", "--ledger", "n.db")
    assert b"no prices, or none within --since, --until and --symbol" in done.stderr
