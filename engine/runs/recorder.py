"""The recorder: a market's facts into a folder of compressed chunks, which is a market again, to be replayed."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from engine.errors import BadRecord, DirtyInput, LedgerError, UsageError
from engine.plugs import Entry
from engine.records.base import Record
from engine.records.market import Bar, SymbolRules, Tick
from engine.records.wire import FACTS, decode, encode
from engine.runs.run_settings import RecordSettings
from engine.world.recording import INDEX, is_recording, prune_recording, read_index, read_recording
from engine.world.recording_writer import RecordingWriter

DAY_MS = 86_400_000
#: What was written is made durable so often; a kill loses no more.
FLUSH_EVERY_S = 1.0
_TOLD_EVERY = 5_000
#: How far back the newest candles are looked for. Whoever reads a recording over a longer hole forgets what was before.
NEWEST_WITHIN_MS = 900_000
_BAR = b'{"kind":"bar"'
#: What is recorded: facts of the market, the ticks that closed its cycles, and what people were told of it.
KEPT_KINDS = FACTS | {"tick", "alert"}


class Written(NamedTuple):
    """How far a recorder has come: record time in ms, facts and ticks written, and facts that came too late."""

    at: int = 0
    facts: int = 0
    ticks: int = 0
    late: int = 0


class Recorder:
    """Writes facts into a folder; goes on with the recording that is there."""

    def __init__(
        self, folder: Path, settings: RecordSettings, *, keep_days: int | None = None, for_ms: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        """Keeps the last `keep_days` of the market's time (all of it without), and ends after `for_ms` of it.

        Raises UsageError for a folder that holds something else.
        """
        check_folder(folder)
        self.folder, self._settings, self._clock = folder, settings, clock
        self._keep_ms = keep_days * DAY_MS if keep_days is not None else None
        self._for_ms = for_ms
        self._rules: dict[tuple[str, str], SymbolRules] = {}
        self._writer = RecordingWriter(
            folder, rotate_bytes=settings.rotate_mb << 20, rotate_ms=60_000 * settings.rotate_minutes,
            on_chunk_closed=self._closed,
        )  # fmt: skip
        self._begun_at: int | None = None
        self._restates = False
        self._flushed = clock()
        self.done = Written(at=max((chunk.last_at for chunk in read_index(folder)), default=0))

    def newest(self, venue: str) -> dict[str, int]:
        """Gives the opening of each symbol's newest minute candle that was just recorded; none where that is damaged.

        A live market need not tell those and older ones again.
        """
        found: dict[str, int] = {}
        try:
            for line in read_recording(self.folder, since=self.done.at - NEWEST_WITHIN_MS, whole=False):
                bar = decode(line) if line.startswith(_BAR) else None
                if isinstance(bar, Bar) and bar.venue == venue and bar.step_s == 60:
                    found[bar.symbol] = max(bar.open_at, found.get(bar.symbol, 0))
        except (DirtyInput, BadRecord):
            return {}
        return found

    def record(self, entries: Iterator[Entry], stopped: Callable[[], bool]) -> Iterator[Written]:
        """Writes facts until they end, the time is over or `stopped` says so; gives where it is now and then.

        Raises LedgerError where the disk is about to be full; what was written is whole.
        """
        check_space(self.folder, self._settings.min_free_mb)
        for entry in entries:
            record = entry.record
            if stopped() or (record is not None and self._is_over(record)):
                return
            if record is None or record.kind not in KEPT_KINDS:
                continue
            if record.at < self.done.at:
                # Nobody could read it back in order; a clock was set back, or two recordings are one.
                self.done = self.done._replace(late=self.done.late + 1)
                continue
            with writing(self.folder):
                self._write(record, entry.line)
            if isinstance(record, Tick) or self.done.facts % _TOLD_EVERY == 0:
                yield self.done

    def close(self) -> None:
        """Ends in order: the open chunk is closed and entered into the index."""
        with writing(self.folder):
            self._writer.close()

    def _is_over(self, record: Record) -> bool:
        if self._for_ms is None or isinstance(record, SymbolRules):
            return False  # rules may have been recorded at any time
        if self._begun_at is None:
            self._begun_at = record.at
        return record.at >= self._begun_at + self._for_ms

    def _write(self, record: Record, line: bytes | None) -> None:
        if isinstance(record, Tick):
            # What a scan said on the tick is no fact: whoever reads it back scans for himself.
            record, line = Tick(at=record.at, mono_ms=record.mono_ms), None
        elif isinstance(record, SymbolRules):
            self._rules[record.venue, record.symbol] = record
        self._writer.write(line if line is not None else encode(record))
        if self._restates and self._writer.is_open:
            self._restate(record.at)
        is_tick = isinstance(record, Tick)
        self.done = Written(record.at, self.done.facts + (not is_tick), self.done.ticks + is_tick, self.done.late)
        if self._clock() - self._flushed >= FLUSH_EVERY_S:
            self._flush()

    def _restate(self, at: int) -> None:
        """Writes the rules once more at the start of a chunk: the one that told them will be pruned."""
        self._restates = False
        for _, rules in sorted(self._rules.items()):
            self._writer.write(encode(msgspec.structs.replace(rules, at=at, mono_ms=None)))

    def _flush(self) -> None:
        self._writer.flush()
        self._flushed = self._clock()
        check_space(self.folder, self._settings.min_free_mb)

    def _closed(self, chunk: str, sha256: str) -> None:
        if self._keep_ms is not None:
            self._restates = True
            prune_recording(self.folder, self.done.at - self._keep_ms)


def check_folder(folder: Path) -> None:
    """Raises UsageError for a folder that holds files but no recording, or for what is no folder."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder: a recording is a folder of chunks with an {INDEX}")
    if not is_recording(folder) and any(one.name != INDEX and one.name[0] != "." for one in folder.iterdir()):
        raise UsageError(f"{folder} holds other files and is no recording: name an empty or a new folder")


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Names what could not be written, as a LedgerError."""
    try:
        yield
    except OSError as error:
        raise LedgerError(
            f"{path}: cannot be written ({error.strerror}); what was written until now is whole"
        ) from None


def check_space(folder: Path, min_free_mb: int) -> None:
    """Raises LedgerError where the disk of a folder has less space left."""
    free_mb = shutil.disk_usage(folder).free >> 20
    if free_mb < min_free_mb:
        raise LedgerError(
            f"{folder}: the disk has {free_mb} MB left, less than record.min_free_mb = {min_free_mb}: stopped; free "
            "some space, or keep fewer days (--keep-days)"
        )
