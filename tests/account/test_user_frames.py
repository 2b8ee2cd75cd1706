"""What the frames of user streams say: recorded ones, made ones, and broken ones."""

import asyncio
import gzip
import json
import os
from base64 import b64decode
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("websockets")

from engine.errors import KeyRefused, VenueError
from engine.world.account.account import BalanceNews, HeldNews, OrderNews, TradeNews
from engine.world.account.became import KEPT, Became, Stop
from engine.world.account.heard import NOTHING, Heard
from engine.world.account.spot_events import read_spot
from engine.world.account.usdm_events import PATIENCE_S, UsdmEvents
from engine.world.account.user_stream_spot import SpotEar
from engine.world.binance.binance import Binance
from engine.world.binance.keys import Key
from engine.world.binance.settings import BinanceSettings
from engine.world.binance.trouble import Limited, Unreadable

DATA = Path(__file__).parent.parent / "data"
SHARED = Path(os.environ.get("HOT_SHARED", DATA.parent.parent.parent / "shared")) / "data"
USER_EVENTS = ("executionReport", "outboundAccountPosition", "ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE", "ALGO_UPDATE")
ROWS = [json.loads(line) for line in (DATA / "user-frames.ndjson").read_text().splitlines()]


def read(market: str, frame: bytes) -> Heard:
    return read_spot(frame, "USDT") if market == "spot" else UsdmEvents(Became()).read(frame)


def packed(frame: Any) -> bytes:
    return msgspec.json.encode(frame)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['market']}-{row['source'][-24:]}")
def test_every_sample_is_read(row: dict[str, Any]) -> None:
    heard = read(row["market"], packed(row["frame"]))
    event = row["frame"].get("event") or row["frame"].get("data") or row["frame"]
    assert bool(heard.news) == (event["e"] in USER_EVENTS)


def test_a_recorded_market_buy_on_spot() -> None:
    first, second, _, wallet = [packed(row["frame"]) for row in ROWS if row["source"].endswith("parse_test.go")][:4]
    (placed,) = read("spot", first).news
    assert placed == OrderNews(
        symbol="BNBUSDT", client_id="ios_0de017ca7ceb4102b3baa664feb46e65", order_id="1147335332", status="working",
        filled_qty=Decimal(0), venue_at=1608545107401, side="buy",
    )  # fmt: skip
    trade, filled = read("spot", second).news
    assert isinstance(filled, OrderNews)
    assert (filled.status, filled.filled_qty) == ("filled", Decimal("0.5"))
    assert trade == TradeNews(
        symbol="BNBUSDT", client_id="ios_0de017ca7ceb4102b3baa664feb46e65", order_id="1147335332", trade_id="98414801",
        side="buy", qty=Decimal("0.5"), price=Decimal("33.8571"), notional=Decimal("16.92855"),
        fee=Decimal("0.000375"), fee_asset="BNB", liquidity="taker", venue_at=1608545107401,
    )  # fmt: skip
    heard = read("spot", wallet)
    assert BalanceNews(asset="BNB", free=Decimal("89.99345616"), locked=Decimal(12)) in heard.news
    assert HeldNews(symbol="BNBUSDT", qty=Decimal("101.99345616"), free=Decimal("89.99345616")) in heard.news
    assert heard.wallet["USDT"] == (Decimal("0.16410063"), Decimal(0))


def test_a_recorded_sale_on_futures() -> None:
    frames = [packed(row["frame"]) for row in ROWS if row["market"] == "usdm" and "parse_test" in row["source"]]
    (placed,) = read("usdm", frames[0]).news
    assert isinstance(placed, OrderNews)
    assert (placed.status, placed.side, placed.order_id) == ("working", "sell", "38541728873")
    money, position = read("usdm", frames[1]).news
    assert money == BalanceNews(asset="USDT", free=Decimal("86.94966888"), locked=Decimal(0))
    assert position == HeldNews(
        symbol="BTCUSDT", qty=Decimal("-0.001"), free=Decimal("-0.001"), entry_price=Decimal("47202.4")
    )
    trade, filled = read("usdm", frames[2]).news
    assert isinstance(filled, OrderNews)
    assert isinstance(trade, TradeNews)
    assert (filled.status, trade.trade_id, trade.price) == ("filled", "1741505949", Decimal("47202.40"))
    assert (trade.fee, trade.fee_asset, trade.notional) == (Decimal("0.01888095"), "USDT", Decimal("47.20240"))


