"""hot doctor at the exchange: routes that bring data, clock, limits, the key's rights, and how the account trades."""

import json
import socket
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from engine.errors import VenueError
from engine.runs.data import latest_ledger
from engine.world.loopback.faults.script import Fault
from engine.world.loopback.rest.articles import Article
from engine.world.loopback.serving import Serving
from engine.world.streams.probe import first_event_ms
from engine.world.streams.routes import Route

Hot = Callable[..., Any]


def found(said: Any) -> dict[str, dict[str, str]]:
    return {row["check"]: row for row in json.loads(said.out)}


def states(said: Any) -> dict[str, str]:
    return {name: row["state"] for name, row in found(said).items()}


def befall(venue: Serving, **fault: Any) -> None:
    before = venue.do(lambda opened: opened.faults.count)
    venue.do(lambda opened: opened.faults.add(Fault(**fault)))
    assert venue.do(lambda opened: opened.faults.count) == before + 1
    time.sleep(0.3)  # acts happen when the venue looks about


@pytest.fixture
def perps(pointed: Serving, monkeypatch: pytest.MonkeyPatch) -> Serving:
    """The venue, with the environment of a user of its perpetuals."""
    monkeypatch.setenv("HOT_LIVE__STREAM_URL", pointed.futures_stream_url)
    return pointed


def test_all_is_well_on_spot(hot: Hot, pointed: Serving) -> None:
    said = hot("doctor", "--json", "--venue", "binance-spot")
    assert said.code == 0
    told = states(said)
    for check in ("rest spot", "clock spot", "limits spot", "stream spot", "key"):
        assert told[check] == "ok", said.out
    assert "request weight used" in found(said)["limits spot"]["found"]
    assert told["rights spot"] == "warn"  # not bound to an address
    assert not any("usdm" in check for check in told)


def test_all_is_well_on_perpetuals(hot: Hot, perps: Serving) -> None:
    said = hot("doctor", "--json", "--venue", "binance-usdm")
    told = states(said)
    assert said.code == 0
    for check in ("rest usdm", "clock usdm", "stream usdm market", "stream usdm public", "position mode", "leverage"):
        assert told[check] == "ok", said.out


