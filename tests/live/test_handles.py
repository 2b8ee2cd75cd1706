"""Files and sockets that run out: a daemon makes do with few, and goes on when there are some again."""

import resource
import time
from pathlib import Path
from typing import Any

from test_waiting import Daemon, daemon, market, pytestmark

from engine.ledger.verify import verify
from engine.world.loopback.faults.script import Fault
from engine.world.loopback.serving import Serving, serving

__all__ = ["pytestmark"]
FEW = 32


def leave(running: Daemon, handles: int) -> None:
    """Leaves a process so many handles."""
    _, most = resource.prlimit(running.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(running.process.pid, resource.RLIMIT_NOFILE, (handles, most))


def flap(venue: Serving, chance: float) -> None:
    """Has every connection cut again and again."""

    def arm(one: Any) -> None:
        one.faults.add(Fault(fault="cut_streams", times=0, chance=chance, after_s=one.clock.up_s(), for_s=6.0))

    venue.do(arm)


def test_a_daemon_makes_do_with_few_handles(tmp_path: Path) -> None:
    with serving(market()) as venue, daemon(tmp_path, venue) as running:
        leave(running, FEW)
        running.wait_for(lambda: running.ticks > 1)
        flap(venue, 0.2)
        before = running.ticks
        running.wait_for(lambda: running.ticks > before + 5)
        assert len(list(Path(f"/proc/{running.process.pid}/fd").iterdir())) < FEW
        assert running.stop() == 0
    assert verify(running.path).ok


def test_a_daemon_without_a_handle_left_goes_on_when_there_are_some_again(tmp_path: Path) -> None:
    with serving(market()) as venue, daemon(tmp_path, venue) as running:
        running.wait_for(lambda: running.ticks > 1)
        leave(running, 4)
        flap(venue, 0.2)
        time.sleep(8)
        leave(running, 256)
        before = running.ticks
        running.wait_for(lambda: running.ticks > before + 3)
        assert running.stop() == 0
    assert "Traceback" not in running.told
    assert verify(running.path).ok
