"""hot sync: what others did on the account is booked once, and doing it again changes nothing."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import ccxt

from engine.ledger.ledger import Ledger
from engine.ledger.verify import verify
from engine.world.loopback.serving import Serving


@contextmanager
def stranger(venue: Serving) -> Iterator[Any]:
    """Somebody who trades the account's futures by a client of their own."""
    client = ccxt.binanceusdm({"apiKey": venue.key, "secret": venue.secret, "enableRateLimit": False})
    base = venue.rest_url
    for name in ("fapiPublic", "fapiPublicV2", "fapiPublicV3", "fapiPrivate", "fapiPrivateV2", "fapiPrivateV3"):
        version = {"2": "v2", "3": "v3"}.get(name[-1], "v1")
        client.urls["api"][name] = f"{base}/fapi/{version}"
    client.options["fetchCurrencies"] = False
    client.options["fetchMargins"] = False
    client.options["defaultType"] = "swap"
    client.load_markets()
    yield client


def rows(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_trade_by_hand_is_adopted_a_partial_close_is_booked_and_nothing_happens_twice(
    pointed: Serving, hot: Callable[..., Any], tmp_path: Path
) -> None:
    path = tmp_path / "live.db"
    with stranger(pointed) as client:
        client.create_order("BTC/USDT:USDT", "market", "buy", 0.02)
        first = hot("sync", "--ledger", path, "--jsonl")
        assert first.code == 0, first.err
        found = rows(first.out)
        assert [row["what"] for row in found if row["kind"] == "reconcile_diff"] == ["adopted"]
        assert [row["qty"] for row in found if row["kind"] == "fill"] == ["0.02"]

        again = hot("sync", "--ledger", path, "--jsonl")
        assert (again.code, [row for row in rows(again.out) if row["kind"] != "order_result"]) == (0, [])

        client.create_order("BTC/USDT:USDT", "market", "sell", 0.005, params={"reduceOnly": True})
        third = hot("sync", "--ledger", path, "--jsonl")
        assert [row["what"] for row in rows(third.out) if row["kind"] == "reconcile_diff"] == ["closed_elsewhere"]
        assert Decimal([row["qty"] for row in rows(third.out) if row["kind"] == "position"][-1]) == Decimal("0.015")
    assert verify(path).ok


def test_what_was_traded_before_the_ledger_is_kept_once_and_reported_apart(
    pointed: Serving, hot: Callable[..., Any], tmp_path: Path
) -> None:
    path = tmp_path / "live.db"
    with stranger(pointed) as client:
        client.create_order("BTC/USDT:USDT", "market", "buy", 0.02)
        client.create_order("BTC/USDT:USDT", "market", "sell", 0.02, params={"reduceOnly": True})
        client.create_order("ETH/USDT:USDT", "market", "buy", 0.5)
        first = hot("sync", "--history", "--ledger", path, "--jsonl")
        assert first.code == 0, first.err
        (past,) = [row for row in rows(first.out) if row["kind"] == "past_trade"]
        assert (past["symbol"], past["side"], past["qty"]) == ("BTCUSDT", "buy", "0.02")
        assert Decimal(past["net_profit"]) < 0 < Decimal(past["exit_price"])
        assert "1 past trades kept" in first.err
        # What was adopted is the ledger's own from then on, and what was kept is kept.
        client.create_order("ETH/USDT:USDT", "market", "sell", 0.5, params={"reduceOnly": True})
        again = hot("sync", "--history", "--ledger", path, "--jsonl")
    assert [row for row in rows(again.out) if row["kind"] == "past_trade"] == []
    made = json.loads(hot("report", "--ledger", path, "--json").out)
    assert [one["symbol"] for one in made["elsewhere"]] == ["BTCUSDT"]
    assert [one["symbol"] for one in made["trades"]] == ["ETHUSDT"]
    assert "Traded elsewhere" in hot("report", "--ledger", path, "--table").out
    page = tmp_path / "report.html"
    assert hot("report", "--ledger", path, "--html", page).code == 0
    assert "Traded elsewhere" in page.read_text()
    assert verify(path).ok
    assert hot("replay", path).code == 0
    assert hot("sync", "--symbol", "BTCUSDT", "--ledger", path).code == 2


def test_sync_is_refused_while_a_run_has_the_ledger(pointed: Serving, hot: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "live.db"
    assert hot("sync", "--ledger", path).code == 0
    with Ledger.read(path) as read:
        stamp = read.stamp
    with Ledger.open(path, mode=stamp.mode, venue=stamp.venue, account=stamp.account):
        said = hot("sync", "--ledger", path)
    assert said.code == 74
    assert "pid" in said.err


def test_sync_of_a_paper_ledger_is_refused_before_anything_is_asked(
    pointed: Serving, hot: Callable[..., Any], tmp_path: Path
) -> None:
    path = tmp_path / "paper.db"
    Ledger.open(path, mode="paper", venue="paper").close()
    before = pointed.venue.journal.count
    said = hot("sync", "--ledger", path)
    assert said.code == 78
    assert "ledger of mode 'paper'" in said.err
    assert pointed.venue.journal.count == before
