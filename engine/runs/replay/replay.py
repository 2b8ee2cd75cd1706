"""Replay: thinks again over recorded facts, in memory, and compares with what a ledger or a file says was decided."""

from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from engine.errors import BadRecord, DirtyInput, LedgerError, UsageError
from engine.ledger.ledger import Ledger
from engine.records.base import Record
from engine.records.desk import Run
from engine.records.wire import COMPARED, at_of
from engine.runs import settings as settings_of
from engine.runs.backtest.backtest import playing
from engine.runs.backtest.outcome import Path as Route
from engine.runs.backtest.outcome import Playing, Unfit
from engine.runs.backtest.results import DEEDS, is_results, is_whole, run_of
from engine.runs.market import Market, MarketOptions, open_market
from engine.runs.pipeline import PipelineState
from engine.runs.progress import Progress
from engine.runs.replay.chain import checked
from engine.runs.replay.compare import Comparison, Difference, Tally, Wanted, groups
from engine.runs.replay.decisions import Decisions, Heard
from engine.runs.replay.file import Found, Lines, is_ledger, listed_trades
from engine.runs.replay.ledger import LedgerReplay, shown
from engine.runs.replay.manifest import Tell, desk_of, market_of, settings_in_force
from engine.runs.replay.think import ORDER, Stretch, Thinking
from engine.runs.replay.trades import Listed, TradeCheck
from engine.runs.version import VERSION

if TYPE_CHECKING:
    from engine.runs.replay.blocks import BlockReplay

Hear = Callable[[Record], None]
#: Given the runs that are thought over and the kinds that all are made of, gives who hears what is thought.
Make = Callable[[Sequence[Run], frozenset[str]], Hear]


class Verdict(NamedTuple):
    """What a replay found: how many written records were compared, how each kind did, and the first difference.

    `kinds` are those that were looked at.
    """

    compared: int
    tallies: dict[str, Tally]
    first: Difference | None
    place: str
    route: Route = "records"
    kinds: frozenset[str] = COMPARED


