"""hot record: what it writes is a market again, whole after every end, also after a kill."""

import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hot_runs import SESSION, compared, env, start_hot
from hot_runs import run_hot as hot
from patience import until
from recorder_runs import CUT, kinds, live

from engine.world.loopback.serving import Serving
from engine.world.recording import read_index, read_recording


@pytest.fixture(scope="module")
def venue() -> "Iterator[Serving]":
    """A venue with a market that is made up."""
    pytest.importorskip("websockets")
    from engine.world.loopback.serving import serving
    from engine.world.loopback.venue import VenueOptions

    with serving(VenueOptions(seed=5)) as served:
        yield served


def until_written(folder: Path, ticks: int = 0) -> None:
    """Waits until there are more than so many ticks."""
    until(lambda: folder.exists() and kinds(folder).get("tick", 0) > ticks, every_s=0.3)


def test_a_recording_is_decided_on_as_what_it_was_made_of(tmp_path: Path) -> None:
    done = hot(tmp_path, "record", "--market", str(SESSION), *CUT, "--out", "tape")
    assert done.returncode == 0, done.stderr
    told = [hot(tmp_path, "run", "--market", market, *CUT, "-q").stdout for market in (str(SESSION), "tape")]
    assert told[0] == told[1] and b'"kind":"fill"' in told[0]
    replayed = hot(tmp_path, "replay", "-q")
    assert replayed.returncode == 0, replayed.stderr
    scanned = hot(tmp_path, "scan", "--market", "tape", *CUT).stdout
    again = hot(tmp_path, "record", "--market", "-", "--out", "scanned", stdin=scanned)
    assert again.returncode == 0, again.stderr
    assert set(kinds(tmp_path / "scanned")) == {"symbol_rules", "bar", "tick"}
    assert hot(tmp_path, "run", "--market", "scanned", "-q").stdout == told[0]


def test_a_live_market_is_recorded_and_decided_on_alike_ever_after(venue: Serving, tmp_path: Path) -> None:
    done = hot(tmp_path, "record", *live(venue), "--out", "tape", "--for", "8s")
    assert done.returncode == 0, done.stderr
    assert b"came from the cache" in done.stderr
    counts = kinds(tmp_path / "tape")
    assert counts["bar"] > 13 * 1400 and counts["ticker"] > 13 and 7 <= counts["tick"] <= 9
    assert counts["symbol_rules"] >= 13 and counts["book_top"] >= 13
    cycle = ("--set", "scan.cycle_s=1")
    one = hot(tmp_path, "run", "--market", "tape", *cycle, "-q")
    assert one.returncode == 0 and len(compared(one.stdout)) > 5
    assert hot(tmp_path, "replay", "-q").returncode == 0
    scanned = hot(tmp_path, "scan", "--market", "tape", *cycle)
    for stage in ("rank", "signal", "precheck", "order"):
        scanned = hot(tmp_path, stage, "-q", stdin=scanned.stdout)
    assert compared(scanned.stdout) == compared(one.stdout)


def test_only_the_symbols_that_are_wanted_are_recorded(venue: Serving, tmp_path: Path) -> None:
    wanted = ("--symbol", "BTCUSDT", "--symbol", "ETHUSDT")
    assert hot(tmp_path, "record", *live(venue), *wanted, "--out", "tape", "--for", "3s").returncode == 0
    lines = list(read_recording(tmp_path / "tape"))
    assert {json.loads(line).get("symbol") for line in lines} - {None} == {"BTCUSDT", "ETHUSDT"}


def test_a_stop_is_in_order(venue: Serving, tmp_path: Path) -> None:
    process = start_hot(tmp_path, "record", *live(venue), "--out", "tape")
    until_written(tmp_path / "tape")
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=20)
    assert process.returncode == 0, told
    chunks = read_index(tmp_path / "tape")
    assert chunks and not any(chunk.cut for chunk in chunks)
    assert sum(chunk.records for chunk in chunks) == sum(kinds(tmp_path / "tape").values())
    assert b"facts and" in told


