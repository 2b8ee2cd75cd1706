"""The breaker: scripted outcomes and the levels they lead to, kept where every process sees them."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from binance_fakes import NOON, FakeTime, FakeVenue, client_for
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ConfigError, InDoubt, VenueError
from engine.runs import settings
from engine.world.binance.binance import Binance
from engine.world.binance.breaker import CLOSED, HALF, OPEN, QUARTER, BreakerSettings, BreakerState, after
from engine.world.binance.budget import SPOT_LIMITS, WEIGHT, Budget, Payer
from engine.world.binance.client import RETRIES
from engine.world.binance.spot_market import SpotMarket
from engine.world.binance.spot_orders import SpotOrders
from engine.world.binance.spot_shapes import SpotTicket
from engine.world.binance.trouble import Rejected, Tripped

SETTINGS = BreakerSettings()
PAYER = Payer("api.binance.com", "", SPOT_LIMITS)
TICKET = SpotTicket(symbol="BTCUSDT", side="BUY", type="MARKET", quantity=Decimal(1), new_client_order_id="h-1")


def levels(outcomes: str, key: str = "") -> str:
    """Gives the level after each outcome: x failed, . went well."""
    state, told = BreakerState(), ""
    for one in outcomes:
        state = after(state, SETTINGS, one == ".", key)
        told += str(state.level)
    return told


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        # Failures in a row: five, ten, fifteen.
        ("xxxxxxxxxxxxxxx", "000011111222223"),
        ("xxxx.xxxx", "000000000"),
        # By share, of twenty calls: a fifth, two fifths, three fifths.
        ("." * 16 + "xxxx", "0" * 19 + "1"),
        ("...x" * 5, "0" * 19 + "1"),
        (".x.x.x" * 3 + "..", "0" * 20),  # a good call raises no level, whatever was before it
        (".x.x.x" * 3 + "..x", "0" * 20 + "2"),
        ("..xxx" * 4, "0" * 19 + "3"),
        # Five good calls in a row are one level down, each.
        ("xxxxx....." + "....." + "x", "0000111110" + "000000"),
        ("xxxxxxxxxx" + "....." * 2 + "xxxx", "0000111112" + "2222111110" + "0000"),
        ("xxxxx" + "....x" + ".....", "00001" + "11111" + "11110"),
        # The last level ends by nobody's good calls.
        ("x" * 15 + "." * 30, "000011111222223" + "3" * 30),
    ],
)
def test_levels_follow_the_table(outcomes: str, expected: str) -> None:
    assert levels(outcomes) == expected


def test_three_failures_of_one_key_call_in_a_row_open_it_at_once() -> None:
    assert levels("xxx", "POST /api/v3/order") == "003"
    assert levels("xx.xx", "POST /api/v3/order") == "00000"
    state = BreakerState()
    for key in ("POST /order", "GET /account", "GET /openOrders", "POST /order"):
        state = after(state, SETTINGS, False, key)
    assert state.level == CLOSED  # three different calls, and one of them twice


@given(st.text(alphabet=".x", max_size=80), st.sampled_from(["", "POST /api/v3/order"]))
def test_it_never_falls_but_by_one_level_and_never_from_the_last(outcomes: str, key: str) -> None:
    told = [0, *map(int, levels(outcomes, key))]
    for one, before, now in zip(outcomes, told, told[1:], strict=False):
        assert now >= before or (one == "." and before in (HALF, QUARTER) and now == before - 1)


@pytest.fixture
def budget(tmp_path: Path) -> Iterator[Budget]:
    made = Budget(tmp_path / "limits.db")
    yield made
    made.close()


@pytest.mark.parametrize(("failures", "percent"), [(0, 80), (5, 40), (10, 20), (15, 20)])
def test_a_level_leaves_a_part_of_the_budget_for_reads(budget: Budget, failures: int, percent: int) -> None:
    for _ in range(failures):
        budget.outcome(PAYER, False)
    claims = sum(
        budget.claim(PAYER, {WEIGHT: 10}, NOON, order=False, urgent=False) is None for _ in range(SPOT_LIMITS[WEIGHT])
    )
    assert claims == SPOT_LIMITS[WEIGHT] * percent // 100 // 10


def test_an_open_breaker_holds_entries_back_in_every_process_until_it_is_resumed(tmp_path: Path) -> None:
    first, second = Budget(tmp_path / "limits.db"), Budget(tmp_path / "limits.db")
    for _ in range(3):
        first.outcome(PAYER, False, "POST /api/v3/order")
    with pytest.raises(Tripped, match="hot resume"):
        second.claim(PAYER, {WEIGHT: 1}, NOON, order=True, urgent=False)
    assert second.claim(PAYER, {WEIGHT: 1}, NOON, order=True, urgent=True) is None  # exits
    assert second.claim(PAYER, {WEIGHT: 1}, NOON, order=False, urgent=False) is None
    second.resume()
    assert first.claim(PAYER, {WEIGHT: 1}, NOON, order=True, urgent=False) is None
    first.close()
    second.close()


def test_a_client_counts_what_fails_and_not_what_is_refused(tmp_path: Path) -> None:
    venue = FakeVenue(FakeTime())
    client = client_for("spot", venue, tmp_path)
    heard: list[int] = []
    client.on_breaker = heard.append
    orders = SpotOrders(client)
    for _ in range(4):  # the exchange's no is an answer as good as a yes
        venue.then({"code": -2010, "msg": "Account has insufficient balance for requested action."}, 400)
        with pytest.raises(Rejected):
            orders.place(TICKET)
    for _ in range(3):
        venue.then({"code": -1000, "msg": "Unknown error, please check your request or try again later."}, 503)
        with pytest.raises(InDoubt):
            orders.place(TICKET)
    asked = len(venue.requests)
    with pytest.raises(Tripped):
        orders.place(TICKET)
    assert len(venue.requests) == asked
    assert heard == [OPEN]
    assert client.breaker_level() == OPEN


def test_reads_without_a_key_slow_down_and_recover(tmp_path: Path) -> None:
    venue = FakeVenue(FakeTime())
    client = client_for("spot", venue, tmp_path, key=False)
    heard: list[int] = []
    client.on_breaker = heard.append
    market = SpotMarket(client)
    for _ in range(2):
        for _ in range(RETRIES + 1):
            venue.then(b"<html>502</html>", 502)
        with pytest.raises(VenueError):
            market.best_quotes()
    for _ in range(5):
        venue.then([])
        market.best_quotes()
    assert heard == [HALF, CLOSED]


def test_thresholds_are_settings(tmp_path: Path) -> None:
    used = settings.load(env={}, sets=["breaker.run=[1,2,3]", "breaker.good_run=1"])
    with Binance(used.binance, tmp_path, breaker=used.breaker) as binance:
        told = [binance.budget.outcome(PAYER, good)[1] for good in (False, True, False, False, False)]
    assert told == [HALF, CLOSED, HALF, QUARTER, OPEN]
    assert used.hash == settings.load(env={}).hash  # no decision hangs on it


@pytest.mark.parametrize("words", ["breaker.run=[5,4,9]", "breaker.failed_pct=[10,50,20]", "breaker.of=0"])
def test_thresholds_that_cannot_be_are_said(words: str) -> None:
    with pytest.raises(ConfigError, match="breaker"):
        settings.load(env={}, sets=[words])
