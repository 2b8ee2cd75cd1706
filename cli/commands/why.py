"""hot why: tell the whole trail of one symbol at one time."""

import json
import sys
from collections.abc import Callable
from typing import Any

import msgspec
import typer

from cli import options
from cli.show import safe, write
from engine.errors import UsageError
from engine.records.base import Record
from engine.records.codes import lookup
from engine.records.ideas import Anomaly, Candidate, CandidateSnapshot, ExitPlan, Refusal, SignalSnapshot
from engine.records.trades import Fill, FundingPayment, Intent, OrderAttempt, OrderResult, Position
from engine.runs.data import latest_ledger
from engine.runs.reporting.text import length
from engine.runs.trail import Trail, as_rows, trail_of

app = typer.Typer(add_completion=False)


@app.command()
def why(
    symbol: str = typer.Argument(help="The symbol, as BTCUSDT."),
    at: str = typer.Option(..., "--at", help="The time: ISO 8601 UTC or epoch ms; the last cycle up to it is told."),
    ledger: options.LedgerThere = None,
    json_: options.Json = False,
) -> None:
    """Tell the whole trail of one symbol at one time: what the scan saw, its heat, the signal and its reasons, which
    rule said no with which value and limit; for a trade also the orders, the fills and how it was left.

    Figures of a symbol that the scan passed over are computed again from the facts that the run's manifest names.

    Example: hot why ETCUSDT --at 2021-04-16T03:45
    """
    when = options.when(at, "--at")
    if when is None:
        raise UsageError("--at needs a time")
    trail = trail_of(ledger if ledger is not None else latest_ledger(), symbol.upper(), when)
    if json_:
        write(json.dumps(as_rows(trail), ensure_ascii=False, indent=2) + "\n")
    else:
        write(safe_lines(told(trail)))
    sys.stdout.flush()


def safe_lines(lines: list[str]) -> str:
    """Gives lines as text that cannot steer a terminal."""
    return "\n".join(safe(line) for line in lines) + "\n"


def told(trail: Trail) -> list[str]:
    """Gives a trail in words, a line each."""
    code = lookup(trail.code)
    lines = [f"{trail.symbol} at {options.utc(trail.at)} UTC ended as {trail.code}"]
    if code is not None:
        lines.append(f"  {code.text}")
    if code is not None and code.code != "ENTERED":  # what came of an entry stands below
        lines.append(f"  What to do: {code.fix}")
    if trail.figures:
        lines.append("What the scan saw:")
        lines += [f"  {name:<24} {_shown(value)}" for name, value in trail.figures.items()]
    if trail.note:
        lines.append(f"  ({trail.note})")
    for record in trail.records:
        lines += _tell(record)
    if trail.outcome:
        lines.append("What came of it:")
        for record in trail.outcome:
            lines += [f"  {options.utc(record.at)}  {line.strip()}" for line in _tell(record)]
    return lines


def _tell(record: Record) -> list[str]:
    teller = _TELLERS.get(type(record))
    return teller(record) if teller is not None else []


def _anomaly(r: Anomaly) -> list[str]:
    return [f"Anomaly ({r.trigger}): {_shown(r.change_pct)} % in {r.window_s} s, volume x{_shown(r.volume_surge)}"]


def _candidate(r: Candidate) -> list[str]:
    return [f"Candidate: {r.status} since {options.utc(r.status_since)}, in the pool since {options.utc(r.since)}"]


def _snapshot(r: CandidateSnapshot) -> list[str]:
    lines = [f"Heat {_shown(r.heat)} of 100, rank {r.rank}, from {100 * r.coverage:.0f} % of the weights:"]
    lines += [f"  {name:<14} {_shown(score)}" for name, score in r.dimensions.items()]
    seen = msgspec.to_builtins(r.inputs)
    lines.append(f"  made of {', '.join(f'{name} {_shown(value)}' for name, value in seen.items())}")
    if r.missing:
        lines.append(f"  without {', '.join(r.missing)}")
    return lines


