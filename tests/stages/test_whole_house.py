"""Over hostile markets every stage goes on, precheck's shadow is the desk, and a restart changes no byte."""

from collections import Counter
from decimal import Decimal
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stage_builders import COINS, House, Market, all_rules, examples, warm_house

from engine.matching.exchange import PaperSettings
from engine.records.base import Record
from engine.records.codes import CODES, PRECHECK_CODES
from engine.records.ideas import Candidate, Cycle, Refusal
from engine.records.market import Tick
from engine.records.trades import Fill, Intent, OrderAttempt, OrderResult, Position
from engine.records.wire import COMPARED, decode, encode

seeds = st.integers(0, 2**32)


def lines(made: list[Record]) -> list[bytes]:
    return [encode(msgspec.structs.replace(record)) for record in made if record.kind in COMPARED]


def pack(state: object) -> bytes:
    return msgspec.msgpack.encode(state)


@examples(40)
@given(seeds)
def test_a_hostile_market_ends_no_stage(seed: int) -> None:
    made = warm_house().run(Market(seed, hostile=0.6).facts(15))
    assert any(isinstance(record, Cycle) for record in made)


@examples(25)
@given(seeds)
def test_what_is_decided_is_read_back_from_the_wire(seed: int) -> None:
    for record in warm_house().run(Market(seed, hostile=0.2).facts(15)):
        if record.kind in COMPARED:
            assert decode(bytes(encode(record))) == record


@examples(25)
@given(seeds, st.sampled_from(["quote", "received", "BNB"]))
def test_the_shadow_of_precheck_is_the_desk_at_each_tick(seed: int, fee_in: str) -> None:
    house = warm_house(paper=PaperSettings(fee_in=fee_in, fee_asset_price=300.0))
    ticks = 0
    for fact in Market(seed, hostile=0.2).facts(30):
        before = house.turn.ticks
        house.turn.feed(fact)
        if house.turn.ticks != before:
            ticks += 1
            shadow, order = house.precheck.shadow, house.order
            assert pack(shadow.desk.state) == pack(order.desk.state)
            assert pack(shadow.state.sent) == pack(order.state.sent)
            assert pack(house.precheck.exchange.state) == pack(house.exchange.state)
    assert ticks > 5


@examples(25)
@given(seeds)
def test_order_refuses_nothing_that_precheck_passed(seed: int) -> None:
    made = warm_house().run(Market(seed, hostile=0.2).facts(30))
    assert [r for r in made if isinstance(r, Refusal) and r.stage == "order"] == []


@examples(25)
@given(seeds, st.integers(0, 80))
def test_a_restart_anywhere_goes_on_with_the_same_bytes(seed: int, cut: int) -> None:
    facts = list(Market(seed, hostile=0.2).facts(20))
    through = warm_house()
    whole = lines(through.run(facts))
    first = warm_house()
    before = lines(first.run(facts[:cut]))
    second = House(first.save())
    after = lines(second.run(facts[cut:]))
    assert before + after == whole
    assert second.save() == through.save()


@examples(25)
@given(seeds)
def test_every_scanned_symbol_ends_each_cycle_exactly_once(seed: int) -> None:
    house = warm_house()
    candidates: list[str] = []
    scanned: set[str] = set()
    for record in house.run(Market(seed, hostile=0.3).facts(20)):
        if isinstance(record, Candidate):
            candidates.append(record.symbol)
        elif isinstance(record, Cycle):
            ended = Counter(symbol for symbols in record.codes.values() for symbol in symbols)
            assert set(ended.values()) <= {1}
            assert all(list(symbols) == sorted(symbols) for symbols in record.codes.values())
            assert set(record.codes) <= CODES.keys()
            scanned = set(ended)
        elif isinstance(record, Tick):
            said = Counter(symbol for symbols in record.codes.values() for symbol in symbols)
            said.update(candidates)
            assert set(said.values()) <= {1}
            assert set(said) <= scanned
            candidates = []


