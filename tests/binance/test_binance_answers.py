"""Answers: what each status, code and wording means, for reads and for orders."""

import gzip
import json
from decimal import Decimal
from pathlib import Path

import httpx
import pytest
from binance_fakes import NOON, FakeTime, FakeVenue, client_for, reply
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import Exit, HotError, InDoubt, KeyRefused, VenueError
from engine.world.binance.answers import LONGEST_WAIT_MS, Answer, check, hold_of
from engine.world.binance.client import RETRIES, Client
from engine.world.binance.codes import meaning_of
from engine.world.binance.spot_orders import SpotOrders
from engine.world.binance.spot_shapes import SpotTicket
from engine.world.binance.trouble import Banned, Doubtful, Lost, NotSent, Rejected, Sort, Unreadable
from engine.world.binance.usdm_account import UsdmAccount
from engine.world.binance.usdm_orders import UsdmOrders
from engine.world.binance.usdm_shapes import UsdmTicket

SAMPLES = Path(__file__).parent.parent / "data" / "binance"
SPOT_BUY = SpotTicket(symbol="BTCUSDT", side="BUY", type="MARKET", quantity=Decimal("0.01"), new_client_order_id="h1")
USDM_BUY = UsdmTicket(symbol="BTCUSDT", side="BUY", type="MARKET", quantity=Decimal("0.01"), new_client_order_id="h1")
SPOT_ACK = {"symbol": "BTCUSDT", "orderId": 28, "orderListId": -1, "clientOrderId": "h1", "transactTime": NOON}


def said(code: int, msg: str = "words") -> dict[str, object]:
    return {"code": code, "msg": msg}


# Orders: (market, status, body) and how sure we are that nothing was done.
SURE = [
    ("spot", 400, said(-1013, "Filter failure: NOTIONAL"), Sort.FILTER),
    ("spot", 400, said(-2010, "Filter failure: MAX_POSITION"), Sort.FILTER),
    ("spot", 400, said(-2010, "Account has insufficient balance for requested action."), Sort.STATE),
    ("spot", 400, said(-2010, "Duplicate order sent."), Sort.DUPLICATE),
    ("spot", 400, said(-2010, "Market is closed."), Sort.SYMBOL),
    ("spot", 400, said(-2010, "Stop price would trigger immediately."), Sort.STATE),
    ("spot", 400, said(-1021), Sort.RESYNC),
    ("spot", 400, said(-1121), Sort.SYMBOL),
    ("spot", 400, said(-1111), Sort.FILTER),
    ("spot", 400, said(-98765, "never heard of"), Sort.FIX),
    ("spot", 503, said(-1008), Sort.WAIT),
    ("usdm", 503, said(-1008), Sort.WAIT),
    ("usdm", 503, said(-1001), Sort.WAIT),
    ("usdm", 503, b"Service Unavailable.", Sort.WAIT),
    ("usdm", 400, said(-2022), Sort.STATE),
    ("usdm", 400, said(-4116), Sort.DUPLICATE),
    ("usdm", 400, said(-4120), Sort.FIX),
    ("usdm", 400, said(-4164), Sort.FILTER),
    ("usdm", 400, said(-2019), Sort.STATE),
    ("usdm", 400, said(-5028), Sort.RESYNC),
]
UNSURE = [
    ("spot", 500, said(-1000)), ("spot", 500, b""), ("spot", 502, b"<html>Bad Gateway</html>"), ("spot", 503, b"busy"),
    ("spot", 504, said(-1007)), ("spot", 400, said(-1006)), ("spot", 400, said(-1007)), ("spot", 500, said(-2010)),
    ("spot", 400, said(-1001)), ("spot", 400, b"<html>"), ("spot", 400, b""), ("spot", 302, b""), ("spot", 408, b""),
    ("spot", 408, said(-2010)), ("spot", 404, b"not found"), ("spot", 200, b""), ("spot", 200, b"<html>ok</html>"),
    ("spot", 200, b'{"symbol":"BTCUSDT","orderId":28'), ("spot", 200, b"[]"), ("spot", 200, b"null"),
    ("spot", 200, said(-2010)), ("spot", 200, {**SPOT_ACK, "clientOrderId": "other"}),
    ("spot", 200, {**SPOT_ACK, "orderId": "x"}), ("spot", 200, {**SPOT_ACK, "executedQty": "NaN"}),
    ("spot", 200, {**SPOT_ACK, "executedQty": "1e999999999"}), ("spot", 200, b"[" * 100_000),
    ("spot", 200, json.dumps(SPOT_ACK)[:-1].encode() + b',"orderId":29}'), ("spot", 200, b"\xff\xfe{}"),
    ("usdm", 503, said(-1000, "Unknown error, please check your request or try again later.")),
    ("usdm", 408, said(-1007)), ("usdm", 503, b""), ("usdm", 500, said(-1001)), ("usdm", 502, said(-2019)),
]  # fmt: skip


