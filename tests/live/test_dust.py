"""Dust on spot: what a position leaves because it is too little to sell is kept, and sold with the next position."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from live_rig import Rig, rules, until
from test_live_session import check, held, once
from tiny_account import COIN_FEE, TinyAccount

from engine.ledger.verify import verify
from engine.matching.units import e8
from engine.records.account import Execution
from engine.records.ideas import ExitPlan
from engine.records.trades import DUST, Fill, Side
from engine.runs.reporting.reporting import report_of
from engine.runs.reporting.status import standing_of
from engine.stages.dust import spent
from engine.stages.live_order import LiveOrder

SPOT = "binance-spot"
#: Left by the next cycle but one.
SHORT = ExitPlan(stop_pct=5, hold_max_s=15)
AGAIN = ("rules.max_entries_day.limit=2",)


def in_coins() -> TinyAccount:
    return TinyAccount(venue=SPOT, fee_in_coin=True)


def dust(rig: Rig) -> dict[str, Decimal]:
    assert rig.session is not None
    return dict(rig.session.stages.order.state.dust)


def equal(rig: Rig, account: TinyAccount) -> None:
    """Every coin of the account is a position's, or dust; executions are booked once; all of it is thought again."""
    ours = rig.held | {symbol: rig.held.get(symbol, Decimal(0)) + qty for symbol, qty in dust(rig).items()}
    assert ours == held(account)
    assert sorted(one.trade_id for one in executed(rig)) == sorted(one.trade_id for one in account.executed)
    assert verify(rig.path).ok
    assert rig.thought_again() > 0


def executed(rig: Rig) -> list[Fill]:
    return [one for one in rig.fills() if one.reason != DUST]


def joined(rig: Rig) -> list[Fill]:
    return [one for one in rig.fills() if one.reason == DUST]


def out(rig: Rig) -> list[Any]:
    """Steps up to where nothing is held."""
    return [rig.cycle, 0.05, rig.cycle, 0.05, rig.cycle, until(lambda: rig.held == {}), rig.tickers,
            until(lambda: rig.sent == [])]  # fmt: skip


def again(rig: Rig) -> list[Any]:
    """Steps up to the second position, and its stop."""
    return [rig.cycle, until(lambda: rig.held != {}), rig.tickers, rig.tickers, rig.tickers,
            until(lambda: rig.stands("stop", "working")), rig.tickers]  # fmt: skip


def test_what_a_fee_in_coins_leaves_is_sold_with_the_next_position(tmp_path: Path) -> None:
    account = in_coins()
    rig = Rig(tmp_path, account, SHORT, sets=AGAIN)
    left: list[dict[str, Decimal]] = []
    rig.play(*rig.entered(), *out(rig), lambda: left.append(dust(rig)), *again(rig))
    first, second = [one for one in rig.attempts() if one.purpose == "entry"]
    (fill,) = joined(rig)
    assert left == [{"BTCUSDT": Decimal(fill.qty)}]
    assert 0 < Decimal(fill.qty) < Decimal("0.001")
    assert dust(rig) == {}
    assert rig.held["BTCUSDT"] == Decimal(second.qty) * (1 - COIN_FEE) + Decimal(fill.qty)
    assert fill.client_id == second.client_id != first.client_id
    equal(rig, account)


def test_profits_add_up_to_what_the_money_did(tmp_path: Path) -> None:
    account = in_coins()
    rig = Rig(tmp_path, account, SHORT, sets=("rules.max_entries_day.limit=3",))
    rig.play(*rig.entered(), *out(rig), lambda: rig.tickers("103"), *again(rig), *out(rig), *again(rig), *out(rig))
    trades = report_of(rig.path).trades
    money = sum(
        (one.notional if one.side == "sell" else -one.notional) - (one.fee if one.fee_asset == "USDT" else 0)
        for one in account.executed
    )
    assert len(trades) == 3
    # What is left at the end is lost, for now: the trades have the money, to what is rounded against us.
    assert abs(sum(one.pnl for one in trades) - money) < Decimal("0.000001")
    assert rig.session is not None
    assert rig.session.stages.order.desk.state.cash_e8 - e8(Decimal(1000)) == pytest.approx(int(money * 10**8), abs=20)
    assert trades[0].dust > 0
    equal(rig, account)


def test_dust_alone_is_no_difference_blocks_no_entry_and_is_shown(tmp_path: Path) -> None:
    account = in_coins()
    rig = Rig(tmp_path, account, SHORT, sets=("rules.max_entries_day.limit=1",))
    asked: list[int] = []

    def questions() -> None:
        asked.append(len([1 for what, _ in account.requests if what == "trades"]))

    rig.play(*rig.entered(), *out(rig), questions, 2.5, questions, rig.cycle)
    assert rig.diffs() == []
    assert asked[0] == asked[1]  # it is compared, and explained by nothing
    account_now = standing_of(rig.path).account
    assert account_now is not None
    assert account_now.dust == (f"BTCUSDT {dust(rig)['BTCUSDT'].normalize()}",)
    equal(rig, account)


@pytest.mark.parametrize("close", [True, False])
def test_dust_outlives_the_program(tmp_path: Path, close: bool) -> None:
    account = in_coins()
    rig = Rig(tmp_path, account, SHORT, sets=AGAIN)
    rig.play(*rig.entered(), *out(rig), close=close)
    before = dust(rig)
    assert before != {}
    rig.play(until(lambda: rig.venue.syncing.recovered), rig.tickers, *again(rig))
    assert [Decimal(one.qty) for one in joined(rig)] == list(before.values())
    equal(rig, account)