@examples(25)
@given(seeds)
def test_no_code_is_made_that_the_table_does_not_name(seed: int) -> None:
    for record in warm_house().run(Market(seed, hostile=0.3).facts(20)):
        if isinstance(record, Refusal):
            assert record.code in CODES
            assert record.precheck_code is None or record.precheck_code in CODES.keys() | PRECHECK_CODES.keys()


@examples(30)
@given(seeds, st.sampled_from(["quote", "received"]))
def test_cash_and_positions_are_what_the_fills_add_up_to(seed: int, fee_in: str) -> None:
    house = warm_house(paper=PaperSettings(fee_in=fee_in))
    cash, held = Decimal(1000), Counter[str]()
    for record in house.run(Market(seed, hostile=0.1).facts(40)):
        if isinstance(record, Fill):
            notional, fee = Decimal(record.notional), Decimal(record.fee_quote)
            in_base = record.fee_asset not in ("USDT",)
            if record.side == "buy":
                cash -= notional + (0 if in_base else fee)
                held[record.symbol] += Decimal(record.qty) - (Decimal(record.fee) if in_base else 0)  # type: ignore[assignment]
            else:
                cash += notional - fee
                held[record.symbol] -= Decimal(record.qty)  # type: ignore[assignment]
            assert held[record.symbol] >= 0
        elif isinstance(record, Position):
            assert Decimal(record.qty if record.status == "open" else record.dust) == held[record.symbol]
            if record.status == "closed":
                held[record.symbol] = 0
    desk = house.order.desk.state
    assert Decimal(desk.cash_e8).scaleb(-8) == cash
    assert {symbol: open_.qty for symbol, open_ in desk.books.items()} == {s: q for s, q in held.items() if q}


@examples(30)
@given(seeds)
def test_each_order_has_one_intent_one_id_and_one_end(seed: int) -> None:
    made = warm_house().run(Market(seed, hostile=0.2).facts(40))
    ids = Counter(record.client_id for record in made if isinstance(record, OrderAttempt))
    intents = {record.intent_key for record in made if isinstance(record, Intent)}
    ends = Counter(
        record.client_id for record in made if isinstance(record, OrderResult) and record.status != "working"
    )
    assert set(ids.values()) <= {1}
    assert set(ends.values()) <= {1}
    assert {
        record.intent_key for record in made if isinstance(record, OrderAttempt) and record.purpose == "entry"
    } <= intents


@examples(30)
@given(seeds)
def test_money_is_never_owed_and_entries_stay_in_their_bounds(seed: int) -> None:
    house = warm_house()
    for fact in Market(seed, hostile=0.2).facts(40):
        house.turn.feed(fact)
        desk = house.order.desk.state
        assert desk.cash_e8 >= 0
        assert len(desk.books) <= 5
        assert all(open_.qty > 0 for open_ in desk.books.values())


@pytest.mark.parametrize(
    "rule", [rule for rule in all_rules() if rule.layer == "account"], ids=lambda r: type(r).__name__
)
def test_account_rules_never_look_at_an_exit(rule: object) -> None:
    assert rule.layer == "account"  # type: ignore[attr-defined]


def test_the_same_market_thinks_the_same_thoughts_twice() -> None:
    first, second = (lines(warm_house().run(Market(5).facts(30))) for _ in range(2))
    assert first == second
    assert any(b'"kind":"fill"' in line for line in first)


def test_times_never_run_backwards_on_the_wire() -> None:
    made = [r for r in warm_house().run(Market(7, hostile=0).facts(40)) if r.kind in COMPARED]
    assert all(a.at <= b.at for a, b in pairwise(made))


def test_the_markets_of_these_tests_trade() -> None:
    kinds = Counter(record.kind for seed in range(6) for record in warm_house().run(Market(seed, 0.2).facts(30)))
    assert kinds["fill"] > 20
    assert kinds["intent"] > 5
    assert len(COINS) == 4
