"""A venue that stands still, and the accounts of its owner on both markets."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from engine.world.account.spot import BinanceSpotAccount
    from engine.world.account.usdm import BinanceUsdmAccount
    from engine.world.loopback.serving import Serving


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits after failures take a twentieth of their time."""
    pytest.importorskip("websockets")
    from engine.world.account import user_stream
    from engine.world.streams.budget import wait_s

    monkeypatch.setattr(user_stream, "wait_s", lambda failures, chance: wait_s(failures, chance) / 20)


@pytest.fixture
def venue() -> "Iterator[Serving]":
    from quiet_market import Quiet

    from engine.world.loopback.serving import serving
    from engine.world.loopback.venue import VenueOptions

    balances = {"USDT": Decimal(10_000), "BNB": Decimal(1), "ABC": Decimal(50)}
    with serving(VenueOptions(seed=7, market=Quiet(), balances=balances)) as served:
        yield served


@pytest.fixture
def spot(venue: "Serving", tmp_path: Path) -> "Iterator[BinanceSpotAccount]":
    from account_opening import opened

    account = opened("binance-spot", venue, tmp_path)
    yield account
    account.close()


@pytest.fixture
def usdm(venue: "Serving", tmp_path: Path) -> "Iterator[BinanceUsdmAccount]":
    from account_opening import opened

    account = opened("binance-usdm", venue, tmp_path)
    yield account
    account.close()
