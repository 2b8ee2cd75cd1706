"""`hot` as a process of a new user, live against a loopback venue or on the bundled session."""

import os
import subprocess
import sys
from pathlib import Path

from engine.records.wire import COMPARED, kind_of_line
from engine.world.loopback.serving import Serving
from engine.world.recording import read_recording

ROOT = Path(__file__).parent.parent.parent
SESSION = str(ROOT / "examples" / "session")
#: Three coins of the bundled session, a day of windows and a hot morning.
CUT = ("--symbol", "ETCUSDT", "--symbol", "DOGEUSDT", "--symbol", "CHZUSDT", "--until", "2021-04-16T05:00")


def env(folder: Path) -> dict[str, str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("HOT_")}
    return {**clean, "HOT_DATA__DIR": str(folder / "data"), "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}


def hot(folder: Path, *words: str, stdin: bytes | None = None) -> "subprocess.CompletedProcess[bytes]":
    given = {"input": stdin} if stdin is not None else {"stdin": subprocess.DEVNULL}
    return subprocess.run(
        [sys.executable, "-m", "cli.main", *words], capture_output=True, env=env(folder), cwd=folder, timeout=120,
        **given,
    )  # type: ignore[call-overload,no-any-return]  # fmt: skip


def started(folder: Path, *words: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "cli.main", *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, env=env(folder), cwd=folder,
    )  # fmt: skip


def live(venue: Serving) -> tuple[str, ...]:
    """Gives the options that make a loopback venue the live market, with a cycle each second."""
    return (
        "--set", f"live.rest_url={venue.rest_url}", "--set", f"live.stream_url={venue.stream_url}",
        "--set", "scan.cycle_s=1",
    )  # fmt: skip


def decisions(lines: bytes) -> list[bytes]:
    return [line for line in lines.splitlines() if kind_of_line(line) in COMPARED]


def kinds(folder: Path) -> dict[str, int]:
    """Counts the kinds of a recording's lines."""
    counts: dict[str, int] = {}
    for line in read_recording(folder):
        kind = kind_of_line(line) or ""
        counts[kind] = counts.get(kind, 0) + 1
    return counts
