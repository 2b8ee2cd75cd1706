"""The futures' user stream against the loopback venue."""

import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

pytest.importorskip("websockets")

from account_opening import opened
from hearing import Hearer, listening
from quiet_market import arm, order, quote

from engine.world.account.account import BalanceNews, HeldNews, StreamNews
from engine.world.account.became import Became
from engine.world.account.usdm import BinanceUsdmAccount
from engine.world.account.user_stream_usdm import RENEW_S, UsdmEar
from engine.world.binance.client import RETRIES
from engine.world.loopback.serving import Serving


@pytest.fixture
def hearer(usdm: BinanceUsdmAccount) -> Hearer:
    return listening(usdm)


def test_executions_are_heard_as_they_are_listed(usdm: BinanceUsdmAccount, hearer: Hearer, venue: Serving) -> None:
    told = usdm.place(order("h1", order_type="limit", limit_price="99.5", qty="3"))
    quote(venue, "99.4", "99.5", kind="usdm", qty="1")
    quote(venue, "99.0", "99.1", kind="usdm")
    hearer.wait(lambda: [one for one in hearer.orders("h1") if one.status == "filled"])
    listed = usdm.trades_of("ABCUSDT", told.order.order_id, told.order.venue_at - 1000)
    assert [msgspec.structs.replace(one, client_id="h1") for one in listed] == hearer.trades("h1")


def test_a_stop_is_heard_through_what_it_becomes(usdm: BinanceUsdmAccount, hearer: Hearer, venue: Serving) -> None:
    usdm.place(order("h3", qty="12"))
    told = usdm.place(order("h4", "sell", "stop", stop_price="95", closes=True))
    quote(venue, "94.9", "95.0", kind="usdm")
    hearer.wait(lambda: [one for one in hearer.orders("h4") if one.status == "filled" and one.became])
    heard = hearer.orders("h4")
    assert heard[0].status == "working"
    assert {(one.order_id, one.conditional) for one in heard} == {(told.order.order_id, True)}
    assert sum(one.qty for one in hearer.trades("h4")) == 12
    asked = usdm.order("ABCUSDT", "h4", conditional=True)
    assert asked is not None
    assert {one.order_id for one in hearer.trades("h4")} == {asked.became}
    hearer.wait(lambda: [one for one in hearer.of(HeldNews) if one.symbol == "ABCUSDT" and one.qty == 0])


def test_a_stop_is_heard_through_what_it_becomes_under_another_client_id(
    usdm: BinanceUsdmAccount, hearer: Hearer, venue: Serving
) -> None:
    def rename(one: Any) -> None:
        accept = one.perp.accept

        def accept_renamed(placed: Any) -> None:
            placed.client_id = f"strange-{placed.order_id}" if placed.algo_id else placed.client_id
            accept(placed)

        one.perp.accept = accept_renamed

    venue.do(rename)
    usdm.place(order("h-entry", qty="12"))
    usdm.place(order("h-stop", "sell", "stop", stop_price="95", closes=True))
    quote(venue, "94.9", "95.0", kind="usdm")
    hearer.wait(lambda: [one for one in hearer.orders("h-stop") if one.status == "filled"])
    assert sum(one.qty for one in hearer.trades("h-stop")) == 12
    assert not [one for one in hearer.news if getattr(one, "client_id", "").startswith("strange")]
    asked = usdm.order("ABCUSDT", "h-stop", conditional=True)
    assert asked is not None
    assert (asked.client_id, asked.status, asked.filled_qty) == ("h-stop", "filled", Decimal(12))


def test_a_stop_that_is_refused_when_it_triggers_is_heard(
    usdm: BinanceUsdmAccount, hearer: Hearer, venue: Serving
) -> None:
    usdm.place(order("h5", "sell", "stop", stop_price="95", closes=True))
    quote(venue, "94.9", "95.0", kind="usdm")
    hearer.wait(lambda: [one for one in hearer.orders("h5") if one.status == "rejected"])
    assert "ReduceOnly" in (hearer.orders("h5")[-1].code or "")


def test_a_cancelled_stop_is_heard(usdm: BinanceUsdmAccount, hearer: Hearer) -> None:
    usdm.place(order("h6", "sell", "stop", stop_price="95"))
    usdm.cancel("ABCUSDT", "h6", conditional=True)
    hearer.wait(lambda: [one for one in hearer.orders("h6") if one.status == "cancelled"])


