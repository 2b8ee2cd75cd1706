"""A stream and its recording: facts that were recorded before, then the stream's own, recorded before they are used.

Alerts are no facts: nobody decides on them, so that they are passed to who tells people, and are not recorded.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from engine.plugs import Entry, Resumable, Source
from engine.records.desk import Alert
from engine.records.wire import FACTS, at_of, decode, encode
from engine.world.recording import RecordingWriter, folder_of, lines_of_chunks, read_recording

#: Told each chunk that was closed: its name and the sha256 of its bytes.
OnClosed = Callable[[str, str], None]


class KeptStream:
    """A source that keeps what passes beside a ledger, and begins with what it kept before."""

    def __init__(
        self, source: Source, ledger: Path, rotate_bytes: int, on_closed: OnClosed, on_alert: Callable[[Alert], None],
        newest: Callable[[], Mapping[str, int]],
    ) -> None:  # fmt: skip
        """Goes on with the recording beside `ledger`; a chunk that a crash left open is closed first.

        `newest` gives the opening of each symbol's newest minute candle, once the recorded facts were taken.
        """
        self._newest = newest
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
                yield Entry(decode(line), line)
        if isinstance(self._source, Resumable):
            self._source.newest.update(self._newest())
        for entry in self._source.facts():
            record = entry.record
            if isinstance(record, Alert):
                self._on_alert(record)
                continue
            if record is None or (record.kind not in FACTS and record.kind != "tick"):
                continue
            line = entry.line if entry.line is not None else encode(record)
            if record.at < last_at or (record.at == last_at and line in at_last):
                continue
            self._writer.write(line)
            yield Entry(record, line)

    def manifest(self) -> dict[str, Any]:
        """Gives the stream's name; its facts are in the recording."""
        return self._source.manifest()

    def flush(self) -> None:
        """Makes what passed durable; to be called before a commit that decides on it."""
        self._writer.flush()

    def close(self) -> None:
        """Closes the recording's open chunk."""
        self._writer.close()
