"""The journal of an emergency close: what is sent is written down first, and read by whoever follows the account.

It stands in the ledger; where that cannot take it, in a file beside it, and where the disk takes nothing, it is told.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from engine.errors import BadRecord, LedgerError
from engine.ledger.ledger import Ledger
from engine.records.base import Record
from engine.records.desk import EmergencyClose
from engine.records.wire import decode, encode

WINDOW_MS = 60_000


class Journal:
    """Writes down what is about to be sent: in the ledger, else beside it, else it says it. Threads may share it."""

    def __init__(self, path: Path, ledger: Ledger | None, writer: Executor, say: Callable[[str], None]) -> None:
        """Without a ledger everything goes beside it. `writer` is the one thread that may touch the ledger."""
        self._ledger, self._writer, self._say = ledger, writer, say
        self.spare = _spare_of(path)

    def write(self, record: Record) -> None:
        """Makes a record durable, as far as the disk lets it; an order's ids are taken with it."""
        self._writer.submit(self._write, record).result()

    def _write(self, record: Record) -> None:
        try:
            self._into_ledger(record)
        except LedgerError:
            try:
                self._beside(record)
            except OSError as error:
                # The way out does not wait for room; ids are never used twice, so nothing can be closed twice by it.
                self._say(f"hot flatten: not written down ({error.strerror}): {encode(record).decode()}")

    def _into_ledger(self, record: Record) -> None:
        if self._ledger is None:
            raise LedgerError("there is no ledger")
        self._ledger.append(encode(record))
        if isinstance(record, EmergencyClose):
            self._ledger.reserve(record.intent_key, record.client_id, record.at, WINDOW_MS)
            self._ledger.resolve(record.intent_key)
        self._ledger.commit()

    def _beside(self, record: Record) -> None:
        with self.spare.open("ab") as file:
            file.write(encode(record) + b"\n")
            file.flush()
            os.fsync(file.fileno())


@contextmanager
def journal_of(path: Path, venue: str, account: str, say: Callable[[str], None]) -> Iterator[Journal]:
    """Opens the ledger beside whoever has it; one that cannot be opened does not stand in the way."""

    def opened() -> Ledger | None:
        with suppress(LedgerError):
            return Ledger.open(path, mode="live", venue=venue, account=account, create=False, lease=False)
        return None

    with ThreadPoolExecutor(1, thread_name_prefix="hot-journal") as writer:
        ledger = writer.submit(opened).result()
        try:
            yield Journal(path, ledger, writer, say)
        finally:
            if ledger is not None:
                writer.submit(ledger.close).result()


def closes_of(path: Path, since: int) -> list[EmergencyClose]:
    """Gives the orders of the emergency closes of a ledger since a time (epoch ms). Raises LedgerError."""
    with Ledger.read(path) as ledger:
        lines = [line for _, line in ledger.lines(kinds=["emergency_close"], since=since)]
    with suppress(OSError):
        lines += _spare_of(path).read_bytes().splitlines()
    found: list[EmergencyClose] = []
    for line in lines:
        with suppress(BadRecord):  # a kill may have cut the last line short
            one = decode(line)
            if isinstance(one, EmergencyClose) and one.at >= since:
                found.append(one)
    return found


def _spare_of(path: Path) -> Path:
    return path.with_name(path.name + ".emergency.jsonl")