def shared_frames() -> Iterator[tuple[str, bytes]]:
    """Gives every user frame among the shared recordings."""
    for path in sorted(SHARED.rglob("*.ndjson.gz")):
        with gzip.open(path, "rb") as lines:
            for line in lines:
                if any(name.encode() in line for name in USER_EVENTS):
                    yield from _user_frames(json.loads(line))


def _user_frames(row: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    frames = [one["frame"] for one in row.get("frames", []) if one["dir"] == "event"] or [row.get("frame")]
    market = row.get("market") or ("spot" if str(row.get("name")).startswith("Spot") else "usdm")
    for frame in frames:
        if isinstance(frame, dict):
            event = frame.get("event") or frame.get("data") or frame
            if isinstance(event, dict) and event.get("e") in USER_EVENTS:
                yield market, packed(frame)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the large recordings are not here")
def test_every_user_frame_of_the_shared_recordings_is_read() -> None:
    found = list(shared_frames())
    assert len(found) >= 8
    assert all(read(market, frame).news for market, frame in found)


# Made frames: what happened is told by `x` and `X`, everything else stays as it is.


def report(**changed: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "e": "executionReport", "E": 2, "s": "ABCUSDT", "c": "h1", "S": "BUY", "o": "LIMIT", "f": "GTC", "q": "3",
        "p": "99.5", "P": "0", "F": "0", "g": -1, "C": "", "x": "NEW", "X": "NEW", "r": "NONE", "i": 7, "l": "0",
        "z": "0", "L": "0", "n": "0", "N": None, "T": 1, "t": -1, "I": 1, "w": True, "m": False, "M": False, "O": 1,
        "Z": "0", "Y": "0", "Q": "0", "W": 1, "V": "NONE",
    }  # fmt: skip
    return {"subscriptionId": 0, "event": values | changed}


def update(**changed: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "s": "ABCUSDT", "c": "h1", "S": "SELL", "o": "MARKET", "f": "GTC", "q": "3", "p": "0", "ap": "0", "sp": "0",
        "x": "NEW", "X": "NEW", "i": 7, "l": "0", "z": "0", "L": "0", "T": 1, "t": 0, "b": "0", "a": "0", "m": False,
        "R": True, "wt": "CONTRACT_PRICE", "ot": "MARKET", "ps": "BOTH", "cp": False, "rp": "0", "pP": False, "si": 0,
        "ss": 0, "V": "NONE", "pm": "NONE", "gtd": 0, "er": "0",
    }  # fmt: skip
    return {"e": "ORDER_TRADE_UPDATE", "E": 2, "T": 1, "o": values | changed}


def filled(**changed: Any) -> dict[str, Any]:
    values = {"x": "TRADE", "X": "FILLED", "l": "3", "z": "3", "L": "95", "t": 5, "n": "0.1", "N": "USDT"}
    return update(**(values | changed))


def stop(**changed: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "caid": "h9", "aid": 20, "at": "CONDITIONAL", "o": "STOP_MARKET", "s": "ABCUSDT", "S": "SELL", "ps": "BOTH",
        "f": "GTC", "q": "0", "X": "NEW", "ai": "", "ap": "0", "aq": "0", "act": "", "tp": "95", "p": "0", "V": "NONE",
        "wt": "MARK_PRICE", "pm": "NONE", "cp": True, "pP": False, "R": False, "tt": 0, "gtd": 0, "rm": "",
    }  # fmt: skip
    return {"e": "ALGO_UPDATE", "T": 1, "E": 2, "o": values | changed}


@pytest.mark.parametrize(
    ("what", "word", "status", "code"),
    [
        ("NEW", "NEW", "working", None), ("NEW", "PENDING_NEW", "working", None),
        ("REPLACED", "PARTIALLY_FILLED", "working", None), ("CANCELED", "CANCELED", "cancelled", None),
        ("REJECTED", "REJECTED", "rejected", "INSUFFICIENT_BALANCES"),
        ("EXPIRED", "EXPIRED", "expired", "EXECUTION_RULE_PRICE_RANGE_EXCEEDED"),
        ("TRADE_PREVENTION", "EXPIRED_IN_MATCH", "expired", "EXPIRED_IN_MATCH"),
    ],
)  # fmt: skip
def test_everything_that_can_happen_to_a_spot_order(what: str, word: str, status: str, code: str | None) -> None:
    said = {"REJECTED": {"r": code}, "EXPIRED": {"eR": code}}.get(what, {})
    (news,) = read("spot", packed(report(x=what, X=word, z="1", **said))).news
    assert isinstance(news, OrderNews)
    assert (news.status, news.code, news.filled_qty) == (status, code, Decimal(1))


@pytest.mark.parametrize(
    ("what", "word", "status"),
    [("NEW", "NEW", "working"), ("AMENDMENT", "NEW", "working"), ("CANCELED", "CANCELED", "cancelled"),
     ("EXPIRED", "EXPIRED", "expired"), ("EXPIRED", "EXPIRED_IN_MATCH", "expired"),
     ("CALCULATED", "NEW", "working")],
)  # fmt: skip
def test_everything_that_can_happen_to_a_futures_order(what: str, word: str, status: str) -> None:
    (news,) = read("usdm", packed(update(x=what, X=word))).news
    assert isinstance(news, OrderNews)
    assert news.status == status


def test_a_cancel_carries_the_orders_own_id_beside_its_own() -> None:
    (news,) = read("spot", packed(report(x="CANCELED", X="CANCELED", c="cancel-1", C="h1"))).news
    assert isinstance(news, OrderNews)
    assert news.client_id == "h1"


def test_an_execution_without_a_fee_names_no_asset() -> None:
    trade, _ = read("spot", packed(report(x="TRADE", X="FILLED", l="3", z="3", L="99.5", t=5))).news
    assert isinstance(trade, TradeNews)
    assert (trade.fee, trade.fee_asset) == (Decimal(0), "")


def test_a_liquidation_is_an_execution() -> None:
    trade, order = read("usdm", packed(filled(x="CALCULATED", c="autoclose-1"))).news
    assert isinstance(trade, TradeNews)
    assert isinstance(order, OrderNews)
    assert (trade.client_id, order.status) == ("autoclose-1", "filled")


@pytest.mark.parametrize(
    ("market", "frame"),
    [
        ("spot", report(X="MELTED")), ("usdm", update(X="MELTED")), ("usdm", stop(X="MELTED")),
        ("spot", report(S="HOLD")), ("spot", report(x="TRADE", X="FILLED", t=-1, l="3", L="9")),
        ("spot", report(x="TRADE", X="FILLED", t=5, l="0", L="9")), ("spot", report(z="-1")),
        ("spot", report(x="TRADE", X="FILLED", t=5, l="3", L="-9")), ("spot", report(z="1e400")),
        ("spot", report(x="TRADE", X="FILLED", t=5, l="3", L="9", n="0.1")), ("spot", report(z="NaN")),
        ("usdm", filled(t=0)), ("usdm", filled(L="0")), ("usdm", filled(N=None)), ("usdm", update(z="-1")),
        ("usdm", {"e": "ACCOUNT_UPDATE", "a": {"B": [{"a": "USDT"}]}}), ("usdm", {}), ("spot", []), ("spot", 5),
        ("spot", {"subscriptionId": 0, "event": {"x": 1}}), ("spot", {"e": 5}),
    ],
)  # fmt: skip
def test_what_is_not_what_it_should_be(market: str, frame: Any) -> None:
    with pytest.raises(Unreadable):
        read(market, packed(frame))


def test_a_field_that_is_there_twice_is_refused() -> None:
    frame = packed(report()).replace(b'"z":"0"', b'"z":"0","z":"3"')
    with pytest.raises(Unreadable):
        read("spot", frame)


@pytest.mark.parametrize(
    ("market", "event", "heard"),
    [
        ("spot", {"subscriptionId": 0, "event": {"e": "eventStreamTerminated", "E": 1}},
         Heard(ended="the exchange ended the subscription")),
        ("spot", {"e": "serverShutdown", "E": 1}, Heard(leaving=True)),
        ("usdm", {"e": "serverShutdown", "E": 1}, Heard(leaving=True)),
        ("usdm", {"e": "listenKeyExpired", "E": 1, "listenKey": "x"}, Heard(ended="the listen key expired")),
        ("usdm", {"stream": "x", "data": {"e": "TRADE_LITE", "E": 1, "s": "ABCUSDT"}}, NOTHING),
        ("usdm", {"result": None, "id": 3}, NOTHING),
        ("spot", {"id": "a", "status": 200, "result": {}}, NOTHING),
    ],
)  # fmt: skip
def test_what_becomes_of_a_stream(market: str, event: Any, heard: Heard) -> None:
    assert read(market, packed(event)) == heard


SAMPLES = [(row["market"], packed(row["frame"])) for row in ROWS] + [
    ("spot", packed(report(x="TRADE", X="FILLED", l="3", z="3", L="9", t=5))), ("usdm", packed(filled())),
    ("usdm", packed(stop(X="TRIGGERED", ai="7"))),
]  # fmt: skip


@given(
    sample=st.sampled_from(SAMPLES), at=st.integers(0, 2_000), cut=st.integers(0, 40), put=st.binary(max_size=12),
)  # fmt: skip
def test_a_broken_frame_is_read_or_refused_and_nothing_else(
    sample: tuple[str, bytes], at: int, cut: int, put: bytes
) -> None:
    market, frame = sample
    at %= len(frame)
    try:
        heard = read(market, frame[:at] + put + frame[at + cut :])
    except Unreadable:
        return
    for one in heard.news:
        if isinstance(one, TradeNews):
            assert one.qty > 0
            assert one.price > 0


# Stops, and what they become under another client id.


class Ticking:
    """A clock that moves when it is told to, and the events read by it."""

    def __init__(self) -> None:
        self.now = 0.0
        self.became = Became()
        self.events = UsdmEvents(self.became, lambda: self.now)

    def read(self, *frames: Any) -> list[Any]:
        return [one for frame in frames for one in self.events.read(packed(frame)).news]


def test_what_a_stop_became_is_told_under_the_stops_ids() -> None:
    ticking = Ticking()
    before = ticking.read(stop(X="TRIGGERING"))
    triggered = ticking.read(stop(X="TRIGGERED", ai="7"))
    trade, order = ticking.read(filled(c="strange-1"))
    assert [one.status for one in before + triggered] == ["working", "working"]
    assert triggered[0].became == "7"
    assert (trade.client_id, trade.order_id) == ("h9", "7")
    assert (order.client_id, order.order_id, order.became, order.conditional) == ("h9", "20", "7", True)
    assert (order.status, order.filled_qty) == ("filled", Decimal(3))


def test_news_before_the_stop_tells_what_it_became_is_kept_back_until_then() -> None:
    ticking = Ticking()
    ticking.read(stop(X="TRIGGERING"))
    assert ticking.read(update(c="strange-1"), filled(c="strange-1")) == []
    told = ticking.read(stop(X="TRIGGERED", ai="7", aq="3"))
    assert {one.client_id for one in told} == {"h9"}
    assert [type(one) for one in told] == [OrderNews, TradeNews, OrderNews, OrderNews]


def test_news_is_not_kept_back_for_long() -> None:
    ticking = Ticking()
    ticking.read(stop(X="TRIGGERING"))
    assert ticking.read(filled(c="strange-1")) == []
    assert ticking.events.late() == ()
    ticking.now += PATIENCE_S + 0.1
    trade, order = ticking.events.late()
    assert isinstance(trade, TradeNews)
    assert isinstance(order, OrderNews)
    assert (trade.client_id, order.client_id, order.conditional) == ("strange-1", "strange-1", False)
    assert ticking.events.late() == ()
    assert len(ticking.read(filled(c="strange-2", i=8))) == 2


def test_other_orders_pass_a_stop_that_triggers() -> None:
    ticking = Ticking()
    ticking.read(stop(X="TRIGGERING"))
    assert len(ticking.read(filled(s="XYZUSDT", i=8))) == 2
    assert len(ticking.read(filled(S="BUY", i=9))) == 2
    ticking.read(stop(X="REJECTED", rm="ReduceOnly Order is rejected."))
    assert len(ticking.read(filled(i=10))) == 2


def test_an_order_that_carries_the_stops_own_client_id_is_known_at_once() -> None:
    ticking = Ticking()
    ticking.read(stop(X="TRIGGERING"))
    _, order = ticking.read(filled(c="h9"))
    assert (order.order_id, order.became) == ("20", "7")


@pytest.mark.parametrize(
    ("changed", "status"),
    [({"aq": "3"}, "filled"), ({"aq": "0"}, "expired"), ({"cp": False, "q": "5", "aq": "3"}, "expired"),
     ({"cp": False, "q": "5", "aq": "5"}, "filled")],
)  # fmt: skip
def test_a_finished_stop_is_what_was_executed_of_it(changed: dict[str, Any], status: str) -> None:
    (news,) = Ticking().read(stop(X="FINISHED", ai="7", **changed))
    assert (news.status, news.became) == (status, "7")


def test_a_rejected_stop_says_why() -> None:
    (news,) = Ticking().read(stop(X="REJECTED", rm="ReduceOnly Order is rejected."))
    assert (news.status, news.code) == ("rejected", "ReduceOnly Order is rejected.")


def test_what_stops_became_is_not_kept_for_ever() -> None:
    became = Became()
    for number in range(KEPT + 10):
        became.learn(str(number), Stop(f"h{number}", str(number)))
    assert became.stop_of("9") is None
    assert became.stop_of("10") == Stop("h10", "10")


# How spot is subscribed to.


class Wire:
    """A websocket that keeps what is sent, and says what it was told to."""

    def __init__(self, *frames: Any) -> None:
        self.sent: list[dict[str, Any]] = []
        self._frames = list(frames)

    async def send(self, text: str) -> None:
        self.sent.append(json.loads(text))

    async def recv(self, decode: bool) -> bytes:
        frame = self._frames.pop(0)
        return packed({"id": self.sent[0]["id"], **frame} if "status" in frame else frame)


def test_an_ed25519_key_subscribes_with_sorted_raw_parameters(tmp_path: Path) -> None:
    ed25519 = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ed25519")
    from cryptography.hazmat.primitives import serialization

    secret = ed25519.Ed25519PrivateKey.generate()
    pem = secret.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with Binance(BinanceSettings(), tmp_path, key=Key("A1b2" * 10, pem.decode())) as binance:
        wire = Wire(report(), {"status": 200, "result": {"subscriptionId": 0}})
        early = asyncio.run(SpotEar(binance, "USDT").subscribe(wire))
    (sent,) = wire.sent
    params = sent["params"]
    assert sent["method"] == "userDataStream.subscribe.signature"
    payload = f"apiKey={params['apiKey']}&timestamp={params['timestamp']}"
    secret.public_key().verify(b64decode(params["signature"]), payload.encode())
    assert early == [packed(report())]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"status": 401, "error": {"code": -2015, "msg": "Invalid API-key, IP, or permissions."}}, KeyRefused),
        ({"status": 429, "error": {"code": -1003, "msg": "Too many requests."}}, Limited),
        ({"status": 418, "error": {"code": -1003, "msg": "banned"}}, Limited),
        ({"status": 500, "error": {"code": -1000, "msg": "unknown"}}, VenueError),
        ({"status": 400}, VenueError),
    ],
)
def test_a_subscription_that_is_refused(tmp_path: Path, answer: dict[str, Any], error: type[Exception]) -> None:
    with (
        Binance(BinanceSettings(), tmp_path, key=Key("A1b2" * 10, "A1b2" * 10)) as binance,
        pytest.raises(error, match="refused"),
    ):
        asyncio.run(SpotEar(binance, "USDT").subscribe(Wire(answer)))
