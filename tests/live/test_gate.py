"""The gate before live trading: every switch, cap and proof alone keeps it shut, and what was passed is kept."""

import itertools
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hot_runs import SESSION

from engine.errors import ConfigError, KeyRefused, LedgerError, Refused, VenueError
from engine.ledger.ledger import Ledger
from engine.records.desk import LiveStep
from engine.records.market import Tick
from engine.records.trades import OrderAttempt
from engine.records.wire import decode, encode
from engine.runs import settings
from engine.runs.gate import DAY_MS, check_switches, pass_gate
from engine.runs.live import open_live
from engine.runs.rollout import check_caps, within_step
from engine.world.loopback.faults.script import Fault
from engine.world.loopback.serving import Serving

FIRST = ("desk.equity=100", "rules.max_positions.limit=2", "hotcoin.min_heat=70")
PASSED = "LIVE TRADING with real money"


@pytest.fixture(scope="session")
def paper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A paper ledger over a coin of the example: three days, and trades enough."""
    from cli.commands.run import play
    from cli.options import market_of

    path = tmp_path_factory.mktemp("paper") / "paper.db"
    wanted = market_of([str(SESSION)], None, ["ETCUSDT"], None, None, "max", False, 0)
    assert play(settings.load(env={}, sets=["scan.cycle_s=900"]), wanted, path, 0, None, True) == 0
    return path


@pytest.fixture
def venue_is_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves the exchange out: it has tests of its own."""
    monkeypatch.setattr("engine.runs.doctor.venue_checks", lambda *_, **__: [])


def used(*sets: str, **env: str) -> settings.Settings:
    return settings.load(env={"HOT_LIVE__ENABLED": "true", **env}, sets=[*FIRST, *sets])


def few(paper: Path | str, *sets: str) -> settings.Settings:
    return used("gate.min_days=2", "gate.min_trades=3", f"live.evidence={str(paper)!r}", *sets)


def live(path: Path, account: str = "mine") -> Ledger:
    return Ledger.open(path, mode="live", venue="binance-usdm", account=account)


def passing(asked: settings.Settings, ledger: Ledger, skip_step: str | None = None) -> list[str]:
    said: list[str] = []
    pass_gate(asked, "binance-usdm", ledger, said.append, skip_step)
    assert said[-1 if skip_step is None else -2].startswith(PASSED)
    return said


def steps(ledger: Ledger) -> list[tuple[int, str]]:
    found = (decode(line) for _, line in ledger.lines(kinds=["live_step"]))
    return [(one.step, one.skipped) for one in found if isinstance(one, LiveStep)]


def befall(venue: Serving, what: str, value: str) -> None:
    seconds = float(value) if what == "clock" else 0.0
    venue.do(lambda opened: opened.faults.add(Fault(fault=what, value=value, seconds=seconds)))
    time.sleep(0.3)  # acts happen when the venue looks about


def orders_at(venue: Serving) -> list[str]:
    """Gives the orders that arrived."""
    arrived = [(one.method, one.path) for one in venue.venue.journal.arrivals]
    return [path for method, path in arrived if method == "POST" and "order" in path.lower()]


@pytest.mark.parametrize(("env", "flag"), list(itertools.product((None, "false", "true"), repeat=2)))
def test_only_a_switch_outside_of_the_command_line_counts(env: str | None, flag: str | None) -> None:
    asked = settings.load(env={"HOT_LIVE__ENABLED": env} if env else {}, sets=[f"live.enabled={flag}"] if flag else [])
    if env == "true" and flag is None:
        check_switches(asked)
        return
    with pytest.raises(Refused, match="HOT_LIVE__ENABLED=true"):
        check_switches(asked)


def test_the_switch_may_be_written_into_the_settings_file(tmp_path: Path) -> None:
    (tmp_path / "hot.toml").write_text("[live]\nenabled = true\n")
    check_switches(settings.load(tmp_path / "hot.toml", env={}))


@pytest.mark.parametrize(
    ("step", "key", "value", "cap"),
    [
        (1, "desk.equity", "100.01", "100"),
        (1, "rules.max_positions.limit", "3", "2"),
        (1, "hotcoin.min_heat", "69.9", "70"),
        (1, "desk.leverage", "7", "6"),
        (2, "desk.equity", "301", "300"),
        (2, "rules.max_positions.limit", "4", "3"),
        (2, "hotcoin.min_heat", "49", "50"),
        (3, "desk.equity", "501", "500"),
        (3, "rules.max_positions.limit", "6", "5"),
    ],
)
def test_no_setting_exceeds_its_step(step: int, key: str, value: str, cap: str) -> None:
    check_caps(used(f"live.step={step}"))
    with pytest.raises(ConfigError, match=f"live.step = {step} does not allow {key} = {value}, at (most|least) {cap}"):
        check_caps(used(f"live.step={step}", f"{key}={value}"))


def test_no_entry_is_larger_than_a_steps_equity_whatever_the_governor_is_told() -> None:
    assert within_step(used()).order_notional == 100
    assert within_step(used("live.step=2")).order_notional == 300
    assert within_step(used("governor.order_notional=60", "governor.symbols=AAAUSDT")).order_notional == 60
    assert within_step(used("governor.symbols=AAAUSDT")).symbols == ("AAAUSDT",)


