"""The small market of the pipe tests: five coins of the bundled session's hot day, with a day of windows before it."""

#: About eight thousand bars: a second or two.
CUT = (
    "--symbol", "ETCUSDT", "--symbol", "DOGEUSDT", "--symbol", "CHZUSDT", "--symbol", "BCHUSDT", "--symbol",
    "TRXUSDT", "--until", "2021-04-16T05:00",
)  # fmt: skip


def first_difference(one: list[bytes], other: list[bytes]) -> str | None:
    """Says where two lists of lines differ first, for people; None when they are the same."""
    for i, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return f"record {i}:\n  {a[:300]!r}\n  {b[:300]!r}"
    return None if len(one) == len(other) else f"{len(one)} records against {len(other)}"
