"""The trader of a campaign: a live session on a venue of this machine, eager to enter and quick to leave."""

import http.client
import json
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import msgspec

from engine.ledger.ledger import Ledger
from engine.plugs import Entry, Frame, Indicator, Verdict
from engine.records.base import Record
from engine.records.ideas import CandidateSnapshot, ExitPlan, tiers_of
from engine.records.market import Bar, SymbolRules, Tick, Ticker
from engine.runs import settings as settings_of
from engine.runs.live import Trading
from engine.runs.market import Market
from engine.runs.session import Session
from engine.runs.settings import Settings
from engine.world.account.account import Account
from engine.world.account.opening import open_account
from engine.world.account.settings import AccountTerms
from engine.world.binance.keys import Key
from engine.world.binance.settings import BinanceSettings
from engine.world.snapshots.snapshots import load
from engine.world.venues.live.known import Known
from engine.world.venues.live.venue import LiveVenue

SYMBOLS = (
    "BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT", "LTCUSDT", "DOGEUSDT", "ADAUSDT", "LINKUSDT", "AVAXUSDT", "DOTUSDT",
)  # fmt: skip
#: Stops that are touched, tiers that are reached, and no position that is held for long: many orders an entry.
PLAN = ExitPlan(stop_pct=0.15, hold_max_s=6, tiers=tiers_of([(25, 0.04), (25, 0.08), (25, 0.12)]))
#: The same with tiers, a trail and a stop at break even that rest at the exchange.
RESTING = ExitPlan(
    stop_pct=0.15, hold_max_s=6, tiers=tiers_of([(25, 0.04), (25, 0.08)]), resting_tiers=True, trail_share_pct=30,
    trail_arm_pct=0.05, trail_callback_pct=0.1, resting_trail=True, break_even_at_pct=0.1, break_even_over_pct=0.02,
)  # fmt: skip
FIVE_MS = 300_000
BEAT_S = 0.05
#: An absence counts as proven after so many seconds: short, so that much happens.
PROOF_S = 4.0
QUOTE_EVERY_S = 0.25


class Place(NamedTuple):
    """Where a trader trades: the venue's address and key, and its folder with the ledger."""

    venue: str
    port: int
    account_url: str
    api_key: str
    secret: str
    folder: Path

    @classmethod
    def of(cls, market: str, told: dict[str, str], folder: Path) -> "Place":
        """Gives the place that a venue told of, for `spot` or `usdm`."""
        user = told["ws_api"] if market == "spot" else f"{told['futures_streams']}/private"
        port = int(told["rest"].rpartition(":")[2])
        return cls(f"binance-{market}", port, user, told["key"], told["secret"], folder)

    @property
    def ledger(self) -> Path:
        return self.folder / "live.db"


@dataclass(frozen=True)
class Eager:
    """Enters whatever it is shown."""

    @property
    def timeframes(self) -> tuple[str, ...]:
        return ()

    def indicators(self) -> Mapping[str, Callable[[], Indicator]]:
        return {}

    def judge(self, candidate: CandidateSnapshot, frames: Mapping[str, Frame]) -> Verdict:
        return Verdict("enter", None, ("eager",))

    def exits(self) -> ExitPlan:
        return PLAN


class Quotes:
    """A market that asks the venue for its prices several times a second, after a day of bars that nobody traded."""

    def __init__(self, place: Place) -> None:
        self._place = place
        spot = place.venue == "binance-spot"
        self._path = "/api/v3/ticker/bookTicker" if spot else "/fapi/v1/ticker/bookTicker"
        self._line = http.client.HTTPConnection("127.0.0.1", place.port, timeout=5)

    def manifest(self) -> dict[str, Any]:
        return {"stream": "campaign"}

    def facts(self) -> Iterator[Entry]:
        yield Entry(None, None)
        yield from (Entry(one, None) for one in self._past())
        cycle, quoted = 0, 0.0
        while True:
            now = int(time.time() * 1000)
            if time.monotonic() - quoted >= QUOTE_EVERY_S:
                quoted = time.monotonic()
                for symbol, (bid, ask) in self._asked().items():
                    yield Entry(self._ticker(now, symbol, bid, ask), None)
            if now // 1000 > cycle:
                cycle = now // 1000
                yield Entry(Tick(at=cycle * 1000), None)
            yield Entry(None, None)
            time.sleep(BEAT_S)

    def _past(self) -> list[Record]:
        now = int(time.time() * 1000) // FIVE_MS * FIVE_MS
        found: list[Record] = []
        snapshot = rules_of(self._place.venue)
        prices = self._asked()
        found += [msgspec.structs.replace(snapshot[symbol], at=now - 289 * FIVE_MS) for symbol in SYMBOLS]
        for number in range(-288, 0):
            for symbol, (bid, _) in prices.items():
                found.append(self._bar(now + number * FIVE_MS, symbol, bid))
        return found

    def _bar(self, opened: int, symbol: str, price: str) -> Bar:
        return Bar(
            at=opened + FIVE_MS, venue=self._place.venue, symbol=symbol, step_s=300, open_at=opened, open=price,
            high=price, low=price, close=price, volume="100000000",
        )  # fmt: skip

    def _ticker(self, at: int, symbol: str, bid: str, ask: str) -> Ticker:
        return Ticker(
            at=at, venue=self._place.venue, symbol=symbol, last=bid, volume_24h="100000000",
            quote_volume_24h="10000000000", bid=bid, ask=ask,
        )  # fmt: skip

    def _asked(self) -> dict[str, tuple[str, str]]:
        self._line.request("GET", self._path)
        rows = json.loads(self._line.getresponse().read())
        found = {row["symbol"]: (row["bidPrice"], row["askPrice"]) for row in rows}
        return {symbol: found[symbol] for symbol in SYMBOLS if symbol in found}


