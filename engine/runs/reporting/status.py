"""Where things stand: engine state with its way back, risk, pool, signals, positions, prechecks, and the run itself."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from engine.ledger.lease import lease_holder
from engine.ledger.ledger import Ledger
from engine.records.base import Record
from engine.records.desk import Alert, Operator
from engine.records.ideas import Anomaly, Candidate, SignalSnapshot
from engine.records.trades import StateChange
from engine.records.wire import decode
from engine.runs.account_now import ACCOUNT_NOTE, AccountNow
from engine.runs.latency import Latency, latency_of
from engine.runs.reporting.reporting import last_day, report_of
from engine.runs.reporting.ways_back import way_back
from engine.runs.waiting import WAITS_NOTE
from engine.stages.report_shape import Report
from engine.stages.report_tallies import Counted
from engine.stages.report_trades import OpenPosition, share_pct

_ANOMALIES = _ALERTS = 10
_TOP = 10
_HOUR_MS = 3_600_000


class EngineNow(msgspec.Struct, frozen=True, kw_only=True):
    """The engine's state as it was last told, why, since when, until when where that is known, and the way back."""

    state: str = "tradeable"
    reason: str = ""
    operator_reason: str = ""
    since: int | None = None
    until: int | None = None
    way_back: str = ""


class RiskNow(msgspec.Struct, frozen=True, kw_only=True):
    """The risk level, and the value and limit that its last change told; losses of this UTC day, from the records.

    `day_loss_pct` is the fall of equity since the day began, `day_drawdown_pct` that below the day's highest.
    """

    level: str = "L0"
    reason: str = ""
    value: float | None = None
    limit: float | None = None
    since: int | None = None
    equity: str = "0"
    day_loss_pct: float | None = None
    day_drawdown_pct: float | None = None


class Process(msgspec.Struct, frozen=True, kw_only=True):
    """The run that writes the ledger: alive when it holds the lease; wall-clock times in epoch ms."""

    alive: bool
    pid: int | None = None
    started_at: int | None = None
    heartbeat_at: int | None = None
    progress: str = ""