def _signal(r: SignalSnapshot) -> list[str]:
    lines = [f"Signal of {r.strategy}: {r.action}{f' ({r.code})' if r.code else ''} at {r.price}"]
    lines += [f"  {reason}" for reason in r.reasons]
    for name, figures in r.frames.items():
        lines.append(f"  {name:<4} " + ", ".join(f"{key} {_shown(value)}" for key, value in figures.items()))
    if r.action == "enter" and r.plan is not None:
        lines.append(f"  To be left by: {'; '.join(_ways_out(r.plan)) or 'nothing but the strategy'}")
    return lines


def _ways_out(plan: ExitPlan) -> list[str]:
    """Gives the ways out of a position in words; moves of the price are from the entry."""
    ways = [f"all at -{plan.stop_pct:g} % (STOP)"] if plan.stop_pct else []
    if plan.break_even_at_pct:
        ways.append(f"that stop up to +{plan.break_even_over_pct:g} % after +{plan.break_even_at_pct:g} %")
    ways += [f"{tier.share_pct:g} % at +{tier.at_pct:g} % (TIER_{number})" for number, tier in enumerate(plan.tiers, 1)]
    if plan.trail_share_pct:
        ways.append(
            f"{plan.trail_share_pct:g} % when it falls back {plan.trail_callback_pct:g} % after "
            f"+{plan.trail_arm_pct:g} % (TRAIL)"
        )
    if plan.black_swan_pct:
        ways.append(f"all when it moves {plan.black_swan_pct:g} % in 5 minutes (BLACK_SWAN)")
    if plan.hold_max_s:
        ways.append(f"all after {length(plan.hold_max_s)} (TIME)")
    return ways


def _refusal(r: Refusal) -> list[str]:
    named = f"{r.code} ({r.precheck_code})" if r.precheck_code else r.code
    against = f": {_shown(r.value)} against {_shown(r.limit)}" if r.value is not None or r.limit is not None else ""
    return [f"Refused at {r.stage}: {named}{against}"]


def _intent(r: Intent) -> list[str]:
    return [f"Intent: {r.side} {r.qty} at about {r.price} ({r.notional} quote), risk level {r.risk_level}"]


def _attempt(r: OrderAttempt) -> list[str]:
    return [f"Sent: {r.side} {r.qty} {r.order_type}, {r.reason}, seen at {r.reference_price}, id {r.client_id}"]


def _result(r: OrderResult) -> list[str]:
    return [f"Order {r.status}{f' ({r.code})' if r.code else ''}, filled {r.filled_qty}"]


def _fill(r: Fill) -> list[str]:
    return [f"Filled: {r.side} {r.qty} at {r.price} ({r.reason}), fee {r.fee} {r.fee_asset}, {r.liquidity}"]


def _funding(r: FundingPayment) -> list[str]:
    word = "paid" if r.amount.startswith("-") else "got"
    return [f"Funding {word}: {r.amount} for {r.qty} at {r.price}, rate {r.rate}, due {options.utc(r.due_at)}"]


def _position(r: Position) -> list[str]:
    kept = f", margin {r.margin}" if r.margin is not None else ""
    ends = f", liquidated at {r.liquidation_price}" if r.liquidation_price is not None else ""
    return [f"Position {r.status}: {r.qty} at {r.entry_price}, realised {r.realised_pnl} net of fees{kept}{ends}"]


_TELLERS: dict[type[Record], Callable[[Any], list[str]]] = {
    Anomaly: _anomaly, Candidate: _candidate, CandidateSnapshot: _snapshot, SignalSnapshot: _signal,
    Refusal: _refusal, Intent: _intent, OrderAttempt: _attempt, OrderResult: _result, Fill: _fill,
    FundingPayment: _funding, Position: _position,
}  # fmt: skip


def _shown(value: object) -> str:
    return "unknown" if value is None else str(value)
