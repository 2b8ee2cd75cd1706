"""hot flatten: everything is cancelled and closed, whatever fails, and nothing crosses zero."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from live_rig import Rig, until
from tiny_account import TinyAccount

from engine.ledger.ledger import Ledger
from engine.ledger.requests import request
from engine.ledger.verify import verify
from engine.matching.events import VenueOrder
from engine.records.desk import EmergencyClose, EmergencyResult
from engine.records.wire import decode
from engine.runs.claims import Everything
from engine.runs.data import data_dir
from engine.runs.emergency_journal import journal_of
from engine.runs.flattener import Flattener
from engine.world.account.opening import open_account
from engine.world.binance.keys import Key
from engine.world.binance.settings import BinanceSettings
from engine.world.binance.trouble import Doubtful, Lost
from engine.world.loopback.serving import Serving

ROOT = Path(__file__).parents[2]


def account_of(venue: Serving, name: str) -> Any:
    where = BinanceSettings(
        spot_url=venue.rest_url, usdm_url=venue.rest_url, spot_user_url=venue.ws_api_url,
        usdm_user_url=f"{venue.futures_stream_url}/private",
    )  # fmt: skip
    return open_account(name, where, data_dir(), Key(venue.key, venue.secret))


def buy(account: Any, symbol: str, qty: str, number: int) -> None:
    order = VenueOrder(
        client_id=f"before-{number}", symbol=symbol, side="buy", order_type="market", qty=Decimal(qty), sent_at=0
    )
    account.place(order)


def written(path: Path, kind: type) -> list[Any]:
    with Ledger.read(path) as ledger:
        found = [decode(line) for _, line in ledger.lines()]
    return [one for one in found if isinstance(one, kind)]


def test_futures_are_closed_and_their_orders_cancelled(
    pointed: Serving, hot: Callable[..., Any], tmp_path: Path
) -> None:
    path = tmp_path / "live.db"
    assert hot("sync", "--ledger", path).code == 0
    account = account_of(pointed, "binance-usdm")
    for number, (symbol, qty) in enumerate([("BTCUSDT", "0.02"), ("ETHUSDT", "0.5"), ("XRPUSDT", "300")]):
        buy(account, symbol, qty, number)
    account.place(
        VenueOrder(client_id="stop-1", symbol="BTCUSDT", side="sell", order_type="stop", qty=Decimal("0.02"),
                   sent_at=0, stop_price=Decimal(1000), closes=True)
    )  # fmt: skip
    said = hot("flatten", "--ledger", path)
    assert (said.code, said.out) == (0, "flat\n"), said.err
    assert (account.holdings(), account.open_orders()) == ([], [])
    result = written(path, EmergencyResult)[-1]
    assert (result.flat, result.closed) == (True, ("BTCUSDT", "ETHUSDT", "XRPUSDT"))
    assert len(written(path, EmergencyClose)) == 3
    assert verify(path).ok
    with Ledger.read(path) as ledger:
        assert [one.action for one in ledger.pending_requests()] == ["halt"]
    assert hot("flatten", "--ledger", path).code == 0
    assert len(written(path, EmergencyClose)) == 3
    account.close()


def test_on_spot_only_what_the_ledger_holds_is_sold(
    pointed: Serving, hot: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOT_LIVE__STREAM_URL", pointed.stream_url)
    monkeypatch.setenv("HOT_LIVE__ACCOUNT_URL", pointed.ws_api_url)
    monkeypatch.setenv("HOT_LIVE__VENUE", "binance-spot")
    path = tmp_path / "spot.db"
    account = account_of(pointed, "binance-spot")
    buy(account, "BTCUSDT", "0.02", 1)
    assert hot("sync", "--ledger", path).code == 0
    assert hot("flatten", "--ledger", path).out == "flat\n"
    assert "BTCUSDT" in [one.symbol for one in account.holdings() if one.qty > Decimal("0.001")]
    said = hot("flatten", "--ledger", path, "--all")
    assert (said.code, said.out) == (0, "flat\n"), said.err
    assert [one for one in account.holdings() if one.qty > Decimal("0.001")] == []
    account.close()


def test_coins_are_held_against_the_quote_asset_of_the_desk(
    pointed: Serving, hot: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def opened(*words: Any, **more: Any) -> Any:
        asked.append(words[-1])
        return open_account(*words, **more)

    monkeypatch.setattr("engine.runs.flatten.open_account", opened)
    said = hot("flatten", "--ledger", tmp_path / "live.db", "--set", "desk.quote_asset=USDC")
    assert said.code == 0, said.err
    assert [(one.quote, one.leverage) for one in asked] == [("USDC", 1)]


def test_a_run_books_what_an_emergency_close_did_and_enters_no_more(tmp_path: Path) -> None:
    account = TinyAccount()
    rig = Rig(tmp_path, account)

    def close() -> None:
        request(rig.path, "halt", "flatten", 1)
        with journal_of(rig.path, account.venue, "tiny", pytest.fail) as journal:
            assert Flattener(account, journal, {}, Everything()).flatten(5).flat

    rig.play(*rig.entered(), close, until(lambda: rig.held == {}), rig.tickers, rig.cycle)
    assert rig.positions()[-1].reason == "CLOSED_ELSEWHERE"
    assert not [one for one in account.orders.values() if one.status == "working"]
    assert verify(rig.path).ok


@pytest.mark.parametrize("told", ["lost", "nothing"])
def test_doubt_and_silence_end_in_flat_and_never_beyond(tmp_path: Path, told: str) -> None:
    account = TinyAccount()
    account.stranger("BTCUSDT", "buy", "2")
    left = [told, Lost("no answer", "answer"), told]
    account.mishap = lambda what, _: left.pop() if left and what in ("place", "holdings") else None
    with journal_of(tmp_path / "nothing.db", account.venue, "tiny", pytest.fail) as journal:
        flat = Flattener(account, journal, {}, Everything()).flatten(5)
    assert flat.flat
    assert account.holdings() == []
    # There was no ledger: what was sent stands beside it.
    lines = [json.loads(line) for line in journal.spare.read_text().splitlines()]
    sent = [client_id for what, client_id in account.requests if what == "place"]
    assert [line["client_id"] for line in lines if line["kind"] == "emergency_close"] == sent
    assert len(set(sent)) == len(sent)


@pytest.mark.skipif(sys.platform == "win32", reason="no limit of file sizes")
@pytest.mark.parametrize("name", ["binance-spot", "binance-usdm"])
def test_a_disk_that_takes_nothing_keeps_nobody_from_closing(
    pointed: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    if name == "binance-spot":
        monkeypatch.setenv("HOT_LIVE__STREAM_URL", pointed.stream_url)
        monkeypatch.setenv("HOT_LIVE__ACCOUNT_URL", pointed.ws_api_url)
        monkeypatch.setenv("HOT_LIVE__VENUE", name)
    account = account_of(pointed, name)
    buy(account, "BTCUSDT", "0.02", 1)
    # What the disk takes not a byte of: neither ledger nor budgets, nor the journal beside the ledger.
    done = subprocess.run(
        ["sh", "-c", 'ulimit -f 0; exec "$0" "$@"', sys.executable, "-m", "cli.main", "flatten", "--ledger",
         str(tmp_path / "none.db"), "--symbol", "BTCUSDT"],
        capture_output=True, text=True, timeout=60, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "flat\n"), done.stderr
    assert "not written down" in done.stderr and '"kind":"emergency_close"' in done.stderr
    assert [one for one in account.holdings() if one.qty > Decimal("0.001") and one.symbol == "BTCUSDT"] == []
    account.close()


def test_what_cannot_be_closed_is_named(tmp_path: Path) -> None:
    account = TinyAccount()
    account.stranger("BTCUSDT", "buy", "2")
    account.mishap = lambda what, client_id: Doubtful("no answer", client_id) if what == "place" else None
    with journal_of(tmp_path / "nothing.db", account.venue, "tiny", pytest.fail) as journal:
        flat = Flattener(account, journal, {}, Everything()).flatten(0.5)
    assert not flat.flat
    assert flat.remainder == {"BTCUSDT": Decimal(2)}
