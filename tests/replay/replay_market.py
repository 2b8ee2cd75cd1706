"""The small market of the replay tests, and ways to change what was written of it."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine.ledger.chain import link

#: An hour and a half into the hot day, with a day of windows before it: a second.
CUT = ("--symbol", "ETCUSDT", "--symbol", "DOGEUSDT", "--symbol", "TRXUSDT", "--until", "2021-04-16T01:30")
FACT_KINDS = ("bar", "symbol_rules")


def bars(
    made: Path, folder: Path, since: str = "1970-01-01", until: str = "2030-01-01", name: str = "market.jsonl"
) -> Path:
    """Writes the bars of the small market from one time up to another, as a market of its own."""
    first, last = at_ms(since), at_ms(until)
    found = [line for line in (made / "scan.jsonl").read_bytes().splitlines(True) if line.startswith(b'{"kind":"bar"')]
    (folder / name).write_bytes(b"".join(line for line in found if first <= json.loads(line)["at"] < last))
    return folder / name


def at_ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def copied(ledger: Path, folder: Path, name: str = "copy.db") -> Path:
    """Gives a copy of a closed ledger."""
    return Path(shutil.copy(ledger, folder / name))


def rechained(ledger: Path, change: Callable[[int, dict[str, Any]], dict[str, Any] | None]) -> None:
    """Rewrites rows as `change` says (None drops one) and makes the chain anew, as a careful forger would."""
    with sqlite3.connect(ledger) as db:
        rows = db.execute("SELECT seq, line FROM records ORDER BY seq").fetchall()
        genesis = db.execute("SELECT value FROM meta WHERE key = 'genesis'").fetchone()[0]
        triggers = db.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            db.execute(f"DROP TRIGGER {name}")
        db.execute("DELETE FROM records")
        last, seq = genesis, 0
        for number, line in rows:
            changed = change(number, json.loads(line))
            if changed is None:
                continue
            seq += 1
            text = line if changed == json.loads(line) else json.dumps(changed, separators=(",", ":"))
            last = link(last, seq, text.encode())
            db.execute("INSERT INTO records(seq, line, hash) VALUES (?, ?, ?)", (seq, text, last))
        db.execute("DELETE FROM checkpoints WHERE seq > ?", (seq,))
        for _, statement in triggers:
            db.execute(statement)
    db.close()


def first_of(lines: bytes, kind: str) -> int:
    """Gives the number of the first line of a kind."""
    opening = f'{{"kind":"{kind}"'.encode()
    return next(i for i, line in enumerate(lines.splitlines(), 1) if line.startswith(opening))
