"""Isolated margin: what an entry ties up, when its venue closes it, and that no more than the margin is lost."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from perp_desk import EXACT, NOON, Perps, V, bar, rate
from stage_builders import MINUTE, examples, rules

from engine.ledger.fold import Holdings
from engine.matching.exchange import PaperSettings
from engine.matching.margin import HOUR_MS
from engine.records.desk import DeskView, Draft
from engine.records.ideas import ExitPlan, Tier
from engine.records.market import MarginTier, Tick
from engine.records.trades import Fill, FundingPayment, Position
from engine.rules.capital import Capital
from engine.stages.desk import DeskSettings

#: When the bar of the entry closes.
IN = NOON + MINUTE


def held(leverage: int = 6, plan: ExitPlan | None = None, qty: str = "3", paper: PaperSettings = EXACT) -> Perps:
    """A desk that bought three coins at 100 on margin, in a bar that ended there."""
    perps = Perps(leverage, paper)
    perps.enter(NOON, qty, plan)
    perps.feed(bar(IN, "100"), Tick(at=IN))
    return perps


def test_an_entry_takes_its_margin_and_its_fee() -> None:
    perps = held()
    assert perps.cash == Decimal("949.7")  # 1000 - 300 / 6 - 0.3
    assert perps.equity == Decimal("999.7")
    assert (perps.position.margin, perps.position.liquidation_price) == ("50", "85.04")  # 250 / (3 x 0.98), up
    perps.feed(bar(IN + MINUTE, "100", close="110"), Tick(at=IN + MINUTE))
    assert perps.equity == Decimal("1029.7")


def test_without_leverage_a_perpetual_is_as_a_coin() -> None:
    perps, spot = held(leverage=1), Perps(leverage=6, venue="binance-spot")
    spot.enter(NOON, "3")
    spot.feed(bar(IN, "100", venue="binance-spot"), Tick(at=IN))
    for one in (perps, spot):
        assert (one.position.margin, one.position.liquidation_price) == (None, None)
        assert one.cash == Decimal("699.7")
    perps.feed(bar(IN + MINUTE, "100", low="0.01", close="0.01"), Tick(at=IN + MINUTE))
    assert perps.position.status == "open"


def test_a_part_that_is_sold_gives_its_share_of_the_margin_back() -> None:
    tiers = ExitPlan(tiers=(Tier(share_pct=50, at_pct=10), Tier(share_pct=50, at_pct=30)))
    perps = held(plan=tiers, qty="2")
    perps.feed(bar(IN + MINUTE, "100", high="110"), Tick(at=IN + MINUTE))
    assert perps.position.margin == "16.66666667"
    # 1000 - 0.2 of fee, less the margin of one coin, plus 10 of gain less 0.11 of fee
    assert perps.cash == Decimal("1000") - Decimal("0.2") - Decimal("16.66666667") + Decimal("9.89")


def test_a_low_beyond_the_liquidation_loses_the_margin_and_the_fee_of_the_entry() -> None:
    perps = held()
    perps.feed(bar(IN + MINUTE, "100", low="85.04", close="99"), Tick(at=IN + MINUTE))
    assert (perps.position.status, perps.position.reason) == ("closed", "LIQUIDATION")
    assert perps.position.realised_pnl == "-50.3"
    assert perps.cash == perps.equity == Decimal("949.7")
    out = perps.fills[-1]
    # The venue takes it over at the price of bankruptcy, up to the tick, and keeps what that leaves.
    assert (out.reason, out.price, out.qty, out.fee_quote) == ("LIQUIDATION", "83.34", "3", "0.02")
    assert len(perps.fills) == 2


def test_a_low_that_stays_above_it_liquidates_nothing() -> None:
    perps = held()
    perps.feed(bar(IN + MINUTE, "100", low="85.05"))
    assert perps.position.status == "open"


@pytest.mark.parametrize("opened", ["85.04", "60", "0.01"])
def test_a_gap_beyond_bankruptcy_loses_no_more_than_the_margin(opened: str) -> None:
    plan = ExitPlan(stop_pct=5, hold_max_s=60)
    perps = held(plan=plan)
    perps.feed(bar(IN + MINUTE, opened, close=opened), Tick(at=IN + MINUTE))
    assert (perps.position.reason, perps.position.realised_pnl) == ("LIQUIDATION", "-50.3")


def test_a_stop_that_is_nearer_goes_first_and_one_beyond_does_not() -> None:
    perps = held(plan=ExitPlan(stop_pct=5))
    perps.feed(bar(IN + MINUTE, "100", low="70"))
    assert (perps.position.reason, perps.fills[-1].price) == ("STOP", "95")
    perps = held(plan=ExitPlan(stop_pct=16))
    perps.feed(bar(IN + MINUTE, "100", low="70"))
    assert perps.position.reason == "LIQUIDATION"


def test_an_open_above_a_target_does_not_hide_the_low() -> None:
    perps = held(plan=ExitPlan(tiers=(Tier(share_pct=50, at_pct=5),)))
    perps.feed(bar(IN + MINUTE, "106", low="80", close="81"), Tick(at=IN + MINUTE))
    assert (perps.position.reason, perps.position.realised_pnl) == ("LIQUIDATION", "-50.3")
    assert perps.fills[-1].ambiguous


def test_the_bar_of_the_entry_liquidates_too() -> None:
    perps = Perps(6)
    perps.enter(NOON, "3")
    perps.feed(bar(IN, "100", low="80"), Tick(at=IN))
    assert perps.position.reason == "LIQUIDATION"


def test_a_mark_price_liquidates_where_trades_do_not_show_it() -> None:
    perps = held()
    at = IN + 30_000
    perps.feed(rate(at, "0.0001", "85.04", due_at=NOON + 8 * HOUR_MS))
    assert (perps.position.reason, perps.fills[-1].venue_at) == ("LIQUIDATION", at)


def test_a_liquidation_needs_no_liquidity_and_takes_over_what_waits_to_be_sold() -> None:
    perps = held(plan=ExitPlan(black_swan_pct=3))
    fall = bar(IN + 5 * MINUTE, "100", low="90", close="90", volume="0.001")
    perps.feed(fall, Tick(at=fall.at))
    assert perps.made[-2].kind == "order_result"  # a market order waits
    crash = bar(fall.at + MINUTE, "90", low="40", close="40", volume="0.001")
    perps.feed(crash, Tick(at=crash.at))
    assert perps.position.reason == "LIQUIDATION"
    assert perps.equity >= Decimal("949.7")
    assert not perps.order.state.sent


def test_a_market_order_below_bankruptcy_brings_what_is_owed() -> None:
    perps = held(plan=ExitPlan(black_swan_pct=3))
    fall = bar(IN + 5 * MINUTE, "100", low="90", close="90")
    perps.feed(fall, Tick(at=fall.at), bar(fall.at + MINUTE, "50"))
    assert (perps.position.reason, perps.position.realised_pnl) == ("BLACK_SWAN", "-50.3")


def test_funding_moves_the_liquidation() -> None:
    perps = held()
    perps.feed(bar(IN + MINUTE, "100"), rate(NOON + HOUR_MS, "0.01", "100"), bar(NOON + HOUR_MS + MINUTE, "100"))
    assert perps.payments[0].amount == "-3"
    assert (perps.position.margin, perps.position.liquidation_price) == ("47", "86.06")
    perps.feed(bar(NOON + HOUR_MS + 2 * MINUTE, "100", low="86"), Tick(at=NOON + HOUR_MS + 2 * MINUTE))
    assert perps.position.realised_pnl == "-50.3"


def test_funding_takes_no_more_than_the_margin() -> None:
    perps = held(leverage=40, qty="3")
    perps.feed(rate(NOON + HOUR_MS, "0.5", "100"), bar(NOON + HOUR_MS, "100"), Tick(at=NOON + HOUR_MS))
    assert perps.payments[0].amount == "-7.5"
    assert (perps.position.reason, perps.position.realised_pnl) == ("LIQUIDATION", "-7.8")


def test_the_tiers_of_the_rules_count_where_they_are_known() -> None:
    tiers = (MarginTier(floor="0", rate="0.004"), MarginTier(floor="200", rate="0.1"))
    perps = Perps(6, margin_tiers=tiers)
    perps.enter(NOON, "3")
    perps.feed(bar(IN, "100"))
    # cum is 200 x 0.096 = 19.2: (50 + 19.2 - 300) / (3 x (0.1 - 1))
    assert perps.position.liquidation_price == "85.49"


@pytest.mark.parametrize("rates", [[("0", "1")], [("5", "0.1")], [("0", "0.2"), ("9", "0.1")], [("0", "0")]])
def test_tiers_that_make_none_are_not_believed(rates: list[tuple[str, str]]) -> None:
    perps = held()
    tiers = tuple(MarginTier(floor=floor, rate=rate) for floor, rate in rates)
    perps.feed(rules(symbol="ETCUSDT", margin_tiers=tiers))
    assert perps.order.desk.state.rules["ETCUSDT"].margin_tiers == ()


def test_another_tick_size_moves_the_levels_to_its_grid() -> None:
    perps = held()
    given: dict[str, Any] = {"base": "ETC", "quote": "USDT", "tick": "0.1", "step": "0.001"}
    perps.feed(type(rules())(at=IN, venue=V, symbol="ETCUSDT", **given))
    assert perps.order.desk.state.books["ETCUSDT"].exits.liquidation == 851


def test_a_leverage_that_leaves_no_margin_is_refused() -> None:
    with pytest.raises(ValueError, match="liquidated at once"):
        DeskSettings(leverage=50)
    assert DeskSettings(leverage=50, maintenance_rate=0.004).leverage == 50


def test_cash_need_only_reach_for_the_margin() -> None:
    view = DeskView(
        at=0, equity=Decimal(60), cash=Decimal(60), holdings={}, reserved={"BTCUSDT": Decimal(240)}, drawdown_pct=0,
        day_loss_pct=0, risk_level="L0", engine_state="tradeable", engine_reason="",
        leverages={"ETCUSDT": 6, "BTCUSDT": 6},
    )  # fmt: skip
    rule, listed = Capital(buffer_pct=0.5), rules(symbol="ETCUSDT")

    def asks(qty: str) -> Any:
        return rule.check(Draft("ETCUSDT", "buy", "market", Decimal(qty), Decimal(100), Decimal(100)), view, listed)

    assert asks("1.16") is None  # 20 is free; 116 / 6 and half a percent of 116
    assert asks("1.17").code == "NO_CAPITAL"


def test_an_entry_beyond_the_cash_is_not_filled() -> None:
    perps = Perps(6)
    perps.enter(NOON, "70")
    perps.feed(bar(IN, "100"))
    assert perps.fills == []
    perps = Perps(6)
    perps.enter(NOON, "59")
    perps.feed(bar(IN, "100"))
    assert perps.cash == Decimal("1000") - Decimal("983.33333334") - Decimal("5.9")


price = st.decimals("1", "250", places=2)
step = st.tuples(
    price, price, price, st.sampled_from(["", "", "-0.003", "0.0001", "0.02", "-0.3", "0.4"]), st.booleans()
)
plans = st.builds(
    ExitPlan, stop_pct=st.sampled_from([0, 5, 20]), hold_max_s=st.sampled_from([0, 180]),
    black_swan_pct=st.sampled_from([0, 10]), resting_tiers=st.booleans(),
    tiers=st.sampled_from([(), (Tier(share_pct=30, at_pct=7), Tier(share_pct=30, at_pct=14))]),
    trail_share_pct=st.just(40), trail_arm_pct=st.just(5), trail_callback_pct=st.just(3),
)  # fmt: skip
papers = st.builds(
    PaperSettings, taker_fee_rate=st.sampled_from([0.0005, 0.02]), slippage_bps=st.sampled_from([0, 150]),
    participation=st.sampled_from([0.01, 1]), fee_in=st.sampled_from(["quote", "BNB"]), fee_asset_price=st.just(300),
)  # fmt: skip


@examples(60, 8000)
@given(st.sampled_from([1, 2, 6, 20, 45]), plans, papers, st.lists(step, min_size=1, max_size=25))
def test_money_adds_up_at_every_step_and_no_trade_loses_more_than_its_margin(
    leverage: int, plan: ExitPlan, paper: PaperSettings, steps: list[tuple[Decimal, Decimal, Decimal, str, bool]]
) -> None:
    perps = Perps(leverage, paper)
    holdings = Holdings()
    holdings.leverage = leverage
    told = 0
    for i, (opened, low, close, value, enters) in enumerate(steps, 1):
        at = NOON + i * MINUTE
        if value:
            perps.feed(rate(at - 30_000 if enters else at, value, due_at=at))
        perps.feed(bar(at, str(opened), str(min(opened, low, close)), str(close), high=str(max(opened, low, close))))
        if enters and not perps.order.desk.state.books and not perps.order.state.sent:
            perps.enter(at, "3", plan)
        else:
            perps.feed(Tick(at=at))
        assert len(set(perps.identity())) == 1
        assert perps.equity == perps.cash + worth(perps)
        assert perps.equity >= 0
        for record in perps.made[told:]:
            assert fold(holdings, record) is None
        told = len(perps.made)
    for trade in closed(perps):
        assert trade >= 0


def worth(perps: Perps) -> Decimal:
    """What positions are worth beyond what is owed on them, never less than nothing."""
    state, total = perps.order.desk.state, Decimal(0)
    for symbol, book in state.books.items():
        value = book.qty * Decimal(state.recent[symbol].text) - Decimal(book.owed_e8).scaleb(-8)
        assert value >= 0
        total += round(value, 8)
    return total


def fold(holdings: Holdings, record: Any) -> str | None:
    if isinstance(record, Fill):
        return holdings.add(record)
    if isinstance(record, FundingPayment):
        return holdings.fund(record)
    return holdings.check(record) if isinstance(record, Position) else None


def closed(perps: Perps) -> list[Decimal]:
    """What each closed trade left of its margin and of the fees of its entries, which are paid beside."""
    left: list[Decimal] = []
    margin = paid = Decimal(0)
    for record in perps.made:
        if isinstance(record, Fill) and record.side == "buy":
            margin += Decimal(record.notional)
            paid += Decimal(record.fee_quote)
        if isinstance(record, Position) and record.status == "closed":
            leverage = perps.order.desk.settings.leverage
            left.append(Decimal(record.realised_pnl) + margin / leverage + paid + Decimal("0.0000001"))
            margin = paid = Decimal(0)
    return left


@examples(20)
@given(st.sampled_from([1, 6]), plans, papers, st.lists(step, min_size=2, max_size=12))
def test_a_restart_at_any_step_changes_nothing(
    leverage: int, plan: ExitPlan, paper: PaperSettings, steps: list[tuple[Decimal, Decimal, Decimal, str, bool]]
) -> None:
    one, other = Perps(leverage, paper), Perps(leverage, paper)
    for i, (opened, low, close, value, enters) in enumerate(steps, 1):
        at = NOON + i * MINUTE
        candle = bar(at, str(opened), str(min(opened, low, close)), str(close), high=str(max(opened, low, close)))
        facts = ([rate(at - 30_000, value, due_at=at if enters else at + MINUTE)] if value else []) + [candle]
        for perps in (one, other):
            perps.feed(*facts)
            if enters and not perps.order.desk.state.books and not perps.order.state.sent:
                perps.enter(at, "3", plan)
            else:
                perps.feed(Tick(at=at))
        other.reopen()
    assert one.made == other.made
