"""What a ledger holds to be thought over again: its runs market by market, with their facts, settings and start."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from engine.errors import ConfigError, DirtyInput, LedgerError
from engine.ledger.ledger import Ledger
from engine.plugs import Entry
from engine.records.base import Record
from engine.records.desk import Recording, Run
from engine.records.market import SymbolRules, Tick, Ticker
from engine.records.wire import COMPARED, FACTS, at_of, decode, kind_of_line, recall_each
from engine.runs.history import all_runs
from engine.runs.live import setup_of
from engine.runs.live_history import go_on
from engine.runs.manifest import UNNAMED, same_market
from engine.runs.market import Market, MarketOptions, open_market, paths_of
from engine.runs.pipeline import CHECKPOINT_VERSION, PipelineState, unpack
from engine.runs.replay.compare import Row, groups
from engine.runs.replay.file import unscanned
from engine.runs.replay.manifest import Tell, desk_of, other_bytes, settings_in_force
from engine.runs.replay.think import ORDER, Stretch
from engine.runs.stages import PASSED_OVER
from engine.runs.version import VERSION
from engine.world.recording import folder_of, read_index, read_lines, read_recording
from engine.world.snapshots.snapshots import load

OnBad = Callable[[str, int, str], None]


class Span(NamedTuple):
    """The rows of one market in a ledger: those after `after_seq` up to and with `last_seq`, and its runs."""

    runs: list[Run]
    after_seq: int
    last_seq: int

    @property
    def run(self) -> Run:
        """The run that began it."""
        return self.runs[0]

    @property
    def piped(self) -> bool:
        """True for a pipe, whose run record tells the time of its first price; a run in one process tells none."""
        return self.run.at > 0


class LedgerReplay:
    """A ledger that is only read: what was committed when it was opened."""

    def __init__(
        self, ledger: Ledger, *, sets: Sequence[str] = (), market: Sequence[str] = (), tell: Tell, on_bad: OnBad
    ) -> None:
        """`sets` change settings, `market` names the facts that have moved or are to be tried instead.

        Raises LedgerError where no run stands in it.
        """
        self.ledger, self._sets, self._market, self._tell, self._on_bad = ledger, list(sets), market, tell, on_bad
        self._folder = folder_of(Path(ledger.path))
        self.spans = _spans(ledger)
        if not self.spans:
            raise LedgerError(f"{ledger.path}: no run stands in it, so there is nothing to think over")
        #: By number of span, the markets that are files.
        self.markets: dict[int, Market] = {}
        for number in range(len(self.spans)):
            self._facts_are_there(number)

    def stretch(self, number: int, before: PipelineState | None) -> Stretch:
        """Gives the nth market to think over; `before` is what the stages remember of the one before it."""
        span = self.spans[number]
        for run in span.runs:
            if run.version != VERSION:
                self._tell(f"run {run.run_id} was written by version {run.version}, this is {VERSION}")
        used = settings_in_force(span.run, self._sets, self._tell)
        market = self.markets.get(number)
        facts = shown(market.source.facts()) if market is not None else self._recorded(number)
        return Stretch(
            used, self._snapshot(span.run), facts, groups(self._rows(span)),
            self._start(number, before), ORDER if span.piped else 0, onward=self._onward(number),
            live=setup_of(used, self.ledger.stamp.venue) if span.run.mode == "live" else None,
        )  # fmt: skip

    def _snapshot(self, run: Run) -> Mapping[str, SymbolRules]:
        """Gives the bundled rules of the venue that the run names."""
        venue = run.rules_snapshot.split(" ")[0]
        snapshot = load(venue or "binance-spot")
        if venue and run.rules_snapshot != f"{snapshot.venue} {snapshot.date}":
            self._tell(f"the run used the symbol rules of {run.rules_snapshot}, this version has {snapshot.date}")
        return snapshot.rules

    def _rows(self, span: Span) -> Iterator[Row]:
        for seq, line in self.ledger.lines(after_seq=span.after_seq):
            if seq > span.last_seq:
                return
            kind = kind_of_line(line) or ""
            if kind in COMPARED or kind == "operator":
                yield Row(seq, kind, line)

    def _start(self, number: int, before: PipelineState | None) -> PipelineState | None:
        span = self.spans[number]
        if span.piped:
            return desk_of(span.run)
        if before is None or not self.spans[number - 1].piped:
            return before
        return PipelineState(order=before.order, venue=before.venue)  # a pipe hands on its desk and venue only

    def _onward(self, number: int) -> int | None:
        """Gives after how many facts the next market began, where a checkpoint still tells."""
        if number + 1 == len(self.spans):
            return -1
        span = self.spans[number]
        if span.run.mode == "live":
            return None
        saved = self.ledger.load_checkpoint(CHECKPOINT_VERSION, not_after_seq=span.last_seq)
        if saved is None or saved.seq < span.last_seq:
            return None
        state = unpack(saved.blob)
        return state.facts if state.whole else None

    def _facts_are_there(self, number: int) -> None:
        span = self.spans[number]
        if not span.run.market.get("files"):
            _check_recording(self.ledger, self._folder)
            return
        named = self._named_market(span.run)
        options = _options(named, span.runs)
        for path in options.paths:
            if not Path(path).exists():
                raise ConfigError(f"{self.ledger.path}: its market {path} is not there: name it with --market PATH")
        opened = open_market(options, self._on_bad)
        changed = other_bytes(span.run.market, opened.manifest())
        if changed and not named:
            again = " ".join(f"--market {path}" for path in options.paths)
            raise DirtyInput(f"{changed}; {again} thinks it over all the same")
        if changed:
            self._tell(changed)
        self.markets[number] = opened

    def _named_market(self, run: Run) -> Sequence[str]:
        """Gives the paths that were named, where they are meant for this run: the only one, or that of their facts."""
        if not self._market:
            return ()
        meant = len(self.spans) == 1 or not all(Path(path).exists() for path in paths_of(run.market))
        if not meant and all(Path(path).exists() for path in self._market):
            opened = open_market(MarketOptions.of({}, self._market), lambda *_: None)
            meant = same_market(run.market, opened.manifest())
        return self._market if meant else ()

    def _recorded(self, number: int) -> Iterator[Record | None]:
        """Gives the facts of a stream from the recording, up to where the next stream begins."""
        span = self.spans[number]
        if span.run.mode == "live":
            # Its runs tell how many facts came before them, and its recording holds the ticks.
            end = self.spans[number + 1].run.after_facts if number + 1 < len(self.spans) else None
            return iter(_known(read_lines(self._folder, span.run.after_facts, end)))
        later = [other.run.at for other in self.spans[number + 1 :] if not other.run.market.get("files")]
        earlier = any(not other.run.market.get("files") for other in self.spans[:number])
        lines = read_recording(
            self._folder, since=span.run.at if earlier else None, until=later[0] if later else None
        )  # fmt: skip
        known = _known(lines)
        if not span.piped or any(text.startswith("scan.cycle_s") for text in self._sets):
            return iter(known)
        return _with_ticks(known, self._ticks(span))

    def _ticks(self, span: Span) -> Iterator[Tick]:
        """A pipe's recording holds no ticks, which may have come from outside: those of the ledger stand for them."""
        for seq, line in self.ledger.lines(kinds=["tick"], after_seq=span.after_seq):
            record = decode(line)
            if seq <= span.last_seq and isinstance(record, Tick):
                yield unscanned(record)


