"""How a live pipe begins: what its first stage tells again of a run that was killed, and what the account tells it."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from engine.errors import ConfigError
from engine.ledger.ledger import Ledger
from engine.plugs import Entry, Resumable, Source
from engine.records.desk import Run
from engine.records.wire import FACTS, decode
from engine.runs.history import all_runs, live_start_of
from engine.runs.live_history import desk_values
from engine.runs.manifest import make_run
from engine.runs.market import Market
from engine.runs.settings import Settings
from engine.world.recording import folder_of, read_lines
from engine.world.way_back import Hearing


class LivePast(NamedTuple):
    """What a live pipe begins with: how many facts were recorded before, and those of a killed run, told again.

    `desk` are the values of the run record that say what its desk starts from.
    """

    skip: int = 0
    repeats: int = 0
    ledger_head: str = ""
    desk: dict[str, Any] = {}
    folder: Path = Path()

    def entries(self) -> Iterator[Entry]:
        """Gives the facts that are told again."""
        if self.repeats:
            for line in read_lines(self.folder, self.skip, self.skip + self.repeats):
                yield Entry(decode(line), line)

    def run(self, settings: Settings, market: Market, seed: int, first_at: int, way_back: str) -> Run:
        """Gives the run record; `first_at` is the time of the first fact that is told."""
        run = make_run(
            settings, market.manifest(), rules_snapshot=market.snapshot_name, seed=seed, at=first_at, mode="live",
            ledger_head=self.ledger_head, after_facts=self.skip,
        )  # fmt: skip
        return msgspec.structs.replace(run, repeats=self.repeats, way_back=way_back, **self.desk)


class LiveHead:
    """The facts of a live pipe: those that are told again, then the market's, and among them what the account tells.

    The market has to beat: what was told is looked for at each empty entry, and handed on as of the last fact's time.
    """

    def __init__(
        self, source: Source, past: LivePast, hearing: Hearing, newest: Callable[[], Mapping[str, int]]
    ) -> None:
        """`newest` gives the opening of each symbol's newest minute candle, once the past was taken."""
        self._source, self._past, self._hearing, self._newest = source, past, hearing, newest

    def facts(self) -> Iterator[Entry]:
        """Gives the facts."""
        last_at = -1
        for entry in self._past.entries():
            last_at = max(last_at, entry.record.at if entry.record is not None else -1)
            yield entry
        if isinstance(self._source, Resumable):
            self._source.newest.update(self._newest())
        past_at = last_at
        for entry in self._source.facts():
            record = entry.record
            if record is None:
                if last_at >= 0:
                    yield from (Entry(msgspec.structs.replace(one, at=last_at), None) for one in self._hearing.facts())
            elif record.at > past_at:
                last_at = max(last_at, record.at if record.kind in FACTS or record.kind == "tick" else -1)
                yield entry


def live_past(settings: Settings, market: Market, ledger: Path) -> LivePast:
    """Gives what a live pipe on this ledger begins with.

    Raises ConfigError for a ledger of paper or of another market, or where a killed run had other settings; LedgerError
    where another kind of run did not end in order.
    """
    if not ledger.exists():
        return LivePast()
    with Ledger.read(ledger) as opened:
        return _past_of(opened, settings, market)


def _past_of(ledger: Ledger, settings: Settings, market: Market) -> LivePast:
    if ledger.stamp.mode != "live":
        raise ConfigError(f"{ledger.path} is a ledger of {ledger.stamp.mode}: name one of its own for live trading")
    head = f"{ledger.head.seq}:{ledger.head.hash}"
    runs = all_runs(ledger)
    if not runs:
        return LivePast(ledger_head=head)
    start = live_start_of(ledger, runs, market.manifest(), settings, piped=True)
    repeats = start.recorded - start.skip if start.again else 0
    return LivePast(start.skip, repeats, head, desk_values(start.state), folder_of(Path(ledger.path)))
