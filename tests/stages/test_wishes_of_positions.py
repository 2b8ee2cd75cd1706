"""What should rest at an exchange for a position: every coin once, nothing too small, and no more than is held."""

from decimal import Decimal

from hypothesis import assume, given
from hypothesis import strategies as st
from stage_builders import START, S, V, all_rules, examples, rules

from engine.records.ideas import ExitPlan, tiers_of
from engine.stages.account_order import LiveSetup
from engine.stages.desk import Book, DeskSettings
from engine.stages.exits import ExitState, on_price
from engine.stages.live_order import LiveOrder
from engine.stages.protection import TRAIL, is_listed_stop, is_tier, other_of
from engine.stages.recent import Recent
from engine.stages.wishes import STOP, Wishes, wished

MIN_NOTIONAL = 5
shares = st.lists(st.floats(1, 60), max_size=4).map(lambda found: [round(one, 2) for one in found])


def order_stage(locks: bool) -> LiveOrder:
    stage = LiveOrder(DeskSettings(), all_rules(), LiveSetup(locks=locks, strategy="x", plan=ExitPlan()))
    stage.desk.learn(rules(START, tick="0.01", step="0.001", min_notional=str(MIN_NOTIONAL)))
    recent = stage.desk.state.recent[S] = Recent()
    recent.start("100", START)
    return stage


def held(stage: LiveOrder, plan: ExitPlan, steps: int, sold: int, price: int) -> Book:
    """A position entered at 100, of which tiers sold something, and that price has moved."""
    exits = ExitState(plan=plan, opened_at=START)
    exits.entered(steps, 10_000)
    if sold and plan.tiers:
        exits.tier_sold(sold, exits.tiers[0])
    on_price(exits, price, START + 1)
    book = Book(symbol=S, venue=V, strategy="x", opened_at=START, exits=exits, qty=Decimal(steps - sold) / 1000)
    stage.desk.state.books[S] = book
    return book


def coins(wishes: Wishes) -> int:
    """How many coins rest: those of a list once."""
    return sum(wish.steps for leg, wish in wishes.items() if not is_listed_stop(leg))


@examples(150)
@given(
    locks=st.booleans(), found=shares, stop=st.sampled_from([0, 5]), trail=st.sampled_from([0, 40]),
    steps=st.integers(1, 5_000), part=st.floats(0, 1), price=st.integers(9_600, 13_000), even=st.sampled_from([0, 3]),
)  # fmt: skip
def test_every_coin_rests_once(
    locks: bool, found: list[float], stop: int, trail: int, steps: int, part: float, price: int, even: int
) -> None:
    assume(sum(found) + trail <= 100)
    plan = ExitPlan(
        stop_pct=stop, tiers=tiers_of([(share, 4 * i + 4) for i, share in enumerate(found)]), resting_tiers=True,
        trail_share_pct=trail, trail_arm_pct=5, trail_callback_pct=3, resting_trail=True, break_even_at_pct=even,
    )  # fmt: skip
    stage = order_stage(locks)
    sold = int(part * steps * sum(found) / 100)
    book = held(stage, plan, steps, sold, 10_100)
    assume(steps > sold)
    book.exits.tiers_rest = True  # what price reaches the exchange sells
    on_price(book.exits, price, START + 2)
    wishes = wished(stage, book)
    tiers = {leg: wish for leg, wish in wishes.items() if is_tier(leg)}
    assert all(wish.steps > 0 for wish in wishes.values())
    assert sum(wish.steps for wish in tiers.values()) <= book.exits.left
    assert all(wish.ticks * wish.steps >= MIN_NOTIONAL * 100_000 for wish in tiers.values())
    assert all(int(leg.removeprefix("TIER_")) > book.exits.tiers_done for leg in tiers)
    if TRAIL in wishes:
        assert wishes[TRAIL].ticks > book.exits.stop
        assert wishes[TRAIL].steps <= book.exits.trail_left
    if not locks:
        assert STOP not in wishes or wishes[STOP].steps <= steps - sold
        return
    assert coins(wishes) <= steps - sold
    for leg, wish in tiers.items():
        listed = wishes.get(other_of(leg))
        assert (listed is not None) == (book.exits.stop > 0)
        assert listed is None or (listed.ticks, listed.steps) == (book.exits.stop, wish.steps)
    if book.exits.stop:
        # What is in no order is too little for one.
        left_out = steps - sold - coins(wishes)
        assert left_out * book.exits.stop < 2 * MIN_NOTIONAL * 100_000


def test_a_tier_that_is_too_small_to_rest_leaves_all_of_them_to_the_program() -> None:
    stage = order_stage(locks=True)
    plan = ExitPlan(stop_pct=5, tiers=tiers_of([(3, 5), (97, 10)]), resting_tiers=True)
    book = held(stage, plan, 1_000, 0, 10_000)
    assert list(wished(stage, book)) == [STOP]
    assert stage.state.protection.by_program == [f"{S} TIERS"]


def test_a_trail_is_wished_for_while_it_is_over_the_stop() -> None:
    stage = order_stage(locks=False)
    plan = ExitPlan(
        stop_pct=5, trail_share_pct=40, trail_arm_pct=5, trail_callback_pct=6, resting_trail=True, break_even_at_pct=5
    )
    book = held(stage, plan, 1_000, 0, 10_600)
    assert TRAIL not in wished(stage, book)  # 99.64, and the stop is at 100
    on_price(book.exits, 11_000, START + 2)
    assert wished(stage, book)[TRAIL] == (10_340, 400)
    stage.state.protection.leave_to_program(S, TRAIL)
    assert TRAIL not in wished(stage, book)


def test_what_a_tier_sold_at_the_exchange_moves_the_plan_on() -> None:
    exits = ExitState(plan=ExitPlan(tiers=tiers_of([(30, 5), (70, 10)]), break_even_at_pct=5), opened_at=START)
    exits.entered(10, 10_000)
    exits.tier_sold(2, 10_500)
    assert (exits.tiers_done, exits.tier_left(1), exits.tier_left(2), exits.left) == (0, 1, 7, 8)
    assert exits.is_even
    exits.tier_sold(1, 10_500)
    assert (exits.tiers_done, exits.tier_left(2)) == (1, 7)
    exits.tier_sold(7, 11_000)
    assert (exits.tiers_done, exits.left) == (2, 0)
