"""A live ledger on a full disk: what was kept aside makes room for the ways out, and entries wait."""

import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from live_rig import Rig, until
from test_live_session import STOP_ONLY, check
from tiny_account import TinyAccount

from engine.errors import LedgerError
from engine.ledger.ledger import Ledger
from engine.runs import ballast
from engine.runs.ballast import Ballast
from engine.runs.waiting import AGAIN_S, SOON_S, Patience

DISK_MB = 64


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of some megabytes; whoever may not mount one is without these tests."""
    folder = tmp_path / "disk"
    folder.mkdir()
    try:
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "none", folder], capture_output=True)
    except OSError:
        pytest.skip("there is no mount")
    if done.returncode:
        pytest.skip("no disk can be mounted")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def fill(folder: Path) -> None:
    """Leaves not a byte of room."""
    with (folder / "filler").open("ab") as file:
        for size in (1 << 20, 1 << 10, 1):
            try:
                while True:
                    os.write(file.fileno(), bytes(size))
            except OSError as error:
                assert error.errno == errno.ENOSPC


def test_a_full_disk_stops_entries_and_no_exit(small_disk: Path) -> None:
    account = TinyAccount(venue="binance-spot")
    rig = Rig(small_disk, account, STOP_ONLY)
    rig.ballast = Ballast(rig.path)
    rig.play(*rig.entered())
    assert rig.ballast.path.stat().st_size == ballast.SIZE
    with pytest.raises((LedgerError, OSError)):
        rig.play(rig.tickers, lambda: fill(small_disk), *[rig.cycle] * 200)
    assert rig.held != {}
    assert rig.ballast.give_up()
    rig.play(rig.tickers, until(lambda: rig.venue.idle), lambda: rig.tickers("94"), until(lambda: rig.held == {}),
             rig.tickers, *[rig.cycle] * 3)  # fmt: skip
    assert rig.states()[-1] == "blocked(ledger)"
    (small_disk / "filler").unlink()
    rig.play(rig.tickers, until(rig.ballast.path.exists), until(lambda: rig.venue.idle), rig.tickers, rig.cycle,
             until(lambda: rig.venue.idle), rig.tickers)  # fmt: skip
    assert "tradeable" in rig.states()[-2:]
    check(rig, account)


def test_it_is_made_only_where_there_is_room_for_it_twice(small_disk: Path) -> None:
    kept = Ballast(small_disk / "live.db")
    (small_disk / "filler").write_bytes(bytes((DISK_MB << 20) - 2 * ballast.SIZE + 8192))
    assert not kept.keep()
    (small_disk / "filler").unlink()
    assert kept.keep()


def test_one_that_was_begun_is_made_anew(tmp_path: Path) -> None:
    kept = Ballast(tmp_path / "live.db")
    kept.path.write_bytes(b"begun")
    assert kept.keep()
    assert kept.path.stat().st_size == ballast.SIZE


def test_it_is_given_up_once(tmp_path: Path) -> None:
    def nobody() -> Ledger:
        raise AssertionError("no ledger is opened")

    said: list[str] = []
    patience = Patience(tmp_path / "live.db", nobody, said.append)
    full = OSError(errno.ENOSPC, "full")
    assert Ballast(tmp_path / "live.db").keep()
    assert patience.pause_s(full) == SOON_S
    assert patience.pause_s(full) == AGAIN_S
    assert len(said) == 1