def place(market: str, client: Client) -> object:
    return SpotOrders(client).place(SPOT_BUY) if market == "spot" else UsdmOrders(client).place(USDM_BUY)


@pytest.mark.parametrize(("market", "status", "body", "sort"), SURE)
def test_a_definite_no_is_told_apart_and_sent_once(
    market: str, status: int, body: object, sort: Sort, venue: FakeVenue, tmp_path: Path
) -> None:
    client = client_for(market, venue.then(body, status), tmp_path)  # type: ignore[arg-type]
    with pytest.raises(Rejected) as rejected:
        place(market, client)
    assert rejected.value.sort is sort
    assert rejected.value.code == Exit.VENUE
    assert len(venue.requests) == 1


@pytest.mark.parametrize(("market", "status", "body"), UNSURE)
def test_an_order_whose_answer_proves_nothing_is_in_doubt_and_never_sent_again(
    market: str, status: int, body: object, venue: FakeVenue, tmp_path: Path
) -> None:
    client = client_for(market, venue.then(body, status), tmp_path)  # type: ignore[arg-type]
    with pytest.raises(Doubtful, match="h1 is in doubt") as doubt:
        place(market, client)
    assert doubt.value.client_id == "h1"
    assert doubt.value.code == Exit.IN_DOUBT
    assert len(venue.requests) == 1


@pytest.mark.parametrize(
    "error",
    [
        httpx.ReadTimeout("x"),
        httpx.ReadError("x"),
        httpx.WriteError("x"),
        httpx.WriteTimeout("x"),
        httpx.RemoteProtocolError("x"),
    ],
)
def test_an_order_whose_bytes_may_have_left_is_in_doubt(error: Exception, spot: Client, venue: FakeVenue) -> None:
    venue.fails(error)
    with pytest.raises(Doubtful):
        place("spot", spot)
    assert len(venue.requests) == 1


@pytest.mark.parametrize(
    "error", [httpx.ConnectError("x"), httpx.ConnectTimeout("x"), httpx.PoolTimeout("x"), httpx.ProxyError("x")]
)
def test_an_order_that_never_left_is_no_doubt(error: Exception, spot: Client, venue: FakeVenue) -> None:
    venue.fails(error)
    with pytest.raises(NotSent, match="nothing was sent"):
        place("spot", spot)
    assert len(venue.requests) == 1


