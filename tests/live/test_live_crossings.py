"""What crosses on its way: a kill between the recording and the ledger, answers that hang, a look that is old."""

import threading
import time
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import patience
from live_rig import Rig, until
from tiny_account import TinyAccount, unreachable

from engine.matching.events import VenueOrder
from engine.records.account import AccountHolding, Execution, OrderReport
from engine.records.base import Record
from engine.records.ideas import ExitPlan
from engine.world.account.account import BalanceNews, OrderNews, StreamNews, TradeNews
from engine.world.binance.trouble import Limited
from engine.world.venues.live.known import Known, Ours
from engine.world.venues.live.settings import LiveVenueSettings
from engine.world.venues.live.venue import LiveVenue, Sent

STOP_ONLY = ExitPlan(stop_pct=5, hold_max_s=86_400)
QUICK = LiveVenueSettings(sync_s=1, balance_s=1, poll_s=1, poll_deaf_s=1, absent_after_s=1)


class Halves(TinyAccount):
    """Fills every order in two executions."""

    def fill(self, client_id: str, qty: Decimal | None = None) -> list[TradeNews]:
        half = self.orders[client_id].order.qty / 2
        return [*super().fill(client_id, half), *super().fill(client_id, half)]


class Starved(TinyAccount):
    """The budget of its address is used up: it answers what is urgent, and nothing else about orders."""

    starved = False

    def order(
        self, symbol: str, client_id: str, *, conditional: bool = False, urgent: bool = False
    ) -> OrderNews | None:
        self._spend(urgent)
        return super().order(symbol, client_id, conditional=conditional, urgent=urgent)

    def trades_of(self, symbol: str, order_id: str, since_ms: int, *, urgent: bool = False) -> list[TradeNews]:
        self._spend(urgent)
        return super().trades_of(symbol, order_id, since_ms, urgent=urgent)

    def _spend(self, urgent: bool) -> None:
        if self.starved and not urgent:
            raise Limited("the budget is used up", 1 << 50)


@dataclass
class Slow(TinyAccount):
    """Answers no question about an order before it may."""

    answers: threading.Event = field(default_factory=threading.Event)

    def order(
        self, symbol: str, client_id: str, *, conditional: bool = False, urgent: bool = False
    ) -> OrderNews | None:
        self.requests.append(("asked", client_id))
        self.answers.wait(20)
        return super().order(symbol, client_id, conditional=conditional, urgent=urgent)


class Triggers(TinyAccount):
    """Has a stop that became order 88, which was filled; nobody was told."""

    def order(
        self, symbol: str, client_id: str, *, conditional: bool = False, urgent: bool = False
    ) -> OrderNews | None:
        return OrderNews(
            symbol=symbol, client_id=client_id, order_id="7", status="filled", filled_qty=Decimal(1), venue_at=1,
            side="sell", conditional=True, became="88",
        )  # fmt: skip


def order(client_id: str, order_type: Any = "market") -> VenueOrder:
    return VenueOrder(
        client_id=client_id, symbol="BTCUSDT", side="sell", order_type=order_type, qty=Decimal(1),
        sent_at=int(time.time() * 1000), stop_price=Decimal(90) if order_type == "stop" else None, closes=True,
    )  # fmt: skip


def test_an_execution_that_a_kill_left_in_the_recording_alone_is_booked_once(tmp_path: Path) -> None:
    account = Halves(streams=False, mishap=lambda what, _: "lost" if what == "place" else "hidden")
    rig = Rig(tmp_path, account, STOP_ONLY, sets=("rules.max_entries_day.limit=1",))

    def flush() -> None:
        assert rig.session is not None and rig.session._stream is not None
        rig.session._stream.flush()

    def tell_the_first() -> None:
        account.tell(account.executed[0])

    rig.play(
        *rig.begun(), rig.cycle, until(lambda: len(account.executed) == 2), tell_the_first,
        until(lambda: rig.held != {}), flush, close=False,
    )  # fmt: skip
    assert rig.fills() == []  # it is in the recording, not in the ledger
    account.mishap = lambda what, _: None
    rig.play(rig.tickers, until(lambda: len(rig.held) == 1), rig.tickers,
             until(lambda: rig.held["BTCUSDT"] == account.holdings()[0].qty), rig.cycle)  # fmt: skip
    assert sorted(fill.trade_id for fill in rig.fills()) == ["1", "2"]


