"""What an emergency close may sell on spot: the ledger's coins, all of them, and nobody else's."""

import time
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from live_rig import Rig, until
from tiny_account import TinyAccount

from engine.errors import LedgerError
from engine.ledger.ledger import Ledger
from engine.records.trades import DUST, Fill, OrderAttempt, OrderResult, OrderStatus, Side
from engine.records.wire import encode
from engine.runs.claims import Coins, Everything, LedgersCoins, claim_of
from engine.runs.emergency_journal import journal_of
from engine.runs.flattener import Flattener
from engine.world.account.account import HeldNews

SPOT = "binance-spot"


def attempt(client_id: str, qty: str, side: Side = "buy") -> OrderAttempt:
    return OrderAttempt(
        at=1, venue=SPOT, symbol="BTCUSDT", strategy="s", client_id=client_id, intent_key=client_id, side=side,
        purpose="entry", reason="ENTRY", order_type="market", qty=qty, reference_price="100",
    )  # fmt: skip


def fill(client_id: str, qty: str, reason: str = "ENTRY") -> Fill:
    return Fill(
        at=1, venue=SPOT, symbol="BTCUSDT", venue_at=1, client_id=client_id, trade_id=f"{client_id}-{reason}",
        side="buy", purpose="entry", reason=reason, qty=qty, price="100", notional="100", fee="0", fee_asset="USDT",
        fee_quote="0", liquidity="taker",
    )  # fmt: skip


def result(client_id: str, status: OrderStatus) -> OrderResult:
    return OrderResult(
        at=1, venue=SPOT, symbol="BTCUSDT", client_id=client_id, status=status, filled_qty="0",
    )  # fmt: skip


def held(qty: str) -> HeldNews:
    return HeldNews(symbol="BTCUSDT", qty=Decimal(qty), free=Decimal(qty))


@pytest.fixture
def account() -> TinyAccount:
    """An account on which somebody has coins of their own."""
    made = TinyAccount(venue=SPOT, now=int(time.time() * 1000))
    made.stranger("BTCUSDT", "buy", "3")
    made.stranger("ETHUSDT", "buy", "1")
    return made


def close(rig: Rig, account: TinyAccount) -> None:
    with journal_of(rig.path, SPOT, "tiny", pytest.fail) as journal:
        told = Flattener(account, journal, {}, claim_of(SPOT, rig.path, (), False, pytest.fail)).flatten(5)
    assert (told.flat, told.closed, told.remainder) == (True, ("BTCUSDT",), {})
    assert {one.symbol: one.qty for one in account.holdings()} == {"BTCUSDT": Decimal(3), "ETHUSDT": Decimal(1)}
    assert not [one for one in account.orders.values() if one.status == "working"]


@pytest.mark.parametrize("streams", [True, False])
def test_coins_beside_a_position_stay_and_the_run_knows_what_was_sold(
    tmp_path: Path, account: TinyAccount, streams: bool
) -> None:
    account.streams = streams
    rig = Rig(tmp_path, account)
    rig.play(*rig.entered(), lambda: close(rig, account), until(lambda: rig.held == {}))
    assert [one.reason for one in rig.positions()][-1] == "CLOSED_ELSEWHERE"
    assert rig.thought_again()


def test_a_start_learns_what_was_closed_while_nothing_ran(tmp_path: Path, account: TinyAccount) -> None:
    rig = Rig(tmp_path, account)
    rig.play(*rig.entered())
    assert list(rig.held) == ["BTCUSDT"]
    close(rig, account)
    rig.play(until(lambda: rig.held == {}))
    closed = [one for one in rig.positions() if one.status == "closed"]
    assert [one.reason for one in closed] == ["CLOSED_ELSEWHERE"]
    rig.play(rig.tickers)
    assert [one for one in rig.positions() if one.status == "closed"] == closed
    assert not [one for one in account.orders.values() if one.status == "working"]
    assert rig.thought_again()


