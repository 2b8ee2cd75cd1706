"""A rehearsal: the live market of a venue that tells a recording decides as the recording itself does."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hot_runs import HOT, SESSION, env

from engine.ledger.ledger import Ledger
from engine.runs import settings
from engine.runs.market import Market, MarketOptions, open_market
from engine.runs.session import Session
from engine.world.loopback.market.replayed import Replayed
from engine.world.loopback.serving import Serving, serving
from engine.world.loopback.venue import VenueOptions
from engine.world.sources.binance_spot import BinanceSpot

SYMBOLS = ("BTCUSDT", "EOSUSDT", "ETCUSDT", "MANAUSDT", "SOLUSDT")
START = 1_618_530_480_000  # 2021-04-15 23:48: the windows of a day are not full before midnight
READY = 1_618_531_140_000  # a source that is not there a minute before has missed the beginning
UNTIL = 1_618_531_740_000  # 2021-04-16 00:09: four symbols were entered
SPEED = 60.0
#: What is decided; the engine's own state may begin later, since a live start has nothing to go by for a second.
DECIDED = ("anomaly", "candidate", "candidate_snapshot", "signal_snapshot", "intent", "refusal", "order_attempt",
           "order_result", "fill", "position")  # fmt: skip


@pytest.fixture
def venue() -> Iterator[Serving]:
    """A venue that tells a part of the bundled session, as it was recorded."""
    opened = recorded()
    market = Replayed(opened.source.facts(), opened.snapshot, START, as_recorded=True)
    with serving(VenueOptions(market=market, speed=SPEED, limits=False)) as served:
        yield served


def recorded() -> Market:
    return open_market(MarketOptions(path=str(SESSION), symbols=SYMBOLS, until_ms=UNTIL + 60_000), lambda *_: None)


def decided(lines: list[str]) -> dict[str, list[str]]:
    """Gives what was decided before the end, by kind."""
    found: dict[str, list[str]] = {kind: [] for kind in DECIDED}
    for line in lines:
        record = json.loads(line)
        if record["kind"] in found and record["at"] < UNTIL:
            found[record["kind"]].append(line)
    return found


def ready(lines: list[str]) -> bool:
    """Says whether the first cycle was decided in time."""
    return min(json.loads(line)["at"] for line in lines if line.startswith('{"kind":"tick"')) < READY


def play(market: Market, ledger: Path) -> list[str]:
    """Plays a market into a ledger; gives its lines."""
    with Ledger.open(ledger, mode="paper", venue="paper") as opened:
        session = Session(settings.load(env={}), market, opened)
        for _ in session.play():
            pass
        session.close()
        return [line.decode() for _, line in opened.lines()]


def pipe(venue: Serving, folder: Path) -> "subprocess.Popen[str]":
    """Starts the shell's pipe on the live market of a venue."""
    hot = " ".join(HOT)
    only = " ".join(f"--symbol {symbol}" for symbol in SYMBOLS)
    line = f"{hot} scan {only} --until {UNTIL} | {hot} rank | {hot} signal | {hot} precheck | {hot} order > told.jsonl"
    pointed = {
        "HOT_LIVE__REST_URL": venue.rest_url, "HOT_LIVE__STREAM_URL": venue.stream_url,
        "HOT_LEDGER__PATH": str(folder / "pipe.db"),
    }  # fmt: skip
    return subprocess.Popen(
        ["bash", "-c", f"set -o pipefail; {line}"], env=env(folder, **pointed), cwd=folder, stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_daemon_and_pipe_against_a_venue_decide_as_on_the_recording(venue: Serving, tmp_path: Path) -> None:
    (tmp_path / "pipe").mkdir()
    with pipe(venue, tmp_path / "pipe") as piped:
        source = BinanceSpot(
            data_dir=tmp_path, symbols=SYMBOLS, until_ms=UNTIL, rest_url=venue.rest_url, stream_url=venue.stream_url
        )
        lines = play(Market(source, {}, "none"), tmp_path / "live.db")
        _, errors = piped.communicate(timeout=60)
    told = (tmp_path / "pipe" / "told.jsonl").read_text()
    assert piped.returncode == 0, errors
    expected = decided(play(recorded(), tmp_path / "recorded.db"))
    assert {record["symbol"] for record in map(json.loads, expected["fill"])} == set(SYMBOLS) - {"BTCUSDT"}
    if not ready(lines) or not ready(told.splitlines()):
        pytest.skip("this machine was too busy to begin in time")
    assert decided(lines) == expected
    assert decided(told.splitlines()) == expected


def test_what_a_live_run_recorded_decides_the_same_bytes_again(venue: Serving, tmp_path: Path) -> None:
    source = BinanceSpot(
        data_dir=tmp_path, symbols=SYMBOLS, until_ms=START + 1_080_000, rest_url=venue.rest_url,
        stream_url=venue.stream_url,
    )  # fmt: skip
    live = play(Market(source, {}, "none"), tmp_path / "live.db")
    again = open_market(MarketOptions(path=str(tmp_path / "live.db.facts")), lambda *_: None)
    assert said(play(again, tmp_path / "again.db")) == said(live)
    assert any('"kind":"cycle"' in line for line in live)


def said(lines: list[str]) -> list[str]:
    """Gives a ledger's lines without those that are compared with nothing."""
    passed = ('{"kind":"run"', '{"kind":"recording"', '{"kind":"alert"')
    return [line for line in lines if not line.startswith(passed)]
