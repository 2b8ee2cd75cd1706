"""The sequence: facts in the order in which they could be known, with a clock tick at each cycle's end."""

from collections.abc import Callable, Collection
from operator import attrgetter

import msgspec

from engine.plugs import Entry
from engine.records.base import Record
from engine.records.market import Bar, Fact, Tick, Ticker
from engine.records.tickers import Tickers
from engine.world.imports.batches import place_of
from engine.world.streams.clock import Stamp

#: Candles close at the minute, and are told a little later: a tick waits so long for those that are missing.
GRACE_MS = 4_000
MINUTE_MS = 60_000
#: More missed cycles than this in a row (a machine that slept) are one jump, not a march of ticks.
MOST_MISSED = 60


class Sequence:
    """Puts facts in order. What is decided at tick T knows the candles that closed at T, and nothing later.

    A candle's `at` is its close, if it was received before the tick of that instant passed; afterwards, and for
    everything else, it is when the fact was received. The instant of a tick belongs to candles and the tick alone.
    """

    def __init__(
        self, cycle_ms: int, now: Stamp, expected: Callable[[int], int], grace_ms: int = GRACE_MS,
        most_missed: int = MOST_MISSED,
    ) -> None:  # fmt: skip
        """Ticks at whole multiples of `cycle_ms`; `expected` tells how many candles are to close at an instant."""
        self._cycle_ms, self._expected, self._grace_ms, self._most_missed = cycle_ms, expected, grace_ms, most_missed
        self.due = now.at // cycle_ms * cycle_ms + cycle_ms
        self.last_at = now.at
        self._held: list[Record] = []
        #: How many of the candles that are held closed when: that is asked for at each of them.
        self._closed: dict[int, int] = {}

    def take(self, records: Collection[Record], now: Stamp) -> list[Entry]:
        """Takes what was received up to `now`; gives what may go on. Each `now` is later than `last_at`."""
        self._held += records
        for record in records:
            if type(record) is Bar:
                closed_at = _closed_at(record)
                self._closed[closed_at] = self._closed.get(closed_at, 0) + 1
        gone: list[Entry] = []
        while now.at >= self.due and not self._waits(now):
            gone += self._cycle()
            gone.append(Entry(Tick(at=self.due, mono_ms=now.mono_ms if now.mono_ms != self.due else None), None))
            self.last_at = self.due
            self.due += self._cycle_ms
            if now.at - self.due > self._most_missed * self._cycle_ms:
                self.due = now.at // self._cycle_ms * self._cycle_ms
        if now.at < self.due:
            gone += self._between(now.at)
        return gone

    def wait_s(self, now: Stamp) -> float:
        """Gives how long nothing will be due if nothing is received, in seconds."""
        until = self.due if now.at < self.due else self.due + self._grace_ms
        return max(0.001, (until - now.at) / 1000)

    def _waits(self, now: Stamp) -> bool:
        """Says whether candles that are to close at the due instant are still on their way."""
        if self.due % MINUTE_MS or now.at >= self.due + self._grace_ms:
            return False
        return self._closed.get(self.due, 0) < self._expected(self.due)

    def _cycle(self) -> list[Entry]:
        """Gives what belongs before the due tick."""
        going: list[Record] = []
        held, self._held = self._held, []
        self._closed = {at: count for at, count in self._closed.items() if at > self.due}
        for record in held:
            closed = isinstance(record, Bar) and _closed_at(record) <= self.due
            at = self.due if closed else max(record.at, self.last_at + 1)
            if closed or (at < self.due and not isinstance(record, Bar)):
                going.append(_moved(record, at))
            else:
                self._held.append(record)
        return self._sorted(going)

    def _between(self, now: int) -> list[Entry]:
        """Gives what may go on before a tick is due; candles that by our clock have not closed yet have to wait.

        Our clock is then behind the exchange's.
        """
        going: list[Record] = []
        held, self._held, first = self._held, [], self.last_at + 1
        for record in held:
            if not isinstance(record, Bar):
                going.append(record if first <= record.at <= now else _moved(record, max(min(record.at, now), first)))
            elif _closed_at(record) >= self.due:
                self._held.append(record)
            else:
                going.append(_moved(record, max(now, first)))
        return self._sorted(going)

    def _sorted(self, records: list[Record]) -> list[Entry]:
        if Tickers in map(type, records):
            records = _apart(records)
        if records:
            records.sort(key=_key_of_one_kind if _are_of_one_kind(records) else _key)
            self.last_at = records[-1].at
        return [Entry(record, None) for record in records]


def _apart(records: list[Record]) -> list[Record]:
    """Takes tickers apart that do not have their instant for themselves: there they stand in the order of symbols."""
    tickers = [record.at for record in records if record.kind == Ticker.kind]
    if len(tickers) == len(set(tickers)):
        return records
    return [one for record in records for one in (record.records() if type(record) is Tickers else (record,))]


def _closed_at(bar: Bar) -> int:
    return bar.open_at + 1000 * bar.step_s


def _moved(record: Record, at: int) -> Record:
    """Gives a record at another instant; when it was received stays what it was."""
    if record.at == at:
        return record
    if not hasattr(record, "mono_ms"):
        return msgspec.structs.replace(record, at=at)
    mono = record.mono_ms if record.mono_ms is not None else record.at
    return msgspec.structs.replace(record, at=at, mono_ms=mono if mono != at else None)


def _key(record: Record) -> tuple[int, tuple[float, str, str]]:
    return record.at, place_of(record)


#: The same order among facts of one kind, which most are that go on together: tickers of the whole market.
_key_of_one_kind = attrgetter("at", "venue", "symbol")


def _are_of_one_kind(records: list[Record]) -> bool:
    return isinstance(records[0], Fact) and len(set(map(type, records))) == 1
