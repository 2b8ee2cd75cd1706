"""hot sync on spot after hands were at the account with a client of others: all of it is told, and booked, once."""

import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from test_sync_by_hand import COIN, Synced, by_hand, of, prints

from engine.ledger.ledger import Ledger
from engine.ledger.verify import verify
from engine.records.trades import Position
from engine.records.wire import decode
from engine.stages.protector import AGAIN_MS
from engine.world.loopback.serving import Serving

pytestmark = pytest.mark.filterwarnings("ignore")
E8 = Decimal(10**8)
ADOPTS = {"adopt_spot": "true"}


@pytest.fixture
def synced(
    pointed: Serving, hot: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Synced]:
    """A ledger of the account's coins; every test ends with books that are equal, and nothing more to tell."""
    monkeypatch.setenv("HOT_LIVE__STREAM_URL", pointed.stream_url)
    monkeypatch.setenv("HOT_LIVE__ACCOUNT_URL", pointed.ws_api_url)
    pointed.do(lambda venue: venue.account.free.pop("BNB"))
    made = Synced(hot, tmp_path / "spot.db", "binance-spot")
    yield made
    rested()
    made(**ADOPTS)  # what should rest does
    assert made(**ADOPTS) == []
    assert held(made.path) == wallet(pointed)
    assert verify(made.path).ok
    assert hot("replay", made.path).code == 0


def rested() -> None:
    """Lets the time go by after which a stop is sent again: hands are not so quick."""
    time.sleep(AGAIN_MS / 1000)


def wallet(venue: Serving, coin: str = "BTC") -> Decimal:
    """The coins that the venue has of the account, locked ones too."""
    account = venue.venue.account
    return Decimal(account.free.get(coin, 0) + account.locked.get(coin, 0)) / E8


def held(path: Path) -> Decimal:
    """What the ledger says is held, with what closed positions left."""
    last, dust = Decimal(0), Decimal(0)
    with Ledger.read(path) as ledger:
        for _, line in ledger.lines(kinds=["position"]):
            position = decode(line)
            assert isinstance(position, Position)
            last = Decimal(position.qty)
            dust = dust + Decimal(position.dust) if position.status == "closed" else Decimal(0)
    return last + dust


def free(client: Any) -> None:
    """Takes away what rests on the coin, ours too: hands that want to sell must."""
    for one in client.fetch_open_orders(COIN):
        client.cancel_order(one["id"], COIN)


def bought(synced: Synced, client: Any, qty: float = 0.02) -> None:
    """A position that was opened by hand before the first start."""
    client.create_order(COIN, "market", "buy", qty)
    rows = synced(**ADOPTS)
    assert of(rows, "reconcile_diff", "what") == ["adopted"]
    assert of(rows, "fill", "qty") == [str(qty)]


def test_a_purchase_by_hand_before_the_start_and_one_after_are_adopted(synced: Synced, pointed: Serving) -> None:
    client = by_hand(pointed)
    bought(synced, client)
    client.create_order(COIN, "market", "buy", 0.01)
    rows = synced(**ADOPTS)
    assert (of(rows, "reconcile_diff", "what"), of(rows, "fill", "qty")) == (["changed"], ["0.01"])
    # A fee in coins is no holding.
    assert Decimal(of(rows, "position", "qty")[-1]) == Decimal("0.03") * Decimal("0.999")


@pytest.mark.parametrize("kind", ["market", "limit"])
def test_a_part_that_is_sold_by_hand_is_closed_elsewhere(synced: Synced, pointed: Serving, kind: str) -> None:
    client = by_hand(pointed)
    bought(synced, client)
    free(client)
    last = client.fetch_ticker(COIN)["last"]
    if kind == "market":
        client.create_order(COIN, "market", "sell", 0.005)
    else:
        client.create_order(COIN, "limit", "sell", 0.005, round(last * 1.02))
        prints(pointed, "binance-spot", last * 1.03)
    rows = synced(**ADOPTS)
    assert set(of(rows, "reconcile_diff", "what")) == {"closed_elsewhere"}
    assert sum(Decimal(one) for one in of(rows, "fill", "qty")) == Decimal("0.005")
    assert Decimal(of(rows, "position", "qty")[-1]) == wallet(pointed)


