"""A file to think over: what went through a pipe, decisions alone, or trades as `hot trades` lists them."""

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from engine.errors import BadRecord, DirtyInput, UsageError
from engine.records.base import Record
from engine.records.desk import End, Run
from engine.records.market import Tick
from engine.records.wire import COMPARED, FACTS, MAX_LINE_BYTES, check_json, decode, encode, kind_of_line
from engine.runs.replay.compare import STAGES, Row, stage_of
from engine.world.imports.lines import numbered_lines
from engine.world.imports.unpack import pieces

OnBad = Callable[[str, int, str], None]
_PIECE = 1 << 18


class Lines:
    """The lines of a file or of stdin, which is put aside so that it can be read twice."""

    def __init__(self, path: str) -> None:
        """Raises UsageError where there is no such file, DirtyInput for an empty one."""
        self.name = path if path != "-" else "stdin"
        self._path = Path(path)
        self._aside: IO[bytes] | None = None
        if path == "-" or self._path.is_fifo():
            self._aside = _put_aside(path)
        elif not self._path.is_file():
            what = "is a folder" if self._path.is_dir() else "is not there"
            trades = self._path / "trades.jsonl"
            named = f"a file of trades ({trades})" if trades.is_file() else "a file of trades"
            raise UsageError(f"{path} {what}: name a ledger, a file that a pipe wrote, {named}, or -")
        self.last_byte = b""
        if not any(self._pieces()):
            raise DirtyInput(f"{self.name}: it is empty")

    def numbered(self) -> Iterator[tuple[int, bytes | None]]:
        """Gives each line with its number, None for one that is too long; may be asked for again."""
        return numbered_lines(self._pieces())

    def _pieces(self) -> Iterator[bytes]:
        for piece in pieces(self._path) if self._aside is None else _from_start(self._aside):
            self.last_byte = piece[-1:]
            yield piece


def _put_aside(path: str) -> IO[bytes]:
    aside = TemporaryFile()  # noqa: SIM115 - it lives as long as the replay
    if path == "-":
        shutil.copyfileobj(sys.stdin.buffer, aside)
    else:
        with Path(path).open("rb") as file:
            shutil.copyfileobj(file, aside)
    aside.flush()
    return aside


def _from_start(file: IO[bytes]) -> Iterator[bytes]:
    """Gives a file's bytes from its start; two readers do not disturb each other."""
    at = 0
    while piece := os.pread(file.fileno(), _PIECE, at):
        at += len(piece)
        yield piece


