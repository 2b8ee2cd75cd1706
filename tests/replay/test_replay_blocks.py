"""A ledger thought over in blocks of columns: what is compared is said, and what differs is found."""

import json
from collections.abc import Callable
from multiprocessing import active_children
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hot_runs import SESSION, run_hot
from replay_market import CUT, copied, rechained

from engine.errors import LedgerError
from engine.ledger import parts
from engine.ledger.ledger import Ledger
from engine.ledger.requests import request
from engine.runs.backtest.outcome import Unfit
from engine.runs.market import MarketOptions, open_market
from engine.runs.replay.blocks import KINDS
from engine.runs.replay.compare import Wanted
from engine.runs.replay.replay import Replay, Verdict
from engine.runs.session import Session
from engine.runs.settings import load
from engine.world.imports.notes import Notes
from engine.world.store.importing import import_files
from engine.world.store.store import Store

pytest.importorskip("numba")

UNTIL_MS = 1_618_536_600_000


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled session as a store."""
    folder = tmp_path_factory.mktemp("market") / "store"
    import_files(Store.create(folder), [str(SESSION)], Notes())
    return folder


def run(store: Path, ledger: Path, until_ms: int = UNTIL_MS) -> Path:
    market = open_market(MarketOptions(str(store), symbols=CUT[1:6:2], until_ms=until_ms), lambda *_: None)
    with Ledger.open(ledger) as opened:
        session = Session(load(None, [], env={}), market, opened)
        for _ in session.play():
            pass
        session.close()
    return ledger


@pytest.fixture(scope="module")
def ledger(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a run over the store decided."""
    return run(store, tmp_path_factory.mktemp("ledger") / "stored.db")


def think(file: Path, route: str = "blocks", **options: Any) -> tuple[Verdict, str]:
    told: list[str] = []
    replay = Replay(str(file), wanted=Wanted(), tell=told.append, on_bad=lambda *_: None, route=route, **options)
    for _ in replay.play():
        pass
    return replay.verdict, "; ".join(told)


def count(ledger: Path) -> int:
    with Ledger.read(ledger) as opened:
        return sum(1 for _ in opened.lines(kinds=KINDS))


@pytest.mark.parametrize("route", ["blocks", "auto"])
def test_blocks_think_the_same(route: str, ledger: Path) -> None:
    verdict, _ = think(ledger, route)
    assert (verdict.first, verdict.route, verdict.kinds) == (None, "blocks", KINDS)
    assert verdict.compared == count(ledger) > 20
    assert set(verdict.tallies) <= KINDS


def test_the_ledger_of_a_pipe_over_the_same_candles(made: Path, store: Path) -> None:
    verdict, told = think(made / "pipe.db", market=(str(store),))
    assert verdict.first is None
    assert verdict.compared == count(made / "pipe.db")
    assert "is not what the run saw" in told or "its sha256 was" in told


def test_a_changed_and_a_missing_record_are_found(ledger: Path, tmp_path: Path) -> None:
    forged: list[int] = []

    def forge(seq: int, record: dict[str, Any]) -> dict[str, Any] | None:
        if record["kind"] == "order_result" and not forged:
            forged.append(seq)
            return {**record, "status": "expired"}
        return None if record["kind"] == "intent" else record

    other = copied(ledger, tmp_path)
    rechained(other, forge)
    verdict, _ = think(other)
    assert verdict.first is not None
    assert verdict.tallies["order_result"].changed == 1
    with Ledger.read(ledger) as opened:
        assert verdict.tallies["intent"].added == sum(1 for _ in opened.lines(kinds=["intent"]))


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize(
    ("was", "now"),
    [
        (b'"status":"hot"', b'"status":"hut"'),  # of a candidate, which blocks do not compare
        (b'{"kind":"fill","at":1', b'{"kind":"fill","at":x'),  # cannot be read at all
        (b'"files":[{"path"', b'"fools":[{"path"'),  # of the run, so that there is another market
    ],
)
def test_a_changed_row_breaks_the_chain_first(
    was: bytes, now: bytes, processes: int, ledger: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "LEAST", 100)
    other = copied(ledger, tmp_path)
    data = other.read_bytes()
    assert was in data
    other.write_bytes(data.replace(was, now))
    with pytest.raises(LedgerError, match=r"row \d+ altered"):
        think(other, processes=processes)
    assert not active_children()


def test_a_long_chain_is_followed_beside(ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "LEAST", 100)
    assert think(ledger, processes=2)[0] == think(ledger)[0]


def test_another_setting_differs(ledger: Path) -> None:
    verdict, _ = think(ledger, sets=["hotcoin.stop_pct=4"])
    assert verdict.first is not None


