"""How long an emergency close takes: many positions on a loopback venue of which a share of the requests fails.

    python benchmarks/flatten.py --positions 20 --faults 0.1 --runs 50

Prints the time from the call to an account that is proven to be flat: p50, p99 and the longest.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

from engine.matching.events import VenueOrder
from engine.records.market import SymbolRules
from engine.runs.claims import Everything
from engine.runs.emergency_journal import journal_of
from engine.runs.flattener import Flattener
from engine.world.account.opening import open_account
from engine.world.binance.keys import Key
from engine.world.binance.settings import BinanceSettings
from engine.world.loopback.faults.script import seeded
from engine.world.loopback.market.instruments import Instrument
from engine.world.loopback.market.source import Happening, MarketSource
from engine.world.loopback.market.tape import Print
from engine.world.loopback.serving import Serving, serving
from engine.world.loopback.venue import VenueOptions


def main() -> None:
    """Runs and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--positions", type=int, default=20)
    parser.add_argument("--faults", type=float, default=0.1)
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--seed", type=int, default=7)
    wanted = parser.parse_args()
    times: list[float] = []
    unflat = 0
    with tempfile.TemporaryDirectory() as folder:
        for run in range(wanted.runs):
            seed = wanted.seed + run
            with serving(VenueOptions(seed=seed, market=Still(wanted.positions))) as venue:
                took, flat = one_run(venue, Path(folder) / str(run), wanted.positions, wanted.faults)
            times.append(took)
            unflat += not flat
    times.sort()
    print(
        json.dumps(
            {
                "positions": wanted.positions, "fault_rate": wanted.faults, "runs": wanted.runs, "not_flat": unflat,
                "p50_s": round(times[len(times) // 2], 3), "p99_s": round(times[int(len(times) * 0.99)], 3),
                "longest_s": round(times[-1], 3),
            }
        )
    )  # fmt: skip


class Still(MarketSource):
    """Perpetuals whose prices stand still, at 100.0 / 100.1."""

    def __init__(self, coins: int) -> None:
        self._coins = [Instrument.of("usdm", rules(f"C{number:02d}USDT")) for number in range(coins)]

    def coins(self) -> list[Instrument]:
        """Gives the instruments."""
        return self._coins

    def happenings(self, since: int) -> Iterator[Happening]:
        """Gives one price of each."""
        for coin in self._coins:
            bid, ask, room = coin.scale.ticks("100", up=False), coin.scale.ticks("100.1", up=False), 10_000_000
            yield Print(since, coin, bid, 10, -1, bid, room, ask, room, True)


def rules(symbol: str) -> SymbolRules:
    """Gives wide rules."""
    return SymbolRules(
        at=0, venue="binance-usdm", symbol=symbol, base=symbol.removesuffix("USDT"), quote="USDT", tick="0.1",
        step="0.001", min_price="0.1", max_price="1000000", min_qty="0.001", max_qty="9000", market_max_qty="500",
        min_notional="5", max_notional="9000000", bid_multiplier_up="1.9", bid_multiplier_down="0.1",
        ask_multiplier_up="1.9", ask_multiplier_down="0.1", max_orders=200, max_algo_orders=200,
    )  # fmt: skip


def one_run(venue: Serving, folder: Path, positions: int, faults: float) -> tuple[float, bool]:
    """Opens a position and a stop in every symbol, then closes all while requests fail; gives seconds, and if flat."""
    where = BinanceSettings(
        spot_url=venue.rest_url, usdm_url=venue.rest_url, spot_user_url=venue.ws_api_url,
        usdm_user_url=f"{venue.futures_stream_url}/private",
    )  # fmt: skip
    folder.mkdir(parents=True)
    account = open_account("binance-usdm", where, folder, Key(venue.key, venue.secret))
    try:
        for number in range(positions):
            bought = VenueOrder(
                client_id=f"open-{number}", symbol=f"C{number:02d}USDT", side="buy", order_type="market",
                qty=Decimal(1), sent_at=0,
            )  # fmt: skip
            account.place(bought)
            account.place(
                VenueOrder(
                    client_id=f"stop-{number}", symbol=bought.symbol, side="sell", order_type="stop", qty=Decimal(1),
                    sent_at=0, stop_price=Decimal(90), closes=True,
                )
            )  # fmt: skip
        venue.do(lambda served: [served.faults.add(fault) for fault in seeded(faults)])
        with journal_of(folder / "none.db", account.venue, "bench", sys.stderr.write) as journal:
            begun = time.monotonic()
            flat = Flattener(account, journal, {}, Everything()).flatten(30)
            return time.monotonic() - begun, flat.flat
    finally:
        account.close()


if __name__ == "__main__":
    main()
