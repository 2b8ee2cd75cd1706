"""One account: its clock, its key's rights, and the whole client over a scripted exchange."""

from decimal import Decimal
from pathlib import Path

import httpx
import msgspec
import pytest
from binance_fakes import API_KEY, NOON, SECRET, FakeTime, FakeVenue, client_for
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ConfigError, Exit, KeyRefused, VenueError
from engine.world.binance.binance import Binance
from engine.world.binance.client import RETRIES, Client
from engine.world.binance.clock import MEASURE_AGAIN_MS, VenueClock
from engine.world.binance.http import Link
from engine.world.binance.keys import Key
from engine.world.binance.rights import check_rights, read_rights
from engine.world.binance.settings import PLACES, BinanceSettings
from engine.world.binance.spot_orders import SpotOrders
from engine.world.binance.spot_shapes import KeyRights, SpotTicket
from engine.world.binance.trouble import Lost

GOOD_RIGHTS = KeyRights(
    enable_withdrawals=False, enable_reading=True, enable_spot_and_margin_trading=True, enable_futures=True,
    ip_restrict=True,
)  # fmt: skip
ACK = {"symbol": "BTCUSDT", "orderId": 28, "clientOrderId": "h1"}
SELL = SpotTicket(symbol="BTCUSDT", side="SELL", type="MARKET", quantity=Decimal(1), new_client_order_id="h1")


# Time.


@pytest.mark.parametrize("skew_ms", [0, 100, 999, -999, 60_000, -3_600_000, 86_400_000])
def test_requests_are_stamped_with_the_exchanges_time(skew_ms: int, tmp_path: Path) -> None:
    time = FakeTime(skew_ms)
    venue = FakeVenue(time).then([])
    client = client_for("spot", venue, tmp_path)
    SpotOrders(client).open_orders()
    assert venue.queries()[0]["timestamp"] == str(NOON)
    assert client.clock.reading is not None
    assert client.clock.reading.skew_ms == skew_ms


@given(step_ms=st.integers(-(10**10), 10**10), passed_ms=st.integers(0, 10**7))
def test_a_step_of_our_wall_clock_moves_nothing(step_ms: int, passed_ms: int) -> None:
    time = FakeTime()
    clock = VenueClock(time.wall, time.mono)
    clock.measure(lambda: NOON + 500)
    time.skew_ms = step_ms
    time.ms += passed_ms
    assert clock.now_ms() == NOON + 500 + passed_ms


def test_the_way_there_and_back_is_halved() -> None:
    time = FakeTime()
    clock = VenueClock(time.wall, time.mono)

    def slow() -> int:
        time.ms += 400
        return NOON + 200

    reading = clock.measure(slow)
    assert (clock.now_ms(), reading.skew_ms, reading.round_trip_ms) == (NOON + 400, 0, 400)


def test_the_clock_is_measured_again_after_ten_minutes(spot: Client, venue: FakeVenue, fake_time: FakeTime) -> None:
    for _ in range(3):
        venue.then([])
    SpotOrders(spot).open_orders()
    SpotOrders(spot).open_orders()
    assert venue.times_asked == 1
    fake_time.ms += MEASURE_AGAIN_MS
    SpotOrders(spot).open_orders()
    assert venue.times_asked == 2


def test_no_order_waits_for_the_clock_to_be_measured_again(spot: Client, venue: FakeVenue, fake_time: FakeTime) -> None:
    venue.then([]).then(ACK)
    SpotOrders(spot).open_orders()
    fake_time.ms += MEASURE_AGAIN_MS
    SpotOrders(spot).place(SELL, urgent=True)
    assert venue.times_asked == 1


def test_an_exit_goes_even_when_the_clock_cannot_be_measured(fake_time: FakeTime, tmp_path: Path) -> None:
    class Timeless(FakeVenue):
        def handle(self, request: httpx.Request) -> httpx.Response:
            if request.url.path.endswith("/time"):
                raise httpx.ReadTimeout("x")
            return super().handle(request)

    venue = Timeless(fake_time).then(ACK)
    SpotOrders(client_for("spot", venue, tmp_path)).place(SELL, urgent=True)
    assert len(venue.requests) == 1


@pytest.mark.parametrize("said", [0, -5, 10**18, 1_400_000_000_000])
def test_a_time_that_cannot_be_is_not_believed(said: int) -> None:
    time = FakeTime()
    clock = VenueClock(time.wall, time.mono)
    with pytest.raises(VenueError, match="look at its address"):
        clock.measure(lambda: said)
    assert clock.reading is None


def test_without_a_key_nothing_signed_is_sent(venue: FakeVenue, tmp_path: Path) -> None:
    client = client_for("spot", venue, tmp_path, key=False)
    with pytest.raises(KeyRefused, match="needs a key"):
        SpotOrders(client).account()
    assert (venue.requests, venue.times_asked) == ([], 0)


