"""Spot's user stream against the loopback venue."""

import threading
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("websockets")

from account_opening import QUICK, opened
from hearing import Hearer, listening, timeless
from patience import until
from quiet_market import arm, order, quote

from engine.errors import Bug, ConfigError
from engine.world.account.account import BalanceNews, HeldNews, StreamNews
from engine.world.account.opening import open_account
from engine.world.account.spot import BinanceSpotAccount
from engine.world.account.user_stream import EVERYDAY
from engine.world.binance.http import ANSWER_S
from engine.world.binance.keys import Key
from engine.world.binance.settings import BinanceSettings
from engine.world.loopback.serving import Serving


@pytest.fixture
def hearer(spot: BinanceSpotAccount) -> Hearer:
    return listening(spot)


def test_executions_are_heard_as_they_are_listed(spot: BinanceSpotAccount, hearer: Hearer, venue: Serving) -> None:
    told = spot.place(order("h1", order_type="limit", limit_price="99.5", qty="3"))
    quote(venue, "99.4", "99.5", qty="1")
    quote(venue, "99.0", "99.1")
    hearer.wait(lambda: [one for one in hearer.orders("h1") if one.status == "filled"])
    heard = [(one.trade_id, one.qty, one.fee, one.fee_asset, one.liquidity) for one in hearer.trades("h1")]
    listed = spot.trades_of("ABCUSDT", told.order.order_id, 0)
    assert heard == [(one.trade_id, one.qty, one.fee, one.fee_asset, one.liquidity) for one in listed]


def test_an_execution_is_the_same_in_the_answer_and_in_the_stream(spot: BinanceSpotAccount, hearer: Hearer) -> None:
    told = spot.place(order("h2", qty="12"))
    hearer.wait(lambda: len(hearer.trades("h2")) == 2)
    assert timeless(hearer.trades("h2")) == timeless(told.trades)
    assert hearer.orders("h2")[-1] == told.order


def test_a_cancel_is_heard_under_the_orders_own_id(spot: BinanceSpotAccount, hearer: Hearer, venue: Serving) -> None:
    spot.place(order("h4", order_type="limit", limit_price="99.5", qty="3"))
    quote(venue, "99.4", "99.5", qty="1")
    spot.cancel("ABCUSDT", "h4")
    hearer.wait(lambda: [one for one in hearer.orders("h4") if one.status == "cancelled"])
    assert hearer.orders("h4")[-1].filled_qty == 1


def test_a_stop_and_an_expiry(spot: BinanceSpotAccount, hearer: Hearer, venue: Serving) -> None:
    spot.place(order("h5", "sell", "stop", stop_price="95", qty="50"))
    quote(venue, "94.9", "95.0", qty="0.001")
    hearer.wait(lambda: [one for one in hearer.orders("h5") if one.status == "expired"])
    last = hearer.orders("h5")[-1]
    assert last.code == "INSUFFICIENT_LIQUIDITY"
    assert last.filled_qty == sum(one.qty for one in hearer.trades("h5")) > 0


def test_the_wallet_is_heard(spot: BinanceSpotAccount, hearer: Hearer) -> None:
    spot.place(order("h6", "sell", "limit", limit_price="110", qty="20"))
    hearer.wait(lambda: BalanceNews(asset="ABC", free=Decimal(30), locked=Decimal(20)) in hearer.news)
    assert HeldNews(symbol="ABCUSDT", qty=Decimal(50), free=Decimal(30)) in hearer.news


def test_a_symbol_in_chinese_characters(spot: BinanceSpotAccount, hearer: Hearer) -> None:
    spot.place(order("h7", symbol="币安人生USDT"))
    hearer.wait(lambda: hearer.trades("h7"))
    assert hearer.trades("h7")[0].symbol == "币安人生USDT"


def test_what_others_do_with_the_account_is_heard(hearer: Hearer, venue: Serving) -> None:
    arm(venue, fault="trade_by_hand", symbol="ABCUSDT", side="BUY", value="2")
    hearer.wait(lambda: [one for one in hearer.news if getattr(one, "client_id", "").startswith("web_")])


def test_repeats_are_passed_on(spot: BinanceSpotAccount, hearer: Hearer, venue: Serving) -> None:
    arm(venue, fault="twice", on="user")
    spot.place(order("h8"))
    hearer.wait(lambda: len(hearer.trades("h8")) == 2)
    assert len(set(hearer.trades("h8"))) == 1


def test_a_subscription_that_is_ended_and_refused_anew(
    spot: BinanceSpotAccount, hearer: Hearer, venue: Serving
) -> None:
    arm(venue, fault="refuse_subscriptions", value="2")
    arm(venue, fault="end_user_stream")
    assert "ended the subscription" in hearer.down()
    hearer.wait(lambda: hearer.ups() == [True, False, True])
    spot.place(order("h10"))
    hearer.wait(lambda: hearer.trades("h10"))


def test_a_subscription_that_is_silent_is_found_out_by_the_wallet(
    spot: BinanceSpotAccount, hearer: Hearer, venue: Serving
) -> None:
    venue.do(lambda one: one.account.listeners.clear())
    spot.place(order("h11"))
    assert "did not tell that" in hearer.down()
    hearer.up(2)
    assert hearer.trades("h11") == []


def test_a_withheld_fill_is_found_out_by_the_wallet(spot: BinanceSpotAccount, hearer: Hearer, venue: Serving) -> None:
    arm(venue, fault="never", on="user", times=4)
    spot.place(order("h12"))
    hearer.down()
    hearer.up(2)


def test_a_quiet_account_is_not_taken_for_a_deaf_stream(spot: BinanceSpotAccount, hearer: Hearer) -> None:
    for number in range(6):
        spot.place(order(f"h-{number}", qty="0.3"))
        time.sleep(0.3)
    assert hearer.ups() == [True]