def test_dust_that_somebody_turns_into_something_else_is_gone_once(tmp_path: Path) -> None:
    account = in_coins()
    rig = Rig(tmp_path, account, SHORT, sets=AGAIN)

    def convert() -> None:
        for one in account.holdings():
            account.executed.append(account.trade(one.symbol, "sell", one.qty, "9001", None))
            account.executed.pop()

    rig.play(*rig.entered(), *out(rig), convert, until(lambda: dust(rig) == {}), 2.5, *again(rig))
    assert [(one.what, one.theirs) for one in rig.diffs()] == [("dust", "0")]
    assert joined(rig) == []
    assert rig.held == held(account)
    assert verify(rig.path).ok
    assert rig.thought_again() > 0


def test_a_remainder_below_the_least_order_is_sold_with_the_next_position(tmp_path: Path) -> None:
    """An exit is filled in part, and what is left is worth less than the exchange trades."""
    account = TinyAccount(venue=SPOT, min_notional="5")
    rig = Rig(tmp_path, account, SHORT, sets=AGAIN)

    def sell_most() -> None:
        account.fill(account.working("stop")[0].order.client_id, rig.held["BTCUSDT"] - Decimal("0.03"))

    rig.play(
        *rig.entered(), sell_most, until(lambda: rig.held == {"BTCUSDT": Decimal("0.03")}), rig.cycle, rig.cycle,
        rig.cycle, until(lambda: rig.held.get("BTCUSDT", 0) > Decimal("0.5")), rig.tickers, rig.tickers, rig.tickers,
        until(lambda: rig.stands("stop", "working")), rig.tickers,
    )  # fmt: skip
    assert [Decimal(one.qty) for one in joined(rig)] == [Decimal("0.03")]
    stop = account.working("stop")[-1]
    assert stop.order.qty == rig.held["BTCUSDT"] == held(account)["BTCUSDT"]
    # The plan's levels are those of the purchase: what joins has its price.
    assert stop.order.stop_price == Decimal("95.00")
    equal(rig, account)


def test_futures_keep_no_dust(tmp_path: Path) -> None:
    account = TinyAccount()
    rig = Rig(tmp_path, account, SHORT, sets=AGAIN)
    rig.play(*rig.entered(), *out(rig), *again(rig))
    assert dust(rig) == {}
    check(rig, account)


def test_an_answer_that_is_lost_joins_dust_once(tmp_path: Path) -> None:
    account = in_coins()
    rig = Rig(tmp_path, account, SHORT, sets=AGAIN)

    def lose() -> None:
        account.mishap = once("place", "lost")

    rig.play(*rig.entered(), *out(rig), lose, *again(rig))
    assert len(joined(rig)) == 1
    equal(rig, account)


def test_hands_that_sell_all_there_is_take_dust_along(tmp_path: Path) -> None:
    account = TinyAccount(venue=SPOT, fee_in_coin=True)
    rig = Rig(tmp_path, account, SHORT, sets=(*AGAIN, "live.adopt_spot=true"))
    left: list[Decimal] = []

    def sell_all() -> None:
        account.working("stop")[0].status = "cancelled"
        left.append(rig.held["BTCUSDT"])
        # With it go coins of a purchase that the ledger does not know.
        account.stranger("BTCUSDT", "sell", str(rig.held["BTCUSDT"] + Decimal("0.0003")))

    rig.play(*rig.entered(), sell_all, until(lambda: rig.held == {}), rig.tickers, until(lambda: rig.sent == []))
    sale = executed(rig)[-1]
    assert (Decimal(sale.qty), sale.reason) == (left[0], "CLOSED_ELSEWHERE")
    assert Decimal(sale.notional) == left[0] * 100
    assert rig.positions()[-1].dust == "0"
    assert verify(rig.path).ok
    assert rig.thought_again() > 0


def test_a_fee_that_is_paid_in_a_coin_takes_of_its_dust(tmp_path: Path) -> None:
    account = TinyAccount(venue=SPOT)
    rig = Rig(tmp_path, account, SHORT, sets=AGAIN)

    def pay(fee: str, symbol: str, side: Side) -> Execution:
        return Execution(
            at=rig.at, venue=SPOT, symbol=symbol, trade_id="1", venue_at=rig.at, side=side,
            qty="1", price="100", notional="100", fee=fee, fee_asset="BNB", liquidity="taker",
        )  # fmt: skip

    def look() -> None:
        assert rig.session is not None
        order = rig.session.stages.order
        assert isinstance(order, LiveOrder)
        order.desk.learn(rules("BNBUSDT", SPOT))
        for told, still in (
            (pay("0.0001", "BTCUSDT", "buy"), {"BNBUSDT": Decimal("0.0004")}),
            (pay("0.0001", "BNBUSDT", "buy"), {"BNBUSDT": Decimal("0.0004")}),  # it never came in
            (pay("0.0001", "BNBUSDT", "sell"), {"BNBUSDT": Decimal("0.0003")}),
            (pay("1", "BTCUSDT", "sell"), {}),
        ):
            order.state.dust.setdefault("BNBUSDT", Decimal("0.0005"))
            spent(order, told)
            assert order.state.dust == still

    rig.play(*rig.begun(), look)
