"""How much: a share of equity, less at higher risk levels, floored to the grid; what is too much the rules say."""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

import msgspec

from engine.records.bounds import Percent
from engine.records.desk import DeskView, Draft, No
from engine.records.ideas import SignalSnapshot
from engine.records.market import SymbolRules


class SizeSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`equity_share_pct`: share of equity a trade, at risk level L0 and L1; L2 and L3 take less.

    On perpetuals it is the margin of a trade, and the order is `desk.leverage` times as large.
    """

    equity_share_pct: Percent = 10.0


def step_of(rules: SymbolRules, order_type: str) -> Decimal:
    """Gives the step a quantity must be a multiple of: MARKET_LOT_SIZE's for market orders where it is set."""
    market = Decimal(rules.market_step)
    return market if order_type == "market" and market > 0 else Decimal(rules.step)


def floor_to(value: Decimal, step: Decimal) -> Decimal:
    """Rounds down to a multiple of a step."""
    return (value / step).to_integral_value(ROUND_FLOOR) * step


def round_price(price: Decimal, tick: Decimal, side: str) -> Decimal:
    """Rounds a limit price to the tick on the careful side: down for a buy, up for a sell."""
    return (price / tick).to_integral_value(ROUND_FLOOR if side == "buy" else ROUND_CEILING) * tick


def size_entry(
    settings: SizeSettings, signal: SignalSnapshot, desk: DeskView, rules: SymbolRules, factor: float,
    average: Decimal, last: Decimal,
) -> Draft | No:  # fmt: skip
    """Gives the draft of an entry: notional = share x equity x risk factor x leverage, quantity floored to the step.

    `average` is what the exchange measures a market order with, `last` what it will cost; the higher of the two
    decides the size, so that a coin that has just risen gets no more than its share.
    """
    limit = Decimal(signal.limit_price) if signal.limit_price is not None else None
    if limit is not None:
        limit = round_price(limit, Decimal(rules.tick), signal.side)
    measure = limit if limit is not None else max(average, last)
    if measure <= 0:
        return No("NO_PRICE", str(measure), "0")
    wanted = desk.equity * Decimal(str(settings.equity_share_pct)) / 100 * Decimal(str(factor))
    wanted *= desk.leverage(signal.symbol)
    qty = floor_to(wanted / measure, step_of(rules, signal.order_type))
    return Draft(
        symbol=signal.symbol, side=signal.side, order_type=signal.order_type, qty=qty,
        price=measure, reference_price=average, heat=signal.heat, decided_at=signal.at,
    )  # fmt: skip