def _spans(ledger: Ledger) -> list[Span]:
    runs = all_runs(ledger)
    if any(run.market == UNNAMED for _, run in runs):
        raise LedgerError(
            f"{ledger.path} was filled by a pipe without a run record, which may have begun at any stage: "
            "begin the pipe with hot scan, and it can be replayed"
        )
    last_ticks = _last_ticks(ledger, runs)
    found: list[Span] = []
    for seq, run in runs:
        if run.mode == "live":
            goes_on = bool(found) and not go_on(found[-1].runs[-1], run)
        else:
            goes_on = run.at > 0 and not run.market.get("files") and run.at > last_ticks.get(seq, run.at)
        if found and same_market(found[-1].runs[-1].market, run.market) and not goes_on:
            found[-1].runs.append(run)
            continue
        if found:
            found[-1] = found[-1]._replace(last_seq=seq - 1)
        found.append(Span([run], seq, ledger.head.seq))
    return found


def _last_ticks(ledger: Ledger, runs: Sequence[tuple[int, Run]]) -> dict[int, int]:
    """Gives the time of the last tick before each run of a pipe's stream: one that begins after it is another one."""
    rows = [seq for seq, run in runs[1:] if run.at > 0 and not run.market.get("files")]
    found: dict[int, int] = {}
    if not rows:
        return found
    waiting = iter(rows)
    due, last = next(waiting, None), None
    for seq, line in ledger.lines(kinds=["tick"]):
        while due is not None and seq > due:
            if last is not None:
                found[due] = at_of(last)
            due = next(waiting, None)
        last = line
    while due is not None and last is not None:
        found[due] = at_of(last)
        due = next(waiting, None)
    return found


def _options(paths: Sequence[str], runs: Sequence[Run]) -> MarketOptions:
    """Gives what of the market its runs saw: from where the first began to where the longest was to end."""
    first, last = runs[0].market.get("only", {}), runs[-1].market
    untils = [run.market.get("only", {}).get("until_ms") for run in runs]
    until = None if None in untils else max(untils)
    return MarketOptions.of(last, paths)._replace(since_ms=first.get("since_ms"), until_ms=until)


def _check_recording(ledger: Ledger, folder: Path) -> None:
    """Raises DirtyInput for a chunk that is gone, or pruned, or not the one whose hash stands in the chain."""
    known = {chunk.chunk: chunk for chunk in read_index(folder)}
    for name, closed in known.items():
        if closed.pruned:
            raise DirtyInput(f"{folder / name}: it was pruned, so its facts cannot be thought over any more")
    for seq, line in ledger.lines(kinds=["recording"]):
        record = decode(line)
        if not isinstance(record, Recording):
            continue
        chunk = known.get(record.chunk)
        if chunk is None:
            raise DirtyInput(f"{folder / record.chunk}: row {seq} of the ledger names this chunk, and it is gone")
        if chunk.sha256 != record.sha256:
            raise DirtyInput(
                f"{folder / record.chunk}: its sha256 is {chunk.sha256[:16]}, row {seq} of the ledger says "
                f"{record.sha256[:16]}"
            )


def shown(entries: Iterable[Entry]) -> Iterator[Record | None]:
    """Gives what stages are shown of a market, None for an entry that they are not."""
    for entry in entries:
        yield entry.record if entry.record is not None and entry.record.kind not in PASSED_OVER else None


def _known(lines: Iterable[bytes]) -> Iterator[Record]:
    """Gives the facts among the lines of a recording."""
    for fact in recall_each(lines):
        if type(fact) is Ticker or fact.kind in FACTS or fact.kind == "tick":
            yield fact


def _with_ticks(facts: Iterator[Record], ticks: Iterator[Tick]) -> Iterator[Record]:
    due = next(ticks, None)
    for fact in facts:
        while due is not None and fact.at > due.at:
            yield due
            due = next(ticks, None)
        yield fact
    while due is not None:
        yield due
        due = next(ticks, None)