@cache
def rules_of(venue: str) -> Mapping[str, SymbolRules]:
    """Gives the rules of a venue's symbols, read once for all lives that are forked from here."""
    return load(venue).rules


def settings(sets: tuple[str, ...] = ()) -> Settings:
    """Gives settings under which much is traded: cycles of a second, no waiting for a market that warms up."""
    used = settings_of.load(
        env={},
        sets=[
            "scan.pool=all", "scan.cycle_s=1", "desk.feed_fresh_s=0", "desk.equity=1000000", "size.equity_share_pct=3",
            "desk.drawdown_levels_pct=[90,91,92,93,94]", "desk.day_loss_levels_pct=[90,91,92,93,94]",
            "rules.max_entries_day.limit=10000", "orders.sync_s=10", f"orders.absent_after_s={PROOF_S}",
            "orders.poll_s=10", "orders.poll_deaf_s=3", "orders.balance_s=20", "binance.recv_window_ms=3000",
            "rules.max_positions.limit=8", "governor.entries_per_minute=60", "governor.entries_per_symbol_day=200",
            "governor.order_notional=100000", "governor.day_notional=1000000000", *sets,
        ],
    )  # fmt: skip
    used.__dict__["strategy"] = Eager()
    return used


def account_of(place: Place, used: Settings) -> Account:
    """Opens the account at the venue."""
    rest = f"http://127.0.0.1:{place.port}"
    where = BinanceSettings(
        spot_url=rest, usdm_url=rest, spot_user_url=place.account_url, usdm_user_url=place.account_url,
        recv_window_ms=used.binance.recv_window_ms,
    )  # fmt: skip
    key = Key(place.api_key, place.secret)
    # Nobody has hundreds of starts an hour: each life has the exchange's budgets for itself.
    budgets = place.folder / f"budgets-{os.getpid()}"
    budgets.mkdir(exist_ok=True)
    return open_account(place.venue, where, budgets, key, AccountTerms(leverage=1))


def open_venue(place: Place) -> LiveVenue:
    """Opens the account as a venue, for whoever sends without a session."""
    used = settings()
    return LiveVenue(account_of(place, used), used.orders, Known(adopts=False))


def warm() -> None:
    """Imports what a life needs, so that those forked from here begin at once."""
    settings()
    httpx.Client().close()
    for venue in ("binance-spot", "binance-usdm"):
        rules_of(venue)


class Life:
    """One life of the trader's process."""

    def __init__(self, place: Place, sets: tuple[str, ...] = ()) -> None:
        """Opens ledger and account; nothing is sent yet."""
        used = settings(sets)
        self.ledger = Ledger.open(place.ledger, mode="live", venue=place.venue, account="campaign")
        self.trading = Trading(account_of(place, used), used, self.ledger)
        market = Market(Quotes(place), {}, "none")
        self.session = Session(used, market, self.ledger, trading=self.trading)
        self._stop = False
        signal.signal(signal.SIGTERM, self._end)

    def _end(self, *_: object) -> None:
        self._stop = True

    @property
    def flat(self) -> bool:
        """Whether nothing is held, nothing is on its way and nothing is unknown."""
        order, venue = self.session.stages.order, self.session.stages.venue
        assert isinstance(venue, LiveVenue)
        known = venue.idle and not self.session.keeper.catching_up
        return known and not order.state.sent and not order.desk.state.books

    def play(self, seconds: float, until_flat: bool = False) -> bool:
        """Trades for so long, or until TERM, then ends in order; says whether all was flat and known at the end."""
        end, flat_at = time.monotonic() + seconds, 0.0

        def stopped() -> bool:
            nonlocal flat_at
            now = time.monotonic()
            if until_flat:
                flat_at = (flat_at or now) if self.flat else 0.0
            return self._stop or now > end or bool(flat_at and now - flat_at > 2.5)

        for _ in self.session.play(stopped):
            pass
        flat = self.flat
        self.session.close()
        self.ledger.close()
        return flat
