"""This machine's clock an hour off the exchange's: executions that no stream told are found all the same."""

import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import patience
import pytest
from test_live_crossings import order

from engine.records.account import Execution, OrderReport
from engine.records.base import Record
from engine.world.account.opening import open_account
from engine.world.account.settings import AccountTerms
from engine.world.binance.keys import Key
from engine.world.binance.settings import BinanceSettings
from engine.world.loopback.faults.script import Fault
from engine.world.loopback.serving import Serving
from engine.world.venues.live.known import Known, Ours
from engine.world.venues.live.settings import LiveVenueSettings
from engine.world.venues.live.venue import LiveVenue

QUICK = LiveVenueSettings(sync_s=1, poll_s=1, poll_deaf_s=1)
BTC = "BTCUSDT"


class Apart:
    """A trader whose clock is so many seconds ahead of the exchange's, on an account whose stream tells nothing."""

    def __init__(self, account: Any, ahead_s: int, held: dict[str, Decimal]) -> None:
        self.account, self._ahead_ms = account, ahead_s * 1000
        account.skew_ms = lambda: self._ahead_ms
        self.trader = LiveVenue(account, QUICK, Known(ours=lambda: Ours(held)), now_ms=self.now_ms)
        self.told: list[Record] = []
        self.trader.start([])
        patience.until(lambda: self.trader.syncing.recovered)

    def now_ms(self) -> int:
        return int(time.time() * 1000) + self._ahead_ms

    def hears(self, kind: type[Record], **what: object) -> bool:
        self.told.extend(self.trader.drain())
        return any(isinstance(one, kind) and all(getattr(one, k) == v for k, v in what.items()) for one in self.told)

    def executed(self) -> list[Execution]:
        return [one for one in self.told if isinstance(one, Execution)]


@pytest.fixture(params=[-3600, 90, 3600])
def ahead_s(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture(params=["binance-spot", "binance-usdm"])
def account(request: pytest.FixtureRequest, venue: Serving, tmp_path: Path) -> Iterator[Any]:
    where = BinanceSettings(
        spot_url=venue.rest_url, usdm_url=venue.rest_url, spot_user_url=venue.ws_api_url,
        usdm_user_url=f"{venue.futures_stream_url}/private",
    )  # fmt: skip
    venue.do(lambda one: one.faults.add(Fault(fault="never", on="user")))
    opened = open_account(request.param, where, tmp_path, Key(venue.key, venue.secret), AccountTerms())
    yield opened
    opened.close()


def test_an_order_ends_with_its_executions(account: Any, ahead_s: int) -> None:
    apart = Apart(account, ahead_s, {})
    try:
        entry = msgspec.structs.replace(
            order("h" + "b" * 27), qty=Decimal("0.01"), side="buy", closes=False, sent_at=apart.now_ms()
        )
        apart.trader.send(entry)
        patience.until(lambda: apart.hears(OrderReport, status="filled"), 20)
        assert sum(Decimal(one.qty) for one in apart.executed()) == Decimal("0.01")
    finally:
        apart.trader.close()


@pytest.mark.parametrize("account", ["binance-usdm"], indirect=True)
def test_what_was_traded_by_hand_is_booked_at_its_own_price(account: Any, ahead_s: int, venue: Serving) -> None:
    held = {BTC: Decimal(0)}
    apart = Apart(account, ahead_s, held)
    market = account.venue.removeprefix("binance-")

    def by_hand(side: str) -> None:
        fault = Fault(fault="trade_by_hand", symbol=BTC, side=side, value="0.02", market=market)
        venue.do(lambda one: one.faults.add(msgspec.structs.replace(fault, after_s=one.clock.up_s())))

    try:
        by_hand("BUY")
        patience.until(lambda: apart.hears(Execution, symbol=BTC, side="buy"), 20)
        held[BTC] = next(one.qty for one in account.holdings() if one.symbol == BTC)
        time.sleep(2.0)
        by_hand("SELL")
        patience.until(lambda: apart.hears(Execution, symbol=BTC, side="sell"), 20)
        assert [one.side for one in apart.executed()] == ["buy", "sell"]
        assert all(not one.trade_id.startswith("made-") for one in apart.executed())
    finally:
        apart.trader.close()