class Found:
    """What a look through a file of records tells: its run, its end, which kinds stand in it, and what is bad."""

    def __init__(self, lines: Lines, on_bad: OnBad) -> None:
        """Looks through all lines; raises DirtyInput where not one of them is a record."""
        self.lines, self._on_bad = lines, on_bad
        self.run: Run | None = None
        self.end: End | None = None
        self.kinds: set[str] = set()
        self.spoken: set[str] = set()
        self.bad: dict[int, str] = {}
        self.cut_line: int | None = None
        self.ticks_tell = False
        self._look()

    @property
    def has_facts(self) -> bool:
        """True where the market stands in the file."""
        return bool(self.kinds & FACTS)

    @property
    def stages(self) -> frozenset[str]:
        """The stages that the file went through: as its end says, else up to the last one that said something."""
        if self.end is not None and self.end.stage in STAGES:
            return frozenset(STAGES[: STAGES.index(self.end.stage) + 1])
        last = max((STAGES.index(stage) for stage in self.spoken), default=-1)
        if last == 0 and not (self.kinds & {"candidate", "anomaly"} or self.ticks_tell or self.run is not None):
            return frozenset()  # ticks of a recording that no stage has seen
        return frozenset(STAGES[: last + 1])

    def records(self) -> Iterator[tuple[int, str, bytes]]:
        """Gives number, kind and line of every good line, in our form."""
        for number, line in self.lines.numbered():
            if line is None or number in self.bad or number == self.cut_line:
                continue
            kind = kind_of_line(line)
            if kind is not None:
                yield number, kind, line
                continue
            record = decode(line)
            if record is not None:
                yield number, record.kind, encode(record)

    def rows(self) -> Iterator[Row]:
        """Gives what was written: decisions, and orders of the operator."""
        for number, kind, line in self.records():
            if kind in COMPARED or kind == "operator":
                yield Row(number, kind, line)

    def facts(self) -> Iterator[Record | None]:
        """Gives the market without what any stage said of it."""
        for _, kind, line in self.records():
            if kind in FACTS or kind == "tick":
                record = decode(line)
                yield unscanned(record) if isinstance(record, Tick) else record

    def _look(self) -> None:
        last = 0
        for number, line in self.lines.numbered():
            last = number
            if line is None:
                self.bad[number] = f"longer than {MAX_LINE_BYTES} bytes"
                continue
            try:
                self._see(line)
            except BadRecord as error:
                self.bad[number] = str(error)
        if last in self.bad and self.lines.last_byte != b"\n":
            del self.bad[last]
            self.cut_line = last
        if not self.kinds:
            raise DirtyInput(f"{self.lines.name}: neither a ledger nor records: no line of it is one")
        for number, reason in self.bad.items():
            self._on_bad(self.lines.name, number, reason)

    def _see(self, line: bytes) -> None:
        record = decode(line)
        if record is None:
            return
        kind = record.kind
        self.kinds.add(kind)
        if kind in COMPARED:
            self.spoken.add(stage_of(kind, encode(record)))
        if isinstance(record, Tick):
            self.ticks_tell = self.ticks_tell or bool(record.codes)
        elif isinstance(record, Run):
            self.run = self.run or record
        elif isinstance(record, End):
            self.end = record


def unscanned(tick: Tick) -> Tick:
    """Gives a tick without what a scan said with it: the scan takes any other for one that it has seen before."""
    return Tick(at=tick.at, mono_ms=tick.mono_ms)


def listed_trades(lines: Lines) -> list[tuple[int, dict[str, Any]]] | None:
    """Gives the rows of a file that `hot trades` wrote, with their lines (or places in an array); None for any other.

    Raises DirtyInput for a row among them that cannot be read.
    """
    rows: list[tuple[int, dict[str, Any]]] = []
    for number, line in lines.numbered():
        if not rows and line is not None and line.lstrip().startswith(b"["):
            return _array(lines)
        value = _object(line)
        if value is None and rows:
            raise DirtyInput(f"{lines.name}:{number}: not a trade")
        if value is None or "kind" in value or not _is_trade(value):
            return None
        rows.append((number, value))
    return rows


def _array(lines: Lines) -> list[tuple[int, dict[str, Any]]] | None:
    text = b"\n".join(line or b"" for _, line in lines.numbered())
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, list) or not all(isinstance(one, dict) and _is_trade(one) for one in found):
        return None
    return list(enumerate(found, 1))


def _object(line: bytes | None) -> dict[str, Any] | None:
    try:
        value = check_json(line) if line is not None else None
    except BadRecord:
        return None
    return value if isinstance(value, dict) else None


def _is_trade(value: dict[str, Any]) -> bool:
    """Says whether a row tells which trade or fill it is, and its times are times."""
    times = [value[name] for name in ("at", "opened_at", "closed_at", "known_at") if name in value]
    if not all(isinstance(at, int) for at in times):
        return False
    named = isinstance(value.get("symbol"), str) and ("closed_at" in value or "opened_at" in value)
    return named or isinstance(value.get("trade_id"), str)


def is_ledger(path: str) -> bool:
    """Says whether a file is an SQLite file, so a ledger or nothing that can be replayed."""
    try:
        # What is no plain file can be read only once, and not here.
        if not Path(path).is_file():
            return False
        with Path(path).open("rb") as file:
            return file.read(16) == b"SQLite format 3\0"
    except OSError:
        return False
