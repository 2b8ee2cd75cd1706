"""What REST may answer or not, on the loopback venue: what is asked again, what is in doubt, and what nobody asks."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from patience import until

from engine.errors import InDoubt, KeyRefused, VenueError
from engine.world.binance.binance import Binance, BinanceSettings
from engine.world.binance.client import RETRIES
from engine.world.binance.http import Link
from engine.world.binance.keys import Key
from engine.world.binance.spot_shapes import SpotTicket
from engine.world.binance.trouble import Banned, Limited, NotSent, Rejected, Sort
from engine.world.loopback.faults.script import Fault
from engine.world.loopback.serving import Serving, serving

READ, ORDER = "GET /api/v3/ticker/bookTicker", "POST /api/v3/order"


@pytest.fixture(scope="module")
def served() -> Iterator[Serving]:
    with serving() as running:
        yield running


@pytest.fixture
def binance(served: Serving, tmp_path: Path) -> Iterator[Binance]:
    with opened(served, tmp_path) as made:
        made.spot.measure()
        yield made


def opened(served: Serving, folder: Path, url: str | None = None) -> Binance:
    link = Link(connect_s=1.0, answer_s=2.0, max_body=1 << 20)
    return Binance(
        BinanceSettings(spot_url=url or served.rest_url), folder, key=Key(served.key, served.secret), link=link
    )


def arm(served: Serving, **fault: Any) -> None:
    served.do(lambda venue: venue.faults.add(Fault(after_s=venue.clock.up_s(), **fault)))


def arrived(served: Serving) -> int:
    return served.do(lambda venue: venue.journal.count)


def ids(served: Serving) -> list[str]:
    return served.do(lambda venue: [order.client_id for order in venue.account.orders.values()])


def ticket(name: str, quantity: str = "0.001") -> SpotTicket:
    return SpotTicket(symbol="BTCUSDT", side="BUY", type="MARKET", quantity=Decimal(quantity), new_client_order_id=name)


@pytest.mark.parametrize(
    "fault", ["drop", "drop_before", "reset", "reset_before", "cut", "500", "502", "503_unavailable", "408"]
)
def test_a_read_that_went_astray_is_asked_again(fault: str, binance: Binance, served: Serving) -> None:
    before = arrived(served)
    arm(served, fault=fault, on=READ)
    assert binance.spot_market.best_quotes()
    assert arrived(served) == before + 2


@pytest.mark.parametrize(
    ("fault", "tries"),
    [("html", 1), ("empty", 1), ("wrong_type", 1), ("oversized", RETRIES + 1), ("bomb", RETRIES + 1)],
)
def test_an_answer_that_is_none_is_an_error_of_a_read_and_a_doubt_of_an_order(
    fault: str, tries: int, binance: Binance, served: Serving
) -> None:
    arm(served, fault=fault, on=READ, times=tries)
    with pytest.raises(VenueError) as error:
        binance.spot_market.best_quotes()
    assert len(str(error.value)) < 400
    arm(served, fault=fault, on=ORDER)
    with pytest.raises(InDoubt, match=f"h-{fault}"):
        binance.spot_orders.place(ticket(f"h-{fault}"))
    assert ids(served).count(f"h-{fault}") == 1
    assert binance.spot_orders.query("BTCUSDT", f"h-{fault}").status == "FILLED"


@pytest.mark.parametrize("fault", ["drop", "reset", "cut", "500", "503_unknown", "408", "-1006", "-1007"])
def test_an_order_without_an_answer_is_in_doubt_and_arrived_once(fault: str, binance: Binance, served: Serving) -> None:
    arm(served, fault=fault, on=ORDER)
    with pytest.raises(InDoubt):
        binance.spot_orders.place(ticket(f"h{fault}"))
    assert ids(served).count(f"h{fault}") == 1


def test_a_port_that_nobody_serves_is_named_and_proves_that_nothing_was_sent(served: Serving, tmp_path: Path) -> None:
    with opened(served, tmp_path, "http://127.0.0.1:9") as dead:
        with pytest.raises(NotSent, match="connect failed"):
            dead.spot_market.best_quotes()
        with pytest.raises(NotSent):
            dead.spot_orders.place(ticket("h-dead"))
    assert "h-dead" not in ids(served)


def test_while_the_exchange_has_told_us_to_wait_no_process_asks(
    binance: Binance, served: Serving, tmp_path: Path
) -> None:
    arm(served, fault="429", on=READ, seconds=30.0)
    with pytest.raises(Limited):
        binance.spot_market.best_quotes()
    before = arrived(served)
    with opened(served, tmp_path) as other:
        for _ in range(5):
            with pytest.raises(Limited, match="until"):
                other.spot_market.best_quotes()
            with pytest.raises(Limited):
                other.spot_orders.place(ticket("h-limited"))
    assert arrived(served) == before


def test_a_ban_is_obeyed_through_three_restarts(binance: Binance, served: Serving, tmp_path: Path) -> None:
    arm(served, fault="418", on=READ, seconds=120.0)
    with pytest.raises(Banned, match="UTC"):
        binance.spot_market.best_quotes()
    before = arrived(served)
    for _ in range(3):
        with opened(served, tmp_path) as again, pytest.raises(Banned):
            again.spot_market.best_quotes()
    assert arrived(served) == before


@pytest.mark.parametrize("fault", ["-2014", "-2015", "403", "451"])
def test_a_refused_key_or_place_is_not_tried_again_and_never_shown(
    fault: str, binance: Binance, served: Serving
) -> None:
    before = arrived(served)
    arm(served, fault=fault, on="GET /api/v3/account")
    with pytest.raises(KeyRefused) as refused:
        binance.spot_orders.account()
    assert arrived(served) == before + 1
    assert "127.0.0.1" in str(refused.value)
    assert served.key not in str(refused.value)
    assert served.secret not in str(refused.value)


def test_rules_that_changed_refuse_by_a_filter_and_are_read_again(binance: Binance, served: Serving) -> None:
    arm(served, fault="step", symbol="ETHUSDT", value="0.5")
    until(lambda: served.do(lambda venue: venue.spot.floor.coins["ETHUSDT"].step) == Decimal("0.5"))
    wrong = SpotTicket(
        symbol="ETHUSDT", side="BUY", type="MARKET", quantity=Decimal("0.7"), new_client_order_id="h-step"
    )
    with pytest.raises(Rejected) as rejected:
        binance.spot_orders.place(wrong)
    assert (rejected.value.sort, rejected.value.filter) == (Sort.FILTER, "LOT_SIZE")
    told, _ = binance.spot_market.exchange_info().rules("binance-spot", 1)
    assert next(one.step for one in told if one.symbol == "ETHUSDT").startswith("0.5")
