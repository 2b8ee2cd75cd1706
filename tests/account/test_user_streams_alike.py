"""What the user streams of both markets do alike, against the loopback venue."""

import threading
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("websockets")

from account_opening import QUICK, opened
from hearing import Hearer, listening
from quiet_market import arm, order, quote

from engine.world.loopback.serving import Serving

PLACES = {"spot": "POST /api/v3/order", "usdm": "POST /fapi/v1/order"}


@pytest.fixture(params=["spot", "usdm"])
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def account(kind: str, request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(kind)


@pytest.fixture
def hearer(account: Any) -> Hearer:
    return listening(account)


def test_an_order_is_heard_from_its_beginning_to_its_end(
    account: Any, hearer: Hearer, venue: Serving, kind: Any
) -> None:
    account.place(order("h1", order_type="limit", limit_price="99.5", qty="3"))
    quote(venue, "99.4", "99.5", kind=kind, qty="1")
    quote(venue, "99.0", "99.1", kind=kind)
    hearer.wait(lambda: [one for one in hearer.orders("h1") if one.status == "filled"])
    assert [(one.status, one.filled_qty) for one in hearer.orders("h1")] == [
        ("working", Decimal(0)), ("working", Decimal(1)), ("filled", Decimal(3)),
    ]  # fmt: skip


def test_a_fill_is_heard_before_the_answer(account: Any, hearer: Hearer, venue: Serving, kind: str) -> None:
    arm(venue, fault="delay", on=PLACES[kind], seconds=1.0)
    heard_by_then: list[Any] = []

    def place() -> None:
        account.place(order("h2"))
        heard_by_then.extend(hearer.trades("h2"))

    sender = threading.Thread(target=place)
    sender.start()
    hearer.wait(lambda: hearer.trades("h2"))
    sender.join()
    assert heard_by_then


def test_a_cut_stream_is_told_and_opened_again(account: Any, hearer: Hearer, venue: Serving) -> None:
    arm(venue, fault="cut_streams")
    assert "closed" in hearer.down()
    hearer.up(2)
    account.place(order("h9"))
    hearer.wait(lambda: hearer.trades("h9"))
    assert hearer.ups() == [True, False, True]


def test_before_its_day_is_over_a_stream_is_replaced_without_losing_anything(
    venue: Serving, tmp_path: Path, kind: str
) -> None:
    account, hearer = opened(f"binance-{kind}", venue, tmp_path, QUICK._replace(life_s=0.4)), Hearer()
    account.listen(hearer)
    hearer.up()
    for number in range(20):
        account.place(order(f"h-{number}", qty="0.1"))
        time.sleep(0.1)
    hearer.wait(lambda: hearer.trades("h-19"))
    hearer.up(3)
    account.close()
    assert all(hearer.trades(f"h-{number}") for number in range(20))
    assert False not in hearer.ups()


def test_a_server_that_is_about_to_go_is_left_in_time(account: Any, hearer: Hearer, venue: Serving) -> None:
    arm(venue, fault="shutdown", seconds=1.5)
    hearer.up(2)
    time.sleep(1.6)
    account.place(order("h15"))
    hearer.wait(lambda: hearer.trades("h15"))
    assert False not in hearer.ups()
