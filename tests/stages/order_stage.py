"""A live order stage with an entry and a stop on their way, and what an account tells it."""

from decimal import Decimal

from stage_builders import START, S, V, all_rules, rules

from engine.records.account import Execution
from engine.records.base import Record
from engine.records.ideas import ExitPlan
from engine.records.trades import OrderAttempt, Purpose
from engine.stages.account_order import LiveSetup
from engine.stages.desk import DeskSettings
from engine.stages.live_order import LiveOrder
from engine.stages.order_state import Sent
from engine.stages.recent import Recent

ENTRY, STOP = "h-entry", "h-stop"
PLAN = ExitPlan(stop_pct=5)


def order_stage(qty: str, plan: ExitPlan = PLAN) -> LiveOrder:
    """A stage that has sent an entry, while a stop of an earlier position still stands."""
    stage = LiveOrder(DeskSettings(), all_rules(), LiveSetup(locks=False, strategy="x", plan=plan))
    stage.desk.learn(rules(START, tick="0.01", step="0.001", min_notional="5"))
    stage.desk.state.recent[S] = Recent()
    stage.desk.state.recent[S].start("100", START)
    purposes: dict[str, Purpose] = {ENTRY: "entry", STOP: "protect"}
    for client_id, purpose in purposes.items():
        stage.state.sent[client_id] = Sent(attempt=attempt(client_id, purpose, qty), plan=plan)
    return stage


def attempt(client_id: str, purpose: Purpose, qty: str) -> OrderAttempt:
    return OrderAttempt(
        at=START, venue=V, symbol=S, strategy="x", client_id=client_id, intent_key=client_id,
        side="buy" if purpose == "entry" else "sell", purpose=purpose, reason=purpose.upper(),
        order_type="market" if purpose == "entry" else "stop", qty=qty, limit_price=None, reference_price="100",
    )  # fmt: skip


def executed(client_id: str, number: int, qty: Decimal, price: Decimal) -> Execution:
    return Execution(
        at=START + number, venue=V, symbol=S, venue_at=START + number, client_id=client_id,
        trade_id=f"{client_id}-{number}", side="buy" if client_id == ENTRY else "sell", qty=f"{qty}",
        price=f"{price}", notional=f"{qty * price}", fee=f"{qty / 1000}", fee_asset="USDT", liquidity="taker",
    )  # fmt: skip


def told(stage: LiveOrder, facts: list[Record]) -> list[Record]:
    return [made for fact in facts for made in stage.take(fact) if isinstance(made, Record)]