def test_a_kill_loses_the_last_second_and_the_next_start_goes_on(venue: Serving, tmp_path: Path) -> None:
    tape = tmp_path / "tape"
    for _ in range(2):
        ticks = kinds(tape)["tick"] if tape.exists() else 0
        process = start_hot(tmp_path, "record", *live(venue), "--out", "tape")
        until_written(tape, ticks)
        before = list(read_recording(tape))
        until_written(tape, kinds(tape)["tick"] + 1)
        process.kill()
        process.communicate()
        after = list(read_recording(tape))
        assert after[: len(before)] == before and len(after) > len(before)
        cut = hot(tmp_path, "scan", "--market", "tape")
        assert cut.returncode == 0, cut.stderr
    assert hot(tmp_path, "record", *live(venue), "--out", "tape", "--for", "2s").returncode == 0
    chunks = read_index(tape)
    assert [chunk.cut for chunk in chunks] == [True, True, False]
    assert hot(tmp_path, "run", "--market", "tape", "--set", "scan.cycle_s=1", "-q").returncode == 0


def test_a_restart_records_no_candle_again(venue: Serving, tmp_path: Path) -> None:
    wanted = ("--symbol", "BTCUSDT", "--symbol", "ETHUSDT", "--out", "tape", "--for", "3s")
    for _ in range(2):
        assert hot(tmp_path, "record", *live(venue), *wanted).returncode == 0
    records = [json.loads(line) for line in read_recording(tmp_path / "tape")]
    bars = Counter((one["symbol"], one["open_at"]) for one in records if one["kind"] == "bar")
    assert len(bars) > 2 * 1400 and set(bars.values()) == {1}


def test_two_recorders_do_not_share_a_folder(venue: Serving, tmp_path: Path) -> None:
    process = start_hot(tmp_path, "record", *live(venue), "--out", "tape")
    try:
        until_written(tmp_path / "tape")
        done = hot(tmp_path, "record", *live(venue), "--out", "tape")
        assert done.returncode == 74 and b"another recorder" in done.stderr
    finally:
        process.terminate()
        process.communicate(timeout=20)


def test_a_disk_that_is_about_to_be_full_is_not_written_to(tmp_path: Path) -> None:
    words = ("--market", str(SESSION), *CUT, "--out", "tape", "--set", "record.min_free_mb=1000000")
    done = hot(tmp_path, "record", *words, "-q")
    assert done.returncode == 74 and b"record.min_free_mb" in done.stderr and b"Traceback" not in done.stderr
    assert read_index(tmp_path / "tape") == []


FULL = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (8_000, 8_000))
sys.argv = ["hot", "record", "--market", sys.argv[1], "--out", "tape", "--symbol", "ETCUSDT", "--set",
            "record.rotate_minutes=500", "-q"]
from cli.main import main
main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits of files are a Unix thing")
def test_a_disk_that_is_full_leaves_what_was_written(tmp_path: Path) -> None:
    words = [sys.executable, "-c", FULL, str(SESSION)]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, env=env(tmp_path), cwd=tmp_path)
    assert done.returncode == 74 and b"tape: cannot be written" in done.stderr and b"Traceback" not in done.stderr
    before = list(read_recording(tmp_path / "tape"))
    again = hot(tmp_path, "record", "--market", str(SESSION), "--symbol", "ETCUSDT", "--out", "tape", "-q")
    assert again.returncode == 0, again.stderr
    after = list(read_recording(tmp_path / "tape"))
    assert after[: len(before)] == before and len(after) > len(before)


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (("--for", "soon"), 2, b"no length of time"),
        (("--for", "0s"), 2, b"no length of time"),
        (("--market", "nowhere"), 2, b"no market at nowhere"),
        (("--set", "record.rotate_mb=0"), 78, b"record.rotate_mb"),
        (("--venue", "nasdaq"), 78, b"no live market"),
        (("--since", "2021-04-16"), 2, b"--since is for recorded markets"),
        (("--set", "live.rest_url=http://127.0.0.1:9"), 69, b"not reached"),
    ],
)
def test_what_cannot_be_recorded_is_said(words: tuple[str, ...], code: int, text: bytes, tmp_path: Path) -> None:
    done = hot(tmp_path, "record", "--out", "tape", *words)
    assert done.returncode == code, done.stderr
    assert text in done.stderr and b"Traceback" not in done.stderr


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    done = hot(tmp_path, "record", "--market", str(SESSION), "--out", "mine")
    assert done.returncode == 2 and b"holds other files" in done.stderr
    assert [one.name for one in (tmp_path / "mine").iterdir()] == ["letter.txt"]
