"""`hot backtest` in process: the rule as the strategy `ema_burst`, over columns of the store.

Prechecks, portfolio limits, fills, fees, risk levels and trade records are on; what is timed is everything from the
opened store to the last closed trade.
"""

import tempfile
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
from peer import (
    CASH,
    FAST,
    FEE,
    HOLD_BARS,
    MINUTE_MS,
    NOTIONAL,
    POSITIONS,
    SLOW,
    SPIKE,
    SPIKE_BARS,
    STOP,
    TIERS,
    TRAIL_BACK,
    TRAIL_FROM,
    Market,
    Played,
    serve,
)

from engine.records.base import Record
from engine.records.market import SymbolRules
from engine.records.trades import Position
from engine.records.wire import encode
from engine.runs.backtest.backtest import backtest
from engine.runs.backtest.outcome import Marks
from engine.runs.market import MarketOptions, open_market
from engine.runs.settings import load
from engine.world.store.files import write_rules, write_table
from engine.world.store.numbers import Numbers
from engine.world.store.store import Store
from engine.world.store.tables import Series, Table

VENUE = "bench"


class Listener:
    """Keeps what the comparison looks at: the positions, as they were opened and closed."""

    wants = frozenset({"position"})

    def __init__(self, market: Market) -> None:
        self.entries: dict[str, dict[int, None]] = defaultdict(dict)
        self.closed: list[str] = []
        self._start = int(market.at_ms[0])

    def hear(self, record: Record) -> None:
        if not isinstance(record, Position):
            return
        # Opened by the bar after the one at whose close it was decided.
        self.entries[record.symbol][(record.opened_at - self._start) // MINUTE_MS - 1] = None
        if record.status == "closed":
            self.closed.append(record.realised_pnl)

    def mark(self, marks: Marks) -> None:
        """The account is kept by the desk itself."""


def sets() -> list[str]:
    """Gives the rule as settings."""
    tiers = ",".join(f"[{share * 100:g},{gain * 100:g}]" for gain, share in TIERS)
    rest = 1.0 - sum(share for _, share in TIERS)
    return [
        "signal.strategy=ema_burst", "scan.pool=all", "rank.top=500", "scan.min_quote_volume_24h=0", "scan.exclude=[]",
        f"rules.max_positions.limit={POSITIONS}", f"size.equity_share_pct={100 * NOTIONAL / CASH:g}",
        f"desk.equity={CASH:g}", f"paper.taker_fee_rate={FEE}", "paper.slippage_bps=0", "paper.bar_spread_bps=0",
        "paper.participation=1", "desk.drawdown_levels_pct=[90,91,92,93,94]",
        "desk.day_loss_levels_pct=[90,91,92,93,94]",
        "rules.max_entries_day.limit=10000",
        f"ema_burst.fast_bars={FAST}", f"ema_burst.slow_bars={SLOW}", f"ema_burst.volume_bars={SPIKE_BARS}",
        f"ema_burst.volume_ratio={SPIKE:g}", f"ema_burst.stop_pct={STOP * 100:g}", f"ema_burst.tiers=[{tiers}]",
        f"ema_burst.trail_share_pct={rest * 100:g}", f"ema_burst.trail_arm_pct={TRAIL_FROM * 100:g}",
        f"ema_burst.trail_callback_pct={TRAIL_BACK * 100:g}", f"ema_burst.hold_max_s={HOLD_BARS * 60}",
    ]  # fmt: skip


def prepare(market: Market) -> Callable[[], Played]:
    """Gives the run, with the market in a store."""
    folder = tempfile.TemporaryDirectory()
    root = Path(folder.name) / "store"
    Store.create(root)
    rules = []
    for s, symbol in enumerate(market.symbols):
        write_table(root, table(market, s, symbol))
        rules.append(rules_of(market, s, symbol))
    write_rules(root, VENUE, [one.at for one in rules], [encode(one) for one in rules])
    used = load(None, sets(), env={})

    def play() -> Played:
        assert folder.name
        listener = Listener(market)
        backtest(used, open_market(MarketOptions(str(root), keep_jumps=True), lambda *_: None), listener, path="blocks")
        entries = {symbol: list(bars) for symbol, bars in listener.entries.items()}
        return Played(entries, len(listener.closed), sum(map(float, listener.closed)))

    return play


def rules_of(market: Market, s: int, symbol: str) -> SymbolRules:
    """Gives the grid of one symbol."""
    tick = f"{10.0 ** -int(market.decimals[s]):.{int(market.decimals[s])}f}" if market.decimals[s] else "1"
    return SymbolRules(
        at=int(market.at_ms[0]), venue=VENUE, symbol=symbol, base=symbol.removesuffix("USDT"), quote="USDT", tick=tick,
        step="0.000001", min_notional="10",
    )  # fmt: skip


def table(market: Market, s: int, symbol: str) -> Table:
    """Gives one symbol's bars as a table of the store.

    hot measures bursts in the quote asset: so the volume of the comparison is that, and the base volume follows.
    """
    digits = int(market.decimals[s])
    opened = market.at_ms.astype(np.int64)
    columns = {
        name: numbers(getattr(market, name)[s], digits) for name in ("open", "high", "low", "close")
    }  # fmt: skip
    # As much as hot believes, since no other knows that a bar cannot bear every order.
    traded = market.volume[s] * (1e9 / market.volume[s].max())
    quote, base = numbers(traded, 4), numbers(traded / market.close[s], 4)
    wholes = {
        "open_at": opened, "at": opened + MINUTE_MS, "trades": np.full(len(opened), -1, np.int64),
        "mono_ms": np.full(len(opened), -1, np.int64),
    }  # fmt: skip
    return Table(Series(VENUE, "bar", symbol, 60), wholes, {**columns, "volume": base, "quote_volume": quote})


def numbers(values: np.ndarray, digits: int) -> Numbers:
    """Gives a column of so many decimals."""
    mantissa = np.rint(values * 10.0**digits).astype(np.int64)
    return Numbers(mantissa, np.full(len(mantissa), digits, np.uint8), digits)


if __name__ == "__main__":
    serve(prepare)
