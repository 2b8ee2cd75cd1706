"""The trail of one symbol at one time: what the ledger says of its cycle, and the figures behind a quiet one."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from engine.errors import HotError, Refused
from engine.ledger.ledger import Ledger
from engine.records.base import Record, figure
from engine.records.desk import Run
from engine.records.ideas import Cycle
from engine.records.market import Tick
from engine.records.trades import Intent, OrderAttempt, Position
from engine.records.wire import decode
from engine.runs import settings as settings_of
from engine.runs.history import all_runs
from engine.runs.market import MarketOptions, open_market
from engine.stages.coins import Coin
from engine.stages.intake import Intake
from engine.stages.scan import Scan
from engine.world.recording import folder_of


class Trail(NamedTuple):
    """What is known of a symbol at a cycle: its code, the records of it, what came of a trade, and scan figures."""

    symbol: str
    at: int
    code: str
    records: list[Record]
    outcome: list[Record]
    figures: dict[str, Any]
    note: str


def trail_of(path: Path, symbol: str, at: int) -> Trail:
    """Gives the trail of a symbol in the last cycle at or before `at` (ms); raises Refused where there is none."""
    with Ledger.read(path) as ledger:
        cycle = _cycle(ledger, symbol, at)
        if cycle is None:
            raise Refused(f"{symbol} was not scanned in any cycle up to then in {path}: hot status shows what there is")
        code = next(code for code, symbols in cycle.codes.items() if symbol in symbols)
        records = _records(ledger, symbol, cycle.at)
        outcome = _outcome(ledger, symbol, cycle.at, records)
        runs = all_runs(ledger)
    figures: dict[str, Any] = {}
    note = ""
    if not any(record.kind == "candidate_snapshot" for record in records) and runs:
        figures, note = _figures(runs[-1][1], path, symbol, cycle.at)
    return Trail(symbol, cycle.at, code, records, outcome, figures, note)


def _cycle(ledger: Ledger, symbol: str, at: int) -> Cycle | None:
    found: Cycle | None = None
    # Cycles are a minute or so apart: a day back finds the last one, else the whole ledger is looked through.
    for since in (at - 86_400_000, None):
        for _, line in ledger.lines(kinds=["cycle"], since=since, until=at + 1):
            record = decode(line)
            if isinstance(record, Cycle) and any(symbol in symbols for symbols in record.codes.values()):
                found = record
        if found is not None:
            return found
    return None


def _records(ledger: Ledger, symbol: str, at: int) -> list[Record]:
    found = [decode(line) for _, line in ledger.lines(since=at, until=at + 1, symbol=symbol)]
    return [record for record in found if record is not None]


def _outcome(ledger: Ledger, symbol: str, at: int, records: list[Record]) -> list[Record]:
    """Gives what came after an entry: its fills and exits, until the position closed."""
    if not any(isinstance(r, Intent) or (isinstance(r, OrderAttempt) and r.purpose == "entry") for r in records):
        return []
    found: list[Record] = []
    kinds = ["order_attempt", "order_result", "fill", "funding_payment", "position"]
    for _, line in ledger.lines(kinds=kinds, since=at + 1, symbol=symbol):
        record = decode(line)
        if record is None:
            continue
        found.append(record)
        if isinstance(record, Position) and record.status == "closed":
            break
    return found


def _figures(run: Run, ledger: Path, symbol: str, at: int) -> tuple[dict[str, Any], str]:
    """Computes the scan's figures of a symbol again, from the files of the manifest or the recording of a stream."""
    facts = () if run.market.get("files") else (str(folder_of(ledger)),)
    try:
        return _scan_again(run, facts, symbol, at), ""
    except HotError as error:
        return {}, f"the figures cannot be computed again: {error}"


def _scan_again(run: Run, paths: Sequence[str], symbol: str, at: int) -> dict[str, Any]:
    settings = settings_of.load(base=run.settings)
    options = MarketOptions.of(run.market, paths)._replace(symbols=(symbol,), until_ms=at + 1)
    market = open_market(options, lambda name, number, reason: None)
    intake, scan = Intake(settings.scan.cycle_s, market.snapshot), Scan(settings.scan, settings.heat)
    for entry in market.source.facts():
        if entry.record is None or entry.record.at > at:
            continue
        for made in intake.before(entry.record):
            scan.take(made)
        scan.take(entry.record)
    scan.take(Tick(at=at))
    coin = scan.state.market.coins.get(symbol)
    return _of_coin(coin, settings.scan) if coin is not None else {}


def _of_coin(coin: Coin, limits: Any) -> dict[str, Any]:
    window = coin.window
    figures: dict[str, Any] = {"price": coin.text, "trading": coin.trading, "quote_asset": coin.quote}
    if window is None:
        return {**figures, "windows": "none: the candles are too coarse" if coin.coarse else "none"}
    hours = window.count * window.step_s / 3600
    return {
        **figures,
        "hours_seen": figure(hours, 2),
        "change_5m_pct": figure(window.change_pct),
        "change_5m_limit_pct": limits.anomaly_change_pct,
        "volume_surge": figure(window.surge),
        "volume_surge_limit": limits.anomaly_surge,
        "quote_volume_24h": figure(window.day_volume, 2),
        "quote_volume_24h_limit": limits.min_quote_volume_24h,
        "change_1h_pct": figure(window.change_long_pct),
    }


def as_rows(trail: Trail) -> Mapping[str, Any]:
    """Gives a trail as one plain JSON object."""
    from engine.records.ideas import plain

    return {
        "symbol": trail.symbol, "at": trail.at, "code": trail.code, "figures": trail.figures, "note": trail.note,
        "records": [plain(record) for record in trail.records], "outcome": [plain(record) for record in trail.outcome],
    }  # fmt: skip