def test_an_order_is_not_sent_when_the_first_look_at_the_clock_fails(fake_time: FakeTime, tmp_path: Path) -> None:
    class Timeless(FakeVenue):
        def handle(self, request: httpx.Request) -> httpx.Response:
            raise httpx.ReadTimeout("x")

    with pytest.raises(NotSent, match="nothing signed was sent"):
        place("spot", client_for("spot", Timeless(fake_time), tmp_path))


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, said(-2015)), (401, said(-2014)), (400, said(-1022)), (403, b"<html>WAF</html>"), (403, said(-1100)),
        (401, b""), (451, said(0, "Service unavailable from a restricted location")), (451, b""),
    ],
)  # fmt: skip
@pytest.mark.parametrize("read", [True, False])
def test_a_key_or_place_that_is_refused_ends_it_at_once(
    status: int, body: object, read: bool, spot: Client, venue: FakeVenue
) -> None:
    venue.then(body, status)
    with pytest.raises(KeyRefused, match=r"api\.binance\.com") as refused:
        SpotOrders(spot).account() if read else place("spot", spot)
    assert refused.value.code == Exit.KEY
    assert len(venue.requests) == 1


def test_a_read_is_tried_three_times_with_growing_pauses(spot: Client, venue: FakeVenue, fake_time: FakeTime) -> None:
    venue.fails(httpx.ConnectError("x")).fails(httpx.ReadTimeout("x")).then([])
    assert SpotOrders(spot).open_orders() == []
    assert fake_time.slept == [0.5, 1.0]


def test_a_read_gives_up_with_the_phase_named(spot: Client, venue: FakeVenue) -> None:
    for _ in range(RETRIES + 1):
        venue.fails(httpx.ReadTimeout("x"))
    with pytest.raises(Lost, match="no answer within 15 s"):
        SpotOrders(spot).open_orders()
    assert len(venue.requests) == RETRIES + 1


def test_a_read_that_is_refused_is_not_tried_again(spot: Client, venue: FakeVenue) -> None:
    venue.then(said(-1121, "Invalid symbol."), 400)
    with pytest.raises(Rejected, match="no such symbol"):
        SpotOrders(spot).open_orders("NOPEUSDT")


@pytest.mark.parametrize(
    "body", [b"", b"<html>maintenance</html>", b"{", b'{"a":1}', b"[1]", b'"x"', b"[" * 50_000, b"\xff"]
)
def test_a_read_with_an_answer_that_is_none_is_an_error_of_one_short_line(
    body: bytes, spot: Client, venue: FakeVenue
) -> None:
    venue.then(body)
    with pytest.raises(Unreadable) as unreadable:
        SpotOrders(spot).open_orders()
    assert len(str(unreadable.value)) < 300
    assert "\n" not in str(unreadable.value)


def test_a_wrong_clock_is_measured_and_a_read_tried_again(spot: Client, venue: FakeVenue) -> None:
    venue.then(said(-1021), 400).then([])
    assert SpotOrders(spot).open_orders() == []
    assert venue.times_asked == 2


def test_a_clock_that_stays_wrong_ends_a_read(spot: Client, venue: FakeVenue) -> None:
    venue.then(said(-1021), 400).then(said(-1021), 400)
    with pytest.raises(Rejected, match="our clock is off"):
        SpotOrders(spot).open_orders()


def test_a_wrong_clock_is_measured_for_an_order_but_the_order_is_not_sent_again(spot: Client, venue: FakeVenue) -> None:
    venue.then(said(-1021), 400)
    with pytest.raises(Rejected):
        place("spot", spot)
    assert venue.times_asked == 2
    assert len(venue.requests) == 1


def test_a_setting_that_is_already_so_is_fine(usdm: Client, venue: FakeVenue) -> None:
    venue.then(said(-4046, "No need to change margin type."), 400).then(said(-4059), 400)
    UsdmAccount(usdm).set_margin_type("BTCUSDT", "ISOLATED")
    UsdmAccount(usdm).set_hedged(False)


def test_a_setting_whose_outcome_is_unknown_is_to_be_read_back(usdm: Client, venue: FakeVenue) -> None:
    venue.fails(httpx.ReadTimeout("x")).then(b"", 502).then(b"<html>")
    for _ in range(3):
        with pytest.raises(Lost, match="read the setting back"):
            UsdmAccount(usdm).set_leverage("BTCUSDT", 5)
    assert len(venue.requests) == 3


