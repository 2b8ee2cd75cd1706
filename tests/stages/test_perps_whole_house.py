"""All stages over hostile markets of perpetuals on margin: the shadow is the desk, money adds up, a restart is none."""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from perp_desk import realised_e8
from stage_builders import COINS, House, Market, calm_day, examples, rules

from engine.ledger.fold import Holdings
from engine.matching.exchange import PaperSettings
from engine.records.base import Record
from engine.records.ideas import Refusal
from engine.records.trades import Fill, FundingPayment, Position
from engine.records.wire import COMPARED, encode
from engine.runs import catalog
from engine.stages.desk import DeskSettings

LEVERAGE = 10
#: More money than a hostile market can make without absurd rules, in 1e-8 quote.
ABSURD = 10**18
seeds = st.integers(0, 2**32)
fees = st.sampled_from(["quote", "received", "BNB"])


def perps(facts: Iterable[Record]) -> Iterator[Record]:
    """The same facts on a venue of perpetuals, some of which pay much."""
    for i, fact in enumerate(facts):
        if not hasattr(fact, "venue"):
            yield fact
            continue
        changes: dict[str, Any] = {"venue": "binance-usdm"}
        if fact.kind == "funding" and i % 3 == 0:
            changes |= {"rate": ("0.03", "-0.02", "0.3")[i % 9 // 3]}
        if fact.kind == "funding" and i % 2 == 0:
            changes |= {"due_at": fact.at + 400_000}
        yield msgspec.structs.replace(fact, **changes)


_warm: bytes | None = None


def house(**settings: Any) -> House:
    """A house on margin that has seen a calm day of perpetuals."""
    global _warm
    desk = DeskSettings(leverage=LEVERAGE)
    if _warm is None:
        cold = wide(House(desk=desk))
        cold.run(perps(rules(symbol=symbol, tick="0.0001", step="0.001") for symbol in COINS))
        cold.run(perps(calm_day()))
        _warm = cold.save()
    return wide(House(settings.pop("saved", _warm), desk=desk, **settings))


def wide(made: House) -> House:
    """Lets entries on margin pass the rules of exposure."""
    for name in ("max_exposure", "max_symbol_exposure"):
        rule = catalog.load("rules", name)
        for listed in (made.precheck.rules, made.precheck.shadow.account_rules, made.order.account_rules):
            listed[:] = [rule(limit_pct=1e4) if isinstance(one, rule) else one for one in listed]
    return made


@examples(25)
@given(seeds, fees)
def test_the_shadow_of_precheck_is_the_desk_at_each_tick(seed: int, fee_in: str) -> None:
    made = house(paper=PaperSettings(fee_in=fee_in, fee_asset_price=300.0))
    for fact in perps(Market(seed, hostile=0.2).facts(30)):
        before = made.turn.ticks
        made.turn.feed(fact)
        if made.turn.ticks != before:
            shadow, order = made.precheck.shadow, made.order
            assert msgspec.msgpack.encode(shadow.desk.state) == msgspec.msgpack.encode(order.desk.state)
            assert msgspec.msgpack.encode(shadow.state.sent) == msgspec.msgpack.encode(order.state.sent)
            assert msgspec.msgpack.encode(made.precheck.exchange.state) == msgspec.msgpack.encode(made.exchange.state)


@examples(40)
@given(seeds, fees)
def test_money_adds_up_and_the_ledger_folds_it_alike(seed: int, fee_in: str) -> None:
    made = house(paper=PaperSettings(fee_in=fee_in, fee_asset_price=300.0))
    holdings, told = Holdings(), 0
    holdings.leverage = LEVERAGE
    for fact in perps(Market(seed, hostile=0.2).facts(40)):
        made.turn.feed(fact)
        state = made.order.desk.state
        if state.cash_e8 > ABSURD:
            return  # a tick of a million makes money that is cut off
        assert state.equity_e8 > 0
        margins = sum(book.margin_e8 for book in state.books.values())
        assert state.cash_e8 + margins == 1000 * 10**8 + realised_e8(made.made)
        for record in made.made[told:]:
            if isinstance(record, Fill):
                assert holdings.add(record) is None
            elif isinstance(record, FundingPayment):
                assert holdings.fund(record) is None
            elif isinstance(record, Position):
                assert holdings.check(record) is None
        told = len(made.made)


@examples(25)
@given(seeds)
def test_order_refuses_nothing_that_precheck_passed(seed: int) -> None:
    made = house().run(perps(Market(seed, hostile=0.2).facts(30)))
    assert [record for record in made if isinstance(record, Refusal) and record.stage == "order"] == []


@examples(25)
@given(seeds, st.integers(0, 80))
def test_a_restart_anywhere_goes_on_with_the_same_bytes(seed: int, cut: int) -> None:
    facts = list(perps(Market(seed, hostile=0.2).facts(20)))
    through, first = house(), house()
    whole = lines(through.run(facts))
    before = lines(first.run(facts[:cut]))
    second = house(saved=first.save())
    assert before + lines(second.run(facts[cut:])) == whole
    assert second.save() == through.save()


def lines(made: list[Record]) -> list[bytes]:
    return [encode(msgspec.structs.replace(record)) for record in made if record.kind in COMPARED]


def test_such_markets_make_what_they_are_to_test() -> None:
    reasons: set[str] = set()
    paid = 0
    for seed in range(25):
        for record in house().run(perps(Market(seed, hostile=0.1).facts(40))):
            reasons |= {record.reason} if isinstance(record, Fill) else set()
            paid += isinstance(record, FundingPayment)
    assert {"ENTRY", "LIQUIDATION"} <= reasons
    assert paid >= 5
