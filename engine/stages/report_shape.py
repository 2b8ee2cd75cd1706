"""The shape of a report: what a span of a ledger adds up to, part by part."""

from decimal import Decimal

import msgspec

from engine.records.desk import Run
from engine.records.trades import PastTrade, StateChange
from engine.stages.report_curve import Point
from engine.stages.report_sums import Group, Summary
from engine.stages.report_tallies import Counted, DimensionHeat
from engine.stages.report_trades import OpenPosition, Trade


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for, [since, until), and the first and last cycle in it. Record time, epoch ms."""

    since: int | None
    until: int | None
    first_at: int | None
    last_at: int | None


class Equity(msgspec.Struct, frozen=True, kw_only=True):
    """Money in the quote asset, and the curve it was read off.

    The curve is start equity + what positions realised, net of fees and funding, + what open ones would add at the last
    price that a record told of their symbol (a fill, a candidate, a signal). It has a point at each cycle and fill. A
    coin that is held but no longer a candidate keeps its last told price until it is sold, so between fills the curve
    of a ledger can be off from the desk's own marks; what is realised is exact, and so are the end of a ledger, whose
    status has the prices of its last tick, and all of a backtest, which keeps each mark.

    `max_drawdown` and its percentage are the deepest fall below the highest equity before it, the start of the span
    included. Without a run record the start is 0, and percentages have no base.
    """

    quote_asset: str
    start: Decimal
    end: Decimal
    realised: Decimal
    unrealised: Decimal
    fees: Decimal
    funding: Decimal
    max_drawdown: Decimal
    max_drawdown_pct: float | None
    max_drawdown_at: int | None
    drawdown_pct: float | None
    points: tuple[Point, ...]


class Funnel(msgspec.Struct, frozen=True, kw_only=True):
    """How many got how far: ranked candidates, signals, entry signals, intents, orders by their end, fills."""

    ranked: int
    signals: int
    enter_signals: int
    intents: int
    orders: int
    order_results: dict[str, int]
    fills: int


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """Shares in percent, None of nothing.

    `signal_coverage_pct`: ranked candidates of which the strategy had whole and fresh candles.
    `precheck_failure_pct`: refusals among what precheck judged. `ambiguous_pct`: trades whose bar touched both sides.
    """

    signal_coverage_pct: float | None
    precheck_failure_pct: float | None
    ambiguous_pct: float | None


class Cycles(msgspec.Struct, frozen=True, kw_only=True):
    """How many cycles, and how often a symbol's way ended in each code, the most first."""

    count: int
    codes: dict[str, int]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A span of a ledger. Money is Decimal, figures are floats, lists are in the order of time unless named `by_`.

    A trade belongs to the span in which its close was known. `refusals` are all of them, `precheck` those of precheck
    alone. `runs` and `state_changes` are the newest, `*_count` says how many there were. `elsewhere` are the newest
    trades of the account that are no strategy's: no other figure counts them.
    """

    span: Span
    summary: Summary
    equity: Equity
    health: Health
    funnel: Funnel
    trades: tuple[Trade, ...]
    open_positions: tuple[OpenPosition, ...]
    by_symbol: tuple[Group, ...]
    by_reason: tuple[Group, ...]
    refusals: Counted
    precheck: Counted
    heat: tuple[DimensionHeat, ...]
    cycles: Cycles
    state_changes: tuple[StateChange, ...]
    state_change_count: int
    runs: tuple[Run, ...]
    run_count: int
    elsewhere: tuple[PastTrade, ...]
    elsewhere_count: int

    @property
    def funding_missing(self) -> int:
        """How many funding times were held through without a rate, open positions included."""
        return self.summary.funding_missing + sum(one.funding_missing for one in self.open_positions)