def test_a_cancel_of_what_is_gone_says_absent(spot: Client, venue: FakeVenue) -> None:
    venue.then(said(-2011, "Unknown order sent."), 400)
    with pytest.raises(Rejected) as rejected:
        SpotOrders(spot).cancel("BTCUSDT", "h1")
    assert rejected.value.sort is Sort.ABSENT


def test_cancelling_everything_where_nothing_is_open_is_fine(spot: Client, venue: FakeVenue) -> None:
    venue.then(said(-2011, "Unknown order sent."), 400)
    SpotOrders(spot).cancel_all("BTCUSDT")


def test_a_gzip_bomb_stops_at_the_bound(venue: FakeVenue, tmp_path: Path) -> None:
    bomb = gzip.compress(b"0" * (200 << 20))
    client = client_for("spot", venue, tmp_path, max_body=1 << 20)
    for _ in range(RETRIES + 1):
        venue.script.append(reply(bomb, 200, {"content-encoding": "gzip"}))
    with pytest.raises(Lost, match="longer than 1048576 bytes"):
        SpotOrders(client).open_orders()


def test_an_endless_body_stops_at_the_bound(venue: FakeVenue, tmp_path: Path) -> None:
    client = client_for("spot", venue.then(b" " * (2 << 20)), tmp_path, max_body=1 << 20)
    with pytest.raises(Doubtful, match="longer than"):
        place("spot", client)


@pytest.mark.parametrize("cut", [1, 10, -1])
def test_a_packed_answer_that_is_cut_or_damaged_is_lost(cut: int, spot: Client, venue: FakeVenue) -> None:
    packed = gzip.compress(b"[]")
    venue.script.append(reply(packed[:cut], 200, {"content-encoding": "gzip"}))
    with pytest.raises(Doubtful):
        place("spot", spot)


def test_a_packed_answer_is_read(spot: Client, venue: FakeVenue) -> None:
    big = json.dumps([{"pad": "x" * 300_000, **SPOT_ACK}]).encode()
    venue.script.append(reply(gzip.compress(big), 200, {"content-encoding": "gzip"}))
    assert SpotOrders(spot).open_orders()[0].order_id == 28


def test_a_coding_that_was_not_asked_for_is_not_unpacked(spot: Client, venue: FakeVenue) -> None:
    for _ in range(RETRIES + 1):
        venue.script.append(reply(b"x", 200, {"content-encoding": "zstd"}))
    with pytest.raises(Lost, match="not asked for"):
        SpotOrders(spot).open_orders()


def test_the_recorded_answers_of_the_order_endpoints_are_read() -> None:
    for line in (SAMPLES / "rest-recorded.ndjson").read_text(encoding="utf-8").splitlines():
        one = json.loads(line)
        answer = Answer(one["http_status"], {}, json.dumps(one["body"]).encode())
        hold = hold_of(answer, 1660090000000)
        if one["http_status"] == 200:
            check(answer, one["market"], "host", hold)
            continue
        with pytest.raises(VenueError) as raised:
            check(answer, one["market"], "host", hold)
        if one["body"]["code"] == -1003:
            assert isinstance(raised.value, Banned)
            assert raised.value.until_ms == 1660090423228
        else:
            assert isinstance(raised.value, Rejected)
            assert raised.value.venue_code == one["body"]["code"]
            assert raised.value.sort in (Sort.FILTER, Sort.STATE, Sort.FINE)


def test_every_code_of_the_exchanges_table_has_a_meaning() -> None:
    for line in (SAMPLES / "spot-error-codes.ndjson").read_text(encoding="utf-8").splitlines():
        one = json.loads(line)
        for words in one["messages"] or [""]:
            meaning = meaning_of("spot", one["code"], words)
            assert meaning.text and meaning.fix
            unknown = one["code"] in (-1000, -1001, -1006, -1007)
            assert (meaning.sort is Sort.UNKNOWN) == unknown, one


