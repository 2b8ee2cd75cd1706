"""Reports of ledgers: the same as of their records, for the whole and for a span."""

import json
from pathlib import Path

import msgspec
import pytest
from made_session import DAY, at, candidate, cycle, fill, run, session, write_ledger

from engine.errors import LedgerError
from engine.runs.reporting.plain import as_plain
from engine.runs.reporting.reporting import last_day, report_of, today
from engine.runs.reporting.status import standing_of
from engine.stages.report import report


def test_a_ledger_gives_the_report_of_its_records(tmp_path: Path) -> None:
    path = write_ledger(tmp_path / "l.db", session())
    assert report_of(path) == report(session())


def test_a_span_of_a_ledger_knows_heat_and_price_of_what_was_held(tmp_path: Path) -> None:
    records = [*session(), *cycle(8)]
    path = write_ledger(tmp_path / "l.db", records)
    (held,) = report_of(path, since=at(8)).open_positions
    assert (held.symbol, held.heat, str(held.price)) == ("CUSDT", 90, "55")
    made = report_of(path, since=at(4), until=at(7))
    assert msgspec.structs.replace(made, heat=()) == msgspec.structs.replace(report(records, at(4), at(7)), heat=())


def test_the_plain_form_is_json_with_money_as_strings_and_a_fixed_order(tmp_path: Path) -> None:
    plain = as_plain(report_of(write_ledger(tmp_path / "l.db", session())))
    assert list(plain) == [
        "span", "summary", "equity", "health", "funnel", "trades", "open_positions", "by_symbol", "by_reason",
        "refusals", "precheck", "heat", "cycles", "state_changes", "state_change_count", "runs", "run_count",
        "elsewhere", "elsewhere_count",
    ]  # fmt: skip
    assert json.loads(json.dumps(plain)) == plain
    assert plain["summary"]["net_profit"] == "19.38"
    assert plain["equity"]["end"] == "1024.33"
    assert plain["trades"][0]["reasons"] == ["TIER_1", "STOP"]
    assert plain["trades"][0]["qty"] == "2"


def test_a_ledger_that_is_not_there_or_foreign_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="there is no ledger"):
        report_of(tmp_path / "none.db")
    foreign = tmp_path / "text.db"
    foreign.write_text("hello")
    with pytest.raises(LedgerError, match="not a ledger"):
        report_of(foreign)


def test_a_row_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = write_ledger(tmp_path / "l.db", [run(), fill(1, "A", "a", "ENTRY", "1", "NaN", "1", "0")])
    with pytest.raises(LedgerError, match="row 2 cannot be read"):
        report_of(path)


@pytest.mark.parametrize(
    ("now", "day"),
    [(DAY - 1, DAY - 86_400_000), (DAY, DAY), (DAY + 86_399_999, DAY), (DAY + 86_400_000, DAY + 86_400_000)],
)
def test_today_is_the_utc_day(now: int, day: int) -> None:
    assert today(now) == (day, day + 86_400_000)


def test_a_close_at_midnight_belongs_to_the_new_day(tmp_path: Path) -> None:
    path = write_ledger(tmp_path / "l.db", session())
    shift = at(4) // 86_400_000 * 86_400_000
    assert last_day(path) == (shift, shift + 86_400_000)
    assert report_of(path, *today(at(4))).summary.trades == 2
    assert report_of(path, *today(DAY - 1)).summary.trades == 0


def test_the_standing_of_an_empty_ledger_is_tradeable(tmp_path: Path) -> None:
    standing = standing_of(write_ledger(tmp_path / "l.db", []))
    assert (standing.engine.state, standing.last_tick_at, standing.pool.by_status) == ("tradeable", None, {})
    assert (standing.risk.level, standing.process.alive, standing.open_positions) == ("L0", False, ())


def test_a_standing_tells_pool_signals_and_anomalies_of_the_end(tmp_path: Path) -> None:
    records = [*session(), candidate(8, "AUSDT", "1", "new"), candidate(8, "CUSDT", "60"), *cycle(8)]
    standing = standing_of(write_ledger(tmp_path / "l.db", records))
    assert (standing.pool.by_status, standing.pool.hot) == ({"new": 1, "hot": 1}, ("CUSDT",))
    assert (standing.last_tick_at, standing.risk.level, standing.risk.value) == (at(8), "L1", 3.5)
    assert [one["symbol"] for one in standing.anomalies] == ["BUSDT"]
    assert (standing.precheck.by_code, standing.precheck_failure_pct) == ({"PRECHECK_FAILED": 1}, 25)
