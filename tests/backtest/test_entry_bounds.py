"""What kernels enter is as large as the stages would have it, and no rule would have refused it."""

import math
from decimal import Decimal

import numpy as np
from hypothesis import given
from hypothesis import strategies as some

from engine.kernels import entries, legs
from engine.plugs import Bounded, Bounds, within_all
from engine.records.desk import DeskView, Draft, Holding
from engine.records.ideas import SignalSnapshot
from engine.records.market import SymbolRules
from engine.runs.settings import load
from engine.stages.precheck import decimal
from engine.stages.size import SizeSettings, size_entry

E8 = 100_000_000
RULES = load(None, ['rules.allow_list.symbols=["AAAUSDT"]'], env={}).rules
STEPS = ("0.00001", "0.001", "0.05", "1", "25")
prices = some.integers(1, 10**7).map(lambda ticks: ticks / 10**4) | some.floats(1e-6, 7e4)


def rules_of(step: str, limits: tuple[str, ...], market: bool, kinds: tuple[str, ...]) -> SymbolRules:
    low, high, worth, most_worth, position, own = limits
    return SymbolRules(
        at=0, venue="v-spot", symbol="AAAUSDT", base="AAA", quote="USDT", tick="0.0001", step=step, min_qty=low,
        max_qty=high, min_notional=worth, max_notional=most_worth, max_position=position,
        market_step="0" if own == "0" else step, min_notional_market=market,
        max_notional_market=market, order_types=kinds,
    )  # fmt: skip


def limits_of(rules: SymbolRules) -> np.ndarray:
    bounds = within_all([rule.bounds(rules) for rule in RULES])
    return np.array([*bounds, float(rules.step), 2.0**52])


def signal() -> SignalSnapshot:
    return SignalSnapshot(
        at=1, venue="v-spot", symbol="AAAUSDT", strategy="s", action="enter", side="buy", order_type="market", rank=1,
        heat=50, price="1",
    )  # fmt: skip


def view(equity: int, cash: int, held: int, reserved: int) -> DeskView:
    def money(units: int) -> Decimal:
        return Decimal(units).scaleb(-8)

    holdings = {"BBBUSDT": Holding("BBBUSDT", Decimal(1), money(held), money(held))} if held else {}
    return DeskView(
        at=1, equity=money(equity), cash=money(cash), holdings=holdings,
        reserved={"CCCUSDT": money(reserved)} if reserved else {}, drawdown_pct=0, day_loss_pct=0, risk_level="L0",
        engine_state="tradeable", engine_reason="",
    )  # fmt: skip


def test_every_rule_of_the_house_has_bounds():
    assert all(isinstance(rule, Bounded) for rule in RULES)


def test_the_narrower_of_two_bounds_counts():
    one, other = Bounds(least_qty=2, most_qty=5, cash_pct=100), Bounds(least_qty=1, most_qty=4, positions=3)
    assert within_all([one, other]) == Bounds(least_qty=2, most_qty=4, cash_pct=100, positions=3)


@given(
    last=prices, off=some.floats(-0.3, 0.3) | some.just(0.0), equity=some.integers(1, 10**14),
    share=some.sampled_from([0.1, 5.0, 10.0, 24.9, 100.0]), factor=some.sampled_from([1.0, 0.7, 0.5]),
    step=some.sampled_from(STEPS),
)  # fmt: skip
def test_sizes_are_those_of_the_stages(last, off, equity, share, factor, step):
    last = float(f"{last:.4f}") or 1.0
    average = last * (1.0 + off)
    rules = rules_of(step, ("0",) * 6, True, ())
    sizing = np.array([float(Decimal(str(share)) / 100 * Decimal(str(factor))), 20.0])
    steps = entries.steps_of(last, entries.mean_of(average), equity, limits_of(rules), sizing)
    if steps:
        draft = size_entry(
            SizeSettings(equity_share_pct=share), signal(), view(equity, equity, 0, 0), rules, factor,
            decimal(average), Decimal(str(last)),
        )  # fmt: skip
        assert draft.qty == steps * Decimal(step)


@given(
    steps=some.integers(1, 10**6), last=prices, off=some.floats(-0.1, 0.1), cash=some.integers(0, 10**13),
    held=some.integers(0, 10**13), reserved=some.integers(0, 10**12), step=some.sampled_from(STEPS),
    limits=some.tuples(*[some.sampled_from(["0", "0.05", "10", "1000", "50000"])] * 6), market=some.booleans(),
    kinds=some.sampled_from([(), ("LIMIT",), ("LIMIT", "MARKET")]),
)  # fmt: skip
def test_no_rule_refuses_what_passes(steps, last, off, cash, held, reserved, step, limits, market, kinds):
    rules, equity = rules_of(step, limits, market, kinds), cash + held
    last = float(f"{last:.4f}") or 1.0
    average = entries.mean_of(last * (1.0 + off))
    rows, table, money = np.array([0]), np.zeros((2, len(legs.FIELDS)), np.int64), np.zeros(legs.MONEY, np.int64)
    table[0, legs.WAITING], table[0, legs.RESERVED] = reserved > 0, reserved
    money[legs.CASH], money[legs.COUNT] = cash, 1
    if math.isnan(average) or not entries.passes(steps, last, average, equity, limits_of(rules), rows, table, money):
        return
    desk, mean, qty = view(equity, cash, held, reserved), decimal(average), steps * Decimal(step)
    price = max(mean, Decimal(str(last)))
    judged = Draft("AAAUSDT", "buy", "market", qty, price, mean)
    sent = Draft("AAAUSDT", "buy", "market", qty, price, price)
    for rule in RULES:
        assert rule.check(judged, desk, rules) is None
        assert rule.layer != "account" or rule.check(sent, desk, rules) is None


def test_an_entry_that_hangs_on_a_verdict_takes_back_those_before_it():
    rules = rules_of("0.001", ("0",) * 6, True, ())
    count = 2
    held, tiers = np.zeros((count, len(legs.FIELDS)), np.int64), np.zeros((count, 3, 8), np.int64)
    grounds = held.copy()
    grounds[:, (legs.WORTH_NUM, legs.WORTH_DEN, legs.CEILING)] = 1, 1, 10**12
    asks = np.array([[7, 1, entries.YES], [7, 0, entries.UNKNOWN]])
    money, log = np.zeros(legs.MONEY, np.int64), np.zeros((9, len(legs.COLUMNS)), np.int64)
    money[legs.CASH] = 1000 * E8
    limits = np.stack([limits_of(rules)] * count)
    more = (
        np.array([[3.0, 3.0], [7.0, 7.0]]), limits, np.array([0.09995, 20.0]), grounds, tiers.copy(), 0.0, 1000 * E8,
        np.zeros(count + 1, np.int64), held, tiers, np.zeros(count), np.array([1, 1, 1, 1, 1000, 1, 1]), money, log,
    )  # fmt: skip
    assert entries.answered(7, 0, asks, *more) == entries.ASKED
    assert money[legs.UNTOLD] == 1 and not held.any() and not money[legs.LOGGED] and not money[legs.ENTRIES]
    asks[1, entries.VERDICT] = entries.YES
    assert entries.answered(7, 0, asks, *more) == entries.DONE
    assert money[legs.COUNT] == 2 and money[legs.ENTRIES] == 2
    assert held[:, legs.WAITING].tolist() == [14278, 33316]