def test_all_that_is_sold_by_hand_closes_the_position_and_leaves_dust(synced: Synced, pointed: Serving) -> None:
    client = by_hand(pointed)
    bought(synced, client, 0.02345)
    free(client)
    client.create_order(COIN, "market", "sell", 0.02342)
    rows = synced(**ADOPTS)
    assert set(of(rows, "reconcile_diff", "what")) == {"closed_elsewhere"}
    assert of(rows, "position", "status")[-1] == "closed"
    assert 0 < wallet(pointed) < Decimal("0.00001")
    said = synced.hot("sync", "--ledger", synced.path, "--venue", synced.name)
    assert f"dust BTCUSDT {wallet(pointed).normalize():f}" in said.err
    # What is bought next is joined by it.
    client.create_order(COIN, "market", "buy", 0.02)
    rows = synced(**ADOPTS)
    assert of(rows, "fill", "reason") == ["ADOPTED", "DUST"]
    assert Decimal(of(rows, "position", "qty")[-1]) == wallet(pointed)


def test_coins_that_come_and_go_without_a_trade_are_followed(synced: Synced, pointed: Serving) -> None:
    """A withdrawal is closed elsewhere, a deposit makes the position larger: at the price that is known."""
    client = by_hand(pointed)
    bought(synced, client)
    free(client)

    def move(units: int) -> None:
        pointed.venue.account.free["BTC"] += units

    pointed.do(lambda venue: move(-500_000))
    rows = synced(**ADOPTS)
    assert (of(rows, "reconcile_diff", "what"), of(rows, "fill", "qty")) == (["closed_elsewhere"], ["0.005"])
    pointed.do(lambda venue: move(700_000))
    rows = synced(**ADOPTS)
    assert (of(rows, "reconcile_diff", "what"), of(rows, "fill", "qty")) == (["changed"], ["0.007"])


def test_coins_that_came_without_a_price_or_a_market_are_left_alone(synced: Synced, pointed: Serving) -> None:
    """Nobody knows what a deposit is worth where no price was heard; a coin without a market is nobody's position."""
    client = by_hand(pointed)
    pointed.do(lambda venue: venue.account.free.update({"ETH": 10**8, "AIRDROP": 10**8}))
    assert synced(**ADOPTS) == []
    bought(synced, client)


def test_without_adopting_what_is_bought_by_hand_is_somebodys_own(synced: Synced, pointed: Serving) -> None:
    client = by_hand(pointed)
    bought(synced, client)
    client.create_order(COIN, "market", "buy", 0.05)
    assert of(synced(), "reconcile_diff", "what") == []
    # Sold first is what is somebody's own; then ours.
    client.create_order(COIN, "market", "sell", 0.04)
    assert of(synced(), "reconcile_diff", "what") == []
    free(client)
    client.create_order(COIN, "market", "sell", 0.015)
    rows = synced()
    assert set(of(rows, "reconcile_diff", "what")) == {"closed_elsewhere"}
    assert Decimal(of(rows, "position", "qty")[-1]) == wallet(pointed)


def test_a_sell_order_by_hand_binds_coins_and_its_end_frees_them(synced: Synced, pointed: Serving) -> None:
    client = by_hand(pointed)
    bought(synced, client)
    free(client)
    last = client.fetch_ticker(COIN)["last"]
    params = {"stopPrice": round(last * 0.9)}
    by_others = [client.create_order(COIN, "limit", "sell", 0.005, round(last * 1.1))["id"],
                 client.create_order(COIN, "STOP_LOSS", "sell", 0.003, None, params)["id"]]  # fmt: skip
    rested()
    said = synced.hot("sync", "--ledger", synced.path, "--venue", synced.name)
    assert said.err.count("COINS_BOUND") == said.err.count("have 0.008 of the 0.01998 coins") == 1
    assert [row for row in synced() if row["kind"] != "order_result"] == []
    stops = [one for one in client.fetch_open_orders(COIN) if one["id"] not in by_others]
    assert [one["amount"] for one in stops] == [0.01198]
    # A way out of everything takes the orders of others with it.
    flat = synced.hot("flatten", "--ledger", synced.path, "--venue", synced.name)
    assert (flat.code, client.fetch_open_orders(COIN)) == (0, [])
    assert wallet(pointed) < Decimal("0.00001")