def test_the_steps_themselves_are_within_their_caps() -> None:
    check_caps(used("live.step=2", "desk.equity=300", "rules.max_positions.limit=3", "hotcoin.min_heat=50"))
    check_caps(used("live.step=3", "desk.equity=500", "rules.max_positions.limit=5", "hotcoin.min_heat=0"))


def test_the_defaults_are_no_settings_for_a_first_step() -> None:
    with pytest.raises(ConfigError, match=r"desk\.equity = 1000.*max_positions\.limit = 5.*min_heat = 50"):
        check_caps(settings.load(env={}))


def test_a_strategy_that_knows_no_heat_begins_at_the_last_step() -> None:
    with pytest.raises(ConfigError, match=r"ema_burst, which knows no least heat .* live\.step = 3 only"):
        check_caps(settings.load(env={}, sets=[*FIRST[:2], "signal.strategy=ema_burst"]))
    check_caps(settings.load(env={}, sets=[*FIRST[:2], "signal.strategy=ema_burst", "live.step=3"]))


def test_no_first_order_without_a_paper_ledger_that_is_whole_and_long_enough(
    paper: Path, tmp_path: Path, venue_is_well: None
) -> None:
    broken = tmp_path / "broken.db"
    broken.write_bytes(b"no ledger at all")
    with live(tmp_path / "live.db") as ledger:
        for asked, lack in [
            (used(), "live.evidence names no ledger"),
            (used(f"live.evidence={str(tmp_path / 'none.db')!r}"), "where no ledger is"),
            (few(broken), "live.evidence: "),
            (used(f"live.evidence={str(paper)!r}"), "3 of 7 days"),
            (few(paper, "gate.min_trades=500"), "of 500 closed trades of hotcoin on paper"),
        ]:
            with pytest.raises(Refused, match=lack):
                pass_gate(asked, "binance-usdm", ledger, lambda _: None)
            with pytest.raises(Refused, match=lack):  # a reason does not stand for paper
                pass_gate(asked, "binance-usdm", ledger, lambda _: None, "in a hurry")
        assert steps(ledger) == []


