"""Thinking again in blocks of columns: entries, and what became of them, held against what was written."""

from collections.abc import Callable, Iterator
from itertools import groupby

from engine.records.base import Record
from engine.records.wire import at_of, encode, kind_of_line
from engine.runs.backtest.backtest import playing
from engine.runs.backtest.outcome import Marks, Unfit
from engine.runs.progress import Progress
from engine.runs.replay.compare import Comparison, Row
from engine.runs.replay.ledger import LedgerReplay

#: What the block path says all of; of everything else it makes records where an entry is asked for only.
KINDS = frozenset({"intent", "order_attempt", "order_result", "fill", "position", "state_change"})


class BlockReplay:
    """One ledger's market, thought over in blocks."""

    kinds = KINDS

    def __init__(
        self, replay: LedgerReplay, comparison: Comparison, on_failure: Callable[[str, str], None] | None = None
    ) -> None:
        """Raises Unfit where only the record path can think this ledger over."""
        self._replay, self._comparison = replay, comparison
        market = replay.markets.get(0)
        if len(replay.spans) > 1 or market is None:
            raise Unfit("it holds more than one market, or a stream")
        if next(replay.ledger.lines(kinds=["operator"]), None) is not None:
            raise Unfit("the operator spoke in it")
        if replay.spans[0].run.mode == "live":
            raise Unfit("its orders went to an account")
        stretch = replay.stretch(0, None)
        if stretch.state is not None:
            raise Unfit("its run went on with the desk of another")
        self._heard: list[tuple[int, str, bytes]] = []
        self._playing = playing(stretch.settings, market, self, "blocks", on_failure)

    def hear(self, record: Record) -> None:
        """Takes what is decided now."""
        if record.kind in KINDS:
            self._heard.append((record.at, record.kind, encode(record)))

    def mark(self, marks: Marks) -> None:
        """The account stands in no record."""

    def play(self) -> Iterator[Progress]:
        """Thinks, giving where it is after each block; compares at the end."""
        last = self._replay.ledger.last_tick()
        reached = last[1] if last is not None else -1
        yield from self._playing.play(lambda: bool(self._heard) and self._heard[-1][0] > reached)
        self._compare(reached)

    def _rows(self) -> Iterator[Row]:
        for seq, line in self._replay.ledger.lines(kinds=KINDS):
            yield Row(seq, kind_of_line(line) or "", line)

    def _compare(self, reached: int) -> None:
        """Holds instant against instant up to the last tick; of the cycle after it, what was written of it."""
        written: dict[int, list[Row]] = {}
        for row in self._rows():
            written.setdefault(at_of(row.line), []).append(row)
        thought = {at: [one[1:] for one in some] for at, some in groupby(self._heard, key=lambda one: one[0])}
        for at in sorted({*written, *thought}):
            if at <= reached:
                self._comparison.cycle(written.get(at, []), thought.get(at, []))
        cut = [row for at, rows in written.items() if at > reached for row in rows]
        self._comparison.open_cycle(cut, [one for at, some in thought.items() if at > reached for one in some])