def test_a_purchase_whose_end_nobody_knows_counts_as_made(tmp_path: Path) -> None:
    path = tmp_path / "live.db"
    with Ledger.open(path, mode="live", venue=SPOT, account="tiny") as ledger:
        for one in (
            attempt("done", "1"), fill("done", "1"), result("done", "filled"),
            attempt("part", "2"), fill("part", "0.5"), fill("part", "7", DUST), result("part", "part_filled"),
            attempt("doubt", "4"), result("doubt", "in_doubt"),
            attempt("turned away", "8"), result("turned away", "rejected"),
            attempt("sale", "16", "sell"),
        ):  # fmt: skip
            ledger.append(encode(one))
        ledger.commit()
        coins = Coins(path)
        assert coins() == {"BTCUSDT": Decimal("5.5")}
        ledger.append(encode(result("doubt", "never_executed")))
        ledger.commit()
        assert coins() == {"BTCUSDT": Decimal("1.5")}


@given(
    others=st.integers(0, 5), booked=st.integers(0, 5), pending=st.integers(0, 5), arrives=st.booleans(),
    sold_between=st.integers(0, 5),
)  # fmt: skip
def test_nothing_of_ours_stays_whenever_it_is_booked(
    others: int, booked: int, pending: int, arrives: bool, sold_between: int
) -> None:
    """Between two readings of the ledger a purchase may end, and a sale of ours be booked."""
    sold = min(sold_between, booked)
    readings = iter([booked + pending, booked + arrives * pending - sold])
    claim = LedgersCoins(lambda: {"BTCUSDT": Decimal(next(readings, 0))})
    there = others + booked + arrives * pending
    first = sum((one.qty for one in claim.of([held(str(there))] if there else [])), Decimal(0))
    assert first >= booked + arrives * pending
    # What is taken of others at the most is a purchase that was not made.
    assert first - (booked + arrives * pending) <= (0 if arrives else pending)
    left = there - first
    assert claim.of([held(str(left))] if left else []) == []


def test_what_is_bought_later_is_ours_too() -> None:
    claim = LedgersCoins(lambda: {"BTCUSDT": Decimal(1)})
    assert [one.qty for one in claim.of([held("4")])] == [1]
    assert [one.qty for one in claim.of([held("6")])] == [3]
    assert claim.of([held("3")]) == []


def test_a_symbol_that_the_ledger_takes_up_meanwhile_is_closed_too() -> None:
    readings = iter([{}, {}, {"BTCUSDT": Decimal(2)}, {}])
    claim = LedgersCoins(lambda: next(readings))
    assert (claim.of([held("5")]), claim.wants("BTCUSDT")) == ([], False)
    assert ([one.qty for one in claim.of([held("7")])], claim.wants("BTCUSDT")) == ([2], True)
    assert ([one.qty for one in claim.of([held("7")])], claim.wants("BTCUSDT")) == ([2], True)


def test_a_ledger_that_cannot_be_read_any_more_keeps_nothing_back() -> None:
    readings = iter([{"BTCUSDT": Decimal(2)}])

    def read() -> dict[str, Decimal]:
        for one in readings:
            return one
        raise LedgerError("locked")

    claim = LedgersCoins(read, ("BTCUSDT",))
    assert [one.qty for one in claim.of([held("5")])] == [2]


def test_only_named_symbols_are_closed() -> None:
    claim = LedgersCoins(lambda: {"BTCUSDT": Decimal(2)}, ("ETHUSDT",))
    assert (claim.of([held("5")]), claim.wants("BTCUSDT")) == ([], False)
    assert Everything(("ETHUSDT",)).of([held("5")]) == []


def test_without_a_ledger_somebody_has_to_say_what_is_meant(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="--symbol, or --all"):
        claim_of(SPOT, tmp_path / "none.db", (), False, pytest.fail)
    said: list[str] = []
    claim = claim_of(SPOT, tmp_path / "none.db", ("BTCUSDT",), False, said.append)
    assert [one.qty for one in claim.of([held("5")])] == [5]
    assert "closing all of BTCUSDT" in said[0]
    assert isinstance(claim_of("binance-usdm", tmp_path / "none.db", (), False, pytest.fail), Everything)
