"""A daemon that cannot go on waits: for a venue that is away at a restart, and for a disk that is full."""

import json
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hot_runs import HOT, env

from engine.errors import LedgerError
from engine.ledger.ledger import Ledger
from engine.ledger.verify import verify
from engine.world.loopback.market.generated import Generated
from engine.world.loopback.serving import Serving, serving
from engine.world.loopback.venue import VenueOptions

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and limits of a Unix")


class Daemon:
    """`hot daemon` on paper in a process of its own, on the live market of a venue on this machine."""

    def __init__(self, folder: Path, venue: Serving, *, grows_to_kb: int = 0) -> None:
        self.path, self._told = folder / "paper.db", folder / "told"
        self.env = env(folder, HOT_LIVE__REST_URL=venue.rest_url, HOT_LIVE__STREAM_URL=venue.stream_url)
        words = ["daemon", "--venue", "binance-spot", "--ledger", str(self.path), "--set", "scan.cycle_s=1"]
        with self._told.open("wb") as told:
            self.process = subprocess.Popen([*HOT, *words], env=self.env, cwd=folder, stdout=told, stderr=told)
        if grows_to_kb:
            self.limit_files(grows_to_kb << 10)

    def limit_files(self, size: int) -> None:
        """Lets none of its files become larger: the disk is full."""
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    @property
    def told(self) -> str:
        return self._told.read_text()

    @property
    def ticks(self) -> int:
        try:
            with Ledger.read(self.path) as ledger:
                return len(list(ledger.lines(kinds=["tick"])))
        except LedgerError:  # there is none yet, or nobody can read it now
            return 0

    def status(self) -> Any:
        words = [*HOT, "status", "--ledger", str(self.path), "--json"]
        done = subprocess.run(words, env=self.env, capture_output=True, check=True)
        return json.loads(done.stdout)

    def waits_for(self, what: str) -> bool:
        """Says whether `hot status` tells that entries are blocked until the venue is back, and why."""
        engine = self.status()["engine"]
        return (engine["state"], engine["reason"]) == ("blocked", "recovering") and what in engine["operator_reason"]

    def wait_for(self, done: Callable[[], bool], within_s: float = 90.0) -> None:
        end = time.monotonic() + within_s
        while not done():
            assert time.monotonic() < end and self.process.poll() is None, self.told
            time.sleep(0.2)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@contextmanager
def daemon(folder: Path, venue: Serving, **how: int) -> Iterator[Daemon]:
    running = Daemon(folder, venue, **how)
    try:
        yield running
    finally:
        running.process.kill()
        running.process.wait(60)


def market() -> VenueOptions:
    return VenueOptions(seed=7, market=Generated(7, history_minutes=30))


def test_a_daemon_waits_for_a_venue_that_is_away_at_a_restart(tmp_path: Path) -> None:
    with serving(market()) as venue, daemon(tmp_path, venue) as first:
        first.wait_for(lambda: first.ticks > 2)
        assert first.stop() == 0
    with daemon(tmp_path, venue) as again:
        before = again.ticks
        again.wait_for(lambda: "blocked(recovering)" in again.told)
        again.wait_for(lambda: again.waits_for("not reached"))
        with serving(market(), port=int(venue.rest_url.rpartition(":")[2])):
            again.wait_for(lambda: again.ticks > before)
            assert again.stop() == 0
    assert verify(again.path).ok


def test_a_stop_ends_the_wait(tmp_path: Path) -> None:
    with serving(market()) as venue, daemon(tmp_path, venue) as first:
        first.wait_for(lambda: first.ticks > 0)
        first.stop()
    with daemon(tmp_path, venue) as again:
        again.wait_for(lambda: "blocked(recovering)" in again.told)
        began = time.monotonic()
        assert again.stop() == 0
        assert time.monotonic() - began < 20


def test_a_daemon_waits_for_room_on_a_full_disk_and_goes_on(tmp_path: Path) -> None:
    with serving(market()) as venue, daemon(tmp_path, venue, grows_to_kb=300) as full:
        full.wait_for(lambda: "ledger_error" in full.told)
        assert "blocked(ledger)" in full.told
        before = full.ticks
        time.sleep(2)
        assert full.ticks == before
        full.limit_files(resource.RLIM_INFINITY)
        full.wait_for(lambda: full.ticks > before + 1)
        assert full.stop() == 0
    assert full.told.count("ledger_error") == 1
    assert [alert["code"] for alert in full.status()["alerts"] if alert["level"] == "error"] == ["LEDGER_ERROR"]
    assert verify(full.path).ok


def test_a_daemon_waits_for_whoever_keeps_its_ledger_locked_and_goes_on(tmp_path: Path) -> None:
    with serving(market()) as venue, daemon(tmp_path, venue) as locked:
        locked.wait_for(lambda: locked.ticks > 1)
        with closing(sqlite3.connect(locked.path, isolation_level=None, timeout=60)) as other:
            other.execute("BEGIN IMMEDIATE")
            locked.wait_for(lambda: "ledger_error" in locked.told)
            before = locked.ticks
            other.execute("ROLLBACK")
        locked.wait_for(lambda: locked.ticks > before + 2)
        assert locked.stop() == 0
    assert "blocked(ledger)" in locked.told
    assert verify(locked.path).ok
