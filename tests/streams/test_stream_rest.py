"""What the streams ask of Binance by REST: recorded shapes in, facts out, and markets that are not ours left out."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from engine.errors import VenueError
from engine.records.market import LongShort, TakerFlow
from engine.world.binance.budget import Budget
from engine.world.binance.client import Client
from engine.world.binance.clock import VenueClock
from engine.world.binance.codes import Market
from engine.world.binance.http import Link
from engine.world.binance.spot_market import SpotMarket
from engine.world.binance.usdm_market import UsdmMarket
from engine.world.sources.binance_spot import BinanceSpot
from engine.world.sources.binance_usdm import BinanceUsdm
from engine.world.streams.binance_rest import BinanceRest
from engine.world.streams.first_days import FirstDays

NOW = 1_700_000_055_000
MINUTE = 60_000
FILTERS = [
    {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000", "tickSize": "0.01"},
    {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "9000", "stepSize": "0.001"},
]
LIMITS = [{"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000}]


def symbol(name: str, **more: Any) -> dict[str, Any]:
    return {"symbol": name, "status": "TRADING", "baseAsset": name[:-4], "quoteAsset": "USDT", "filters": FILTERS,
            "orderTypes": ["LIMIT"], **more}  # fmt: skip


def perp(name: str, **more: Any) -> dict[str, Any]:
    told = {"contractType": "PERPETUAL", "underlyingType": "COIN", "deliveryDate": 4_133_404_800_000, "onboardDate": 7}
    return symbol(name, **{**told, **more})


def _ratio(ratio: str) -> dict[str, Any]:
    return {
        "symbol": "AUSDT",
        "longShortRatio": ratio,
        "longAccount": "0.6",
        "shortAccount": "0.4",
        "timestamp": 900_000,
    }


class Exchange:
    """Answers as the exchange would, and remembers what was asked."""

    def __init__(self) -> None:
        self.symbols: list[dict[str, Any]] = []
        self.asked: list[str] = []
        self.passed_ms = 0
        self.answers_in_ms = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.passed_ms += self.answers_in_ms
        self.asked.append(f"{request.url.path}?{request.url.query.decode()}")
        name = request.url.path.rsplit("/", 1)[1]
        answers: dict[str, Any] = {
            "time": {"serverTime": NOW},
            "exchangeInfo": {"serverTime": NOW, "rateLimits": LIMITS, "symbols": self.symbols},
            "klines": [
                [NOW // MINUTE * MINUTE + i * MINUTE, "1.0", "2.0", "0.5", "1.5", "10", NOW // MINUTE * MINUTE + (i + 1)
                 * MINUTE - 1, "15", 4, "5", "7", "0"] for i in (-2, -1, 0)
            ],
            "bookTicker": [{"symbol": "AUSDT", "bidPrice": "1", "bidQty": "2", "askPrice": "3", "askQty": "4"},
                           {"symbol": "BUSDT", "bidPrice": "0.00", "bidQty": "0", "askPrice": "3", "askQty": "4"}],
            "globalLongShortAccountRatio": [_ratio("2.0")],
            "topLongShortAccountRatio": [_ratio("3.0")],
            "topLongShortPositionRatio": [_ratio("4.0")],
            "takerlongshortRatio": [{"buySellRatio": "1.2", "buyVol": "12", "sellVol": "10", "timestamp": 600_000}],
            "openInterest": {"symbol": "AUSDT", "openInterest": "12.5", "time": NOW},
        }  # fmt: skip
        return httpx.Response(200, content=iter([json.dumps(answers[name]).encode()]))


@pytest.fixture
def exchange() -> Exchange:
    return Exchange()


def rest_of(exchange: Exchange, folder: Path, market: Market) -> BinanceRest:
    link = Link(transport=httpx.MockTransport(exchange))
    clock = VenueClock(mono=lambda: exchange.passed_ms)
    client = Client(market, "https://exchange.test", link=link, budget=Budget(folder / "limits.db"), clock=clock)
    asked = SpotMarket(client) if market == "spot" else UsdmMarket(client)
    made = BinanceRest(asked, f"binance-{market}", FirstDays(folder / "days.json"))
    made.measure()
    return made


def test_only_perpetuals_of_coins_are_markets_of_ours(exchange: Exchange, tmp_path: Path) -> None:
    exchange.symbols = [
        perp("AUSDT"),
        perp("TSLAUSDT", underlyingType="EQUITY"),
        perp("BTCUSDT_261225", contractType="CURRENT_QUARTER"),
        perp("XAUUSDT", contractType="TRADIFI_PERPETUAL", underlyingType="COMMODITY"),
    ]
    listings = rest_of(exchange, tmp_path, "usdm").listings()
    assert [one.rules.symbol for one in listings if one.ours] == ["AUSDT"]
    assert listings[0].rules.onboard_at == 7
    assert listings[0].delisted_at is None


def test_a_perpetual_with_a_day_of_delivery_is_about_to_go(exchange: Exchange, tmp_path: Path) -> None:
    exchange.symbols = [perp("AUSDT", deliveryDate=NOW + 5)]
    [listing] = rest_of(exchange, tmp_path, "usdm").listings()
    assert listing.delisted_at == NOW + 5


def test_a_market_without_a_symbol_that_can_be_read_is_an_error(exchange: Exchange, tmp_path: Path) -> None:
    with pytest.raises(VenueError, match="without a symbol"):
        rest_of(exchange, tmp_path, "spot").listings()


def test_the_candle_that_is_still_open_is_left_out(exchange: Exchange, tmp_path: Path) -> None:
    bars = rest_of(exchange, tmp_path, "spot").candles("币安人生USDT", "1m", 5 * MINUTE, 1000)
    assert [(bar.symbol, bar.open_at) for bar in bars] == [
        ("币安人生USDT", NOW // MINUTE * MINUTE - 2 * MINUTE), ("币安人生USDT", NOW // MINUTE * MINUTE - MINUTE),
    ]  # fmt: skip
    assert "startTime=300000&limit=1000" in exchange.asked[-1]
    assert "symbol=%E5%B8%81" in exchange.asked[-1]


def test_a_candle_that_closes_while_the_answer_is_on_its_way_was_open_in_it(exchange: Exchange, tmp_path: Path) -> None:
    rest = rest_of(exchange, tmp_path, "spot")
    exchange.answers_in_ms = MINUTE
    assert [bar.open_at for bar in rest.candles("AUSDT", "1m", 5 * MINUTE, 1000)] == [
        NOW // MINUTE * MINUTE - 2 * MINUTE, NOW // MINUTE * MINUTE - MINUTE,
    ]  # fmt: skip


def test_the_first_day_is_asked_from_the_beginning_of_time(exchange: Exchange, tmp_path: Path) -> None:
    rest_of(exchange, tmp_path, "spot").listed_at("AUSDT")
    assert "interval=1d&startTime=0&limit=1" in exchange.asked[-1]


def test_a_first_day_is_asked_for_once_and_a_damaged_file_only_again(exchange: Exchange, tmp_path: Path) -> None:
    day = rest_of(exchange, tmp_path, "spot").listed_at("AUSDT")
    asked = len([one for one in exchange.asked if "klines" in one])
    assert rest_of(exchange, tmp_path, "spot").listed_at("AUSDT") == day
    assert len([one for one in exchange.asked if "klines" in one]) == asked
    (tmp_path / "days.json").write_bytes(b"{")
    assert rest_of(exchange, tmp_path, "spot").listed_at("AUSDT") == day
    assert len([one for one in exchange.asked if "klines" in one]) == asked + 1


def test_one_sided_books_are_left_out(exchange: Exchange, tmp_path: Path) -> None:
    assert [book.symbol for book in rest_of(exchange, tmp_path, "spot").books()] == ["AUSDT"]


def test_only_futures_have_open_interest(exchange: Exchange, tmp_path: Path) -> None:
    assert rest_of(exchange, tmp_path, "usdm").open_interest("AUSDT").open_interest == "12.5"
    with pytest.raises(VenueError, match="no open interest"):
        rest_of(exchange, tmp_path, "spot").open_interest("AUSDT")


def test_ratios_and_flows_of_one_period_end_together(exchange: Exchange, tmp_path: Path) -> None:
    facts = rest_of(exchange, tmp_path, "usdm").positioning("AUSDT")
    assert {fact.ended_at for fact in facts} == {900_000}
    assert [fact.ratio for fact in facts if isinstance(fact, LongShort)] == ["2.0", "3.0", "4.0"]
    assert [(fact.bought, fact.sold) for fact in facts if isinstance(fact, TakerFlow)] == [("12", "10")]
    assert rest_of(exchange, tmp_path, "spot").positioning("AUSDT") == []


def test_sources_name_their_stream(tmp_path: Path) -> None:
    assert BinanceSpot(data_dir=tmp_path).manifest() == {"stream": "binance-spot"}
    assert BinanceUsdm(data_dir=tmp_path).manifest() == {"stream": "binance-usdm"}
