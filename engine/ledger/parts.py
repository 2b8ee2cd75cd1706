"""The walk along a long chain in processes beside: each follows a part, from the hash of the row before it on."""

import signal
from collections.abc import Collection
from contextlib import suppress
from itertools import pairwise
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, NamedTuple

from engine.errors import LedgerError
from engine.ledger.chain import Head
from engine.ledger.db import Database, connect
from engine.ledger.walk import LAST, Row, Visits, Walked, walk

#: A process takes a fifth of a second to start, in which about so many rows can be followed.
LEAST = 100_000


class _Followed(NamedTuple):
    """A part that holds: what is before it, where it ends, and the rows of it that somebody wants to be shown."""

    start: Head
    end: Head
    rows: list[Row]


class Parts:
    """The parts of one chain, followed while who wants to know does something else."""

    def __init__(self, db: Database, genesis: str, kinds: Collection[str], processes: int) -> None:
        """Begins, in so many processes at most, and in none where the chain is short; rows of `kinds` are kept."""
        self._genesis, self._kinds = genesis, tuple(kinds)
        self._working: list[tuple[BaseProcess, Connection[Any, Any]]] = []
        last = int(db.row("SELECT coalesce(max(seq), 0) FROM records")[0])
        count = min(processes, last // LEAST)
        if count > 1:
            edges = [*(last * part // count for part in range(count)), LAST]
            for after, upto in pairwise(edges):
                self._begin(db.path, after, upto)

    def _begin(self, path: Path, after: int, upto: int) -> None:
        context = get_context("spawn")
        ours, theirs = context.Pipe(duplex=False)
        words = theirs, path, self._genesis, after, upto, self._kinds
        process = context.Process(target=_follow, args=words, daemon=True)
        process.start()
        theirs.close()
        self._working.append((process, ours))

    def walk(self, db: Database, start: Head, known: str | None, visits: Visits) -> Walked:
        """Gives what `engine.ledger.walk.walk` gives, when all parts are followed; where one is broken, it walks."""
        if not self._working or known is not None:
            return walk(db, start, known, visits)
        head, rows = start, list[Row]()
        for _, answers in self._working:
            part = _answer(answers)
            if part is None or part.start != head:
                return walk(db, start, known, visits)
            head = part.end
            rows += part.rows
        for row in rows:
            visits[row.kind](row)
        return Walked(head.seq, head, [])

    def __enter__(self) -> "Parts":
        return self

    def __exit__(self, *_: object) -> None:
        for process, answers in self._working:
            process.terminate()
            process.join()
            answers.close()


def _answer(answers: "Connection[Any, Any]") -> _Followed | None:
    try:
        found: _Followed | None = answers.recv()
    except (EOFError, OSError):  # its process died
        return None
    return found


def _follow(
    theirs: "Connection[Any, Any]", path: Path, genesis: str, after: int, upto: int, kinds: tuple[str, ...]
) -> None:
    """Sends what was found of the rows behind `after` up to `upto`; None, or nothing, where they cannot be followed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent's to hear
    with suppress(LedgerError, BrokenPipeError), connect(path, readonly=True) as db:
        theirs.send(_part(db, genesis, after, upto, kinds))


def _part(db: Database, genesis: str, after: int, upto: int, kinds: tuple[str, ...]) -> _Followed | None:
    before = db.row("SELECT hash FROM records WHERE seq = ?", (after,)) if after else (genesis,)
    if before is None:
        return None
    rows: list[Row] = []
    start = Head(after, before[0])
    walked = walk(db, start, None, dict.fromkeys(kinds, rows.append), upto)
    return _Followed(start, walked.head, rows) if not walked.problems else None