def test_what_was_written_beyond_the_last_tick_is_compared_as_far_as_it_goes(ledger: Path, tmp_path: Path) -> None:
    with Ledger.read(ledger) as opened:
        fills = [seq for seq, _ in opened.lines(kinds=["fill"])]
    middle = fills[len(fills) // 2]
    other = copied(ledger, tmp_path)
    # The reservations of what is cut off are no row, so the orders stay and their cycle loses its end.
    rechained(other, lambda seq, one: one if seq <= middle or one["kind"] == "order_attempt" else None)
    verdict, _ = think(other)
    assert verdict.tallies["fill"].same > 0
    assert verdict.tallies["fill"].missing == verdict.tallies["fill"].changed == 0


@pytest.mark.parametrize(
    ("options", "why"), [({"hear": lambda _: None}, "explained"), ({"market": (str(SESSION),)}, "is no store")]
)
def test_what_blocks_cannot_think_is_refused_or_thought_fact_by_fact(
    options: dict[str, Any], why: str, ledger: Path
) -> None:
    with pytest.raises(Unfit, match=why):
        think(ledger, **options)
    verdict, told = think(ledger, "auto", **options)
    assert (verdict.first, verdict.route) == (None, "records")
    assert "fact by fact, since" in told


def test_where_the_operator_spoke_blocks_are_unfit(store: Path, tmp_path: Path) -> None:
    ledger = run(store, tmp_path / "halted.db", UNTIL_MS - 3_600_000)
    request(ledger, "halt", "a test", 0)
    run(store, ledger)
    with pytest.raises(Unfit, match="the operator spoke"):
        think(ledger)


def test_the_command_says_what_was_compared(ledger: Path, hot: Callable[..., Any]) -> None:
    done = hot("replay", str(ledger), "--path", "blocks")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["path"] == "blocks"
    assert b"compared was fill, intent" in done.stderr
    refused = hot("replay", str(ledger), "--path", "blocks", "--explain")
    assert refused.returncode == 78
    assert b"--path records" in refused.stderr


@pytest.fixture(scope="module")
def results(store: Path, hot_at: Path) -> Path:
    """The results of a backtest of the store, played in blocks."""
    only = [word for symbol in CUT[1:6:2] for word in ("--symbol", symbol)]
    done = run_hot(hot_at, "backtest", "--market", str(store), *only, "--out", "results", "-q")
    assert done.returncode == 0, done.stderr
    return hot_at / "results"


@pytest.fixture(scope="module")
def hot_at(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("results")


@pytest.mark.parametrize(("name", "kinds"), [("decisions.jsonl.zst", KINDS), ("trades.jsonl", {"trade"})])
def test_the_results_of_a_backtest_are_thought_over_in_blocks(results: Path, name: str, kinds: frozenset[str]) -> None:
    fast, _ = think(results / name)
    slow, _ = think(results / name, "records")
    assert (fast.first, fast.route) == (None, "blocks")
    assert set(fast.tallies) <= fast.kinds <= kinds
    assert (fast.compared, fast.tallies) == (slow.compared, slow.tallies)
    assert fast.compared > 5


def test_a_changed_fill_of_a_backtest_is_found_in_blocks(results: Path, tmp_path: Path) -> None:
    lines = (
        zstandard.ZstdDecompressor().stream_reader((results / "decisions.jsonl.zst").read_bytes()).read().split(b"\n")
    )
    place = max(number for number, line in enumerate(lines) if line.startswith(b'{"kind":"fill"'))
    lines[place] = lines[place].replace(b'"price":"', b'"price":"1')
    changed = tmp_path / "decisions.jsonl"
    changed.write_bytes(b"\n".join(lines))
    verdict, _ = think(changed)
    assert verdict.first is not None
    assert (verdict.route, verdict.first.what, verdict.first.number) == ("blocks", "changed", place + 1)
    assert verdict.first.field == "price"
    assert verdict.tallies["fill"].changed == 1


def test_what_is_joined_with_no_store_is_refused_or_thought_fact_by_fact(
    results: Path, ledger: Path, made: Path
) -> None:
    trades = results / "trades.jsonl"
    with pytest.raises(Unfit, match="no store"):
        think(trades, market=(str(SESSION),))
    with pytest.raises(Unfit, match="joined with a ledger"):
        think(trades, ledger=ledger)
    verdict, told = think(trades, "auto", ledger=ledger)
    assert verdict.route == "records"
    assert "fact by fact, since" in told
    with pytest.raises(Unfit, match="lines of a file"):
        think(made / "order.jsonl")