def test_without_a_key_nothing_is_asked_of_the_account(
    hot: Hot, pointed: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HOT_BINANCE_API_KEY")
    monkeypatch.delenv("HOT_BINANCE_API_SECRET")
    told = found(hot("doctor", "--json"))
    assert told["key"]["state"] == "ok" and "none is set" in told["key"]["found"]
    assert not {check for check in told if check.startswith("rights")}


@pytest.mark.parametrize(
    ("seconds", "state", "code"), [(0.1, "ok", 0), (-2, "warn", 0), (60, "fail", 69), (-60, "fail", 69)]
)
def test_a_clock_that_is_off(hot: Hot, pointed: Serving, seconds: float, state: str, code: int) -> None:
    befall(pointed, fault="clock", seconds=seconds)
    said = hot("doctor", "--json", "--venue", "binance-spot")
    clock = found(said)["clock spot"]
    assert (clock["state"], said.code) == (state, code), said.out
    assert ("NTP" in clock["next"]) == (state != "ok")
    if abs(seconds) > 1:
        assert ("ahead of" if seconds < 0 else "behind") in clock["found"]


@pytest.mark.parametrize(
    ("rights", "said"),
    [("read,trade,withdraw", "may withdraw"), ("read", "may not trade spot"), ("trade", "right refused")],
)
def test_a_key_with_too_many_rights_or_too_few(hot: Hot, pointed: Serving, rights: str, said: str) -> None:
    befall(pointed, fault="rights", value=rights)
    done = hot("doctor", "--json", "--venue", "binance-spot")
    row = found(done)["rights spot"]
    assert (done.code, row["state"]) == (77, "fail") and said in row["found"]


def test_a_placeholder_is_no_key(hot: Hot, pointed: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOT_BINANCE_API_KEY", "your-api-key-goes-right-here")
    said = hot("doctor", "--json")
    assert (said.code, found(said)["key"]["state"]) == (77, "fail") and "placeholder" in said.out


def test_hedge_mode_and_margin_that_do_not_fit(hot: Hot, perps: Serving) -> None:
    befall(perps, fault="trade_by_hand", market="usdm", symbol="BTCUSDT", side="BUY", value="0.01")
    said = hot("doctor", "--json", "--venue", "binance-usdm", "--set", "desk.leverage=3")
    leverage = found(said)["leverage"]
    assert leverage["state"] == "warn" and "BTCUSDT cross" in leverage["found"]
    assert "isolated margin at 3x" in leverage["found"]
    befall(perps, fault="dual")
    said = hot("doctor", "--json", "--venue", "binance-usdm")
    mode = found(said)["position mode"]
    assert (said.code, mode["state"]) == (78, "fail") and "one-way" in mode["next"]


def test_a_stream_that_only_acknowledges_is_found_out(
    hot: Hot, pointed: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.runs.doctor.EVENT_S", 1.5)
    befall(pointed, fault="silence", on="!miniTicker@arr")
    said = hot("doctor", "--json", "--venue", "binance-spot")
    stream = found(said)["stream spot"]
    assert (said.code, stream["state"]) == (69, "fail") and "no event of !miniTicker@arr" in stream["found"]


def test_a_wrong_path_of_perpetuals_acknowledges_and_is_silent(perps: Serving) -> None:
    right = Route(f"{perps.futures_stream_url}/market", ("!miniTicker@arr",))
    assert first_event_ms(right, 3, 5) < 5_000
    with pytest.raises(VenueError, match="no event"):
        first_event_ms(right._replace(base=perps.futures_stream_url), 3, 1.5)
    with pytest.raises(VenueError, match="404"):
        first_event_ms(right._replace(base=f"{perps.futures_stream_url}/nowhere"), 3, 1.5)


@pytest.mark.parametrize(("fault", "state"), [(None, "warn"), ("403", "warn"), ("published", "ok")])
def test_announcement_pages_are_looked_at_where_they_count(
    hot: Hot, pointed: Serving, fault: str | None, state: str
) -> None:
    if fault == "published":
        pointed.do(lambda venue: venue.articles.publish(Article(title="Binance Will List X (XYZ)")))
    elif fault is not None:
        befall(pointed, fault=fault, on="GET /bapi/*", times=0)
    sets = ("--set", "scan.inputs=announcement", "--set", f"announcements.url={pointed.rest_url}")
    said = hot("doctor", "--json", "--venue", "binance-spot", *sets)
    assert (said.code, states(said)["announcements"]) == (0, state)


def test_a_ban_is_told_with_its_end(hot: Hot, pointed: Serving) -> None:
    befall(pointed, fault="418", on="GET /api/v3/time", seconds=600)
    said = hot("doctor", "--json", "--venue", "binance-spot")
    limits = found(said)["limits spot"]
    assert (said.code, limits["state"]) == (69, "fail") and "UTC" in limits["found"]
    again = hot("price", "BTCUSDT")
    assert again.code == 69 and "banned" in again.err


def test_offline_is_said_within_seconds_and_the_rest_is_checked(
    hot: Hot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOT_DATA__DIR", str(tmp_path / "data"))
    monkeypatch.setenv("HOT_LIVE__REST_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("HOT_LIVE__STREAM_URL", "ws://127.0.0.1:9")
    start = time.monotonic()
    said = hot("doctor", "--json")
    assert time.monotonic() - start < 50
    told = found(said)
    assert (said.code, told["exchange"]["state"]) == (0, "warn") and "offline" in told["exchange"]["found"]
    assert {"python", "sqlite", "settings", "disk", "ledger"} <= set(told)
    needed = hot("doctor", "--json", "--venue", "binance-usdm")
    assert (needed.code, found(needed)["exchange"]["state"]) == (69, "fail")
    assert not {check for check in states(hot("doctor", "--json", "--offline")) if check in ("exchange", "key")}


def test_a_name_lookup_that_hangs_is_not_waited_for(hot: Hot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOT_DATA__DIR", str(tmp_path / "data"))
    monkeypatch.setattr("engine.runs.doctor.PATIENCE_S", 1.0)
    over = Event()

    def hang(*_: object, **__: object) -> None:
        over.wait(60)
        raise socket.gaierror

    monkeypatch.setattr("socket.getaddrinfo", hang)
    start = time.monotonic()
    said = hot("doctor", "--json")
    assert time.monotonic() - start < 50
    assert said.code == 0 and "nothing came of it" in found(said)["exchange"]["found"]
    over.set()
    time.sleep(0.5)  # the lookups end before the next test begins


def test_an_address_that_is_none_is_a_setting_to_mend(hot: Hot, pointed: Serving) -> None:
    said = hot("doctor", "--json", "--set", "live.rest_url=http://far.example.com")
    assert said.code == 78 and "https://" in found(said)["rest spot"]["found"]


def test_what_is_wrong_here_comes_first(hot: Hot, pointed: Serving, tmp_path: Path) -> None:
    (tmp_path / "hot.toml").write_text("[scan]\ncycel_s = 1\n")
    assert hot("doctor", "--json").code == 78
    (tmp_path / "hot.toml").unlink()
    assert hot("doctor", "--json", "--venue", "bybit").code == 78


def test_the_shared_limits_are_no_ledger(hot: Hot, pointed: Serving, tmp_path: Path) -> None:
    hot("run", "--market", Path(__file__).parents[2] / "examples" / "bars.jsonl", "-q")
    hot("price", "BTCUSDT")
    assert (tmp_path / "data" / "binance-limits.db").exists()
    assert latest_ledger().name == "paper-0001.db"