# Rights.


def test_a_key_that_may_withdraw_is_refused() -> None:
    with pytest.raises(KeyRefused, match="may withdraw") as refused:
        check_rights(msgspec.structs.replace(GOOD_RIGHTS, enable_withdrawals=True), "spot")
    assert refused.value.code == Exit.KEY


def test_a_key_without_the_right_to_trade_is_refused_by_market() -> None:
    no_spot = msgspec.structs.replace(GOOD_RIGHTS, enable_spot_and_margin_trading=False)
    no_futures = msgspec.structs.replace(GOOD_RIGHTS, enable_futures=False)
    with pytest.raises(KeyRefused, match="Enable Spot"):
        check_rights(no_spot, "spot")
    with pytest.raises(KeyRefused, match="Enable Futures"):
        check_rights(no_futures, "usdm")
    assert check_rights(no_spot, "usdm") == check_rights(no_futures, "spot") == []


def test_a_key_that_cannot_read_is_refused() -> None:
    with pytest.raises(KeyRefused, match="Enable Reading"):
        check_rights(msgspec.structs.replace(GOOD_RIGHTS, enable_reading=False), "spot")


def test_a_key_for_any_address_is_warned_of() -> None:
    (warning,) = check_rights(msgspec.structs.replace(GOOD_RIGHTS, ip_restrict=False), "spot")
    assert "IP address" in warning


@pytest.mark.parametrize(("body", "status"), [(b"<html>", 404), (b"{}", 200), ({"enableReading": True}, 200)])
def test_rights_that_are_not_told_count_as_one_too_many(
    body: object, status: int, spot: Client, venue: FakeVenue
) -> None:
    venue.then(body, status)
    with pytest.raises(KeyRefused, match="does not say what the key may do"):
        read_rights(spot)


def test_a_lost_answer_about_rights_is_no_verdict(spot: Client, venue: FakeVenue) -> None:
    for _ in range(RETRIES + 1):
        venue.fails(httpx.ReadTimeout("x"))
    with pytest.raises(Lost):
        read_rights(spot)


def test_venues_of_test_money_are_not_asked(venue: FakeVenue, tmp_path: Path) -> None:
    client = client_for("spot", venue, tmp_path, url=PLACES["testnet"][0])
    assert read_rights(client) is None
    assert venue.requests == []


# As one thing.


def test_both_markets_share_connections_and_budgets(venue: FakeVenue, tmp_path: Path) -> None:
    link = Link(transport=httpx.MockTransport(venue.handle))
    with Binance(BinanceSettings(), tmp_path, key=Key(API_KEY, SECRET), link=link) as binance:
        venue.then(msgspec.to_builtins(GOOD_RIGHTS)).then([]).then([])
        assert binance.check_key("usdm") == []
        assert binance.spot_market.prices() == []
        assert binance.usdm_market.prices() == []
        hosts = [request.url.host for request in venue.requests]
    assert hosts == ["api.binance.com", "api.binance.com", "fapi.binance.com"]
    assert (tmp_path / "binance-limits.db").exists()


def test_settings_are_checked(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="https://"), Binance(BinanceSettings(spot_url="http://evil.com"), tmp_path):
        pass
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"recv_window_ms": 70_000}, BinanceSettings)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"spot_ulr": "x"}, BinanceSettings)


def test_no_secret_is_in_any_error_or_repr(spot: Client, venue: FakeVenue) -> None:
    echoing = (b"<html>" + f"X-MBX-APIKEY: {API_KEY} signature={'ab' * 32}".encode(), 500)
    for _ in range(RETRIES + 1):
        venue.then(*echoing)
    with pytest.raises(VenueError) as error:
        SpotOrders(spot).account()
    text = f"{error.value!r} {error.value} {spot!r} {vars(spot)!r}"
    assert API_KEY not in text and SECRET not in text and "abab" not in text


def test_what_became_of_an_order_is_asked_while_other_reads_wait(tmp_path: Path) -> None:
    """An exit may hang on it: of the minute's weight the last fifth is kept for orders and questions about them."""
    venue = FakeVenue(FakeTime())
    client = client_for("spot", venue, tmp_path)
    venue.then(ACK | {"status": "NEW", "executedQty": "0"}, x_mbx_used_weight_1m="5000")
    orders = SpotOrders(client)
    orders.query("BTCUSDT", "h1")
    began = venue.time.wall()
    venue.then(ACK | {"status": "NEW", "executedQty": "0"}).then([])
    orders.query("BTCUSDT", "h1")
    assert venue.time.wall() == began
    orders.open_orders()
    assert venue.time.wall() > began
