"""The small market of the pipe tests: five coins of the bundled session's hot day, with a day of windows before it."""

from pathlib import Path

from engine.records.wire import COMPARED, kind_of_line

ROOT = Path(__file__).parent.parent.parent
SESSION = ROOT / "examples" / "session"
STAGES = ("rank", "signal", "precheck", "order")
#: About eight thousand bars: a second or two.
CUT = (
    "--symbol", "ETCUSDT", "--symbol", "DOGEUSDT", "--symbol", "CHZUSDT", "--symbol", "BCHUSDT", "--symbol",
    "TRXUSDT", "--until", "2021-04-16T05:00",
)  # fmt: skip


def decisions(lines: bytes) -> list[bytes]:
    """Gives the lines whose bytes must be the same everywhere."""
    return [line for line in lines.splitlines() if kind_of_line(line) in COMPARED]


def first_difference(one: list[bytes], other: list[bytes]) -> str | None:
    """Says where two lists of lines differ first, for people; None when they are the same."""
    for i, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return f"record {i}:\n  {a[:300]!r}\n  {b[:300]!r}"
    return None if len(one) == len(other) else f"{len(one)} records against {len(other)}"
