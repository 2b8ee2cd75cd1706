"""Margin arithmetic of perpetuals: maintenance brackets, profit on paper, and the price that liquidates."""

from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from engine.matching import margin
from engine.matching.units import E8, PART, ceil_div, part
from engine.world.loopback.market.instruments import Instrument


class Bracket(NamedTuple):
    """A step of maintenance margin: notional in 1e-8 quote above `floor` up to `cap`, rate in parts of 1e-9."""

    floor: int
    cap: int
    rate: int
    cum: int
    leverage: int


def _brackets() -> tuple[Bracket, ...]:
    # The public table of BTCUSDT in 2021; `cum` keeps the margin continuous at every floor (Binance FAQ).
    table = (
        (0, "0.004", 125), (50_000, "0.005", 100), (250_000, "0.01", 50), (1_000_000, "0.025", 20),
        (10_000_000, "0.05", 10), (20_000_000, "0.1", 5), (50_000_000, "0.125", 4), (100_000_000, "0.15", 3),
        (200_000_000, "0.25", 2), (300_000_000, "0.5", 1),
    )  # fmt: skip
    made: list[Bracket] = []
    for i, (floor, rate, leverage) in enumerate(table):
        cap = table[i + 1][0] if i + 1 < len(table) else 500_000_000
        rate_parts = part(Decimal(rate))
        cum = floor * E8 * (rate_parts - made[-1].rate) // PART + made[-1].cum if made else 0
        made.append(Bracket(floor * E8, cap * E8, rate_parts, cum, leverage))
    return tuple(made)


BRACKETS = _brackets()
_TIERS = margin.tiers_of((Decimal(one.floor) / E8, Decimal(one.rate) / PART) for one in BRACKETS)
MAX_LEVERAGE = BRACKETS[0].leverage


def bracket_of(notional_e8: int) -> Bracket:
    """Gives the bracket that a notional stands in."""
    return next((one for one in BRACKETS if notional_e8 <= one.cap), BRACKETS[-1])


def maintenance(notional_e8: int) -> int:
    """Gives the maintenance margin of a notional in 1e-8 quote, rounded up."""
    bracket = bracket_of(notional_e8)
    return ceil_div(notional_e8 * bracket.rate, PART) - bracket.cum


def most_notional(leverage: int) -> int:
    """Gives how much notional (1e-8 quote) a leverage allows."""
    return max(one.cap for one in BRACKETS if one.leverage >= leverage)


@dataclass(slots=True, eq=False)
class Position:
    """A position: `steps` signed, `cost_e8` what it was entered at, `wallet_e8` its margin where it is isolated."""

    coin: Instrument
    side_name: str
    steps: int = 0
    cost_e8: int = 0
    wallet_e8: int = 0
    realized_e8: int = 0
    updated_at: int = 0

    @property
    def side(self) -> int:
        """+1 long, -1 short, 0 flat."""
        return (self.steps > 0) - (self.steps < 0)

    @property
    def entry_e8(self) -> int:
        """The average entry price in 1e-8."""
        return self.coin.average(self.cost_e8, abs(self.steps))

    def notional(self, mark: int) -> int:
        """Gives what it is worth at a mark price in ticks, always positive."""
        return self.coin.money(mark, abs(self.steps))

    def paper_profit(self, mark: int) -> int:
        """Gives its profit at a mark price in ticks."""
        return self.side * (self.notional(mark) - self.cost_e8)


def liquidation_price(position: Position, wallet_e8: int) -> Decimal:
    """Gives the price at which a wallet no longer bears a position, 0 where there is none."""
    side, qty = position.side, Decimal(abs(position.steps) * position.coin.step_e8) / E8
    if not side:
        return Decimal(0)
    wallet, cost = Decimal(wallet_e8) / E8, Decimal(position.cost_e8) / E8
    return margin.liquidation_price(side, qty, cost, wallet, _TIERS) or Decimal(0)
