"""The tracker tells the same, in the same sense, whatever the order and number of the news."""

from decimal import Decimal
from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from engine.records.account import Execution, OrderReport
from engine.records.base import Record
from engine.world.account.account import OrderNews, TradeNews
from engine.world.venues.live.tracker import Followed, Tracker

ID = "h" + "a" * 27


def followed(client_id: str = ID) -> Followed:
    return Followed(symbol="BTCUSDT", client_id=client_id, side="buy", conditional=False, followed_at=0.0, sent_ms=1)


def order(status: str = "working", filled: str = "0", client_id: str = ID, code: str | None = None) -> OrderNews:
    return OrderNews(
        symbol="BTCUSDT", client_id=client_id, order_id="7", status=status, filled_qty=Decimal(filled),  # type: ignore[arg-type]
        venue_at=1, side="buy", code=code,
    )  # fmt: skip


def trade(number: str, qty: str = "1", client_id: str | None = ID, order_id: str = "7") -> TradeNews:
    return TradeNews(
        symbol="BTCUSDT", client_id=client_id, order_id=order_id, trade_id=number, side="buy", qty=Decimal(qty),
        price=Decimal(10), notional=Decimal(qty) * 10, fee=Decimal(0), fee_asset="USDT", liquidity="taker", venue_at=1,
    )  # fmt: skip


def told(tracker_of: list[Record]) -> list[str]:
    return [
        f"{one.status}" if isinstance(one, OrderReport) else f"trade {one.trade_id}"
        for one in tracker_of
        if isinstance(one, OrderReport | Execution)
    ]


def make() -> tuple[Tracker, list[Record]]:
    out: list[Record] = []
    tracker = Tracker("binance-spot", out.append)
    tracker.follow(followed())
    return tracker, out


def hear(tracker: Tracker, news: OrderNews | TradeNews) -> None:
    tracker.hear_order(news) if isinstance(news, OrderNews) else tracker.hear_trade(news)


def test_each_order_of_news_tells_working_first_the_executions_once_and_the_end_last() -> None:
    news = [order(), trade("1"), trade("2"), order("filled", "2"), trade("1")]
    for mixed in permutations(news):
        tracker, out = make()
        for one in mixed:
            hear(tracker, one)
        said = told(out)
        assert said[0] == "working"
        assert said[-1] == "filled"
        assert sorted(said[1:-1]) == ["trade 1", "trade 2"]
        assert not tracker.open


@given(
    ends=st.sampled_from(["filled", "cancelled", "expired"]),
    numbers=st.lists(st.integers(1, 5), max_size=12),
    places=st.lists(st.integers(0, 12), min_size=2, max_size=4),
    named=st.lists(st.booleans(), min_size=12, max_size=12),
)
def test_executions_are_booked_once_and_the_end_waits_for_all_of_them(
    ends: str, numbers: list[int], places: list[int], named: list[bool]
) -> None:
    there = sorted({*numbers})
    news: list[OrderNews | TradeNews] = [
        trade(str(n), client_id=ID if named[i] else None) for i, n in enumerate(numbers)
    ]
    for place in places:
        news.insert(min(place, len(news)), order(ends, str(len(there))))
    tracker, out = make()
    for one in news:
        hear(tracker, one)
    said = told(out)
    assert sorted(s for s in said if s.startswith("trade")) == [f"trade {n}" for n in there]
    assert said.count("working") == 1
    assert said[-1] == ends
    assert said.count(ends) == 1


def test_an_end_is_not_told_while_executions_are_missing() -> None:
    tracker, out = make()
    tracker.hear_order(order("cancelled", "2"))
    tracker.hear_trade(trade("1"))
    assert told(out) == ["working", "trade 1"]
    assert tracker.open[ID].ends is not None
    tracker.hear_trade(trade("2", client_id=None))  # as a list of trades tells it: by the order's number
    assert told(out) == ["working", "trade 1", "trade 2", "cancelled"]


def test_executions_that_come_before_anything_is_known_of_their_order_are_kept_for_it() -> None:
    tracker, out = make()
    assert not tracker.hear_trade(trade("1", client_id=None))
    tracker.hear_order(order("filled", "1"))
    assert told(out) == ["working", "trade 1", "filled"]


def test_what_the_books_have_is_not_told_again() -> None:
    out: list[Record] = []
    tracker = Tracker("binance-spot", out.append, booked=[("BTCUSDT", "1")])
    one = followed()
    one.filled, one.doubtful = Decimal(1), True
    tracker.follow(one)
    tracker.hear_trade(trade("1"))
    tracker.hear_order(order("filled", "1"))
    assert told(out) == ["working", "filled"]
    assert tracker.repeats == 1


def test_a_doubt_is_told_once_and_ended_by_news_alone() -> None:
    tracker, out = make()
    tracker.doubt(ID, "NO_ANSWER")
    tracker.doubt(ID, "NO_ANSWER")
    tracker.hear_order(order())
    tracker.doubt(ID, "NO_ANSWER")  # an answer that comes late knows less than the news before it
    assert told(out) == ["in_doubt", "working"]


def test_a_conditional_order_goes_on_as_the_plain_order_that_it_became() -> None:
    out: list[Record] = []
    tracker = Tracker("binance-usdm", out.append)
    stop = followed()
    stop.conditional = True
    tracker.follow(stop)
    tracker.hear_order(order())
    triggered = OrderNews(
        symbol="BTCUSDT", client_id=ID, order_id="7", status="filled", filled_qty=Decimal(1), venue_at=1, side="sell",
        conditional=True, became="88",
    )  # fmt: skip
    tracker.hear_order(triggered)
    tracker.hear_trade(trade("5", client_id=None, order_id="88"))
    assert told(out) == ["working", "trade 5", "filled"]


def test_memory_has_an_end() -> None:
    tracker, _ = make()
    for n in range(5_000):
        tracker.hear_trade(trade(str(n), client_id=None, order_id=f"other {n}"))
    assert len(tracker.unmatched()) <= 2_000
