"""One trial of a sweep: a backtest whose market is loaded once a process, and what is kept of it."""

import gc
import threading
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

from engine.errors import ConfigError
from engine.matching.units import from_e8, plain
from engine.plugs import Entry
from engine.records.base import Record, figure
from engine.runs.backtest.account import HOUR_MS, HOURLY, Account, performance_of, returns
from engine.runs.backtest.backtest import fastest
from engine.runs.backtest.outcome import Marks
from engine.runs.manifest import make_run
from engine.runs.market import Market, MarketOptions, is_store, open_market
from engine.runs.settings import Settings, load
from engine.stages.report import Fold

#: A market of more facts than this is read anew by each trial; one fact takes about half a kilobyte of memory.
MOST_FACTS = 2_000_000


class Job(NamedTuple):
    """What a worker needs: the market, by what it must be known, and the settings as plain JSON values."""

    market: MarketOptions
    market_hash: str
    settings: Mapping[str, Any]


class Outcome(NamedTuple):
    """What is kept of a trial.

    `figures` are those that `hot backtest` gives. `returns` are of the hours from `first_hour` (hours since the epoch)
    on; `trades` holds the closing time in ms and the profit of each; `skipped` counts bad lines of the market.
    """

    figures: dict[str, Any]
    first_hour: int
    returns: list[float]
    trades: list[tuple[int, float]]
    skipped: int


class _Loaded(NamedTuple):
    job: tuple[MarketOptions, str]
    market: Market
    skipped: int


_lock = threading.Lock()
_loaded: _Loaded | None = None


def run_trial(job: Job) -> Outcome:
    """Plays the market once; raises what the settings, the strategy or the market raise."""
    used = load(base=job.settings)
    market, skipped = _market(job)
    tally = Tally(used, market)
    under_way, _ = fastest(used, market, tally)
    for _ in under_way.play():
        pass
    return tally.outcome(skipped)


def _market(job: Job) -> tuple[Market, int]:
    """Gives the market, from memory where this process has it."""
    global _loaded
    with _lock:
        if _loaded is None or _loaded.job != job[:2]:
            _loaded = None  # before the next one is loaded, or both would be in memory
            _loaded = _load(job)
        return _loaded.market, _loaded.skipped


def _load(job: Job) -> _Loaded:
    bad: list[int] = []
    market = open_market(job.market, lambda name, line, reason: bad.append(line))
    if hash_of(market) != job.market_hash:
        raise ConfigError(
            f"{' and '.join(job.market.paths)}: this worker finds other facts there than the sweep was started with"
        )
    if is_store(job.market.path) and not job.market.more and job.market.posts is None:
        return _Loaded(job[:2], market, len(market.broken))  # its columns are mapped into memory
    # What no stage looks at need not stay: the lines themselves.
    kept = [Entry(entry.record, None) for entry in islice(market.source.facts(), MOST_FACTS + 1)]
    if len(kept) <= MOST_FACTS:
        market = market._replace(source=Kept(kept, market.manifest()))
        # They live as long as the process: the collector need not walk over them again and again.
        gc.freeze()
    return _Loaded(job[:2], market, len(bad))


def hash_of(market: Market) -> str:
    """Gives a hash of a market's facts, whatever its path: of its files' hashes, and of what is wanted of them."""
    import hashlib

    import msgspec

    named = market.manifest()
    facts = [one["sha256"] for one in named["files"]] if named.get("files") else {**named, "path": ""}
    only = named.get("only")
    if only is not None and "posts" in only:
        only = {**only, "posts": {**only["posts"], "path": ""}}
    content = [facts, only, market.snapshot_name]
    return hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()


class Kept:
    """A source in memory."""

    def __init__(self, entries: list[Entry], manifest: dict[str, Any]) -> None:
        """Takes the facts, and how they are named."""
        self._entries, self._manifest = entries, manifest

    def facts(self) -> Iterator[Entry]:
        """Gives the facts."""
        return iter(self._entries)

    def manifest(self) -> dict[str, Any]:
        """Gives the manifest of the source they came from."""
        return self._manifest


class Tally:
    """Listens to a backtest and keeps only what its figures need."""

    wants = frozenset({"fill", "position", "funding_payment"})

    def __init__(self, settings: Settings, market: Market) -> None:
        """Starts with the run record."""
        self._fold = Fold()
        self._fold.take(make_run(settings, market.manifest()))
        self._account = Account(lambda mark: None)

    def hear(self, record: Record) -> None:
        """Takes a record; others than those it wants change no figure."""
        if record.kind in self.wants:
            self._fold.take(record)

    def mark(self, marks: Marks) -> None:
        """Takes the account at ticks."""
        for mark in marks.rows():
            self._account.mark(mark)

    def outcome(self, skipped: int) -> Outcome:
        """Gives what is kept."""
        self._account.end()
        rows, curve, report = self._account.rows, self._account.curve, self._fold.report()
        sums, start = report.summary, report.equity.start
        end = from_e8(rows[-1].equity_e8) if rows else start
        risk = performance_of(rows, curve.drawdown_pct or 0.0)
        figures = {
            "trades": sums.trades, "net_profit": plain(sums.net_profit), "win_rate_pct": sums.win_rate_pct,
            "profit_factor": sums.profit_factor, "end_equity": plain(end),
            "return_pct": figure(float(end / start - 1) * 100.0) if start > 0 else None,
            "max_drawdown_pct": curve.drawdown_pct, "sharpe": risk["sharpe"], "sortino": risk["sortino"],
            "calmar": risk["calmar"],
        }  # fmt: skip
        trades = [(trade.closed_at, float(trade.pnl)) for trade in report.trades]
        return Outcome(figures, rows[0].at // HOUR_MS if rows else 0, returns(rows, HOURLY), trades, skipped)
