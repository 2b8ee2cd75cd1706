"""One fault at a time: a trader on a venue that does a single thing wrong, and the checker.

    python tests/campaign/campaign_rows.py --only "price jumps" --storm 10

Without `--only` all of them, one after the other; it ends with 1 where something was broken.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import campaign_trader
from books_checker import Broken, Evidence
from campaign_episode import Plan, play

ORDER, STOP, CANCEL = "POST /*rder*", "POST /*algoOrder", "DELETE /*rder*"
#: No entry is decided on at a price this far from what the symbol usually costs.
BAND = Decimal("1.25")
MANY = {"times": 0}
Look = Callable[[Evidence], Iterator[Broken]]


class Row(NamedTuple):
    """A fault: what happens, and on which markets; `also` looks at what the checker does not."""

    script: tuple[dict[str, Any], ...]
    markets: tuple[str, ...] = ("spot", "usdm")
    also: Look = lambda seen: iter(())
    orders: int = 10


def fault(name: str, on: str = "*", **how: Any) -> dict[str, Any]:
    return {"fault": name, "on": on, **how}


def both(name: str, **how: Any) -> tuple[dict[str, Any], ...]:
    """The fault on both markets: a script names one."""
    return (fault(name, market="spot", **how), fault(name, market="usdm", **how))


def decided_in_band(seen: Evidence) -> Iterator[Broken]:
    """No entry was decided on outside of the band: what jumps while an order is on its way, it cannot know."""
    decided: dict[str, list[Decimal]] = {}
    for one in seen.of("order_attempt"):
        if one["purpose"] == "entry":
            decided.setdefault(one["symbol"], []).append(Decimal(one["reference_price"]))
    for symbol, prices in decided.items():
        usual = median(prices)
        for price in prices:
            if not usual / BAND <= price <= usual * BAND:
                yield "band", f"{symbol} was to be bought at {price}, usually at {usual}"


def tried_seldom(seen: Evidence) -> Iterator[Broken]:
    """What is refused each time is not asked for in a loop: a dozen orders a symbol within ten seconds."""
    tried = Counter((one["symbol"], one["purpose"], one["at"] // 10_000) for one in seen.of("order_attempt"))
    for (symbol, purpose, _), count in tried.items():
        if count > 12:
            yield "loop", f"{count} orders of {symbol} to {purpose} in ten seconds"


ROWS = {
    # Each time the account sends no more orders for ten seconds.
    "orders are turned away unread": Row((fault("-1015", ORDER, chance=0.15, **MANY),), orders=3),
    "the stamp is refused": Row((fault("-1021", ORDER, chance=0.4, **MANY),)),
    "a stop would trigger at once": Row((fault("-2021", STOP, chance=0.5, **MANY),), ("usdm",)),
    "stops are refused at this endpoint": Row((fault("-4120", STOP, **MANY),), ("usdm",), tried_seldom),
    "coins are not there": Row((fault("-2010", ORDER, chance=0.4, **MANY),), ("spot",), tried_seldom),
    "nothing is left to close": Row(
        (fault("-2022", "POST /fapi/v1/order", chance=0.4, **MANY),), ("usdm",), tried_seldom
    ),
    "a cancel knows no such order": Row((fault("-2011", CANCEL, chance=0.5, **MANY),)),
    "orders show late": Row((fault("hide", seconds=3.0), fault("hide", seconds=0.0, after_s=8.0))),
    "price jumps": Row(
        (*both("wick", value="0.1", after_s=3.0), *both("wick", value="10", after_s=5.0)), also=decided_in_band
    ),
    "the book is crossed": Row(both("crossed", **MANY), orders=0),
    "a symbol is halted": Row(
        (*both("status", symbol="BTCUSDT", value="CANCEL_ONLY", after_s=2.0),
         *both("status", symbol="BTCUSDT", value="TRADING", after_s=6.0))
    ),
    "rules change": Row(
        (*both("step", symbol="BTCUSDT", value="0.01", after_s=2.0),
         *both("tick", symbol="ETHUSDT", value="0.5", after_s=2.0))
    ),
    "the venue closes positions": Row(
        (fault("adl", symbol="BTCUSDT", market="usdm", after_s=2.0),
         fault("adl", symbol="ETHUSDT", market="usdm", after_s=3.0)), ("usdm",),
    ),
    "the account falls silent": Row(
        (fault("expire_listen_key", after_s=2.0), fault("end_user_stream", after_s=2.0),
         fault("refuse_subscriptions", value="5", after_s=2.0), fault("never", "user", **MANY)), orders=0
    ),
    "the exchange's clock jumps": Row(
        (fault("clock", seconds=8.0, after_s=2.0), fault("clock", seconds=0.0, after_s=6.0))
    ),
    "questions about orders are too many": Row((fault("429", "GET /*rder*", chance=0.1, seconds=2.0, **MANY),)),
}  # fmt: skip


def broken(name: str, market: str, storm_s: float, seed: str, keep: Path | None) -> list[Broken]:
    """Plays a row on a market; gives what was broken, and says what came of it."""
    row = ROWS[name]
    script = tuple({**one, "for_s": storm_s} if "times" in one else one for one in row.script)
    plan = Plan(market=market, storm_s=storm_s, kills=False, script=script, also=lambda seen: list(row.also(seen)))
    found = play(f"{seed}/{name}/{market}", plan, keep)
    wrong = list(found.broken)
    if found.orders < row.orders:
        wrong.append(("idle", f"{found.orders} orders say little"))
    sys.stdout.write(
        f"{name} on {market}: {found.orders} orders, bare {found.bare_ms} ms, in doubt {found.doubt_ms} ms, settled "
        f"after {found.settle_s} s{''.join(f'{chr(10)}  {kind}: {text}' for kind, text in wrong)}\n"
    )
    sys.stdout.flush()
    return wrong


def main() -> int:
    """Plays rows; gives 1 where something was broken."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", default=list(ROWS), choices=list(ROWS), help="these rows, not all")
    parser.add_argument("--market", choices=["spot", "usdm"], help="this market, not both")
    parser.add_argument("--storm", type=float, default=10.0, help="seconds of faults")
    parser.add_argument("--seed", default="rows", help="of everything")
    parser.add_argument("--keep", type=Path, help="a folder for the ledgers and books of what was found broken")
    args = parser.parse_args()
    campaign_trader.warm()
    found = [
        broken(name, market, args.storm, args.seed, args.keep)
        for name in args.only
        for market in ROWS[name].markets
        if args.market in (None, market)
    ]
    return int(any(found))


if __name__ == "__main__":
    sys.exit(main())