def test_the_way_out_waits_for_no_answer_about_a_stop() -> None:
    answers = threading.Event()
    account = Slow(answers=answers)
    venue = LiveVenue(account, QUICK)
    try:
        venue.start([])
        venue.send(order("h" + "s" * 27, "stop"))
        patience.until(lambda: account.orders)
        venue.cancel("h" + "s" * 27)
        patience.until(lambda: ("asked", "h" + "s" * 27) in account.requests)
        venue.send(order("h" + "x" * 27))
        patience.until(lambda: ("place", "h" + "x" * 27) in account.requests)
    finally:
        answers.set()
        venue.close()


def test_coins_that_a_stop_let_go_are_sold_though_no_question_is_answered(tmp_path: Path) -> None:
    account = TinyAccount(venue="binance-spot", streams=False)
    rig = Rig(tmp_path, account, STOP_ONLY, sets=("rules.max_entries_day.limit=1",))

    def ask_in_vain() -> None:
        account.mishap = lambda what, _: unreachable() if what == "order" else None

    rig.play(
        *rig.entered(), ask_in_vain, lambda: rig.tickers("94"), until(lambda: rig.stands("market", "filled")),
        until(lambda: rig.held == {}), rig.tickers,
    )  # fmt: skip
    assert [one.side for one in account.executed] == ["buy", "sell"]


def test_the_yes_to_a_cancel_waits_for_the_executions_that_it_tells_of() -> None:
    account = TinyAccount(venue="binance-spot", streams=False)
    venue = LiveVenue(account, QUICK)
    stop, told = "h" + "s" * 27, list[Record]()
    try:
        venue.start([])
        venue.send(order(stop, "stop"))
        patience.until(lambda: stop in account.orders)
        account.fill(stop, Decimal("0.4"))
        venue.cancel(stop)
        patience.until(
            lambda: told.extend(venue.drain()) or any(getattr(one, "status", "") == "cancelled" for one in told)
        )
    finally:
        venue.close()
    kinds = [one.kind for one in told if getattr(one, "client_id", None) == stop]
    assert kinds == ["order_report", "execution", "order_report"]


def test_what_an_exit_waits_for_is_asked_though_the_budget_is_used_up(tmp_path: Path) -> None:
    account = Starved(venue="binance-spot", streams=False)
    rig = Rig(tmp_path, account, STOP_ONLY, sets=("rules.max_entries_day.limit=1",))

    def starve() -> None:
        account.starved = True
        account.mishap = lambda what, _: "no end" if what == "cancel" else "no trades" if what == "place" else None

    rig.play(*rig.entered(), starve, lambda: rig.tickers("94"), until(lambda: rig.held == {}), rig.tickers)
    assert [one.side for one in account.executed] == ["buy", "sell"]


def test_an_order_that_works_is_asked_for_at_once_when_its_answer_is_lost() -> None:
    account = Halves(streams=False)
    sale = order("h" + "m" * 27)

    def mishap(what: str, client_id: str) -> object:
        if what != "place":
            return None
        told = TradeNews(
            symbol=sale.symbol, client_id=client_id, order_id="1", trade_id="1", side="sell", qty=Decimal("0.5"),
            price=Decimal(100), notional=Decimal(50), fee=Decimal(0), fee_asset="USDT", liquidity="taker", venue_at=1,
        )  # fmt: skip
        account.tell(told)
        return "lost"

    account.mishap = mishap
    venue, told = LiveVenue(account, LiveVenueSettings(poll_s=600, poll_deaf_s=600)), list[Record]()
    try:
        venue.start([])
        venue.send(sale)
        patience.until(
            lambda: told.extend(venue.drain()) or any(getattr(one, "status", "") == "filled" for one in told)
        )
    finally:
        venue.close()
    assert len([one for one in told if isinstance(one, Execution)]) == 2


