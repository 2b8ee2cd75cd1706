"""`hot rank --evaluate` over a small cut of the bundled session: recording, ledger and pipe agree with a slow count."""

import csv
import io
import json
import statistics
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hot_runs import SESSION, Done
from hot_runs import run_hot as hot

from engine.records.wire import encode
from engine.runs.market import MarketOptions, open_market

SYMBOLS = ("ETCUSDT", "DOGEUSDT", "TRXUSDT", "CHZUSDT", "BCHUSDT", "DGBUSDT")
#: 2021-04-16 03:30 UTC.
UNTIL = 1_618_543_800_000
HORIZONS = ("--horizon", "5m", "--horizon", "15m")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small market, what a pipe up to hot rank wrote of it, and the ledger of a run over it."""
    folder = tmp_path_factory.mktemp("evaluate")
    opened = open_market(MarketOptions(str(SESSION), symbols=SYMBOLS, until_ms=UNTIL), lambda *_: None)
    facts = b"".join(encode(entry.record) + b"\n" for entry in opened.source.facts() if entry.record is not None)
    (folder / "market.jsonl").write_bytes(facts)
    scanned = hot(folder, "scan", "--market", "market.jsonl")
    (folder / "ranked.jsonl").write_bytes(hot(folder, "rank", stdin=scanned.stdout).stdout)
    ran = hot(folder, "run", "--market", "market.jsonl", "--ledger", "run.db", "-q")
    assert ran.returncode == 0, ran.stderr
    return folder


@pytest.fixture(scope="module")
def found(made: Path) -> dict[str, Any]:
    """The evaluation of the ledger."""
    return whole(hot(made, "rank", "--evaluate", "--ledger", "run.db", *HORIZONS))


def whole(done: Done) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    read: dict[str, Any] = json.loads(done.stdout)
    return read


def test_recording_ledger_and_pipe_tell_the_same(made: Path, found: dict[str, Any]) -> None:
    recording = whole(hot(made, "rank", "--evaluate", "--market", "market.jsonl", *HORIZONS, "-q"))
    piped = whole(hot(made, "rank", "--evaluate", *HORIZONS, stdin=(made / "ranked.jsonl").read_bytes()))
    assert recording == found
    assert {**piped, "trades": None} == {**found, "trades": None}
    assert piped["trades"]["count"] == 0


@pytest.mark.parametrize("horizon_s", [300, 900])
def test_a_slow_count_of_the_pipe_gives_the_same_figures(made: Path, found: dict[str, Any], horizon_s: int) -> None:
    counted = slow_count(made / "ranked.jsonl", horizon_s * 1000)
    (at,) = [one for one in found["horizons"] if one["horizon_s"] == horizon_s]
    rows = {(row["score"], row["bucket"]): row for row in at["rows"]}
    assert at["left_out"] == counted["left_out"] > 0
    assert rows["heat", "all"]["observations"] == len(counted["returns"]) > 500
    assert rows["heat", "all"]["mean_pct"] == pytest.approx(100.0 * statistics.fmean(counted["returns"]), abs=1e-6)
    assert rows["heat", "all"]["lift_pct"] == pytest.approx(100.0 * statistics.fmean(counted["lifts"]), abs=1e-6)
    assert rows["heat", "all"]["hit_pct"] == pytest.approx(100.0 * statistics.fmean(counted["hits"]), abs=1e-6)
    assert rows["heat", "all"]["ic"] == pytest.approx(statistics.fmean(counted["ics"]), abs=1e-6)
    warm = [lift for heat, lift in zip(counted["heats"], counted["lifts"], strict=True) if 40 <= heat < 60]
    assert rows["heat", "40-60"]["observations"] == len(warm)
    assert rows["heat", "40-60"]["lift_pct"] == pytest.approx(100.0 * statistics.fmean(warm), abs=1e-6)
    assert rows["sentiment", "all"]["observations"] == 0 and rows["sentiment", "all"]["mean_pct"] is None


def slow_count(path: Path, horizon_ms: int) -> dict[str, Any]:
    """Counts with dicts and loops, from the lines alone: candles of a minute that leave none out."""
    opens: dict[tuple[str, int], float] = {}
    cycles: list[tuple[int, list[dict[str, Any]], set[str]]] = []
    ranked: list[dict[str, Any]] = []
    there: set[str] = set()
    for record in map(json.loads, path.read_bytes().splitlines()):
        if record["kind"] == "bar":
            opens[record["symbol"], record["open_at"]] = float(record["open"])
        elif record["kind"] == "candidate":
            there.add(record["symbol"])
        elif record["kind"] == "candidate_snapshot":
            ranked.append(record)
        elif record["kind"] == "tick":
            looked_at = {
                s for code in ("LOW_VOLUME", "QUIET", "DROPPED") for s in record.get("codes", {}).get(code, ())
            }
            cycles.append((record["at"], ranked, there | looked_at))
            ranked, there = [], set()

    def ahead(symbol: str, at: int) -> float | None:
        first, last = opens.get((symbol, at)), opens.get((symbol, at + horizon_ms))
        return None if first is None or last is None else last / first - 1.0

    out: dict[str, Any] = {"left_out": 0, "returns": [], "lifts": [], "hits": [], "heats": [], "ics": []}
    for at, snapshots, symbols in cycles:
        market = [one for symbol in symbols if (one := ahead(symbol, at)) is not None]
        pairs = []
        for snapshot in snapshots:
            got = ahead(snapshot["symbol"], at)
            if got is None or len(market) < 2:
                out["left_out"] += 1
                continue
            middle = statistics.median(market)
            out["returns"].append(got)
            out["lifts"].append(got - statistics.fmean(market))
            out["hits"].append((got > middle) + 0.5 * (got == middle))
            out["heats"].append(snapshot["heat"])
            pairs.append((snapshot["heat"], got))
        if len(pairs) >= 3 and all(len(set(side)) > 1 for side in zip(*pairs, strict=True)):
            out["ics"].append(statistics.correlation(*(rank(side) for side in zip(*pairs, strict=True))))
    return out


def rank(values: tuple[float, ...]) -> list[float]:
    return [sum(y < x for y in values) + sum(y == x for y in values) / 2.0 for x in values]


def test_the_parts_of_the_profit_sum_to_that_of_hot_trades(made: Path, found: dict[str, Any]) -> None:
    trades = [json.loads(line) for line in hot(made, "trades", "--ledger", "run.db", "--jsonl").stdout.splitlines()]
    owed = found["trades"]
    assert owed["count"] == len(trades) > 0
    total = sum(Decimal(trade["pnl"]) for trade in trades)
    assert Decimal(owed["pnl"]) == total == sum(map(Decimal, owed["parts"].values())) + Decimal(owed["unknown"])
    assert Decimal(owed["unknown"]) == 0


def test_the_seed_changes_the_intervals_and_nothing_else(made: Path, found: dict[str, Any]) -> None:
    other = whole(hot(made, "rank", "--evaluate", "--ledger", "run.db", *HORIZONS, "--seed", "1"))
    one, same = other["horizons"][0]["rows"][0], found["horizons"][0]["rows"][0]
    assert one["lift_pct"] == same["lift_pct"] and one["lift_pct_low"] != same["lift_pct_low"]
    alone = whole(hot(made, "rank", "--evaluate", "--ledger", "run.db", "--horizon", "5m"))
    assert alone["horizons"] == found["horizons"][:1]


def test_csv_has_a_row_for_each_figure_and_the_table_says_not_enough(made: Path) -> None:
    done = hot(made, "rank", "--evaluate", "--ledger", "run.db", "--horizon", "4h", "--csv")
    rows = list(csv.DictReader(io.StringIO(done.stdout.decode())))
    assert len(rows) == 7 * 6 and rows[0]["horizon_s"] == "14400" and rows[0]["mean_pct"] == ""
    told = hot(made, "rank", "--evaluate", "--ledger", "run.db", "--horizon", "4h", "--table").stdout.decode()
    assert "not enough" in told and "Never known: announcement, social, sentiment" in told


@pytest.mark.parametrize(
    ("words", "stdin", "code", "told"),
    [
        (("--horizon", "5m"), b"", 2, "need --evaluate"),
        (("--evaluate", "--horizon", "soon"), b"", 2, "'soon' is no length of time"),
        (("--evaluate", "--horizon", "40d"), b"", 2, "longer than 30d"),
        (("--evaluate", "--require-end"), b"", 2, "for the filter"),
        (("--evaluate", "--ledger", "gone.db"), b"", 74, "gone.db"),
        (("--evaluate", "--ledger", "run.db", "--top", "3"), b"", 2, "own settings"),
        (("--evaluate", "--market", "gone.jsonl"), b"", 2, "gone.jsonl"),
        (("--evaluate",), b"nonsense\n", 65, "no line of it"),
        (("--evaluate",), b'{"kind":"tick","at":60000}\n', 65, "no candidate_snapshot"),
    ],
)
def test_what_cannot_be_evaluated_is_said(
    made: Path, words: tuple[str, ...], stdin: bytes, code: int, told: str
) -> None:
    done = hot(made, "rank", *words, stdin=stdin)
    assert (done.returncode, done.stdout) == (code, b"")
    assert told in done.stderr.decode()


def test_decisions_without_prices_or_with_cycles_twice_are_no_evaluation(made: Path) -> None:
    lines = (made / "ranked.jsonl").read_bytes().splitlines(keepends=True)
    decided = b"".join(line for line in lines if not line.startswith(b'{"kind":"bar"'))
    assert b"no prices" in hot(made, "rank", "--evaluate", stdin=decided).stderr
    twice = hot(made, "rank", "--evaluate", stdin=b"".join(lines * 2))
    assert twice.returncode == 65 and b"one market at a time" in twice.stderr


def test_a_ledger_whose_facts_moved_is_joined_with_its_market(
    made: Path, found: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "run.db").write_bytes((made / "run.db").read_bytes())
    gone = hot(tmp_path, "rank", "--evaluate", "--ledger", "run.db")
    assert gone.returncode == 78 and b"--market" in gone.stderr
    moved = str(made / "market.jsonl")
    assert whole(hot(tmp_path, "rank", "--evaluate", "--ledger", "run.db", "--market", moved, *HORIZONS)) == found


def test_a_bad_line_is_told_and_the_rest_evaluated(made: Path, found: dict[str, Any]) -> None:
    done = hot(made, "rank", "--evaluate", *HORIZONS, stdin=b'{"kind":"bar"\n' + (made / "ranked.jsonl").read_bytes())
    assert done.returncode == 65 and b"stdin:1" in done.stderr
    assert json.loads(done.stdout)["horizons"] == found["horizons"]
