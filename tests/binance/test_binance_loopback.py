"""The client against the loopback venue, which was written from the same manual by other hands."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from engine.errors import KeyRefused
from engine.world.binance.binance import Binance
from engine.world.binance.keys import Key
from engine.world.binance.settings import BinanceSettings
from engine.world.binance.spot_shapes import SpotTicket
from engine.world.binance.trouble import Rejected, Sort
from engine.world.loopback.serving import Serving, serving


@pytest.fixture
def served() -> Iterator[Serving]:
    with serving() as running:
        yield running


@pytest.fixture
def binance(served: Serving, tmp_path: Path) -> Iterator[Binance]:
    with open_binance(served, tmp_path, served.secret) as made:
        yield made


def open_binance(served: Serving, folder: Path, secret: str) -> Binance:
    return Binance(BinanceSettings(spot_url=served.rest_url), folder, key=Key(served.key, secret))


def test_an_order_is_placed_filled_and_found_again(binance: Binance) -> None:
    ticket = SpotTicket(
        symbol="BTCUSDT", side="BUY", type="MARKET", quantity=Decimal("0.01"), new_client_order_id="h-1"
    )
    placed = binance.spot_orders.place(ticket)
    found = binance.spot_orders.query("BTCUSDT", "h-1")
    trades = binance.spot_orders.trades("BTCUSDT", order_id=placed.order_id)
    assert found.executed_qty == placed.executed_qty == sum(trade.qty for trade in trades) == Decimal("0.01")
    assert found.average == placed.average


def test_a_symbol_in_chinese_characters_is_asked_for_and_traded(binance: Binance) -> None:
    ticket = SpotTicket(
        symbol="币安人生USDT", side="BUY", type="MARKET", quantity=Decimal(100), new_client_order_id="h-2"
    )
    assert binance.spot_market.book("币安人生USDT", 5).bids
    assert binance.spot_orders.place(ticket).executed_qty == 100


def test_what_is_not_there_is_absent(binance: Binance) -> None:
    with pytest.raises(Rejected) as rejected:
        binance.spot_orders.query("BTCUSDT", "h-none")
    assert rejected.value.sort is Sort.ABSENT


def test_a_wrong_secret_is_a_refused_key(served: Serving, tmp_path: Path) -> None:
    with open_binance(served, tmp_path, served.secret[::-1]) as stranger, pytest.raises(KeyRefused, match="signature"):
        stranger.spot_orders.account()


def test_the_venues_count_of_weight_is_ours(binance: Binance) -> None:
    binance.spot_market.exchange_info()
    binance.spot_market.days()
    assert binance.spot.used_weight()[0] >= 100
