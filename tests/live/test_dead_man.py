"""The dead man's switch: limit orders stay only while somebody says so; stops stay always."""

import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import msgspec
import patience
import pytest
from live_rig import Rig, until
from test_live_crossings import order
from tiny_account import TinyAccount, unreachable

from engine.errors import ConfigError
from engine.matching.events import VenueOrder
from engine.records.ideas import ExitPlan, tiers_of
from engine.runs.live import open_trading
from engine.runs.settings import load
from engine.world.account.account import Account
from engine.world.account.opening import open_account
from engine.world.account.settings import AccountTerms
from engine.world.binance.keys import Key
from engine.world.binance.settings import BinanceSettings
from engine.world.loopback.serving import Serving
from engine.world.venues.live.settings import LiveVenueSettings
from engine.world.venues.live.venue import LiveVenue

STAGED = ExitPlan(stop_pct=5, tiers=tiers_of([(50, 5)]), resting_tiers=True, trail_share_pct=10, hold_max_s=86_400)


def countdowns(account: TinyAccount) -> list[str]:
    return [f"{what} {symbol}" for what, symbol in account.requests if what.startswith("countdown")]


def test_it_says_so_while_a_tier_rests_and_calls_it_off_afterwards(tmp_path: Path) -> None:
    account = TinyAccount()
    rig = Rig(tmp_path, account, STAGED, sets=("rules.max_entries_day.limit=1", "orders.dead_man_s=3"))

    def sell() -> None:
        account.fill(account.working("limit")[0].order.client_id)

    rig.play(
        *rig.entered(), until(lambda: len(countdowns(account)) >= 2), sell,
        until(lambda: "countdown 0 BTCUSDT" in countdowns(account)), rig.tickers,
    )  # fmt: skip
    assert set(countdowns(account)) == {"countdown 3 BTCUSDT", "countdown 0 BTCUSDT"}


def test_a_failure_is_tried_again_soon() -> None:
    account = TinyAccount()
    left = [unreachable()]
    account.mishap = lambda what, _: left.pop() if what == "countdown" and left else None
    venue = LiveVenue(account, LiveVenueSettings(dead_man_s=60))
    try:
        venue.start([])
        venue.send(limit("h" + "t" * 27))
        patience.until(lambda: len(countdowns(account)) == 2)
    finally:
        venue.close()


def test_without_the_setting_nothing_counts_down(tmp_path: Path) -> None:
    account = TinyAccount()
    rig = Rig(tmp_path, account, STAGED, sets=("rules.max_entries_day.limit=1",))
    rig.play(*rig.entered(), 0.5)
    assert len(account.working("limit")) == 1
    assert countdowns(account) == []


def limit(client_id: str) -> VenueOrder:
    return msgspec.structs.replace(small(client_id, "limit"), limit_price=Decimal(150_000), resting=True)


def small(client_id: str, order_type: str = "market") -> VenueOrder:
    return msgspec.structs.replace(order(client_id, order_type), qty=Decimal("0.01"))


@pytest.fixture
def usdm(venue: Serving, tmp_path: Path) -> Iterator[Account]:
    where = BinanceSettings(
        spot_url=venue.rest_url, usdm_url=venue.rest_url, spot_user_url=venue.ws_api_url,
        usdm_user_url=f"{venue.futures_stream_url}/private",
    )  # fmt: skip
    account = open_account("binance-usdm", where, tmp_path, Key(venue.key, venue.secret), AccountTerms())
    yield account
    account.close()


def test_at_a_venue_what_is_left_of_a_dead_trader_is_its_stop(venue: Serving, usdm: Account) -> None:
    trader = LiveVenue(usdm, LiveVenueSettings(dead_man_s=3))
    trader.start([])
    patience.until(lambda: trader.syncing.recovered)
    bought = msgspec.structs.replace(small("h" + "b" * 27), side="buy", closes=False)
    trader.send(bought)
    patience.until(lambda: usdm.holdings())
    trader.send(limit("h" + "t" * 27))
    trader.send(msgspec.structs.replace(small("h" + "s" * 27, "stop"), stop_price=Decimal(50_000)))
    patience.until(lambda: len(usdm.open_orders("BTCUSDT")) == 2)
    time.sleep(4.5)
    assert len(usdm.open_orders("BTCUSDT")) == 2  # somebody is there
    trader.close()
    end = time.monotonic() + 10
    while venue.do(lambda one: len(one.trader.open)) and time.monotonic() < end:
        time.sleep(0.1)
    assert venue.do(lambda one: len(one.trader.open)) == 0
    assert venue.do(lambda one: [algo.status for algo in one.algo.orders.values()]) == ["NEW"]


def test_spot_has_no_such_switch(tmp_path: Path) -> None:
    used = load(None, ["orders.dead_man_s=60"], env={})
    with pytest.raises(ConfigError, match="futures"):
        open_trading(used, "binance-spot", tmp_path / "x.db", lambda text: None)
    with pytest.raises(ConfigError, match="at least 3"):
        load(None, ["orders.dead_man_s=2"], env={})
