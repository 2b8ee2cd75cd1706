"""hot sync after hands were at the account with clients of others: lists, tiers, stops, parts, and what was there."""

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from engine.ledger.verify import verify
from engine.world.loopback.market.tape import Print
from engine.world.loopback.serving import Serving

ccxt = pytest.importorskip("ccxt")

# The client's own warnings are its own.
pytestmark = pytest.mark.filterwarnings("ignore")
COIN, PERP = "BTC/USDT", "BTC/USDT:USDT"


def by_hand(venue: Serving) -> Any:
    """Somebody who trades the account by a client of others, on both markets."""
    client = ccxt.binance({"apiKey": venue.key, "secret": venue.secret, "enableRateLimit": False})
    hosts = tuple(f"https://{name}.binance.com" for name in ("api", "fapi", "dapi"))
    api = client.urls["api"]
    for name, url in api.items():
        for host in hosts:
            if isinstance(url, str) and url.startswith(host):
                api[name] = url.replace(host, venue.rest_url)
    client.load_markets()
    return client


def prints(venue: Serving, name: str, price: float) -> None:
    """Has the market trade at a price, deep enough for everybody."""

    def move(one: Any) -> None:
        floor = one.spot.floor if name == "binance-spot" else one.perp.floor
        coin = floor.coins["BTCUSDT"]
        ticks, steps = coin.scale.ticks(str(round(price)), up=False), int(Decimal(10) / coin.step)
        one.take(Print(one.clock.now(), coin, ticks, steps, -1, ticks, steps, ticks + 1, steps, True))

    venue.do(move)


class Synced:
    """`hot sync` on one ledger, again and again."""

    def __init__(self, hot: Callable[..., Any], path: Path, name: str) -> None:
        self.hot, self.path, self.name = hot, path, name

    def __call__(self, **sets: str) -> list[dict[str, Any]]:
        words = [word for key, value in sets.items() for word in ("--set", f"live.{key}={value}")]
        said = self.hot("sync", "--ledger", self.path, "--venue", self.name, "--jsonl", *words)
        assert said.code == 0, said.err
        return [json.loads(line) for line in said.out.splitlines()]


@pytest.fixture
def perps(pointed: Serving, hot: Callable[..., Any], tmp_path: Path) -> Iterator[Synced]:
    """A ledger of the account's perpetuals."""
    made = Synced(hot, tmp_path / "live.db", "binance-usdm")
    yield made
    assert verify(made.path).ok
    assert hot("replay", made.path).code == 0


def of(rows: list[dict[str, Any]], kind: str, field: str) -> list[Any]:
    return [row[field] for row in rows if row["kind"] == kind]


def sold_in_part(synced: Synced, rows: list[dict[str, Any]], qty: str) -> None:
    """What was sold by hand is booked once, with its own executions, and the rest is held still."""
    assert of(rows, "reconcile_diff", "what") == ["closed_elsewhere"]
    assert sum(Decimal(one) for one in of(rows, "fill", "qty")) == Decimal(qty)
    assert Decimal(of(rows, "position", "qty")[-1]) == Decimal("0.02") - Decimal(qty)
    assert of(synced(), "fill", "qty") == []


@pytest.mark.parametrize("way", [1.04, 0.97])
def test_what_a_list_by_hand_sells_of_a_perpetual_is_booked_as_sold_elsewhere(
    perps: Synced, pointed: Serving, way: float
) -> None:
    client, last = by_hand(pointed), 0.0
    last = client.fetch_ticker(PERP)["last"]
    client.create_order(PERP, "market", "buy", 0.02)
    assert of(perps(), "reconcile_diff", "what") == ["adopted"]
    for kind, price in (("takeProfitPrice", last * 1.03), ("stopLossPrice", last * 0.98)):
        client.create_order(PERP, "market", "sell", 0.01, None, {kind: price, "reduceOnly": True})
    assert of(perps(), "reconcile_diff", "what") == []
    # What was placed by hand stays, beside the stop of ours.
    assert len(client.fetch_open_orders(PERP, params={"trigger": True})) == 3
    prints(pointed, "binance-usdm", last * way)
    sold_in_part(perps, perps(), "0.01")
