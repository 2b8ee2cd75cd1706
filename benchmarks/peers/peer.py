"""What every runner shares: the rule in numbers, the market, and how a runner answers."""

import contextlib
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

#: The cross: the fast average closes above the slow one and did not the bar before. Both as in TA-Lib: seeded by the
#: mean of the first window.
FAST, SLOW = 12, 26
#: The bar's volume is above so many times the mean of the bars before it.
SPIKE, SPIKE_BARS = 3.0, 20
#: No entry is decided on the first bars: hot enters no symbol before it has seen a day of it, and by then what an
#: average was seeded with is forgotten, so that each peer may use its own.
WARM_UP = 1_439
#: Moves of price against the entry, and the share of the position sold there.
STOP = 0.03
TIERS = ((0.02, 0.30), (0.04, 0.30))
#: What is left trails from the last tier on and is sold when price comes back so far from the best of earlier bars.
TRAIL_FROM, TRAIL_BACK = 0.04, 0.02
#: The position is closed at the open of the bar so many bars after the entry's.
HOLD_BARS = 120
#: Taker fee as a fraction, in quote money the account and a position, and how many positions may be open.
FEE, CASH, NOTIONAL, POSITIONS = 0.001, 100_000.0, 1_000.0, 16

MINUTE_MS = 60_000
#: What takes milliseconds is run again and again: processors and caches wake up slowly.
AT_LEAST_S = 0.5


class Market(NamedTuple):
    """Bars of every symbol, shape (symbols, bars), over the same minutes; `decimals` are those of each one's prices."""

    symbols: list[str]
    at_ms: np.ndarray
    open: np.ndarray
    high: np.ndarray
    low: np.ndarray
    close: np.ndarray
    volume: np.ndarray
    decimals: np.ndarray

    @property
    def bars(self) -> int:
        """How many bars there are, all symbols together."""
        return int(self.close.size)


class Played(NamedTuple):
    """What a backtest did: the bars at whose close each symbol's entries were decided, and the trades that were closed.

    The profit is theirs, fees paid, in quote money, for positions of NOTIONAL each.
    """

    entries: dict[str, list[int]]
    trades: int
    profit: float


class NotThere(Exception):
    """A runner has nothing to run yet."""


def read(path: Path) -> Market:
    """Gives the market that was written for all peers."""
    with np.load(path) as arrays:
        fields = {name: arrays[name] for name in Market._fields}
    return Market(**{**fields, "symbols": [str(symbol) for symbol in fields["symbols"]]})


def serve(prepare: Callable[[Market], Callable[[], Played]]) -> None:
    """Reads the market named on the command line, then runs a backtest for each line on stdin and answers in JSON.

    `prepare` puts the market in the form that the peer reads, outside the timing; what it gives back is timed. The
    first line asks for one run, which warms it up. What a peer prints goes to stderr.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    try:
        market = read(Path(sys.argv[1]))
        play = prepare(market)
        for number, _ in enumerate(sys.stdin):
            print(json.dumps(timed(play, market, AT_LEAST_S if number else 0)), file=answers, flush=True)
    except NotThere as why:
        print(json.dumps({"not_there": str(why)}), file=answers, flush=True)
    with contextlib.suppress(BrokenPipeError):
        answers.close()


def timed(play: Callable[[], Played], market: Market, at_least_s: float) -> dict[str, Any]:
    """Gives the answer to a run, or to the median of as many as it takes to fill the time."""
    spent: list[float] = []
    while not spent or sum(spent) < at_least_s:
        started = time.perf_counter()
        played = play()
        spent.append(time.perf_counter() - started)
    return {**played._asdict(), "seconds": statistics.median(spent), "bars": market.bars}