class Pool(msgspec.Struct, frozen=True, kw_only=True):
    """The candidates of the last cycle: how many of each status, and which are hot."""

    by_status: dict[str, int]
    hot: tuple[str, ...]


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Where a ledger's trading stands. `precheck` counts the UTC day of the last tick; `pending` awaits the next.

    `cycle_ms` tells how long the cycles of the last run took.
    """

    ledger: str
    mode: str
    last_tick_at: int | None
    engine: EngineNow
    pending: tuple[str, ...]
    risk: RiskNow
    process: Process
    pool: Pool
    signals: tuple[dict[str, Any], ...]
    open_positions: tuple[OpenPosition, ...]
    precheck: Counted
    precheck_failure_pct: float | None
    anomalies: tuple[dict[str, Any], ...]
    alerts: tuple[dict[str, Any], ...]
    account: AccountNow | None = None
    cycle_ms: Latency | None = None


def standing_of(path: Path) -> Standing:
    """Gives where the trading of a ledger stands; raises LedgerError for a file that is none."""
    day = report_of(path, *last_day(path))
    with Ledger.read(path) as ledger:
        last = ledger.last_tick()
        at = last[1] if last is not None else None
        changes = [one for one in _all(ledger, "state_change") if isinstance(one, StateChange)]
        operators = [one for one in _all(ledger, "operator") if isinstance(one, Operator)]
        return Standing(
            ledger=str(path), mode=ledger.stamp.mode, last_tick_at=at,
            engine=_waiting(path, ledger.notes()) or _engine(changes, operators),
            pending=tuple(f"{one.action}: {one.reason}" if one.reason else one.action
                          for one in ledger.pending_requests()),
            risk=_risk(changes, day), process=_process(path, ledger.notes()), pool=_pool(ledger, at),
            signals=_signals(ledger, at), open_positions=day.open_positions, precheck=_top(day.precheck),
            precheck_failure_pct=day.health.precheck_failure_pct, anomalies=_anomalies(ledger, at),
            alerts=_alerts(ledger), account=_account(ledger), cycle_ms=latency_of(ledger),
        )  # fmt: skip


def _all(ledger: Ledger, kind: str, since: int | None = None, until: int | None = None) -> list[Record]:
    found = (decode(line) for _, line in ledger.lines(kinds=[kind], since=since, until=until))
    return [record for record in found if record is not None]


def _engine(changes: list[StateChange], operators: list[Operator]) -> EngineNow:
    last = next((change for change in reversed(changes) if change.scope == "engine"), None)
    if last is None:
        return EngineNow()
    state, _, reason = last.now.rstrip(")").partition("(")
    if state == "tradeable":
        return EngineNow(state=state, since=last.at)
    halted = operators[-1].reason if reason == "operator" and operators else ""
    return EngineNow(
        state=state, reason=reason, operator_reason=halted, since=last.at, until=last.until,
        way_back=way_back(reason),
    )  # fmt: skip


def _waiting(path: Path, notes: Mapping[str, str]) -> EngineNow | None:
    """Gives the state of a daemon that waits for its venue; None where there is none."""
    waits = notes.get(WAITS_NOTE, "")
    if not waits or lease_holder(path) is None:
        return None
    return EngineNow(
        state="blocked", reason="recovering", operator_reason=waits, way_back="by itself, when the exchange answers"
    )


def _risk(changes: list[StateChange], day: Report) -> RiskNow:
    last = next((change for change in reversed(changes) if change.scope == "risk"), None)
    money = day.equity
    told = {
        "equity": f"{money.end:f}", "day_loss_pct": share_pct(max(money.start - money.end, money.end * 0), money.start),
        "day_drawdown_pct": money.drawdown_pct,
    }  # fmt: skip
    if last is None:
        return RiskNow(**told)  # type: ignore[arg-type]
    return RiskNow(
        level=last.now, reason=last.reason, value=last.value, limit=last.limit, since=last.at,
        **told,  # type: ignore[arg-type]
    )  # fmt: skip


def _process(path: Path, notes: Mapping[str, str]) -> Process:
    holder = lease_holder(path)
    beat = notes.get("heartbeat", "")
    heard = int(beat) if beat.isdigit() else None
    if holder is not None:
        return Process(
            alive=True, pid=holder.pid, started_at=holder.started_ms, heartbeat_at=heard,
            progress=notes.get("progress", ""),
        )  # fmt: skip
    last = _lease(notes.get("lease", ""))
    return Process(
        alive=False, pid=last.get("pid"), started_at=last.get("started_ms"), heartbeat_at=heard,
        progress=notes.get("progress", ""),
    )  # fmt: skip


def _account(ledger: Ledger) -> AccountNow | None:
    """Gives how the account of a live ledger stood last; None on paper, and before the first commit."""
    try:
        return msgspec.json.decode(ledger.notes().get(ACCOUNT_NOTE, ""), type=AccountNow)
    except msgspec.DecodeError:
        return None


def _lease(text: str) -> dict[str, int]:
    try:
        return msgspec.json.decode(text, type=dict[str, int])
    except msgspec.DecodeError:
        return {}


def _pool(ledger: Ledger, at: int | None) -> Pool:
    if at is None:
        return Pool(by_status={}, hot=())
    members = [one for one in _all(ledger, "candidate", at, at + 1) if isinstance(one, Candidate)]
    counts: dict[str, int] = {}
    for status in ("new", "watching", "hot", "cooling", "dropped"):
        count = len([one for one in members if one.status == status])
        if count:
            counts[status] = count
    return Pool(by_status=counts, hot=tuple(sorted(one.symbol for one in members if one.status == "hot")))


def _signals(ledger: Ledger, at: int | None) -> tuple[dict[str, Any], ...]:
    if at is None:
        return ()
    return tuple(
        {"symbol": one.symbol, "rank": one.rank, "heat": one.heat, "action": one.action, "code": one.code,
         "price": one.price}
        for one in _all(ledger, "signal_snapshot", at, at + 1)
        if isinstance(one, SignalSnapshot)
    )  # fmt: skip


def _anomalies(ledger: Ledger, at: int | None) -> tuple[dict[str, Any], ...]:
    if at is None:
        return ()
    recent = [one for one in _all(ledger, "anomaly", at - _HOUR_MS, at + 1) if isinstance(one, Anomaly)]
    return tuple(
        {"at": one.at, "symbol": one.symbol, "trigger": one.trigger, "change_pct": one.change_pct,
         "volume_surge": one.volume_surge}
        for one in recent[-_ANOMALIES:]
    )  # fmt: skip


def _alerts(ledger: Ledger) -> tuple[dict[str, Any], ...]:
    """The newest ones, of any day: what went wrong last may explain what is so now."""
    found = [one for one in _all(ledger, "alert") if isinstance(one, Alert)][-_ALERTS:]
    return tuple(
        {"at": one.at, "level": one.level, "code": one.code, "symbol": one.symbol, "text": one.text} for one in found
    )


def _top(counted: Counted) -> Counted:
    def first(counts: dict[str, int]) -> dict[str, int]:
        return dict(list(counts.items())[:_TOP])

    return Counted(
        total=counted.total, by_code=first(counted.by_code), by_precheck_code=first(counted.by_precheck_code),
        by_symbol=first(counted.by_symbol),
    )  # fmt: skip
