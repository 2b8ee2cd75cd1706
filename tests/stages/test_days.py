"""Days: in UTC on the time of records, whatever the machine's zone; each loss falls on one, restarts on none."""

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hot_runs import SESSION, compared, run_hot
from stage_builders import DAY, MINUTE, START, S, V

from engine.matching.events import Executed
from engine.records.ideas import ExitPlan
from engine.stages.desk import Book, Desk, DeskSettings, DeskState
from engine.stages.exits import ExitState
from engine.stages.recent import Recent

MIDNIGHT = START + DAY
#: Half of a thousand is held: a price that falls by a tenth costs a twentieth of the account.
SETTINGS = DeskSettings(
    equity=Decimal(1000), drawdown_levels_pct=(90, 91, 92, 93, 94), day_loss_levels_pct=(1, 2, 3, 4, 50)
)


def holding(price: str = "100") -> Desk:
    desk = Desk(SETTINGS)
    book = Book(
        symbol=S, venue=V, strategy="hotcoin", opened_at=START, exits=ExitState(plan=ExitPlan(), opened_at=START)
    )
    desk.state.books[S] = book
    tell(desk, price, START)
    desk.buy(book, Executed(
        client_id="h", trade_id="1", venue_at=START, qty=Decimal(5), price=Decimal(100), notional=Decimal(500),
        fee=Decimal(0), fee_asset="USDT", fee_quote=Decimal(0), fee_base=Decimal(0), liquidity="taker",
    ))  # fmt: skip
    return desk


def tell(desk: Desk, price: str, at: int) -> None:
    desk.state.recent[S] = Recent()
    desk.state.recent[S].start(price, at)


def again(desk: Desk) -> Desk:
    """The desk of a process that was started anew."""
    return Desk(SETTINGS, msgspec.json.decode(msgspec.json.encode(desk.state), type=DeskState))


def marked(desk: Desk, price: str, at: int) -> float:
    tell(desk, price, at)
    desk.mark(at, at)
    return desk.state.day_loss_pct


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("late", [0, 1000, 7 * 3_600_000])
def test_what_is_lost_across_midnight_is_lost_on_the_new_day(late: int, restart: bool) -> None:
    desk = holding()
    assert marked(desk, "100", MIDNIGHT - MINUTE) == 0
    desk = again(desk) if restart else desk
    assert marked(desk, "90", MIDNIGHT + late) == 5
    assert desk.state.risk_level == "L4"


@pytest.mark.parametrize("before", [1000, 0, -1000])
def test_a_restart_around_midnight_resets_nothing_and_a_day_only_once(before: int) -> None:
    desk = holding()
    marked(desk, "100", START + MINUTE)
    marked(desk, "96", MIDNIGHT - 2000)
    desk.state.day_entries = 3
    if before > 0:
        desk = again(desk)
    assert marked(desk, "96", MIDNIGHT - 1000) == 2
    assert desk.state.day_entries == 3
    if before == 0:
        desk = again(desk)
    assert marked(desk, "96", MIDNIGHT) == 0
    assert desk.state.day_entries == 0
    desk.state.day_entries = 2
    if before < 0:
        desk = again(desk)
    assert marked(desk, "94", MIDNIGHT + 1000) == pytest.approx(1.020408)
    assert desk.state.day_entries == 2


def test_a_first_day_begins_with_what_there_is() -> None:
    assert marked(holding("90"), "90", START + MINUTE) == 0


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/New_York", "Asia/Kolkata", "Pacific/Apia"])
def test_the_zone_of_the_machine_changes_no_byte(zone: str, tmp_path: Path) -> None:
    words = ("run", "--market", str(SESSION), "--symbol", "DOGEUSDT", "-q", "--set", "scan.cycle_s=900")
    there = run_hot(tmp_path, *words, "--ledger", "there.db", TZ=zone)
    here = run_hot(tmp_path, *words, "--ledger", "here.db", TZ="UTC")
    assert there.returncode == here.returncode == 0, there.stderr
    assert compared(there.stdout) == compared(here.stdout)
    assert len(compared(here.stdout)) > 100
