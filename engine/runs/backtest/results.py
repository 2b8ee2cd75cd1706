"""The results of a backtest: a folder with its decisions, trades, equity, summary, page and manifest."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, Any

import msgspec

from engine.errors import ConfigError, HotError, UsageError
from engine.records.base import Record
from engine.records.desk import End, Run
from engine.records.ideas import CandidateSnapshot
from engine.records.wire import COMPARED, decode, encode
from engine.runs.backtest.account import Account, row_of, with_curve
from engine.runs.backtest.heat import HeatAhead
from engine.runs.backtest.outcome import Marks, Result
from engine.runs.backtest.outcome import Path as Route
from engine.runs.backtest.summary import summary_of
from engine.runs.data import data_dir
from engine.runs.manifest import make_run
from engine.runs.market import Market
from engine.runs.reporting.plain import as_plain
from engine.runs.settings import Settings
from engine.stages.report import Fold
from engine.stages.report_shape import Report
from engine.world.imports.lines import numbered_lines
from engine.world.imports.unpack import pieces

DECISIONS, EQUITY, TRADES = "decisions.jsonl.zst", "equity.jsonl", "trades.jsonl"
SUMMARY, PAGE, MANIFEST, LOOKAHEAD = "summary.json", "report.html", "manifest.json", "lookahead.jsonl"
FILES = (DECISIONS, EQUITY, TRADES, SUMMARY, PAGE, MANIFEST, LOOKAHEAD)
#: Figures of decisions that are no records when the market is played in blocks.
UNRECORDED = ("refusals", "refusals_by_filter_or_rule", "heat_ahead")
#: Kinds that stand in the decisions whole, however the market is played.
DEEDS = frozenset({"intent", "order_attempt", "order_result", "fill", "position", "state_change"})
#: What a manifest of ours opens with.
KIND = "backtest"
#: The columns of `hot trades --jsonl`.
TRADE = (
    "closed_at", "symbol", "strategy", "opened_at", "hold_s", "qty", "entry_price", "exit_price", "pnl", "return_pct",
    "fees", "funding", "heat", "reasons", "ambiguous", "dust", "venue", "known_at",
)  # fmt: skip
_WRITE_BYTES = 1 << 18
_compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def fresh_folder() -> Path:
    """Gives the path of a new results folder in the data folder: the first free number."""
    number = 1
    while (path := data_dir() / f"{KIND}-{number:04d}").exists():
        number += 1
    return path


def claim(folder: Path) -> None:
    """Makes a results folder, or empties one that is there; raises UsageError for a folder that holds anything else."""
    try:
        if folder.exists() and not is_results(folder) and (not folder.is_dir() or any(folder.iterdir())):
            raise UsageError(f"--out {folder}: it is there and holds no results of a backtest; name another folder")
        folder.mkdir(parents=True, exist_ok=True)
        for name in FILES:
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise ConfigError(f"{folder}: the results folder cannot be made ({error.strerror})") from None


def is_results(folder: Path) -> bool:
    """Says whether a folder holds the results of a backtest."""
    try:
        found = json.loads((folder / MANIFEST).read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and found.get("kind") == KIND


def is_whole(path: Path) -> bool:
    """Says whether all decisions stand in a results folder: not in one whose market was played in blocks."""
    manifest: dict[str, Any] = json.loads((path / MANIFEST).read_bytes())
    return manifest.get("path") != "blocks"


def run_of(folder: Path) -> Run | None:
    """Gives the run record of a results folder: settings and market; None where it is none, or cannot be read."""
    if not is_results(folder):
        return None
    try:
        _, line = next(numbered_lines(pieces(folder / DECISIONS)))
        run = decode(line) if line is not None else None
    except (HotError, StopIteration):
        return None
    return run if isinstance(run, Run) else None


class Results:
    """Listens to a backtest, writes decisions and equity as they come, and the rest at the end.

    A folder whose backtest was killed has a manifest that says that it is not complete, and no summary.
    """

    def __init__(self, folder: Path, settings: Settings, market: Market, seed: int) -> None:
        """Claims the folder; raises UsageError and ConfigError."""
        self.folder, self._settings = folder, settings
        #: How the market is played; set before it is.
        self.path: Route = "records"
        self.run = make_run(settings, market.manifest(), rules_snapshot=market.snapshot_name, seed=seed)
        claim(folder)
        self._json(MANIFEST, self._manifest(None, 0))
        self._gaps = market.gaps
        self._decisions = Zipped(folder / DECISIONS)
        self._equity = (folder / EQUITY).open("w", encoding="utf-8")
        self._fold = Fold()
        self._fold.take(self.run)
        self._held = self._fold.blotter.open
        self._heat = HeatAhead()
        self._account = Account(lambda mark: self._line(self._equity, row_of(mark)))
        self._kinds: Counter[str] = Counter()
        self._decisions.write(encode(self.run))

    def hear(self, record: Record) -> None:
        """Takes a record: a decision is kept and counted, a fact only looked at for its price."""
        kind = record.kind
        self._kinds[kind] += 1
        if kind not in COMPARED:
            self._heat.price(record)
            return
        self._decisions.write(encode(record))
        # Most candidates are of coins that nobody holds: they change no figure.
        if kind != "candidate" or self._held:
            self._fold.take(record)
        if isinstance(record, CandidateSnapshot):
            self._heat.ranked(record)

    def mark(self, marks: Marks) -> None:
        """Takes the account at ticks."""
        for mark in marks.rows():
            self._account.mark(mark)

    def finish(self, result: Result, skipped: int) -> tuple[Report, dict[str, Any]]:
        """Writes what is left; gives the report and the summary. `skipped` counts the market's bad lines."""
        self._account.end()
        end = End(
            at=result.reached, stage="backtest", records=sum(self._kinds.values()), skipped=skipped,
            complete=result.complete,
        )  # fmt: skip
        self._decisions.write(encode(end))
        report = self._report(result)
        summary = summary_of(report, result, self._account.rows, self._heat.plain(), self._kinds)
        summary["gaps"] = self._gaps()._asdict()
        if self.path == "blocks":
            summary = {**summary, **dict.fromkeys(UNRECORDED)}
        with (self.folder / TRADES).open("w", encoding="utf-8") as file:
            for row in trade_rows(report):
                self._line(file, row)
        self._json(SUMMARY, summary)
        self._page(report, summary)
        self._close()
        self._json(MANIFEST, self._manifest(result, skipped))
        return report, summary

    def __enter__(self) -> "Results":
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def _close(self) -> None:
        """Ends the files that are written as decisions come, so that what was done can be read."""
        try:
            self._decisions.close()
        finally:
            self._equity.close()

    def _report(self, result: Result) -> Report:
        """Gives the report of all decisions, with prices and equity as the desk marked them at the last tick."""
        prices = {one.symbol: (one.marked, one.marked_at) for one in result.held}
        self._fold.price({key: prices[key[1]] for key in self._held if key[1] in prices})
        report = self._fold.report()
        # In blocks a cycle in which nothing happened is no record.
        cycles = msgspec.structs.replace(report.cycles, count=result.cycles)
        report = msgspec.structs.replace(report, cycles=cycles)
        if not self._account.rows:
            return report
        return msgspec.structs.replace(report, equity=with_curve(report.equity, self._account.curve))

    def _page(self, report: Report, summary: Mapping[str, Any]) -> None:
        from engine.runs.backtest.page import sections
        from engine.runs.reporting.page import write_page

        write_page(report, self.folder / PAGE, "Backtest", sections(summary), whole=self.path == "records")

    def _manifest(self, result: Result | None, skipped: int) -> dict[str, Any]:
        """Gives what was run over which facts; nothing in it tells when, so the same backtest gives the same bytes."""
        run = self.run
        return {
            "kind": KIND, "path": self.path, "complete": result is not None and result.complete,
            "reached_at": (result.reached or None) if result is not None else None, "run_id": run.run_id,
            "version": run.version, "platform": run.platform, "seed": run.seed, "market": run.market,
            "data_hash": data_hash(run), "rules_snapshot": run.rules_snapshot, "settings_hash": run.settings_hash,
            "settings": run.settings,
            "counts": {
                "facts": result.facts, "cycles": result.cycles, "skipped_lines": skipped,
                **self._gaps()._asdict(),
                "records": dict(sorted(self._kinds.items())),
            } if result is not None else None,
        }  # fmt: skip

    def _json(self, name: str, value: Any) -> None:
        (self.folder / name).write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")

    def _line(self, file: IO[str], row: Mapping[str, Any]) -> None:
        file.write(_compact(row) + "\n")

    def write_lookahead(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Adds what a check for look-ahead found."""
        with (self.folder / LOOKAHEAD).open("w", encoding="utf-8") as file:
            for row in rows:
                self._line(file, row)


def trade_rows(report: Report) -> list[dict[str, Any]]:
    """Gives closed trades as `hot trades --jsonl` does, oldest first."""
    rows = [{**row, "reasons": "+".join(row["reasons"])} for row in as_plain(report.trades)]
    return [{name: row[name] for name in TRADE} for row in rows]


def data_hash(run: Run) -> str | None:
    """Gives one sha256 over those of the market's files; None for a stream, which has none."""
    files = run.market.get("files")
    if not files:
        return None
    return hashlib.sha256(msgspec.json.encode([one["sha256"] for one in files])).hexdigest()


class Zipped:
    """A file of lines, compressed with zstd."""

    def __init__(self, path: Path) -> None:
        """Makes the file anew."""
        import zstandard

        self._file = path.open("wb")
        self._frame = zstandard.ZstdCompressor(write_checksum=True).stream_writer(self._file)
        self._parts: list[bytes] = []
        self._size = 0

    def write(self, line: bytes) -> None:
        """Adds a line."""
        self._parts.append(line)
        self._size += len(line)
        if self._size > _WRITE_BYTES:
            self._flush()

    def _flush(self) -> None:
        if self._parts:
            self._frame.write(b"\n".join(self._parts) + b"\n")
            self._parts, self._size = [], 0

    def close(self) -> None:
        """Ends the file; a second time does nothing."""
        if not self._file.closed:
            self._flush()
            self._frame.close()  # type: ignore[no-untyped-call] # zstandard's stubs leave it out
