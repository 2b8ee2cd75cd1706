"""What is recorded: three coins of the bundled session, or a loopback venue live; and what a recording holds."""

from pathlib import Path

from engine.records.wire import kind_of_line
from engine.world.loopback.serving import Serving
from engine.world.recording import read_recording

#: Three coins of the bundled session, a day of windows and a hot morning.
CUT = ("--symbol", "ETCUSDT", "--symbol", "DOGEUSDT", "--symbol", "CHZUSDT", "--until", "2021-04-16T05:00")


def live(venue: Serving) -> tuple[str, ...]:
    """Gives the options that make a loopback venue the live market, with a cycle each second."""
    return (
        "--set", f"live.rest_url={venue.rest_url}", "--set", f"live.stream_url={venue.stream_url}",
        "--set", "scan.cycle_s=1",
    )  # fmt: skip


def kinds(folder: Path) -> dict[str, int]:
    """Counts the kinds of a recording's lines."""
    counts: dict[str, int] = {}
    for line in read_recording(folder):
        kind = kind_of_line(line) or ""
        counts[kind] = counts.get(kind, 0) + 1
    return counts
