"""Ways out that an exchange turns away: under a new id, and not with every price."""

from decimal import Decimal

from order_stage import ENTRY, executed, order_stage, told
from stage_builders import START, S, V, ticker

from engine.records.account import OrderReport
from engine.records.ideas import ExitPlan, Tier
from engine.stages.effects import Send
from engine.stages.exits import Exit
from engine.stages.live_order import REFUSED_MS, LiveOrder


def test_an_exit_that_was_refused_is_not_sent_again_under_its_id_at_the_same_instant() -> None:
    stage = order_stage("2")
    told(stage, [executed(ENTRY, 1, Decimal(2), Decimal(100))])
    book = stage.desk.state.books[S]
    sent = []
    for reason in ("TIME", "UNPROTECTED", "TIME", "UNPROTECTED"):
        sent += [one.attempt.client_id for one in stage.leave_at_once(book, Exit(reason, 2000, None), START + 9)
                 if isinstance(one, Send)]  # fmt: skip
        book.exits.unsold(reason, 2000)
    assert len(sent) == len(set(sent)) == 2
    again = stage.leave_at_once(book, Exit("TIME", 2000, None), START + 10)
    assert next(one.attempt.client_id for one in again if isinstance(one, Send)) not in sent


def tried(stage: LiveOrder, price: str, first_ms: int, until_ms: int) -> list[tuple[int, str]]:
    """Gives when a way out was sent, and why, while each is turned away; a price comes every tenth of a second."""
    sent = []
    for after_ms in range(first_ms, until_ms, 100):
        for one in stage.take(ticker(START + after_ms, price)):
            if isinstance(one, Send) and one.attempt.purpose == "exit":
                sent.append((after_ms, one.attempt.reason))
                no = OrderReport(at=START + after_ms, venue=V, symbol=S, client_id=one.attempt.client_id,
                                 status="rejected", code="-2022")  # fmt: skip
                stage.take(no)
    return sent


def test_an_exit_that_is_refused_is_tried_again_once_a_second() -> None:
    stage = order_stage("2")
    told(stage, [executed(ENTRY, 1, Decimal(2), Decimal(100))])
    assert tried(stage, "94", 100, 3_300) == [(at, "STOP") for at in range(100, 3_300, REFUSED_MS)]


def test_a_tier_that_was_put_off_is_due_again() -> None:
    stage = order_stage("2", ExitPlan(stop_pct=5, tiers=(Tier(at_pct=2, share_pct=50),)))
    told(stage, [executed(ENTRY, 1, Decimal(2), Decimal(100))])
    assert tried(stage, "103", 100, 2_200) == [(at, "TIER_1") for at in range(100, 2_200, REFUSED_MS)]
    book = stage.desk.state.books[S]
    assert (book.exits.left, book.exits.tiers_done, book.exits.tier_steps_done) == (2_000, 0, 0)
