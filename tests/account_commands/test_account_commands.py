"""hot price, symbols and balance against the loopback venue."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.world.loopback.faults.script import Fault
from engine.world.loopback.serving import Serving

Hot = Callable[..., Any]
BOTH = pytest.mark.parametrize("where", ["binance-spot", "binance-usdm"])


def rows(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


@BOTH
def test_prices_come_in_the_order_they_were_asked_for(hot: Hot, pointed: Serving, where: str) -> None:
    said = hot("price", "ethusdt", "BTCUSDT", "ETHUSDT", "--venue", where)
    found = rows(said.out)
    assert (said.code, [row["symbol"] for row in found]) == (0, ["ETHUSDT", "BTCUSDT"])
    for row in found:
        assert float(row["bid"]) < float(row["ask"]) and float(row["price"]) > 0 and row["venue"] == where


@BOTH
def test_without_symbols_the_most_traded_come_first(hot: Hot, pointed: Serving, where: str) -> None:
    found = rows(hot("price", "--venue", where).out)
    volumes = [float(row["quote_volume_24h"]) for row in found]
    assert len(found) > 5 and volumes == sorted(volumes, reverse=True)
    assert rows(hot("price", "--venue", where, "--limit", 2).out)[0]["symbol"] == found[0]["symbol"]


@BOTH
def test_a_symbol_that_is_not_listed_is_a_usage_error(hot: Hot, pointed: Serving, where: str) -> None:
    said = hot("price", "NOPEUSDT", "--venue", where)
    assert (said.code, said.out) == (2, "") and "NOPEUSDT" in said.err and "hot symbols" in said.err
    assert hot("price", "BTCUSDT&side=SELL", "--venue", where).code == 2
    said = hot("price", "BTC/USDT", "--venue", where)
    assert (said.code, said.out) == (2, "") and "BTC/USDT" in said.err and "hot symbols" in said.err


@BOTH
def test_symbols_are_listed_with_their_rules_and_filtered(hot: Hot, pointed: Serving, where: str) -> None:
    found = rows(hot("symbols", "--venue", where).out)
    names = [row["symbol"] for row in found]
    assert names == sorted(names) and {"BTCUSDT", "ETHUSDT"} <= set(names)
    assert all(row["status"] == "TRADING" and float(row["tick"]) > 0 for row in found)
    assert hot("symbols", "--venue", where, "--quote", "EUR").out == ""
    assert hot("symbols", "--venue", where, "--status", "BREAK").out == ""
    most = max(found, key=lambda row: float(row["quote_volume_24h"]))
    told = rows(hot("symbols", "--venue", where, "--min-volume", most["quote_volume_24h"], "--quote", "usdt").out)
    assert [row["symbol"] for row in told] == [most["symbol"]]


def test_they_print_as_the_other_commands_do(hot: Hot, pointed: Serving) -> None:
    assert json.loads(hot("price", "BTCUSDT", "--json").out)[0]["symbol"] == "BTCUSDT"
    first = next(csv.DictReader(hot("symbols", "--csv").out.splitlines()))
    assert first["quote"] == "USDT"
    assert hot("price", "BTCUSDT", "--table").out.startswith("symbol")
    assert hot("price", "BTCUSDT", "--columns", "price,symbol", "--csv").out.startswith("price,symbol\n")
    assert hot("price", "BTCUSDT", "--columns", "pirce").code == 2


def test_what_the_account_holds(hot: Hot, pointed: Serving) -> None:
    spot = {row["asset"]: row for row in rows(hot("balance").out)}
    assert (spot["USDT"]["free"], spot["USDT"]["locked"]) == ("10000.00000000", "0.00000000")
    assert spot["BNB"]["total"] == "1.00000000"
    (perps,) = rows(hot("balance", "--venue", "binance-usdm").out)
    assert (perps["asset"], perps["total"], perps["unrealised"]) == ("USDT", "10000", "0")


def test_a_key_from_a_file_of_its_owner(
    hot: Hot, pointed: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "key.toml"
    path.write_text(f'api_key = "{pointed.key}"\nsecret = "{pointed.secret}"\n')
    path.chmod(0o600)
    monkeypatch.delenv("HOT_BINANCE_API_KEY")
    assert hot("balance", "--set", f"live.key={path}").code == 0
    path.chmod(0o644)
    said = hot("balance", "--set", f"live.key={path}")
    assert said.code == 77 and "chmod 600" in said.err


@pytest.mark.parametrize(
    ("key", "secret", "said"),
    [
        ("", "", "HOT_BINANCE_API_KEY"), ("YOUR_API_KEY_GOES_HERE", "x" * 64, "placeholder"),
        ("a" * 10 + "b2" * 27, "c3" * 32, "key"),
    ],
)  # fmt: skip
def test_a_key_that_is_none_is_refused(
    hot: Hot, pointed: Serving, monkeypatch: pytest.MonkeyPatch, key: str, secret: str, said: str
) -> None:
    monkeypatch.setenv("HOT_BINANCE_API_KEY", key)
    monkeypatch.setenv("HOT_BINANCE_API_SECRET", secret)
    done = hot("balance")
    assert done.code == 77 and said in done.err and (not key or key not in done.err)


def test_a_key_in_place_of_its_place_is_not_repeated(hot: Hot, pointed: Serving) -> None:
    done = hot("balance", "--set", f"live.key={pointed.key}")
    assert done.code == 77 and "never the key itself" in done.err and pointed.key not in done.err + done.out


def test_a_dead_or_foreign_exchange_is_a_venue_error(hot: Hot, pointed: Serving) -> None:
    closed = ("--set", "live.rest_url=http://127.0.0.1:9")
    assert hot("price", "BTCUSDT", *closed).code == 69
    assert hot("price", "BTCUSDT", "--venue", "bybit").code == 78
    pointed.do(lambda venue: venue.faults.add(Fault(fault="html", on="GET /api/v3/ticker/24hr", times=0)))
    said = hot("price", "BTCUSDT")
    assert said.code == 69 and "unreadable" in said.err
    pointed.do(lambda venue: venue.faults.add(Fault(fault="451", on="GET /api/v3/exchangeInfo", times=0)))
    assert hot("symbols").code in (69, 77)
