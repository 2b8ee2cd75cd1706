"""hot status: engine state, risk, pool, positions and precheck statistics."""

import json
from typing import TYPE_CHECKING, Any

import typer

from cli import options
from cli.show import safe, say, table, write
from engine.errors import Exit

if TYPE_CHECKING:
    from engine.runs.account_now import AccountNow
    from engine.runs.reporting.status import EngineNow, Process, RiskNow, Standing

app = typer.Typer(add_completion=False)


@app.command()
def status(
    ledger: options.LedgerThere = None,
    check: bool = typer.Option(False, "--check", help="Exit 3 when the engine is degraded or blocked."),
    json_: options.Json = False,
) -> None:
    """Tell where the trading of a ledger stands: engine state and reason with the way back, risk, the run that writes
    it and how long its cycles take, the pool of the last cycle, its signals, open positions, precheck statistics of the
    day, recent alerts and anomalies.

    Reads a ledger (the newest of the data folder when none is named). With --check it exits 0 when entries are allowed
    and 3 when they are not, for scripts and monitors.

    Example: hot status --ledger paper.db --check --json | jq .engine
    """
    from engine.runs.reporting.plain import as_plain
    from engine.runs.reporting.reporting import ledger_or_newest
    from engine.runs.reporting.status import standing_of

    standing = standing_of(ledger_or_newest(ledger, say))
    if json_:
        write(json.dumps(as_plain(standing), ensure_ascii=False, indent=2) + "\n")
    else:
        write(told(standing))
    raise typer.Exit(Exit.REFUSED if check and standing.engine.state != "tradeable" else Exit.OK)


def told(standing: "Standing") -> str:
    """Gives where things stand as text for people."""
    from engine.runs.reporting.text import moment

    pool = ", ".join(f"{count} {name}" for name, count in standing.pool.by_status.items()) or "empty"
    lines = [
        f"mode       {standing.mode}",
        f"engine     {_engine(standing.engine)}",
        *_account(standing.account),
        *(f"pending    {one} (in force from the next tick)" for one in standing.pending),
        f"risk       {_risk(standing.risk)}",
        f"last tick  {_ascii(moment(standing.last_tick_at))} UTC" if standing.last_tick_at else "last tick  none yet",
        f"run        {_process(standing.process)}",
        *([f"cycles     {standing.cycle_ms}"] if standing.cycle_ms is not None else []),
        f"pool       {pool}",
    ]
    if standing.pool.hot:
        lines.append(f"hot        {', '.join(standing.pool.hot)}")
    parts = ["\n".join(safe(line) for line in lines) + "\n"]
    for title, rows in _sections(standing):
        if rows:
            parts.append(f"{title}\n{table(rows)}")
    return "\n".join(parts)


def _sections(standing: "Standing") -> list[tuple[str, list[dict[str, Any]]]]:
    from cli.commands.trades import flat
    from engine.runs.reporting.plain import as_plain
    from engine.runs.reporting.text import moment

    names = ("symbol", "held", "qty", "entry_price", "price", "unrealised", "unrealised_pct")
    held = [flat(row) for row in as_plain(standing.open_positions)]
    precheck, share = standing.precheck, standing.precheck_failure_pct
    total = f"{precheck.total} refused this day" + (f", {share:.1f} % of those judged" if share is not None else "")
    return [
        ("Open positions", [{name: row[name] for name in names} for row in held]),
        ("Signals of the last cycle", list(standing.signals)),
        (f"Precheck: {total}", _counts(precheck.by_code, "code")),
        ("Precheck by filter and rule", _counts(precheck.by_precheck_code, "precheck_code")),
        ("Precheck by symbol", _counts(precheck.by_symbol, "symbol")),
        ("Recent alerts", [{**row, "at": moment(row["at"])} for row in standing.alerts]),
        ("Recent anomalies", [{**row, "at": moment(row["at"])} for row in standing.anomalies]),
    ]


def _account(account: "AccountNow | None") -> list[str]:
    """Gives what only an account has, as it stood at the last commit."""
    if account is None:
        return []
    return [
        *(f"condition  {one}" for one in account.conditions),
        f"in doubt   {', '.join(account.in_doubt) or 'no order'}",
        f"no stop    {', '.join(account.unprotected) or 'every position has one at the exchange'}",
        *([f"stuck      {', '.join(account.stuck)}: not traded now"] if account.stuck else []),
        *([f"watched    {', '.join(account.by_program)}: sold by this program alone"] if account.by_program else []),
        *([f"bound      {', '.join(account.bound)}: in sell orders of others, under no stop"] if account.bound else []),
        *([f"dust       {', '.join(account.dust)}: sold with the next position"] if account.dust else []),
    ]


def _engine(engine: "EngineNow") -> str:
    from engine.runs.reporting.text import moment

    if engine.state == "tradeable":
        return "tradeable"
    since = f" since {moment(engine.since)} UTC" if engine.since is not None else ""
    until = f" until {moment(engine.until)} UTC" if engine.until is not None else ""
    why = f"{engine.reason}: {engine.operator_reason}" if engine.operator_reason else engine.reason
    return f"{engine.state} ({why}){since}{until}; way back: {engine.way_back}"


def _risk(risk: "RiskNow") -> str:
    parts = [risk.level]
    if risk.value is not None:
        parts.append(f"{risk.reason} was {risk.value:.2f} % at its last change")
    parts.append(f"equity {float(risk.equity):.2f}")
    if risk.day_loss_pct is not None:
        parts.append(f"day loss {risk.day_loss_pct:.2f} %")
    if risk.day_drawdown_pct is not None:
        parts.append(f"{-risk.day_drawdown_pct:.2f} % below the day's highest")
    return ", ".join(parts)


def _process(process: "Process") -> str:
    from engine.runs.reporting.text import moment

    if process.alive:
        beat = f", heartbeat {moment(process.heartbeat_at)} UTC" if process.heartbeat_at is not None else ""
        return f"alive, pid {process.pid}, since {moment(process.started_at)} UTC{beat}"
    if process.pid is None:
        return "none alive"
    return f"none alive; the last one was pid {process.pid}, started {moment(process.started_at)} UTC"


def _counts(counts: dict[str, int], name: str) -> list[dict[str, Any]]:
    return [{name: key, "times": count} for key, count in counts.items()]


def _ascii(text: str) -> str:
    return text.replace("–", "-")