def test_a_proof_without_an_answer_proves_nothing(hearer: Hearer, venue: Serving) -> None:
    arm(venue, fault="503_unavailable", on="GET /api/v3/account", times=0)
    time.sleep(1.5)
    assert hearer.ups() == [True]


def test_a_message_that_cannot_be_read_has_everything_asked_anew(
    spot: BinanceSpotAccount, hearer: Hearer, venue: Serving
) -> None:
    arm(venue, fault="dirty", on="user", times=2)
    spot.place(order("h13"))
    hearer.wait(lambda: [one for one in hearer.of(StreamNews) if one.up and "could not be read" in one.reason])
    spot.place(order("h14"))
    hearer.wait(lambda: hearer.trades("h14"))
    assert False not in hearer.ups()


def test_a_wrong_secret_is_told_and_not_tried_in_a_loop(venue: Serving, tmp_path: Path) -> None:
    where = BinanceSettings(spot_url=venue.rest_url, usdm_url=venue.rest_url, spot_user_url=venue.ws_api_url)
    stranger = open_account("binance-spot", where, tmp_path, Key(venue.key, venue.secret[::-1]), rhythm=QUICK)
    hearer = Hearer()
    stranger.listen(hearer)
    assert "signature" in hearer.down()
    opened_so_far = _subscriptions(venue)
    time.sleep(1.5)
    stranger.close()
    assert _subscriptions(venue) == opened_so_far


def test_a_clock_that_is_off_is_measured_again(spot: BinanceSpotAccount, hearer: Hearer, venue: Serving) -> None:
    arm(venue, fault="clock", seconds=20)
    arm(venue, fault="cut_streams", after_s=0.2)
    hearer.down()
    hearer.up(2)


def test_an_exchange_that_is_not_there_is_told(tmp_path: Path) -> None:
    where = BinanceSettings(spot_url="http://127.0.0.1:9", spot_user_url="ws://127.0.0.1:9/ws-api/v3")
    account, hearer = (
        open_account("binance-spot", where, tmp_path, Key("k" * 5 + "A1b2" * 8, "s" * 5 + "A1b2" * 8)),
        Hearer(),
    )
    account.listen(hearer)
    assert hearer.down()
    account.close()


def test_a_banned_address_does_not_even_connect(spot: BinanceSpotAccount, hearer: Hearer, venue: Serving) -> None:
    arm(venue, fault="418", on="GET /api/v3/account", seconds=600)
    until(lambda: spot._binance.budget.holds(int(time.time() * 1000)))
    arm(venue, fault="cut_streams")
    hearer.down()
    before = _subscriptions(venue)
    time.sleep(1.5)
    assert _subscriptions(venue) == before


def test_a_hearer_that_fails_does_not_end_the_thread(venue: Serving, tmp_path: Path) -> None:
    account, hearer = opened("binance-spot", venue, tmp_path), Hearer()
    failing = [True]

    def hear(news: Any) -> None:
        hearer(news)
        if failing and getattr(news, "client_id", "") == "h16":
            failing.clear()
            raise RuntimeError("no room")

    account.listen(hear)
    hearer.up()
    account.place(order("h16"))
    assert hearer.down() == "no room"
    hearer.up(2)
    account.close()


def test_a_peer_that_answers_no_ping_is_given_up(venue: Serving, tmp_path: Path) -> None:
    account, hearer = opened("binance-spot", venue, tmp_path, QUICK._replace(ping_s=1.0)), Hearer()
    account.listen(hearer)
    hearer.up()

    def fall_silent(one: Any) -> None:
        for talker in one.doors.everybody():
            talker.socket.receive = lambda data: None

    venue.do(fall_silent)
    assert "closed" in hearer.down()
    hearer.up(2)
    account.close()


def test_what_is_wrong_is_told_within_a_minute() -> None:
    # A ping and its answer; and two proofs in a row that miss the same, each with an answer that takes its time.
    assert 2 * EVERYDAY.ping_s + EVERYDAY.look_s < 45
    assert 2 * EVERYDAY.prove_s + EVERYDAY.look_s + ANSWER_S < 60


def test_a_stream_whose_replacement_is_refused_goes_on_with_the_old_one(venue: Serving, tmp_path: Path) -> None:
    account, hearer = opened("binance-spot", venue, tmp_path, QUICK._replace(life_s=0.5)), Hearer()
    account.listen(hearer)
    hearer.up()
    arm(venue, fault="refuse_subscriptions", value="1")
    time.sleep(1.0)
    account.place(order("h17"))
    hearer.wait(lambda: hearer.trades("h17"))
    hearer.up(2)
    account.close()
    assert False not in hearer.ups()


def test_it_listens_once_and_closes_at_once(
    spot: BinanceSpotAccount, hearer: Hearer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.world.account.user_stream.STOP_WITHIN_S", 60.0)
    with pytest.raises(Bug, match="already"):
        spot.listen(hearer)
    began = time.monotonic()
    spot.close()
    assert time.monotonic() - began < 30
    assert not [thread for thread in threading.enumerate() if thread.name == "hot-binance-spot-user"]


def test_a_key_is_sent_to_no_open_socket(tmp_path: Path) -> None:
    where = BinanceSettings(spot_user_url="ws://ws-api.binance.com/ws-api/v3")
    account = open_account("binance-spot", where, tmp_path, Key("A1b2" * 10, "A1b2" * 10))
    with pytest.raises(ConfigError, match="wss://"):
        account.listen(Hearer())
    account.close()


def _subscriptions(venue: Serving) -> int:
    lines = venue.do(lambda one: one.journal.lines())
    return bytes(lines).count(b"userDataStream.subscribe")