def test_positions_and_money_are_heard(usdm: BinanceUsdmAccount, hearer: Hearer) -> None:
    usdm.prepare("ABCUSDT")
    usdm.place(order("h7", "sell", qty="3"))
    (held,) = usdm.holdings()
    hearer.wait(lambda: held in hearer.news)
    locked = hearer.of(BalanceNews)[-1]
    assert (locked.asset, locked.locked) == ("USDT", Decimal(50))
    assert locked.free + locked.locked == sum(one.free + one.locked for one in usdm.balances())


def test_a_liquidation_is_heard_as_a_strangers_order(usdm: BinanceUsdmAccount, hearer: Hearer, venue: Serving) -> None:
    usdm.place(order("h8", qty="2"))
    arm(venue, fault="liquidate", symbol="ABCUSDT", market="usdm")
    hearer.wait(lambda: [one for one in hearer.news if getattr(one, "client_id", "").startswith("autoclose-")])


def test_an_expired_key_is_told_and_replaced(usdm: BinanceUsdmAccount, hearer: Hearer, venue: Serving) -> None:
    arm(venue, fault="expire_listen_key")
    assert "expired" in hearer.down()
    hearer.up(2)
    usdm.place(order("h9"))
    hearer.wait(lambda: hearer.trades("h9"))


def test_a_socket_that_is_silent_is_found_out_by_the_wallet(
    usdm: BinanceUsdmAccount, hearer: Hearer, venue: Serving
) -> None:
    arm(venue, fault="end_user_stream")
    time.sleep(0.3)
    usdm.place(order("h10"))
    assert hearer.down() == "the stream did not tell that USDT changed"
    hearer.up(2)
    usdm.place(order("h11"))
    hearer.wait(lambda: hearer.trades("h11"))


def test_without_a_key_there_is_no_stream(venue: Serving, tmp_path: Path) -> None:
    arm(venue, fault="503_unavailable", on="POST /fapi/v1/listenKey", times=RETRIES + 1)
    account, hearer = opened("binance-usdm", venue, tmp_path), Hearer()
    account.listen(hearer)
    hearer.down()
    hearer.up()
    account.close()
    assert hearer.ups()[:2] == [False, True]


def test_repeats_are_passed_on_and_dirty_messages_are_not(
    usdm: BinanceUsdmAccount, hearer: Hearer, venue: Serving
) -> None:
    arm(venue, fault="twice", on="user", times=8)
    usdm.place(order("h12"))
    hearer.wait(lambda: len(hearer.trades("h12")) == 2)
    arm(venue, fault="dirty", on="user", times=3)
    usdm.place(order("h13"))
    hearer.wait(lambda: [one for one in hearer.of(StreamNews) if "could not be read" in one.reason])


def test_the_key_is_renewed_every_half_hour(usdm: BinanceUsdmAccount, venue: Serving) -> None:
    now = [0.0]
    ear = UsdmEar(usdm._binance, "USDT", Became(), lambda: now[0])
    first = ear.address()
    assert ear.prove() == ""
    asked = _asked(venue)
    now[0] += RENEW_S - 1
    assert ear.prove() == ""
    assert _asked(venue) == asked
    now[0] += 2
    assert ear.prove() == ""
    assert _asked(venue) == asked + 1
    assert ear.address() == first


def test_a_key_that_died_between_two_looks_is_found_out(usdm: BinanceUsdmAccount, venue: Serving) -> None:
    now = [0.0]
    ear = UsdmEar(usdm._binance, "USDT", Became(), lambda: now[0])
    ear.address()
    venue.do(lambda one: one.listen_keys.end(one.trader))
    assert "dead" in ear.prove()


def test_a_key_that_cannot_be_renewed_is_dead_after_an_hour(usdm: BinanceUsdmAccount, venue: Serving) -> None:
    now = [0.0]
    ear = UsdmEar(usdm._binance, "USDT", Became(), lambda: now[0])
    ear.address()
    assert ear.prove() == ""
    arm(venue, fault="503_unavailable", on="POST /fapi/v1/listenKey", times=0)
    now[0] = 3_000.0
    assert ear.prove() == ""
    now[0] = 3_600.0
    assert "could not be renewed" in ear.prove()


def test_no_listen_key_is_told_to_anybody(usdm: BinanceUsdmAccount, hearer: Hearer, venue: Serving) -> None:
    arm(venue, fault="expire_listen_key")
    hearer.down()
    keys = venue.do(lambda one: list(one.listen_keys._keys))
    assert not any(key in repr(hearer.news) for key in keys)


def _asked(venue: Serving) -> int:
    return bytes(venue.do(lambda one: one.journal.lines())).count(b"/fapi/v1/listenKey")
