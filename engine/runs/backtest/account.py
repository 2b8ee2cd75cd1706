"""The account of a backtest: its equity as the desk marked it at each tick, and the figures that follow from it."""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import msgspec

from engine.matching.units import from_e8, plain
from engine.records.base import figure
from engine.runs.backtest.outcome import Mark
from engine.stages.report_curve import Curve
from engine.stages.report_shape import Equity
from engine.statistics.performance import performance

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
#: Returns are taken by the day in a backtest of at least so many, by the hour in a shorter one.
DAILY_FROM = 30


class Period(NamedTuple):
    """The length of one return: its name, in ms, and how many make a year; crypto does not rest."""

    name: str
    ms: int
    a_year: int


HOURLY, DAILY = Period("1h", HOUR_MS, 8760), Period("1d", DAY_MS, 365)


class Account:
    """Takes marks; gives a row for the first, for each that changed something, and for the last.

    Between two rows nothing changed, so the rows are the whole curve.
    """

    def __init__(self, write: Callable[[Mark], None]) -> None:
        """`write` gets the rows as they come."""
        self._write = write
        self._last: Mark | None = None
        self._written: Mark | None = None
        self.curve = Curve()
        self.rows: list[Mark] = []

    def mark(self, mark: Mark) -> None:
        """Takes the account at a tick."""
        if self._last is None or mark[1:] != self._last[1:]:
            self._row(mark)
        self._last = mark

    def end(self) -> None:
        """Adds the last mark, so that the rows say how long the last change stood."""
        if self._last is not None and self._last != self._written:
            self._row(self._last)

    def _row(self, mark: Mark) -> None:
        self._written = mark
        self.rows.append(mark)
        self.curve.add(mark.at, from_e8(mark.equity_e8))
        self._write(mark)


def with_curve(equity: Equity, curve: Curve) -> Equity:
    """Gives the money of a report with the equity that the desk marked instead of the last told prices."""
    return msgspec.structs.replace(
        equity, end=curve.last, max_drawdown=curve.drawdown, max_drawdown_pct=curve.drawdown_pct,
        max_drawdown_at=curve.deepest_at, drawdown_pct=curve.depth_pct, points=tuple(curve.points),
    )  # fmt: skip


def row_of(mark: Mark) -> dict[str, Any]:
    """Gives a mark as a plain JSON object: money as decimal strings in the quote asset."""
    return {
        "at": mark.at, "equity": plain(from_e8(mark.equity_e8)), "cash": plain(from_e8(mark.cash_e8)),
        "positions": mark.positions,
    }  # fmt: skip


def period_of(rows: Sequence[Mark]) -> Period:
    """Gives the period whose returns are looked at."""
    return DAILY if rows and rows[-1].at - rows[0].at >= DAILY_FROM * DAY_MS else HOURLY


def returns(rows: Sequence[Mark], period: Period) -> list[float]:
    """Gives the return of each period between its UTC boundaries; the first and the last may be shorter.

    There are none after the equity has come to nothing.
    """
    values = list(_values(rows, period))
    made: list[float] = []
    for was, now in pairwise(values):
        if was <= 0:
            break
        made.append(now / was - 1.0)
    return made


def _values(rows: Sequence[Mark], period: Period) -> Iterator[int]:
    """Gives the equity at the start, at each boundary of the period, and at the end."""
    if not rows:
        return
    before = rows[0]
    yield before.equity_e8
    due = (before.at // period.ms + 1) * period.ms
    for row in rows[1:]:
        while due < row.at:
            yield before.equity_e8
            due += period.ms
        before = row
    if len(rows) > 1:
        yield before.equity_e8


def performance_of(rows: Sequence[Mark], drawdown_pct: float) -> dict[str, Any]:
    """Gives Sharpe, Sortino, CAGR and Calmar (formulas of `engine.statistics.performance`) with their period.

    Calmar divides by the deepest fall at any tick, `drawdown_pct`, not only at the ends of periods. What is annual is
    so by the number of periods in a year, however short the backtest; but growth a year, and Calmar with it, is None of
    less than 30 days, which compounded would come to absurd figures.
    """
    period = period_of(rows)
    made = performance(returns(rows, period), period.a_year)
    cagr = made.cagr if period is DAILY else None
    return {
        "period": period.name, "periods": len(returns(rows, period)), "periods_a_year": period.a_year,
        "sharpe": figure(made.sharpe), "sortino": figure(made.sortino), "annual_vol_pct": _pct(made.annual_vol),
        "cagr_pct": _pct(cagr),
        "calmar": figure(cagr * 100.0 / -drawdown_pct) if cagr is not None and drawdown_pct < 0 else None,
    }  # fmt: skip


def exposure_of(rows: Sequence[Mark]) -> dict[str, Any]:
    """Gives how long something was held, and how much of the equity was in it; both as shares of the time."""
    whole = rows[-1].at - rows[0].at if rows else 0
    held = sum(later.at - row.at for row, later in pairwise(rows) if row.positions)
    at_work = sum(
        (later.at - row.at) * (row.equity_e8 - row.cash_e8) / row.equity_e8
        for row, later in pairwise(rows)
        if row.equity_e8 > 0
    )
    return {
        "time_held_pct": _pct(held / whole) if whole else None, "mean_pct": _pct(at_work / whole) if whole else None,
        "most_positions": max((row.positions for row in rows), default=0),
    }  # fmt: skip


def _pct(share: float | None) -> float | None:
    return figure(share * 100.0) if share is not None else None
