"""A live run that is stopped and started again: it goes on, and what it had is neither read nor told again."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.errors import LedgerError
from engine.ledger.ledger import Ledger
from engine.records.market import Tick
from engine.records.wire import encode
from engine.runs import settings
from engine.runs.history import find_start
from engine.runs.manifest import make_run
from engine.runs.market import Market
from engine.runs.session import Session
from engine.world.binance.client import RETRIES
from engine.world.loopback.faults.script import Fault
from engine.world.loopback.market.generated import Generated
from engine.world.loopback.serving import Serving, serving
from engine.world.loopback.venue import VenueOptions
from engine.world.recording import folder_of, lines_of_chunks, read_index, read_recording
from engine.world.sources.binance_spot import BinanceSpot

SYMBOLS = ("BTCUSDT", "ETHUSDT")


@pytest.fixture
def venue() -> Iterator[Serving]:
    with serving(VenueOptions(market=Generated(7, volatility=0.0, history_minutes=200), limits=False)) as served:
        yield served


def play(venue: Serving, ledger: Path, ticks: int, sets: tuple[str, ...] = ()) -> list[str]:
    """Plays the live market for so many cycles of a second; gives the alerts that were told."""
    told: list[str] = []
    source = BinanceSpot(
        data_dir=ledger.parent, cycle_s=1, symbols=SYMBOLS, rest_url=venue.rest_url, stream_url=venue.stream_url
    )
    with Ledger.open(ledger, mode="paper", venue="paper") as opened:
        session = Session(
            settings.load(env={}, sets=["scan.cycle_s=1", *sets]), Market(source, {}, "none"), opened,
            tell=lambda record: told.append(getattr(record, "code", record.kind)),
        )  # fmt: skip
        for number, _ in enumerate(session.play()):
            if number >= ticks and session.turn.ticks >= ticks:
                break
        session.close()
    return told


def asked(venue: Serving) -> int:
    """Gives how many candles' answers the venue was asked for."""
    return venue.do(lambda one: sum(arrival.path.endswith("klines") for arrival in one.journal.arrivals))


def test_a_restart_tells_no_candle_again_and_goes_on_from_the_end(venue: Serving, tmp_path: Path) -> None:
    ledger = tmp_path / "live.db"
    play(venue, ledger, 3)
    first = asked(venue)
    play(venue, ledger, 3)
    bars = Counter(
        (record["symbol"], record["open_at"])
        for record in map(json.loads, read_recording(folder_of(ledger)))
        if record["kind"] == "bar"
    )
    assert len(bars) >= 2 * 200
    assert set(bars.values()) == {1}
    # The age of a symbol is asked by a candle too, once ever; a minute may have closed between the runs.
    assert asked(venue) - first <= 2


def test_a_recording_of_many_chunks_is_read_from_where_the_state_begins(
    venue: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = tmp_path / "live.db"
    play(venue, ledger, 3)
    play(venue, ledger, 3)
    chunks = read_index(folder_of(ledger))
    assert len(chunks) == 2
    assert lines_of_chunks(folder_of(ledger), 10**9) == chunks[0].records
    assert lines_of_chunks(folder_of(ledger), chunks[0].records - 1) == 0
    (folder_of(ledger) / chunks[0].chunk).write_bytes(b"what nobody reads again cannot disturb")
    play(venue, ledger, 3)


@pytest.mark.parametrize(
    ("first_at", "says"),
    [(99_000, "its last pipe was killed.*name another --ledger"), (None, "is of a pipe over the live market")],
)
def test_a_killed_paper_pipe_over_a_live_market_says_what_to_do_next(
    tmp_path: Path, first_at: int | None, says: str
) -> None:
    """What it heard is told by nobody again: a pipe has no facts to begin with, a process not the pipe's instants."""
    used, market = settings.load(env={}), {"stream": "binance-spot"}
    with Ledger.open(tmp_path / "killed.db", mode="paper", venue="paper") as ledger:
        ledger.append(encode(make_run(used, market, at=1_000)))
        ledger.append(encode(Tick(at=60_000)))
        ledger.commit()
        with pytest.raises(LedgerError, match=says):
            find_start(ledger, market, used, first_at=first_at)


def test_alerts_are_told_and_stand_in_the_ledger(venue: Serving, tmp_path: Path) -> None:
    venue.do(lambda one: one.faults.add(Fault(fault="502", on="GET /api/v3/ticker/bookTicker", times=RETRIES + 1)))
    told = play(venue, tmp_path / "live.db", 8)
    assert "REST_FAILED" in told
    with Ledger.read(tmp_path / "live.db") as ledger:
        assert any(b"REST_FAILED" in line for _, line in ledger.lines(kinds=["alert"]))
    assert not any(b'"kind":"alert"' in line for line in read_recording(folder_of(tmp_path / "live.db")))
