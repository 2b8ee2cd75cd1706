"""Budgets: shared by processes, fed by headers, kept through restarts, and never asked past."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import pytest
from binance_fakes import NOON, FakeTime, FakeVenue, client_for, reply
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import Exit, LedgerError
from engine.world.binance.answers import Hold
from engine.world.binance.budget import (
    DATA,
    FUNDING,
    ORDERS_10S,
    PRESSING_MOST,
    SPOT_LIMITS,
    URGENT_ASKS,
    URGENT_MOST,
    USDM_LIMITS,
    WEIGHT,
    Budget,
    Payer,
)  # fmt: skip
from engine.world.binance.client import Client
from engine.world.binance.spot_market import SpotMarket
from engine.world.binance.spot_orders import SpotOrders
from engine.world.binance.spot_shapes import SpotTicket
from engine.world.binance.trouble import Banned, Limited, Rejected
from engine.world.binance.usdm_market import UsdmMarket

SPOT_BUY = SpotTicket(symbol="BTCUSDT", side="BUY", type="MARKET", quantity=Decimal("0.01"), new_client_order_id="h1")
SPOT_ACK = {"symbol": "BTCUSDT", "orderId": 28, "orderListId": -1, "clientOrderId": "h1", "transactTime": NOON}
PAYER = Payer("api.binance.com", "mark", SPOT_LIMITS)


def said(code: int, msg: str = "words") -> dict[str, object]:
    return {"code": code, "msg": msg}


ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def budget(tmp_path: Path) -> Iterator[Budget]:
    made = Budget(tmp_path / "limits.db")
    yield made
    made.close()


def claim(
    budget: Budget, cost: int, now: int = NOON, *, order: bool = False, urgent: bool = False, asks: bool = False
) -> int | None:
    return budget.claim(PAYER, {WEIGHT: cost}, now, order=order, urgent=urgent, asks=asks)


def test_reads_leave_a_fifth_of_the_budget_to_orders(budget: Budget) -> None:
    assert claim(budget, 4800) is None
    assert claim(budget, 1) == NOON + 60_000
    assert claim(budget, 1200, order=True) is None
    assert claim(budget, 1, order=True) == NOON + 60_000
    assert claim(budget, 1, order=True, urgent=True) is None


def test_a_new_minute_is_a_new_budget(budget: Budget) -> None:
    assert claim(budget, 4800) is None
    assert claim(budget, 4800, NOON + 60_000) is None


def test_what_is_refused_is_not_booked(budget: Budget) -> None:
    claim(budget, 4799)
    assert claim(budget, 80) == NOON + 60_000
    assert budget.used(PAYER, WEIGHT, NOON) == (4799, 6000)


def test_a_request_dearer_than_the_whole_share_passes_alone(budget: Budget) -> None:
    assert claim(budget, 5000) is None


def test_headers_raise_what_is_used_and_never_lower_weight(budget: Budget) -> None:
    claim(budget, 10)
    budget.note(PAYER, {"x-mbx-used-weight-1m": "5000"}, NOON, NOON + 50)
    assert claim(budget, 1) == NOON + 60_000
    budget.note(PAYER, {"x-mbx-used-weight-1m": "7"}, NOON, NOON + 50)
    assert budget.used(PAYER, WEIGHT, NOON) == (5000, 6000)


def test_order_counts_follow_the_exchange_down_when_orders_fill(budget: Budget) -> None:
    budget.note(PAYER, {"x-mbx-order-count-10s": "99"}, NOON, NOON + 50)
    budget.note(PAYER, {"x-mbx-order-count-10s": "40"}, NOON, NOON + 50)
    assert budget.used(PAYER, ORDERS_10S, NOON) == (40, 100)


def test_an_answer_across_a_minutes_end_counts_for_neither(budget: Budget) -> None:
    budget.note(PAYER, {"x-mbx-used-weight-1m": "5000"}, NOON - 10, NOON + 10)
    assert budget.used(PAYER, WEIGHT, NOON) == (0, 6000)


HEADERS = st.sampled_from(
    ["x-mbx-used-weight-1m", "x-mbx-order-count-10s", "x-mbx-used-weight-", "x-mbx-used-weight-0m"]
)


@given(headers=st.dictionaries(HEADERS, st.text(max_size=12)))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_header_breaks_the_budget(headers: dict[str, str], budget: Budget) -> None:
    budget.note(PAYER, headers, NOON, NOON)


def test_accounts_share_weight_but_not_orders(budget: Budget) -> None:
    other = PAYER._replace(mark="other")
    costs = {WEIGHT: 10, ORDERS_10S: 100}
    assert budget.claim(PAYER, costs, NOON, order=True, urgent=False) is None
    assert budget.claim(PAYER, costs, NOON, order=True, urgent=False) == NOON // 10_000 * 10_000 + 10_000
    assert budget.claim(other, costs, NOON, order=True, urgent=False) is None
    assert budget.used(other, WEIGHT, NOON)[0] == 20


def test_statistics_and_funding_have_budgets_of_their_own(budget: Budget) -> None:
    usdm = Payer("fapi.binance.com", "", USDM_LIMITS)
    for pool, most in ((DATA, 800), (FUNDING, 400)):
        for _ in range(most):
            assert budget.claim(usdm, {pool: 1}, NOON, order=False, urgent=False) is None
        assert budget.claim(usdm, {pool: 1}, NOON, order=False, urgent=False) == NOON // 300_000 * 300_000 + 300_000
    assert budget.used(usdm, WEIGHT, NOON)[0] == 0


def test_a_ban_outlives_a_restart_and_lets_nothing_pass(tmp_path: Path) -> None:
    first = Budget(tmp_path / "limits.db")
    first.hold(PAYER, Hold(NOON + 120_000, banned=True, orders_only=False))
    first.close()
    again = Budget(tmp_path / "limits.db")
    for order, urgent in ((False, False), (True, False), (True, True)):
        with pytest.raises(Banned, match="has banned this machine"):
            claim(again, 1, order=order, urgent=urgent)
    assert again.holds(NOON) == [("api.binance.com", NOON + 120_000, True)]
    assert claim(again, 1, NOON + 120_000) is None
    again.close()


def test_a_wait_lets_a_few_exits_pass_and_counts_them(budget: Budget) -> None:
    budget.hold(PAYER, Hold(NOON + 30_000, banned=False, orders_only=False))
    with pytest.raises(Limited):
        claim(budget, 1)
    with pytest.raises(Limited):
        claim(budget, 1, order=True)
    for _ in range(URGENT_MOST):
        assert claim(budget, 1, order=True, urgent=True) is None
    with pytest.raises(Limited):
        claim(budget, 1, order=True, urgent=True)


def test_questions_that_an_exit_waits_for_pass_a_budget_that_is_used_up_a_few_times_a_minute(budget: Budget) -> None:
    claim(budget, 6000, order=True)
    assert claim(budget, 4, order=True, asks=True) == NOON + 60_000
    for _ in range(PRESSING_MOST):
        assert claim(budget, 4, order=True, urgent=True, asks=True) is None
    assert claim(budget, 4, order=True, urgent=True, asks=True) == NOON + 60_000
    assert claim(budget, 1, order=True, urgent=True) is None  # exits pass all the same
    assert budget.used(PAYER, WEIGHT, NOON)[0] == 6000 + 4 * PRESSING_MOST + 1
    assert claim(budget, 4, NOON + 60_000, order=True, urgent=True, asks=True) is None


def test_urgent_questions_leave_half_of_what_may_pass_a_wait_to_exits(budget: Budget) -> None:
    budget.hold(PAYER, Hold(NOON + 30_000, banned=False, orders_only=False))
    for _ in range(URGENT_ASKS):
        assert claim(budget, 4, order=True, urgent=True, asks=True) is None
    with pytest.raises(Limited):
        claim(budget, 4, order=True, urgent=True, asks=True)
    for _ in range(URGENT_MOST - URGENT_ASKS):
        assert claim(budget, 1, order=True, urgent=True) is None


def test_too_many_orders_keep_nobody_from_asking_what_became_of_one(budget: Budget) -> None:
    budget.hold(PAYER, Hold(NOON + 10_000, banned=False, orders_only=True))
    assert claim(budget, 4, order=True, asks=True) is None


def test_a_wait_is_lengthened_and_never_cut_short(budget: Budget) -> None:
    budget.hold(PAYER, Hold(NOON + 120_000, banned=True, orders_only=False))
    budget.hold(PAYER, Hold(NOON + 30_000, banned=False, orders_only=False))
    assert budget.holds(NOON) == [("api.binance.com", NOON + 120_000, True)]


def test_too_many_orders_holds_this_accounts_orders_only(budget: Budget) -> None:
    budget.hold(PAYER, Hold(NOON + 10_000, banned=False, orders_only=True))
    with pytest.raises(Limited, match="new orders of this account"):
        claim(budget, 1, order=True)
    assert claim(budget, 1) is None


def test_processes_share_one_budget(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from engine.world.binance.budget import *\n"
        "payer = Payer('h', '', {WEIGHT: 1000})\n"
        "budget = Budget(Path(sys.argv[1]))\n"
        f"claim = lambda: budget.claim(payer, {{WEIGHT: 1}}, {NOON}, order=False, urgent=False)\n"
        "print(sum(claim() is None for _ in range(300)))\n"
    )
    words = [sys.executable, "-c", script, str(tmp_path / "limits.db")]
    running = [subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=ROOT) for _ in range(4)]
    assert sum(int(one.communicate(timeout=60)[0]) for one in running) == 800


def test_threads_share_one_budget(budget: Budget) -> None:
    with ThreadPoolExecutor(8) as pool:
        booked = list(pool.map(lambda _: claim(budget, 10) is None, range(600)))
    assert sum(booked) == 480


def test_a_file_that_is_none_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "limits.db").write_bytes(b"no database, but longer than a header of one hundred bytes" * 10)
    with pytest.raises(LedgerError, match="nothing was sent") as error:
        Budget(tmp_path / "limits.db")
    assert error.value.code == Exit.LEDGER


# The client on top.


def test_a_read_waits_for_the_next_minute(spot: Client, venue: FakeVenue, fake_time: FakeTime) -> None:
    venue.then([], **{"x_mbx_used_weight_1m": "4797"}).then([])
    SpotMarket(spot).prices()
    SpotMarket(spot).prices()
    (pause,) = fake_time.slept
    assert 60 <= pause < 61


def test_a_read_of_a_longer_window_says_when_to_come_back(usdm: Client, venue: FakeVenue, fake_time: FakeTime) -> None:
    fake_time.ms = NOON // 300_000 * 300_000 + 1000
    for _ in range(800):
        venue.then([])
        UsdmMarket(usdm).taker_volumes("BTCUSDT", "5m")
    with pytest.raises(Limited, match="used up until"):
        UsdmMarket(usdm).taker_volumes("BTCUSDT", "5m")


def test_an_order_does_not_wait(spot: Client, venue: FakeVenue, fake_time: FakeTime) -> None:
    venue.then(SPOT_ACK, **{"x_mbx_order_count_10s": "100"})
    SpotOrders(spot).place(SPOT_BUY)
    with pytest.raises(Limited, match="nothing was sent"):
        SpotOrders(spot).place(SPOT_BUY)
    assert fake_time.slept == []
    assert len(venue.requests) == 1


def test_after_429_nobody_on_this_machine_asks_until_it_is_over(
    spot: Client, venue: FakeVenue, fake_time: FakeTime, tmp_path: Path
) -> None:
    venue.then(said(-1003), 429, retry_after="30")
    with pytest.raises(Limited, match="until"):
        SpotMarket(spot).prices()
    neighbour = FakeVenue(fake_time)
    for client, asked in ((spot, venue), (client_for("spot", neighbour, tmp_path), neighbour)):
        before = len(asked.requests)
        with pytest.raises(Limited):
            SpotMarket(client).prices()
        assert len(asked.requests) == before
    fake_time.ms += 30_000
    venue.then([])
    assert SpotMarket(spot).prices() == []


def test_a_ban_is_kept_through_three_restarts(venue: FakeVenue, fake_time: FakeTime, tmp_path: Path) -> None:
    client = client_for("spot", venue, tmp_path)
    venue.then(said(-1003, f"Way too much request weight used; IP banned until {NOON + 500_000}."), 418)
    with pytest.raises(Banned, match="UTC") as banned:
        SpotMarket(client).prices()
    assert banned.value.until_ms == NOON + 500_000
    assert banned.value.code == Exit.VENUE
    for _ in range(3):
        silent = FakeVenue(fake_time)
        restarted = client_for("spot", silent, tmp_path)
        with pytest.raises(Banned):
            SpotOrders(restarted).place(SPOT_BUY, urgent=True)
        with pytest.raises(Banned):
            SpotMarket(restarted).time()
        assert (silent.requests, silent.times_asked) == ([], 0)


def test_an_order_turned_away_by_429_is_a_no_for_sure(spot: Client, venue: FakeVenue) -> None:
    venue.then(said(-1015, "Too many new orders."), 429, retry_after="5")
    with pytest.raises(Limited, match="too many new orders"):
        SpotOrders(spot).place(SPOT_BUY)
    venue.then([])
    assert SpotOrders(spot).open_orders() == []


def test_what_the_exchange_said_is_not_hidden_by_a_full_disk(
    spot: Client, venue: FakeVenue, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise LedgerError("the disk is full")

    monkeypatch.setattr(Budget, "note", full)
    venue.then(SPOT_ACK)
    assert SpotOrders(spot).place(SPOT_BUY).order_id == 28


def test_a_budget_that_cannot_be_booked_sends_nothing(
    spot: Client, venue: FakeVenue, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise LedgerError("the disk is full")

    venue.then([])
    SpotOrders(spot).open_orders()
    monkeypatch.setattr(Budget, "claim", full)
    with pytest.raises(LedgerError):
        SpotOrders(spot).place(SPOT_BUY)
    assert len(venue.requests) == 1
    # An exit gets its try all the same.
    venue.then(SPOT_ACK)
    SpotOrders(spot).place(SPOT_BUY, urgent=True)
    assert len(venue.requests) == 2


def test_a_rejection_still_feeds_the_budget(spot: Client, venue: FakeVenue) -> None:
    venue.script.append(reply(b'{"code":-1121,"msg":""}', 400, {"X-MBX-USED-WEIGHT-1M": "77"}))
    with pytest.raises(Rejected):
        SpotMarket(spot).book("NOPE")
    assert spot.used_weight()[0] == 77


_ON_A_FULL_DISK = """
import resource, sys
from pathlib import Path
from engine.errors import DiskRefused
from engine.world.binance.budget import WEIGHT, SPOT_LIMITS, Budget, Payer

budget, payer, hard = Budget(Path(sys.argv[1])), Payer("h", "m", SPOT_LIMITS), resource.RLIM_INFINITY
resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, hard))
for now in range(0, 600_000_000, 60_000):
    try:
        budget.claim(payer, {WEIGHT: 1}, now, order=False, urgent=False)
    except DiskRefused as error:
        print(error)
        break
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
print(budget.claim(payer, {WEIGHT: 1}, now, order=False, urgent=False))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limit of file sizes")
def test_a_full_disk_is_told_as_one_which_a_daemon_waits_out(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _ON_A_FULL_DISK, str(tmp_path / "limits.db")], capture_output=True, text=True, cwd=ROOT,
        check=True,
    )  # fmt: skip
    refused, again = done.stdout.splitlines()
    assert "the shared budgets cannot be read or written" in refused
    assert again == "None"