def test_an_order_that_waits_for_its_turn_is_not_taken_for_absent_and_then_sent() -> None:
    turn = threading.Event()
    first, second = "h" + "f" * 27, "h" + "s" * 27
    account = Slow(mishap=lambda what, its_id: turn.wait(20) and None if (what, its_id) == ("place", first) else None)
    account.lock = threading.RLock()
    account.answers.set()
    venue, told = LiveVenue(account, QUICK), list[Record]()
    try:
        venue.start([])
        venue.send(order(first))
        venue.send(order(second))
        end = time.monotonic() + 4 * QUICK.absent_after_s
        while time.monotonic() < end:
            told += venue.drain()
            time.sleep(0.05)
        assert ("asked", second) not in account.requests
        turn.set()
        patience.until(lambda: second in account.orders)
    finally:
        turn.set()
        venue.close()
    assert [one for one in told if isinstance(one, OrderReport)] == []


def test_an_order_that_is_cancelled_while_it_waits_for_its_turn_never_leaves() -> None:
    turn = threading.Event()
    first, second = "h" + "f" * 27, "h" + "s" * 27
    account = TinyAccount(mishap=lambda what, its_id: turn.wait(20) and None if its_id == first else None)
    venue, told = LiveVenue(account, QUICK), list[Record]()
    try:
        venue.start([])
        venue.send(order(first))
        patience.until(lambda: ("place", first) in account.requests)
        venue.send(order(second))
        venue.cancel(second)
        turn.set()
        patience.until(lambda: told.extend(venue.drain()) or first in account.orders)
    finally:
        turn.set()
        venue.close()
    reports = [one for one in told if isinstance(one, OrderReport) and one.client_id == second]
    assert [(one.status, one.code) for one in reports] == [("rejected", "NOT_SENT")]
    assert second not in account.orders and ("cancel", second) not in account.requests


def test_the_end_waits_for_no_answer_that_does_not_come() -> None:
    answers = threading.Event()
    account = TinyAccount(mishap=lambda what, _: answers.wait(20) and None)
    venue = LiveVenue(account, QUICK)
    try:
        venue.start([])
        venue.send(order("h" + "s" * 27))
        patience.until(lambda: ("place", "h" + "s" * 27) in account.requests)
        began = time.monotonic()
        venue.close()
        assert time.monotonic() - began < 5
    finally:
        answers.set()


def test_an_order_at_the_market_of_which_only_a_part_was_told_is_asked_for_soon() -> None:
    account = Halves()
    account.streams = False
    account.mishap = lambda what, _: "lost" if what == "place" else unreachable() if what == "order" else None
    venue = LiveVenue(account, LiveVenueSettings(poll_s=600, poll_deaf_s=1))
    told: list[Record] = []
    try:
        venue.start([])
        venue.hear(StreamNews(up=True))
        venue.send(order("h" + "m" * 27))
        patience.until(lambda: account.executed)
        account.tell(account.executed[0])
        account.mishap = lambda what, _: None
        patience.until(
            lambda: told.extend(venue.drain()) or len([1 for one in told if isinstance(one, Execution)]) == 2
        )
    finally:
        venue.close()


def test_a_holding_that_was_sold_while_it_was_looked_into_is_not_told() -> None:
    account = TinyAccount()
    account.stranger("BTCUSDT", "buy", "1")
    sold: list[str] = []

    def mishap(what: str, _: str) -> None:
        if what == "trades" and not sold:
            sold.append("BTCUSDT")
            account.stranger("BTCUSDT", "sell", "1")

    account.mishap = mishap
    venue = LiveVenue(account, QUICK)
    told: list[Record] = []
    try:
        venue.start([])
        patience.until(lambda: told.extend(venue.drain()) or (sold and venue.syncing.recovered))
        told += venue.drain()
    finally:
        venue.close()
    assert [one.side for one in told if isinstance(one, Execution)] == ["sell"]
    assert [one for one in told if isinstance(one, AccountHolding)] == []