def test_the_filter_that_refused_is_named(spot: Client, venue: FakeVenue) -> None:
    venue.then(said(-1013, "Filter failure: LOT_SIZE"), 400)
    with pytest.raises(Rejected) as rejected:
        place("spot", spot)
    assert rejected.value.filter == "LOT_SIZE"


def test_what_the_exchange_says_is_shown_as_data(spot: Client, venue: FakeVenue) -> None:
    venue.then(said(-2010, "\x1b[2J[/]evil\u202e signature=abc\nrm -rf"), 400)
    with pytest.raises(Rejected) as rejected:
        place("spot", spot)
    assert str(rejected.value).isprintable()
    assert "signature=abc" not in str(rejected.value)


@pytest.mark.parametrize(
    ("status", "body", "headers", "wait_ms", "banned"),
    [
        (429, said(-1003), {"retry-after": "30"}, 30_000, False),
        (429, b"<html>", {}, 60_000, False),
        (429, said(-1003), {"retry-after": "soon"}, 60_000, False),
        (418, b"", {"retry-after": "120"}, 120_000, True),
        (418, b"", {}, 120_000, True),
        (418, said(-1003, f"IP banned until {NOON + 500_000}."), {}, 500_000, True),
        (418, said(-1003, f"IP banned until {NOON - 500_000}."), {}, 120_000, True),
        (418, b"", {"retry-after": "999999999"}, LONGEST_WAIT_MS, True),
        (400, said(-1003), {}, 60_000, False),
    ],
)
def test_a_wait_is_read_from_header_or_words_and_bounded(
    status: int, body: object, headers: dict[str, str], wait_ms: int, banned: bool
) -> None:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    hold = hold_of(Answer(status, headers, raw), NOON)
    assert hold is not None
    assert (hold.until_ms - NOON, hold.banned) == (wait_ms, banned)


def test_too_many_orders_holds_orders_only() -> None:
    hold = hold_of(Answer(429, {"retry-after": "7"}, json.dumps(said(-1015)).encode()), NOON)
    assert hold is not None and hold.orders_only


ERRORS = st.builds(
    lambda code, msg: json.dumps(said(code, msg)).encode(), st.integers(-9999, 300), st.text(max_size=40)
)


@settings(max_examples=400, deadline=None)
@given(
    status=st.integers(200, 599), body=st.binary(max_size=200) | ERRORS, market=st.sampled_from(["spot", "usdm"]),
    retry=st.text(max_size=12),
)  # fmt: skip
def test_no_answer_whatever_breaks_the_judgement(status: int, body: bytes, market: str, retry: str) -> None:
    answer = Answer(status, {"retry-after": retry}, body)
    hold = hold_of(answer, NOON)
    try:
        check(answer, market, "host", hold)  # type: ignore[arg-type]
    except HotError as error:
        assert str(error).isprintable()
        # Only what is certain may be called so: no 5xx is a plain no, but for those documented as one.
        if isinstance(error, Rejected) and status >= 500:
            assert error.sort in (Sort.UNKNOWN, Sort.WAIT)
    else:
        assert 200 <= status < 300


FIELDS = st.sampled_from(["symbol", "orderId", "clientOrderId", "executedQty", "code"])
JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=4),
    max_leaves=12,
).map(lambda value: json.dumps(value).encode())


@settings(max_examples=200, deadline=None)
@given(body=st.binary(max_size=300) | JSON)
def test_a_yes_to_an_order_is_a_yes_to_this_order_or_a_doubt(
    body: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    venue = FakeVenue(FakeTime())
    client = client_for("spot", venue.then(body), tmp_path_factory.mktemp("x"))
    try:
        order = SpotOrders(client).place(SPOT_BUY)
    except InDoubt:
        return
    assert order.client_order_id == "h1"
