"""A live pipe: the account's facts go round through all stages, and a kill, an end and a doubt lose nothing."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import pytest
from live_rig import START, until
from pipe_rig import PipeRig
from tiny_account import TinyAccount, unreachable

from engine.errors import ConfigError, InDoubt, LedgerError, UsageError, VenueError
from engine.ledger.ledger import Ledger
from engine.ledger.requests import request
from engine.ledger.verify import verify
from engine.records.account import Condition
from engine.records.desk import Run
from engine.records.ideas import ExitPlan, Refusal
from engine.records.market import Tick
from engine.world.way_back import Hearing, Telling

STOP_ONLY = ExitPlan(stop_pct=5, hold_max_s=86_400)
ONE_ENTRY = ("rules.max_entries_day.limit=1",)


def held(account: TinyAccount) -> dict[str, Decimal]:
    return {one.symbol: one.qty for one in account.holdings()}


def check(rig: PipeRig, account: TinyAccount) -> None:
    """Books equal, ids once, the chain sound."""
    assert rig.held == held(account)
    placed = [client_id for what, client_id in account.requests if what == "place"]
    assert len(placed) == len(set(placed))
    assert sorted(fill.trade_id for fill in rig.fills()) == sorted(one.trade_id for one in account.executed)
    assert verify(rig.path).ok


@pytest.mark.parametrize("venue", ["binance-spot", "binance-usdm"])
def test_an_entry_is_filled_and_protected_and_precheck_hears_of_it(tmp_path: Path, venue: str) -> None:
    account = TinyAccount(venue=venue)
    rig = PipeRig(tmp_path, account, STOP_ONLY, sets=ONE_ENTRY)
    rig.play(*rig.entered())
    assert [one.purpose for one in rig.attempts()] == ["entry", "protect"]
    assert rig.results() == ["working", "filled", "working"]
    assert {symbol: book.qty for symbol, book in rig.shadow.desk.state.books.items()} == held(account)
    check(rig, account)
    assert rig.thought_again() > 0


def test_no_entry_leaves_before_the_account_is_known(tmp_path: Path) -> None:
    account = TinyAccount(mishap=lambda what, _: unreachable() if what == "holdings" else None)
    rig = PipeRig(tmp_path, account, sets=ONE_ENTRY)
    rig.play(rig.rules, lambda: rig.bars(-288, 0), rig.cycle, 0.1, rig.cycle, 0.1, rig.cycle)
    assert account.orders == {}
    assert rig.states() == ["blocked(recovering)"]


def test_a_killed_pipe_tells_its_past_again_and_finds_what_it_had_sent(tmp_path: Path) -> None:
    account = TinyAccount()
    rig = PipeRig(tmp_path, account, STOP_ONLY, sets=ONE_ENTRY)
    rig.play(*rig.begun(), rig.cycle, until(lambda: rig.stands("market", "filled")), close=False)
    bought = held(account)
    assert bought
    rig.play(rig.tickers, until(lambda: rig.venue.idle and rig.held == bought), rig.tickers, rig.tickers, rig.tickers,
             until(lambda: rig.stands("stop", "working")), rig.cycle)  # fmt: skip
    first, second = rig.records(Run)
    assert (first.at, first.desk, first.repeats) == (second.at, second.desk, 0)
    assert second.repeats > 288
    assert [one.purpose for one in rig.attempts()][:2] == ["entry", "protect"]
    check(rig, account)
    assert rig.thought_again() > 0


def test_a_pipe_that_is_killed_while_it_tells_its_past_again_begins_it_once_more(tmp_path: Path) -> None:
    account = TinyAccount()
    rig = PipeRig(tmp_path, account, STOP_ONLY, sets=ONE_ENTRY)
    rig.play(*rig.entered(), close=False)
    for _ in range(3):
        rig.play(rig.tickers, until(lambda: rig.venue.idle), rig.cycle, close=False)
    rig.play(rig.tickers, until(lambda: rig.venue.idle), rig.cycle)
    assert [one.purpose for one in rig.attempts()] == ["entry", "protect"]
    check(rig, account)
    assert rig.thought_again() > 0


def test_after_an_end_in_order_a_pipe_begins_anew_with_the_desk(tmp_path: Path) -> None:
    account = TinyAccount()
    rig = PipeRig(tmp_path, account, STOP_ONLY, sets=ONE_ENTRY)
    rig.play(*rig.entered())
    rig.play(rig.rules_now, rig.tickers, until(lambda: rig.venue.idle), rig.cycle, lambda: stop_out(account),
             rig.tickers, until(lambda: rig.held == {}), rig.cycle)  # fmt: skip
    first, second = rig.records(Run)
    assert second.at > first.at and second.desk and second.after_facts > 288 and second.repeats == 0
    assert rig.positions()[-1].reason == "STOP"
    check(rig, account)


def stop_out(account: TinyAccount) -> None:
    account.price = Decimal(95)
    account.fill(next(i for i, one in account.orders.items() if one.order.order_type == "stop"))


def test_a_process_goes_on_where_a_pipe_was_and_a_pipe_after_it(tmp_path: Path) -> None:
    from live_rig import Rig

    account = TinyAccount()
    rig = PipeRig(tmp_path, account, STOP_ONLY, sets=ONE_ENTRY)
    rig.play(*rig.entered(), close=False)
    Rig.play(rig, rig.tickers, until(lambda: rig.venue.idle), rig.cycle)
    check(rig, account)
    rig.play(rig.rules_now, rig.tickers, until(lambda: rig.venue.idle), rig.cycle)
    Rig.play(rig, rig.rules_now, rig.tickers, until(lambda: rig.venue.idle), rig.cycle, close=False)
    with pytest.raises(LedgerError, match="hot sync"):
        rig.play(rig.tickers)
    Rig.play(rig, rig.tickers, until(lambda: rig.venue.idle), rig.cycle)
    check(rig, account)
    assert [one.purpose for one in rig.attempts()] == ["entry", "protect"]


def test_the_end_of_the_input_waits_for_the_entry_and_its_stop(tmp_path: Path) -> None:
    account = TinyAccount()
    rig = PipeRig(tmp_path, account, STOP_ONLY, sets=ONE_ENTRY)
    rig.play(*rig.begun(), rig.cycle, settles=True)
    assert rig.results() == ["working", "filled", "working"]
    check(rig, account)
    assert rig.thought_again() > 0


def test_the_end_of_the_input_names_what_is_in_doubt(tmp_path: Path) -> None:
    def mishap(what: str, client_id: str) -> Any:
        return "lost" if what == "place" else unreachable() if what == "order" else None

    account = TinyAccount(mishap=mishap, streams=False)
    rig = PipeRig(tmp_path, account, STOP_ONLY, sets=ONE_ENTRY)
    with pytest.raises(InDoubt) as told:
        rig.play(*rig.begun(), rig.cycle, settles=True)
    assert next(iter(account.orders)) in str(told.value)
    account.mishap = lambda what, _: None
    rig.play(rig.rules_now, rig.tickers, until(lambda: rig.held == held(account)), rig.tickers, rig.cycle)
    check(rig, account)


def test_an_account_that_could_not_be_compared_is_the_exchanges_failure(tmp_path: Path) -> None:
    account = TinyAccount(mishap=lambda what, _: unreachable() if what == "holdings" else None)
    rig = PipeRig(tmp_path, account)
    with pytest.raises(VenueError, match="could not be compared"):
        rig.play(rig.rules, rig.cycle, settles=True)


def test_what_the_order_stage_refuses_alone_blocks_precheck_no_longer_than_that(tmp_path: Path) -> None:
    account = TinyAccount()
    rig = PipeRig(tmp_path, account, STOP_ONLY)

    def ask(action: Literal["halt", "resume"]) -> Callable[[], None]:
        return lambda: (request(rig.path, action, "holiday", 1), None)[1]

    rig.play(
        *rig.begun(), ask("halt"), rig.cycle, 0.1, rig.cycle, 0.1, rig.cycle, ask("resume"), rig.cycle, 0.1,
        rig.cycle, until(lambda: rig.stands("market", "filled")), rig.tickers, rig.tickers, rig.tickers,
        until(lambda: rig.stands("stop", "working")), rig.cycle,
    )  # fmt: skip
    refused = [(one.stage, one.code) for one in rig.records(Refusal) if one.code != "POSITION_OPEN"]
    assert refused[0] == ("order", "ACCOUNT_CHANGED")
    assert set(refused[2:]) == {("precheck", "ENGINE_BLOCKED")}
    check(rig, account)


def test_a_resume_reaches_precheck_too(tmp_path: Path) -> None:
    account = TinyAccount()
    rig = PipeRig(tmp_path, account, STOP_ONLY, sets=("governor.symbols=NONE",))
    rig.play(*rig.begun(), rig.cycle, 0.1, rig.cycle)
    assert "blocked(governor_symbols)" in rig.states()
    request(rig.path, "resume", "looked at it", 1)
    rig.play(rig.rules_now, rig.tickers, until(lambda: rig.venue.idle), rig.cycle, 0.1, rig.tickers)
    assert rig.shadow.desk.state.conditions == rig.owner.trader.order.desk.state.conditions == {}


def test_a_resume_after_the_highest_risk_level_reaches_precheck_while_the_pipe_runs(tmp_path: Path) -> None:
    account = TinyAccount()
    levels = "desk.drawdown_levels_pct=[0.001, 0.002, 0.003, 0.004, 0.005]"
    rig = PipeRig(tmp_path, account, STOP_ONLY, sets=(levels,))
    desks: list[tuple[str, str]] = []

    def look() -> None:
        desks.append((rig.shadow.desk.state.risk_level, rig.owner.trader.order.desk.state.risk_level))

    def resume() -> None:
        request(rig.path, "resume", "looked at it", 1)

    rig.play(
        *rig.entered(), lambda: rig.cycle("99"), look, 0.1, lambda: rig.cycle("99"), look,
        resume, lambda: rig.cycle("98.9"), 0.1,
        lambda: rig.cycle("98.8"), look, lambda: rig.cycle("98.8"), look,
    )  # fmt: skip
    assert desks == [("L5", "L5"), ("L5", "L5"), ("L0", "L0"), ("L0", "L0")]
    shadow, desk = rig.shadow.desk.state, rig.owner.trader.order.desk.state
    assert (shadow.peak_e8, shadow.day_base_e8, shadow.blocked_until) == (desk.peak_e8, desk.day_base_e8, 0)
    check(rig, account)


def test_an_error_in_the_middle_leaves_all_as_a_kill_would(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    account = TinyAccount()
    rig = PipeRig(tmp_path, account, STOP_ONLY, sets=ONE_ENTRY)

    def full() -> None:
        def refuse() -> None:
            rig.owner.ledger.rollback()
            raise LedgerError("the disk is full")

        monkeypatch.setattr(rig.owner.ledger, "commit", refuse)

    with pytest.raises(LedgerError, match="full"):
        rig.play(*rig.begun(), rig.cycle, until(lambda: rig.stands("market", "filled")), full, rig.tickers, rig.cycle)
    rig.play(rig.rules_now, until(lambda: rig.venue.idle and rig.held == held(account)), rig.tickers, rig.cycle)
    assert rig.records(Run)[-1].repeats > 288
    check(rig, account)
    assert rig.thought_again() > 0


def test_other_settings_and_other_ledgers_are_refused_before_anything_is_told(tmp_path: Path) -> None:
    rig = PipeRig(tmp_path, TinyAccount(), STOP_ONLY)
    rig.play(*rig.begun(), rig.cycle, close=False)
    rig.sets = ("size.equity_share_pct=1",)
    with pytest.raises(ConfigError, match=r"size\.equity_share_pct"):
        rig.play(rig.tickers)
    Ledger.open(tmp_path / "paper.db", mode="paper", venue="paper").close()
    rig.path = tmp_path / "paper.db"
    with pytest.raises(ConfigError, match="ledger of paper"):
        rig.play(rig.tickers)


def test_facts_go_back_whole_and_nothing_else_does() -> None:
    told = [Condition(at=0, venue="v", scope=f"s{i}", state="ok", reason="r" * i) for i in range(2000)]
    heard: list[Any] = []
    with Hearing() as hearing:
        telling = Telling(str(hearing.path))
        telling.tell([Tick(at=START), *told])
        while len(heard) < len(told):
            heard += hearing.facts()
            telling.push()
        assert heard == told
        assert not hearing.path.exists()  # nobody else opens it
    telling.tell(told)  # the other end is gone: the input's end says so
    telling.close()
    with pytest.raises(UsageError, match="is gone"):
        Telling(str(hearing.path))
