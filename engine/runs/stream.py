"""A stream and its recording: facts that were recorded before, then the stream's own, recorded before they are used.

Alerts are no facts: nobody decides on them, so that they are passed to who tells people, and are not recorded.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import takewhile
from pathlib import Path
from typing import Any, Protocol

import msgspec

from engine.plugs import Entry, Resumable, Source
from engine.records.account import Condition
from engine.records.base import Record
from engine.records.desk import Alert
from engine.records.tickers import Tickers
from engine.records.wire import FACTS, at_of, decode, encode
from engine.world.recording import folder_of, lines_of_chunks, read_recording
from engine.world.recording_writer import RecordingWriter

#: Told each chunk that was closed: its name and the sha256 of its bytes.
OnClosed = Callable[[str, str], None]


class Account(Protocol):
    """What tells facts of an account, once the recorded past is over."""

    def recorded(self, fact: Record) -> None:
        """Takes a fact of the recorded past, which it may have told itself."""
        ...

    def start(self) -> None:
        """Begins to act and to tell."""
        ...

    def facts(self) -> list[Record]:
        """Gives what was told since it was asked last; the times are the reader's to set."""
        ...


class KeptStream:
    """A source that keeps what passes beside a ledger, and begins with what it kept before."""

    def __init__(
        self, source: Source, ledger: Path, rotate_bytes: int, on_closed: OnClosed, on_alert: Callable[[Alert], None],
        newest: Callable[[], Mapping[str, int]], account: Account | None = None,
    ) -> None:  # fmt: skip
        """Goes on with the recording beside `ledger`; a chunk that a crash left open is closed first.

        `newest` gives the opening of each symbol's newest minute candle, once the recorded facts were taken. What
        `account` tells comes where the stream beats, at the time of the last fact.
        """
        self._newest, self._account = newest, account
        self._source, self._folder, self._on_alert = source, folder_of(ledger), on_alert
        self._writer = RecordingWriter(self._folder, rotate_bytes=rotate_bytes, on_chunk_closed=on_closed)

    def facts(self, skip: int = 0) -> Iterator[Entry]:
        """Gives the recorded facts but for the first `skip`, then the stream's, without those given a second time."""
        last_at, at_last = -1, set[bytes]()
        number = lines_of_chunks(self._folder, skip)
        for line in read_recording(self._folder, skip=number):
            at = at_of(line)
            if at > last_at:
                last_at, at_last = at, set()
            at_last.add(line)
            number += 1
            if number > skip:
                record = decode(line)
                if self._account is not None and record is not None:
                    self._account.recorded(record)
                yield Entry(record, line)
        if isinstance(self._source, Resumable):
            self._source.newest.update(self._newest())
        first: list[Record] = []
        told: list[Record] = []
        if self._account is not None:
            self._account.start()
            told = self._account.facts()
            first = list(takewhile(lambda fact: isinstance(fact, Condition), told))
            told = told[len(first) :]
        for entry in self._source.facts():
            record = entry.record
            if record is None and self._account is not None and last_at >= 0:
                # Not between two facts that came together: a symbol's rules must be known before what is held of it.
                yield from self._told([*first, *told, *self._account.facts()], last_at)
                first, told = [], []
            if isinstance(record, Alert):
                self._on_alert(record)
                continue
            if record is None or (record.kind not in FACTS and record.kind != "tick"):
                continue
            # That the account is being compared counts before anything that the market may bring at once.
            if first:
                yield from self._told(first, max(last_at, record.at))
                first = []
            if isinstance(record, Tickers) and record.at > last_at:
                self._writer.write_lines(record.lines(), record.at, len(record))
                last_at = record.at if self._account is not None else last_at
                yield entry
                continue
            for one in record.records() if isinstance(record, Tickers) else (record,):
                line = entry.line if entry.line is not None else encode(one)
                if one.at < last_at or (one.at == last_at and line in at_last):
                    continue
                self._writer.write(line)
                last_at = max(last_at, one.at) if self._account is not None else last_at
                yield Entry(one, line)

    def _told(self, facts: Iterable[Record], at: int) -> Iterator[Entry]:
        """Gives what an account told, at a time of the market's."""
        for fact in facts:
            record = msgspec.structs.replace(fact, at=at)
            if isinstance(record, Alert):
                self._on_alert(record)
                continue
            line = encode(record)
            self._writer.write(line)
            yield Entry(record, line)

    def manifest(self) -> dict[str, Any]:
        """Gives the stream's name; its facts are in the recording."""
        return self._source.manifest()

    def flush(self) -> None:
        """Makes what passed durable; to be called before a commit that decides on it."""
        self._writer.flush()

    def abandon(self) -> None:
        """Leaves the recording's open chunk as a kill would."""
        self._writer.abandon()

    def close(self) -> None:
        """Closes the recording's open chunk."""
        self._writer.close()
