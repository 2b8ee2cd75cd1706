"""The whole live pipe as processes: it trades on a venue of this machine, is killed, goes on, and the books agree."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hot_runs import ROOT, run_hot
from hot_runs import env as env_of
from patience import until

from engine.errors import LedgerError
from engine.ledger.ledger import Ledger
from engine.ledger.verify import verify
from engine.records.trades import Fill, Position
from engine.records.wire import decode
from engine.world.loopback.market.generated import Generated
from engine.world.loopback.serving import Serving, serving
from engine.world.loopback.venue import VenueOptions

STAGES = ("rank", "signal", "precheck")
#: Whatever moves is bought, and held for a few seconds: much is traded in a minute.
EAGER = {
    "HOT_DESK__EQUITY": "500", "HOT_RULES__MAX_POSITIONS__LIMIT": "5", "HOT_LIVE__STEP": "3",
    "HOT_HOTCOIN__MIN_HEAT": "0", "HOT_SCAN__CYCLE_S": "2", "HOT_SCAN__HOT_HEAT": "1", "HOT_SCAN__COOL_HEAT": "0",
    "HOT_SCAN__ANOMALY_CHANGE_PCT": "0.01", "HOT_SCAN__ANOMALY_SURGE": "0.1", "HOT_SCAN__ANOMALY_COOLDOWN_S": "0",
    "HOT_SCAN__MIN_QUOTE_VOLUME_24H": "0", "HOT_DESK__FEED_FRESH_S": "0", "HOT_HOTCOIN__HOLD_MAX_S": "6",
    "HOT_HOTCOIN__TIMEFRAMES": "1m", "HOT_HOTCOIN__ABOVE_EMA": "1m", "HOT_HOTCOIN__RISING_EMA": "1m",
    "HOT_GOVERNOR__ENTRIES_PER_MINUTE": "60", "HOT_GOVERNOR__ENTRIES_PER_SYMBOL_DAY": "200",
    "HOT_LIVE__ENABLED": "true", "HOT_GATE__MIN_DAYS": "1", "HOT_GATE__MIN_TRADES": "1",
}  # fmt: skip


class Pipe:
    """The five commands of a live pipe, one group of processes."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        hot = f"{sys.executable} -m cli.main"
        words = " | ".join(
            [f"{hot} scan --live", *(f"{hot} {name}" for name in STAGES), f"{hot} order --live --skip-step rehearsal"]
        )
        self._told = (folder / "told.txt").open("ab")
        self._process = subprocess.Popen(
            ["bash", "-c", f"set -o pipefail; {words} > out.jsonl"], env=env, cwd=folder, stderr=self._told,
            stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip

    def end(self, number: int) -> None:
        """Sends a signal to all of them, and waits until they are gone."""
        os.killpg(self._process.pid, number)
        self._process.wait(60)
        until(self._are_gone, 60)
        self._told.close()

    def _are_gone(self) -> bool:
        try:
            os.killpg(self._process.pid, 0)
        except ProcessLookupError:
            return True
        return False


@pytest.fixture
def venue() -> Iterator[Serving]:
    """A venue whose prices move."""
    pytest.importorskip("websockets")
    with serving(VenueOptions(seed=7, market=Generated(7))) as served:
        yield served


@pytest.fixture
def env(venue: Serving, tmp_path: Path) -> dict[str, str]:
    """The environment of a user of its futures, who has traded on paper."""
    plain = env_of(tmp_path)
    paper = ("run", "--market", str(ROOT / "examples" / "session"), "--symbol", "ETCUSDT", "--ledger", "paper.db", "-q")
    done = run_hot(tmp_path, *paper, "--set", "scan.cycle_s=900", **plain)
    assert done.returncode == 0, done.stderr
    return {
        **plain, **EAGER, "HOT_LIVE__VENUE": "binance-usdm", "HOT_LIVE__REST_URL": venue.rest_url,
        "HOT_LIVE__STREAM_URL": venue.futures_stream_url,
        "HOT_LIVE__ACCOUNT_URL": f"{venue.futures_stream_url}/private", "HOT_LIVE__EVIDENCE": "paper.db",
        "HOT_BINANCE_API_KEY": venue.key, "HOT_BINANCE_API_SECRET": venue.secret, "HOT_LEDGER__PATH": "live.db",
    }  # fmt: skip


def records(path: Path, kind: type[Any]) -> list[Any]:
    if not path.exists():
        return []
    try:
        with Ledger.read(path) as ledger:
            found = [decode(line) for _, line in ledger.lines(kinds=[kind.__struct_config__.tag])]
    except LedgerError as error:
        assert "nothing in it yet" in str(error)
        return []
    return [one for one in found if isinstance(one, kind)]


def held(path: Path) -> dict[str, str]:
    last = {one.symbol: one for one in records(path, Position)}
    return {symbol: one.qty for symbol, one in last.items() if one.status == "open"}


def theirs(venue: Serving) -> tuple[dict[str, str], set[tuple[str, str]]]:
    """Gives the venue's positions, and its executions as (symbol, trade id)."""
    (account, *_) = venue.do(lambda opened: opened.books())["usdm"]
    positions = {str(one["symbol"]): str(one["qty"]) for one in account["positions"]}
    return positions, {(o["symbol"], str(one["tradeId"])) for o in account["orders"] for one in o["fills"]}


def test_a_live_pipe_that_is_killed_and_started_again_agrees_with_the_exchange(
    venue: Serving, env: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "live.db"
    pipe = Pipe(tmp_path, env)
    until(lambda: len(records(path, Fill)) >= 6, 240, 0.3)
    pipe.end(signal.SIGKILL)
    before = len(records(path, Fill))
    pipe = Pipe(tmp_path, env)
    until(lambda: len(records(path, Fill)) >= before + 6, 240, 0.3)
    pipe.end(signal.SIGTERM)
    synced = run_hot(tmp_path, "sync", "-q", **env)
    assert synced.returncode == 0, synced.stderr
    fills = [(one.symbol, one.trade_id) for one in records(path, Fill)]
    assert (held(path), set(fills)) == theirs(venue), (tmp_path / "told.txt").read_text()
    assert len(fills) == len(set(fills))
    assert verify(path).ok
    again = run_hot(tmp_path, "replay", "live.db", **env)
    assert again.returncode == 0, again.stdout[-2000:]