def test_a_holding_that_is_older_than_our_own_execution_is_not_told() -> None:
    """What a tier of ours sells between the two questions is in the executions, and not yet in what was held."""
    account = TinyAccount(venue="binance-spot")
    venue = LiveVenue(account, QUICK, Known(ours=lambda: Ours({"BTCUSDT": Decimal(2)})))
    told: list[Record] = []
    account.stranger("BTCUSDT", "buy", "1")
    tier = VenueOrder(
        client_id="h" + "a" * 27, symbol="BTCUSDT", side="sell", order_type="limit", qty=Decimal("0.5"), sent_at=1,
        limit_price=Decimal(110), closes=True, resting=True,
    )  # fmt: skip
    sold: list[str] = []

    def mishap(what: str, _: str) -> None:
        if what == "trades" and account.orders and not sold:
            account.streams = False
            sold.extend(one.trade_id for one in account.fill(tier.client_id, tier.qty))

    account.mishap = mishap
    try:
        venue.start([])
        venue.send(tier)
        patience.until(lambda: told.extend(venue.drain()) or sold)
        patience.until(lambda: told.extend(venue.drain()) or [one for one in told if isinstance(one, Execution)])
        told += venue.drain()
        first = next(i for i, one in enumerate(told) if isinstance(one, Execution) and one.client_id == tier.client_id)
        held = [one for one in told[first:] if isinstance(one, AccountHolding)]
        assert all(Decimal(one.qty) == Decimal("0.5") for one in held)
    finally:
        venue.close()


def test_a_flood_of_fills_does_not_use_up_what_may_be_asked() -> None:
    account = TinyAccount()
    venue = LiveVenue(account, LiveVenueSettings())
    try:
        venue.start([])
        patience.until(lambda: venue.drain() is not None and venue.syncing.recovered)
        for _ in range(100):
            venue.hear(BalanceNews(asset="USDT", free=Decimal(1), locked=Decimal(0)))
            time.sleep(0.02)
    finally:
        venue.close()
    assert len([what for what, _ in account.requests if what == "holdings"]) <= 2


def test_a_start_with_doubts_asks_for_little_until_they_are_over() -> None:
    account = TinyAccount()
    venue = LiveVenue(account, LiveVenueSettings(absent_after_s=4))
    try:
        venue.start([Sent(order("h" + "s" * 27), Decimal(0))])
        patience.until(lambda: venue.drain() is not None and venue.syncing.recovered)
    finally:
        venue.close()
    assert len([what for what, _ in account.requests if what == "holdings"]) <= 4


def test_what_a_stop_sold_under_another_number_is_not_taken_for_a_strangers() -> None:
    account = Triggers(streams=False)
    account.trade("BTCUSDT", "sell", Decimal(1), "88", None)
    account.holdings = list  # type: ignore[method-assign]
    venue = LiveVenue(account, LiveVenueSettings(poll_deaf_s=600), Known(ours=lambda: Ours({"BTCUSDT": Decimal(1)})))
    told: list[Record] = []
    try:
        venue.start([])
        venue.send(order("h" + "s" * 27, "stop"))
        patience.until(lambda: told.extend(venue.drain()) or [one for one in told if isinstance(one, Execution)])
    finally:
        venue.close()
    assert [one.client_id for one in told if isinstance(one, Execution)] == ["h" + "s" * 27]


def test_a_cancel_that_failed_before_an_end_in_order_is_tried_again_at_the_start(tmp_path: Path) -> None:
    account = TinyAccount(venue="binance-spot")
    rig = Rig(tmp_path, account, STOP_ONLY, sets=("rules.max_entries_day.limit=1",))
    account.mishap = lambda what, _: unreachable() if what == "cancel" else None
    rig.play(
        *rig.entered(), lambda: rig.tickers("94"), until(lambda: "cancel" in [what for what, _ in account.requests]),
        rig.tickers,
    )  # fmt: skip
    account.mishap = lambda what, _: None
    rig.play(rig.tickers, until(lambda: rig.held == {}), rig.tickers)
