"""Answers bent at any place are read, refused in one plain line, or leave a doubt; what is made of them can be kept."""

import json
import os
import random
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from binance_fakes import FakeTime, FakeVenue, client_for
from nasty import bent, damaged, written
from test_binance_endpoints import CALLS, EXAMPLES

from engine.errors import HotError
from engine.records.market import Fact
from engine.records.wire import decode, encode
from engine.world.account import spot_told, usdm_told
from engine.world.binance import facts
from engine.world.binance.client import Client
from engine.world.binance.codes import Market
from engine.world.binance.spot_market import SpotMarket
from engine.world.binance.spot_orders import SpotOrders
from engine.world.binance.usdm_account import UsdmAccount
from engine.world.binance.usdm_market import UsdmMarket
from engine.world.binance.usdm_orders import UsdmOrders
from engine.world.streams.binance_rest import BinanceRest
from engine.world.streams.first_days import FirstDays
from engine.world.streams.rest import Listing

#: So many bent answers of each kind; many more where time does not count.
TIMES = 400 if os.environ.get("HOT_TEST_LONG") else 12
STATUSES = (400, 401, 403, 404, 408, 409, 418, 429, 451, 500, 502, 503, 504)
BODIES: dict[str, Any] = {one["name"]: one["body"] for one in EXAMPLES}


class Exchange:
    """A scripted exchange that answers one thing over and over, and forgets what it ordered before."""

    def __init__(self, market: Market, folder: Path) -> None:
        self.venue, self.folder = FakeVenue(FakeTime()), folder
        self.client: Client = client_for(market, self.venue, folder)

    def says(self, body: bytes, status: int) -> None:
        self.venue.script, self.venue.requests = [], []
        for _ in range(8):
            self.venue.then(body, status)
        self.venue.time.ms += 4 * 86_400_000
        self.client._budget.resume()


def answers(body: Any, chance: random.Random) -> Iterable[tuple[bytes, int]]:
    """Gives bent bodies, some damaged as bytes too, some under a status that means a no."""
    for _ in range(TIMES):
        text = written(bent(body, chance, chance.randint(1, 3)))
        status = 200 if chance.random() < 0.85 else chance.choice(STATUSES)
        yield (damaged(text, chance) if chance.random() < 0.2 else text), status


def holds(error: HotError) -> None:
    """Says that an error is one plain line that a terminal and a log can show."""
    assert str(error).isprintable() and len(str(error)) < 900


@pytest.mark.parametrize("name", sorted(CALLS))
def test_no_bent_answer_of_an_endpoint_is_more_than_an_error(name: str, tmp_path: Path) -> None:
    exchange, chance = Exchange("spot" if name.startswith("Spot") else "usdm", tmp_path), random.Random(name)
    for body, status in answers(BODIES[name], chance):
        exchange.says(body, status)
        try:
            CALLS[name](exchange.client)
        except HotError as error:
            holds(error)


def rest_of(exchange: Exchange) -> BinanceRest:
    market = SpotMarket if exchange.client.market == "spot" else UsdmMarket
    return BinanceRest(
        market(exchange.client), f"binance-{exchange.client.market}", FirstDays(exchange.folder / "days.json")
    )


BOOK = {"symbol": "BTCUSDT", "bidPrice": "1.0", "bidQty": "2", "askPrice": "1.5", "askQty": "3"}
OPEN_INTEREST = {"openInterest": "10659.509", "symbol": "BTCUSDT", "time": 1589437530011}
#: What is made of answers: market, the answer, and what makes it.
MADE: dict[str, tuple[str, Any, Callable[[Exchange], Any]]] = {
    "listings": ("usdm", BODIES["UsdFutures/ExchangeData/GetExchangeInfo"], lambda e: rest_of(e).listings()),
    "candles": ("spot", BODIES["Spot/ExchangeData/GetKlines"], lambda e: rest_of(e).candles("BTCUSDT", "1m", 0, 10)),
    "books": ("spot", [BOOK, BOOK], lambda e: rest_of(e).books()),
    "volumes": ("spot", BODIES["Spot/ExchangeData/GetTicker"], lambda e: list(rest_of(e).volumes())),
    "open interest": ("usdm", OPEN_INTEREST, lambda e: [rest_of(e).open_interest("BTCUSDT")]),
    "positioning": (
        "usdm", BODIES["UsdFutures/ExchangeData/GetGlobalLongShortAccountRatio"],
        lambda e: rest_of(e).positioning("BTCUSDT"),
    ),
    "funding": (
        "usdm", BODIES["UsdFutures/ExchangeData/GetMarkPrice"],
        lambda e: facts.fundings("binance-usdm", UsdmMarket(e.client).premiums())[0],
    ),
    "spot orders": (
        "spot", BODIES["Spot/Trading/GetOpenOrders"],
        lambda e: [(spot_told.order_news(one), spot_told.fills_of(one)) for one in SpotOrders(e.client).open_orders()],
    ),
    "spot trades": (
        "spot", BODIES["Spot/Trading/GetUserTrades"],
        lambda e: [spot_told.trade_news(one) for one in SpotOrders(e.client).trades("BNBBTC", from_id=1)],
    ),
    "futures orders": (
        "usdm", BODIES["UsdFutures/Trading/GetOpenOrders"],
        lambda e: [usdm_told.order_news(one) for one in UsdmOrders(e.client).open_orders()],
    ),
    "stops": (
        "usdm", BODIES["UsdFutures/Trading/GetOpenConditionalOrders"],
        lambda e: [usdm_told.algo_news(one) for one in UsdmOrders(e.client).open_algos()],
    ),
    "positions": (
        "usdm", BODIES["UsdFutures/Trading/GetPositions"],
        lambda e: [usdm_told.held_news(one) for one in UsdmAccount(e.client).positions()],
    ),
    "balances": (
        "usdm", BODIES["UsdFutures/Account/GetBalances"],
        lambda e: [usdm_told.balance_news(one) for one in UsdmAccount(e.client).balances()],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MADE)
def test_what_is_made_of_bent_answers_survives_the_wire(name: str, tmp_path: Path) -> None:
    market, good, make = MADE[name]
    exchange, chance = Exchange(market, tmp_path), random.Random(name)
    for body, _ in [(json.dumps(good).encode(), 200), *answers(good, chance), *answers(good, chance)]:
        exchange.says(body, 200)
        try:
            made = make(exchange)
        except HotError as error:
            holds(error)
            continue
        for one in made:
            fact = one.rules if isinstance(one, Listing) else one
            if isinstance(fact, Fact):
                assert decode(encode(fact)) == fact


@pytest.mark.parametrize("symbol", [["BTCUSDT"], {"a": 1}, None, 7])
def test_a_symbol_that_is_no_text_costs_itself_only(symbol: Any, tmp_path: Path) -> None:
    body = json.loads(json.dumps(BODIES["UsdFutures/ExchangeData/GetExchangeInfo"]))
    body["symbols"].append({**body["symbols"][0], "symbol": symbol})
    exchange = Exchange("usdm", tmp_path)
    exchange.says(json.dumps(body).encode(), 200)
    assert [one.rules.symbol for one in rest_of(exchange).listings()] == [
        one["symbol"] for one in BODIES["UsdFutures/ExchangeData/GetExchangeInfo"]["symbols"]
    ]