def test_a_ledger_in_which_a_row_was_changed_proves_nothing(paper: Path, tmp_path: Path, venue_is_well: None) -> None:
    import shutil
    import sqlite3

    changed = tmp_path / "changed.db"
    shutil.copy(paper, changed)
    with sqlite3.connect(changed) as db:
        for (trigger,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            db.execute(f"DROP TRIGGER {trigger}")
        db.execute("UPDATE records SET line = replace(line, 'hotcoin', 'hotcoim') WHERE seq = 9")
    with live(tmp_path / "live.db") as ledger, pytest.raises(Refused, match="does not verify"):
        pass_gate(few(changed), "binance-usdm", ledger, lambda _: None)


def test_what_was_passed_once_needs_no_evidence_again(paper: Path, tmp_path: Path, venue_is_well: None) -> None:
    with live(tmp_path / "live.db") as ledger:
        said = passing(few(paper), ledger)
        assert "account mine, step 1 (at most 100 USDT, 2 positions, heat >= 70)" in said[0]
        passing(used(), ledger)
        assert steps(ledger) == [(1, "")]


def test_a_step_needs_the_one_before_or_a_reason_that_is_kept(paper: Path, tmp_path: Path, venue_is_well: None) -> None:
    without = few(tmp_path / "none.db", "live.step=2")
    with live(tmp_path / "live.db") as ledger, pytest.raises(Refused, match="where no ledger is"):
        pass_gate(without, "binance-usdm", ledger, lambda _: None, "paper first")
    with live(tmp_path / "other.db") as ledger:
        passing(few(paper), ledger)
        with pytest.raises(Refused, match=r"0 of 2 days and 0 of 3 closed trades of hotcoin step 1.*--skip-step"):
            pass_gate(few(paper, "live.step=2"), "binance-usdm", ledger, lambda _: None)
        said = passing(few(paper, "live.step=2"), ledger, "rehearsed elsewhere")
        assert said[-1] == "step 2 begins without its evidence: rehearsed elsewhere"
        assert steps(ledger) == [(1, ""), (2, "rehearsed elsewhere")]


def test_a_refused_step_always_says_what_is_missing(paper: Path, tmp_path: Path, venue_is_well: None) -> None:
    with live(tmp_path / "live.db") as ledger:
        with pytest.raises(Refused, match=r"not open yet: what is proved opens step 1, .* live\.step = 1; or begin"):
            pass_gate(few(paper, "live.step=2"), "binance-usdm", ledger, lambda _: None)
        with live(tmp_path / "idle.db"):
            pass
        with pytest.raises(Refused, match=r"idle\.db began no step of live trading"):
            pass_gate(few(tmp_path / "idle.db"), "binance-usdm", ledger, lambda _: None)
        assert steps(ledger) == []


def test_a_step_opens_the_next_one_also_in_another_ledger_of_the_account(
    paper: Path, tmp_path: Path, venue_is_well: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with live(tmp_path / "first.db") as ledger:
        passing(few(paper), ledger)
        begun = next(decode(line) for _, line in ledger.lines(kinds=["live_step"]))
        assert begun is not None
        for day in range(2):
            ledger.append(encode(Tick(at=begun.at + day * DAY_MS + 1000)))
        ledger.commit()
        monkeypatch.setattr("engine.runs.gate._trades", lambda *_: 3)
        passing(few(paper, "live.step=2"), ledger)
        assert steps(ledger) == [(1, ""), (2, "")]
    with live(tmp_path / "second.db") as ledger:
        passing(few(tmp_path / "first.db", "live.step=2"), ledger)
    with live(tmp_path / "third.db", "another") as ledger, pytest.raises(Refused, match="of another account"):
        pass_gate(few(tmp_path / "first.db", "live.step=2"), "binance-usdm", ledger, lambda _: None)


def test_the_command_stops_at_each_gate_and_sends_no_order(
    pointed: Serving, hot: Callable[..., Any], paper: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["daemon", "--live", "--ledger", tmp_path / "live.db", "--set", "gate.min_days=2"]
    first = [word for one in FIRST for word in ("--set", one)]
    said = hot(*words)
    assert (said.code, "HOT_LIVE__ENABLED=true" in said.err) == (3, True)
    assert hot(*words, "--set", "live.enabled=true").code == 3
    monkeypatch.setenv("HOT_LIVE__ENABLED", "true")
    said = hot(*words)
    assert (said.code, "desk.equity = 1000, at most 100" in said.err) == (78, True)
    assert pointed.venue.journal.count == 0
    said = hot(*words, *first)
    assert (said.code, "live.evidence names no ledger" in said.err) == (3, True)
    assert hot(*words, *first, "--skip-step", " ").code == 2
    assert hot("daemon", "--skip-step", "why not", "--market", "none").code == 2
    assert orders_at(pointed) == []


@pytest.fixture
def ready(pointed: Serving, paper: Path, monkeypatch: pytest.MonkeyPatch) -> settings.Settings:
    """Settings that pass, at an account on loopback."""
    env = {key: value for key, value in os.environ.items() if key.startswith("HOT_LIVE__")}
    return few(paper, *(f"live.{key[10:].lower()}={value}" for key, value in env.items()))


def entry_of(money: str) -> OrderAttempt:
    return OrderAttempt(
        at=1, venue="binance-usdm", symbol="BTCUSDT", strategy="hotcoin", client_id="h", intent_key="k", side="buy",
        purpose="entry", reason="ENTRY", order_type="market", qty="1", reference_price=money,
    )  # fmt: skip


def test_exchange_and_key_in_order_open_the_gate_and_what_is_odd_is_said(
    pointed: Serving, ready: settings.Settings, tmp_path: Path
) -> None:
    said: list[str] = []
    ledger, trading = open_live(ready, "binance-usdm", tmp_path / "live.db", said.append)
    assert trading.passed_cap(entry_of("100")) is None
    assert trading.passed_cap(entry_of("100.01")) == "GOVERNOR"
    trading.close()
    ledger.close()
    assert said[-1].startswith(f"{PASSED} on binance-usdm, account ")
    assert all(one.startswith("warning: ") for one in said[:-1])
    assert orders_at(pointed) == []


def test_two_runs_never_trade_on_one_account_whatever_their_ledgers(
    pointed: Serving, ready: settings.Settings, tmp_path: Path
) -> None:
    ledger, trading = open_live(ready, "binance-usdm", tmp_path / "one.db", lambda _: None)
    with pytest.raises(LedgerError, match=rf"another run trades on it \(pid {os.getpid()}, .*stop that one first"):
        open_live(ready, "binance-usdm", tmp_path / "two.db", lambda _: None)
    trading.close()
    ledger.close()
    ledger, trading = open_live(ready, "binance-usdm", tmp_path / "two.db", lambda _: None)
    trading.close()
    ledger.close()


def test_a_key_that_may_withdraw_opens_nothing(pointed: Serving, ready: settings.Settings, tmp_path: Path) -> None:
    befall(pointed, "rights", "read,trade,withdraw")
    with pytest.raises(KeyRefused, match="withdraw"):
        open_live(ready, "binance-usdm", tmp_path / "live.db", lambda _: None)
    with Ledger.read(tmp_path / "live.db") as ledger:
        assert steps(ledger) == []


def test_hedge_mode_opens_nothing(pointed: Serving, ready: settings.Settings, tmp_path: Path) -> None:
    befall(pointed, "dual", "true")
    with pytest.raises(ConfigError, match="position mode: hedge mode"):
        open_live(ready, "binance-usdm", tmp_path / "live.db", lambda _: None)


def test_a_clock_that_is_far_off_opens_nothing(pointed: Serving, ready: settings.Settings, tmp_path: Path) -> None:
    befall(pointed, "clock", "20")
    with pytest.raises(VenueError, match=r"clock usdm: this machine's clock is \d+\.\d+ s behind"):
        open_live(ready, "binance-usdm", tmp_path / "live.db", lambda _: None)