class Replay:
    """What is to be thought over again: a ledger, a file a pipe wrote, or a list of trades with what it is joined to.

    `sets` change settings; `market` (all its paths) and `ledger` name the facts behind a file without any, `market`
    also those of a ledger that have moved. `tell` is told what a person should know, `on_bad` each line that was
    skipped, `on_failure` of a strategy that failed; `hear` every decision that is thought, up to the last one that is
    written. `route` says whether a market is thought over fact by fact (records), over columns (blocks), or that where
    it can be (auto); `processes` how many may follow the chain of a long one.
    """

    def __init__(
        self, path: str, *, wanted: Wanted, sets: Sequence[str] = (), market: Sequence[str] = (),
        ledger: Path | None = None, config: Path | None = None, tell: Tell,
        on_bad: Callable[[str, int, str], None], on_failure: Callable[[str, str], None] | None = None,
        hear: Hear | None = None, route: str = "records", processes: int = 1,
    ) -> None:  # fmt: skip
        """Nothing is read yet."""
        self._path, self._wanted, self._sets, self._market, self._ledger = path, wanted, list(sets), market, ledger
        self._config, self._on_bad, self._on_failure, self._hear = config, on_bad, on_failure, hear
        self._outer_tell, self._told, self._route, self._processes = tell, set[str](), route, processes
        self.verdict = Verdict(0, {}, None, "")

    def span(self) -> tuple[int, int] | None:
        """Gives the first and last time of a ledger's ticks, for showing progress; None of anything else."""
        if not is_ledger(self._path):
            return None
        with Ledger.read(self._path) as ledger:
            first, last = next(ledger.lines(kinds=["tick"]), None), ledger.last_tick()
        return (at_of(first[1]), last[1]) if first is not None and last is not None else None

    def play(self) -> Iterator[Progress]:
        """Thinks, giving where it is after each cycle or block; `verdict` tells afterwards.

        Raises LedgerError for a ledger that is not what was written, UsageError, ConfigError or DirtyInput for what
        cannot be thought over, and Unfit for what cannot be in blocks.
        """
        ledger = is_ledger(self._path)
        try:
            yield from self._over_ledger() if ledger else self._over_file(Lines(self._path))
        except (BadRecord, msgspec.MsgspecError) as error:
            kind = LedgerError if ledger else DirtyInput
            raise kind(f"{self._path}: a record of it cannot be read: {error}") from None

    def _over_file(self, lines: Lines) -> Iterator[Progress]:
        listed = listed_trades(lines)
        if listed is not None:
            yield from self._over_trades(lines.name, listed)
            return
        found = Found(lines, self._on_bad)
        if found.has_facts or (found.run is not None and not found.spoken):
            yield from self._over_pipe(found)
        else:
            yield from self._over_decisions(found)

    def _tell(self, text: str) -> None:
        """Tells a thing once, however many runs it is true of."""
        if text not in self._told:
            self._told.add(text)
            self._outer_tell(text)

    def _over_ledger(self) -> Iterator[Progress]:
        comparison, path = Comparison(self._wanted), Path(self._path)
        with checked(path, self._processes) as check, Ledger.read(path) as ledger:
            if self._route == "records":
                check()
            try:
                replay = self._ledger_replay(ledger)
                blocks = self._in_blocks(replay, comparison) if self._route != "records" else None
                if blocks is None:
                    check()
                    yield from self._spans(replay, comparison, self._hear)
                else:
                    # Nobody is told anything before their end, so the chain can be followed meanwhile.
                    yield from blocks.play()
            except Exception:
                check()  # what was written by others may be the reason
                raise
            check()
        self._conclude(comparison, "row")
        if blocks is not None:
            self.verdict = self.verdict._replace(route="blocks", kinds=blocks.kinds)

    def _in_blocks(self, replay: LedgerReplay, comparison: Comparison) -> "BlockReplay | None":
        """Gives the ledger to be thought over in blocks, None where it cannot be and need not; raises Unfit."""
        from engine.runs.replay.blocks import BlockReplay

        try:
            self._check_fit()
            return BlockReplay(replay, comparison, self._on_failure)
        except Unfit as why:
            self._fact_by_fact(why)
            return None

    def _check_fit(self) -> None:
        if self._hear is not None:
            raise Unfit("candidates are to be explained")

    def _fact_by_fact(self, why: Unfit) -> None:
        """Goes on without blocks, where they need not be; raises Unfit where they were asked for."""
        if self._route == "blocks":
            raise why
        if self._route == "auto":
            self._tell(f"fact by fact, since {why}")

    def _ledger_replay(self, ledger: Ledger) -> LedgerReplay:
        return LedgerReplay(ledger, sets=self._sets, market=self._market, tell=self._tell, on_bad=self._on_bad)

    def _spans(self, replay: LedgerReplay, comparison: Comparison, hear: Hear | None) -> Iterator[Progress]:
        state: PipelineState | None = None
        for number in range(len(replay.spans)):
            thinking = self._thinking(replay.stretch(number, state), comparison, hear)
            yield from thinking.play()
            state = thinking.stages.state(thinking.facts)

    def _over_pipe(self, found: Found) -> Iterator[Progress]:
        if self._market:
            raise UsageError(f"{found.lines.name} holds its own facts; --market is for files without any")
        if not found.stages and found.run is None:
            raise DirtyInput(f"{found.lines.name}: facts, and nothing that was decided on them: see hot run --market")
        self._fact_by_fact(Unfit("its facts are lines of a file"))
        self._tell_cut(found)
        comparison = Comparison(self._wanted._replace(stages=found.stages))
        yield from self._thinking(self._piped(found), comparison, self._hear).play()
        self._conclude(comparison, "line")

    def _piped(self, found: Found) -> Stretch:
        """Gives a pipe's file as a stretch: its facts, and beside them what its stages said."""
        run = found.run
        settings = self._settings_of(run, found.lines.name)
        whole = found.end is not None and found.end.complete and found.cut_line is None
        heard_from = ORDER if "order" in found.stages else 0
        return Stretch(
            settings, {}, found.facts(), groups(found.rows()), desk_of(run) if run is not None else None, heard_from,
            whole,
        )  # fmt: skip

    def _settings_of(self, run: Run | None, name: str) -> settings_of.Settings:
        if run is None:
            self._tell(f"{name} has no run record: the settings of this folder are used, with --set over them")
            return settings_of.load(self._config, self._sets)
        if run.version != VERSION:
            self._tell(f"{name} was written by version {run.version}, this is {VERSION}")
        return settings_in_force(run, self._sets, self._tell)

    def _tell_cut(self, found: Found) -> None:
        if found.cut_line is not None:
            self._tell(f"{found.lines.name} is cut in the middle of line {found.cut_line}: compared up to there")
        elif found.end is None and found.run is not None:
            self._tell(f"{found.lines.name} ends without an end record: compared up to its last line")

    def _over_decisions(self, found: Found) -> Iterator[Progress]:
        """Decisions without facts: joined with a market or a ledger; the kinds that stand in the file are compared."""
        self._tell_cut(found)
        kinds, folder = frozenset(found.kinds) & self._wanted.kinds, Path(found.lines.name).parent
        if is_results(folder) and not is_whole(folder):
            self._tell("the backtest was played in blocks: orders, and what became of them, are compared")
            kinds &= DEEDS
        checks: list[tuple[Decisions, Comparison]] = []

        def make(runs: Sequence[Run], thought: frozenset[str]) -> Hear:
            wanted = self._wanted._replace(kinds=kinds & thought)
            comparison = Comparison(wanted)
            written = (row for row in found.rows() if wanted.wants(row.kind, row.line))
            checks.append((Decisions(written, comparison, wanted.kinds), comparison))
            return checks[0][0].hear

        in_blocks = yield from self._joined(found.lines.name, found.run, make)
        check, comparison = checks[0]
        check.compare()
        self._conclude(comparison, "line")
        if in_blocks:
            self.verdict = self.verdict._replace(route="blocks", kinds=kinds & DEEDS)

    def _over_trades(self, name: str, listed: list[Listed]) -> Iterator[Progress]:
        checks: list[TradeCheck] = []

        def make(runs: Sequence[Run], thought: frozenset[str]) -> Hear:
            checks.append(TradeCheck(name, listed, self._wanted, runs))
            return checks[0].hear

        in_blocks = yield from self._joined(name, None, make)
        check = checks[0]
        check.compare()
        if check.others:
            self._tell(f"{check.others} more were thought that {name} does not list")
        kind = "fill" if check.fills else "trade"
        tally = check.tally
        compared = tally.same + tally.changed + tally.missing
        route: Route = "blocks" if in_blocks else "records"
        self.verdict = Verdict(compared, {kind: tally}, check.first, "line", route, frozenset({kind}))

    def _joined(self, name: str, run: Run | None, make: Make) -> Generator[Progress, None, bool]:
        """Thinks over the market or the ledger that was named for a file without facts; says whether in blocks."""
        if self._market:
            opened = open_market(MarketOptions.of(run.market if run is not None else {}, self._market), self._on_bad)
            runs = [run] if run is not None else []
            return (yield from self._over_market(opened, self._settings_of(run, name), runs, make))
        if self._ledger is not None:
            self._fact_by_fact(Unfit("it is joined with a ledger"))
            with checked(self._ledger, self._processes) as check, Ledger.read(self._ledger) as ledger:
                check()
                replay = self._ledger_replay(ledger)
                hear = self._both(make([replay.spans[0].run], COMPARED))
                yield from self._spans(replay, Comparison(Wanted()), hear)
            return False
        if (own := run or run_of(Path(name).parent)) is not None and own.market.get("files"):
            opened = market_of(own, name, self._tell, self._on_bad)
            return (yield from self._over_market(opened, self._settings_of(own, name), [own], make))
        raise UsageError(f"{name} holds no facts: name what it is joined with, --ledger PATH or --market PATH")

    def _over_market(
        self, market: Market, settings: settings_of.Settings, runs: Sequence[Run], make: Make
    ) -> Generator[Progress, None, bool]:
        """Thinks a market over from its beginning; says whether in blocks."""
        heard = Heard()
        blocks = self._market_in_blocks(market, settings, heard)
        if blocks is not None:
            heard.tell = make(runs, DEEDS)
            yield from blocks.play()
            return True
        stretch = Stretch(settings, market.snapshot, shown(market.source.facts()), None)
        yield from self._thinking(stretch, Comparison(Wanted()), self._both(make(runs, COMPARED))).play()
        return False

    def _market_in_blocks(self, market: Market, settings: settings_of.Settings, heard: Heard) -> Playing | None:
        if self._route == "records":
            return None
        try:
            self._check_fit()
            return playing(settings, market, heard, "blocks", self._on_failure)
        except Unfit as why:
            self._fact_by_fact(why)
            return None

    def _both(self, check: Hear) -> Hear:
        hear = self._hear
        if hear is None:
            return check

        def both(record: Record) -> None:
            check(record)
            hear(record)

        return both

    def _thinking(self, stretch: Stretch, comparison: Comparison, hear: Hear | None) -> Thinking:
        return Thinking(stretch, comparison, hear, self._on_failure)

    def _conclude(self, comparison: Comparison, place: str) -> None:
        self.verdict = Verdict(comparison.compared, comparison.tallies, comparison.first, place)
