"""How fast the ledger commits, against writing and syncing the same bytes by hand on the same disk.

Rounds alternate between the two, since a disk's speed drifts; the medians and their ratio are printed. One commit in
five also reserves an intent, as an entry does.
"""

import argparse
import os
import platform
import statistics
import tempfile
import time
from hashlib import sha256
from pathlib import Path

from engine.ledger.db import version
from engine.ledger.ledger import Ledger
from engine.records import base, ids, trades, wire

RESERVED_SHARE = 5


def lines(count: int) -> list[bytes]:
    """Gives order attempts, refusal-sized to fill-sized, of 300 symbols."""
    made: list[base.Record] = []
    for i in range(count):
        symbol, at = f"SYM{i * 7919 % 300}USDT", 1_700_000_000_000 + i * 1000
        key = ids.intent_key("hotcoin", "binance-spot", symbol, "buy", "entry", at, "entry")
        made.append(
            trades.OrderAttempt(
                at=at, venue="binance-spot", symbol=symbol, strategy="hotcoin", client_id=ids.client_id(key, 1),
                intent_key=key, side="buy", purpose="entry", reason="ENTRY", order_type="market",
                qty=f"{i % 97 + 1}.5", reference_price=f"{i % 1009 + 1}.25",
            )
        )  # fmt: skip
    return [wire.encode(record) for record in made]


def by_ledger(folder: Path, rows: list[bytes], per_commit: int) -> float:
    """Gives commits a second through the ledger."""
    path = folder / "bench.db"
    for name in ("", "-wal", "-shm", ".lock"):
        Path(f"{path}{name}").unlink(missing_ok=True)
    with Ledger.open(path) as ledger:
        started = time.perf_counter()
        for number, start in enumerate(range(0, len(rows), per_commit)):
            for line in rows[start : start + per_commit]:
                ledger.append(line)
            if number % RESERVED_SHARE == 0:
                key = sha256(rows[start]).hexdigest()
                ledger.reserve(key, "h" + key[:27], start, 60_000)
            ledger.commit()
        seconds = time.perf_counter() - started
        assert ledger.head.seq == len(rows)
    return len(rows) / per_commit / seconds


def by_hand(folder: Path, rows: list[bytes], per_commit: int) -> float:
    """Gives commits a second of `write` and `fdatasync` of the same lines to the end of a file."""
    sync = getattr(os, "fdatasync", os.fsync)
    fd = os.open(folder / "bench.raw", os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_APPEND)
    try:
        started = time.perf_counter()
        for start in range(0, len(rows), per_commit):
            os.write(fd, b"\n".join(rows[start : start + per_commit]) + b"\n")
            sync(fd)
        return len(rows) / per_commit / (time.perf_counter() - started)
    finally:
        os.close(fd)


def compare(folder: Path, commits: int, per_commit: int, rounds: int) -> None:
    """Prints the medians of both ways and their ratio."""
    rows = lines(commits * per_commit)
    raw, own = [], []
    for _ in range(rounds):
        raw.append(by_hand(folder, rows, per_commit))
        own.append(by_ledger(folder, rows, per_commit))
    mid_raw, mid_own = statistics.median(raw), statistics.median(own)
    ratios = sorted(b / a for a, b in zip(raw, own, strict=True))
    print(
        f"{per_commit:>4} rows a commit, {commits} commits, {rounds} rounds: by hand {mid_raw:8.0f}/s, "
        f"ledger {mid_own:8.0f}/s ({mid_own * per_commit:8.0f} rows/s), ratio {mid_own / mid_raw:5.0%} "
        f"(rounds {ratios[0]:.0%} to {ratios[-1]:.0%})"
    )


def main() -> None:
    """Runs the comparison with one row and with a hundred rows a commit."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=2000, help="commits of one row in a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--dir", type=Path, help="a folder on the disk to measure; the default is the temporary one")
    args = parser.parse_args()
    print(f"SQLite {'.'.join(map(str, version()))}, Python {platform.python_version()}, {platform.machine()}")
    with tempfile.TemporaryDirectory(dir=args.dir) as folder:
        compare(Path(folder), args.rows, 1, args.rounds)
        compare(Path(folder), max(args.rows // 10, 1), 100, args.rounds)


if __name__ == "__main__":
    main()
