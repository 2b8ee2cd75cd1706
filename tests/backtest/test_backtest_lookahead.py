"""The check for look-ahead passes an honest strategy, and bites one that knows the future."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from backtest_market import SYMBOLS, UNTIL
from hot_runs import SESSION, Hot

from engine.plugs import Entry
from engine.records.market import Bar, BookTop, Tick, Ticker, Trade, check_price
from engine.runs import settings
from engine.runs.backtest.futures import Passing, Stretches, other
from engine.runs.backtest.lookahead import FROM_START, Again, FirstPass, Lookahead
from engine.runs.backtest.outcome import Marks
from engine.runs.market import MarketOptions, open_market

#: Remembers each price beyond its pass, so that the next pass knows what comes.
REMEMBERS = """
from dataclasses import dataclass
from engine.plugs import Verdict
from engine.strategies.hotcoin import Hotcoin

SEEN = {}

@dataclass(frozen=True)
class Remembers(Hotcoin):
    def judge(self, candidate, frames):
        SEEN[candidate.symbol, candidate.at] = float(candidate.price)
        ahead = SEEN.get((candidate.symbol, candidate.at + 600_000))
        if ahead is not None and ahead > 1.01 * float(candidate.price):
            return Verdict(action="enter", code=None, reasons=("it will rise",))
        return super().judge(candidate, frames)
"""

#: Reads tomorrow's prices from a file beside it.
READS = """
import json
from dataclasses import dataclass
from pathlib import Path
from engine.plugs import Verdict
from engine.strategies.hotcoin import Hotcoin

@dataclass(frozen=True)
class Reads(Hotcoin):
    def judge(self, candidate, frames):
        future = json.loads(Path("future.json").read_text())
        if future.get(candidate.symbol, 0) > float(candidate.price):
            return Verdict(action="enter", code=None, reasons=("it will rise",))
        return super().judge(candidate, frames)
"""

#: Judges honestly, but leaves out over its columns what the next bar will punish.
PICKS = """
from dataclasses import dataclass
import numpy as np
from engine.strategies.ema_burst import EmaBurst

@dataclass(frozen=True)
class Picks(EmaBurst):
    volume_ratio: float = 1.0

    def entries(self, look):
        asked = EmaBurst.entries(self, look)
        fast = look.value(self.timeframe, "fast")
        return asked & (np.roll(fast, -1) > 1.001 * fast) if {bites} else asked
"""


class Nobody:
    def hear(self, record: Any) -> None:
        pass

    def mark(self, marks: Marks) -> None:
        pass


def checked(made: Path, hot: Hot, tmp_path: Path, *words: str) -> tuple[int, list[dict[str, Any]], bytes]:
    (tmp_path / "market.jsonl").write_bytes((made / "market.jsonl").read_bytes())
    words = ("--market", "market.jsonl", *words)
    done = hot("backtest", "--out", "results", "--check-lookahead", "--cuts", "8", "--seed", "3", *words)
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def test_an_honest_strategy_decides_the_same_whatever_comes(made: Path, hot: Hot, tmp_path: Path) -> None:
    code, cuts, told = checked(made, hot, tmp_path)
    assert code == 0, told
    assert len(cuts) == 8
    assert all(cut["same"] for cut in cuts)
    assert sum(cut["compared"] for cut in cuts) > 1000
    assert any(cut["inside_cycle"] for cut in cuts)
    assert any(cut["from_start"] for cut in cuts)
    assert (tmp_path / "results" / "lookahead.jsonl").read_text().splitlines() == [
        json.dumps(cut, separators=(",", ":")) for cut in cuts
    ]


def test_the_results_are_those_without_the_check(made: Path, hot: Hot, tmp_path: Path) -> None:
    checked(made, hot, tmp_path, "--seed", "0", "-q")
    for name in ("decisions.jsonl.zst", "trades.jsonl", "summary.json", "manifest.json"):
        assert (tmp_path / "results" / name).read_bytes() == (made / "results" / name).read_bytes(), name


def test_a_strategy_that_remembers_the_last_pass_is_caught(made: Path, hot: Hot, tmp_path: Path) -> None:
    (tmp_path / "remembers.py").write_text(REMEMBERS)
    code, cuts, _ = checked(made, hot, tmp_path, "--set", "signal.strategy=./remembers.py")
    assert code == 1
    caught = next(cut for cut in cuts if not cut["same"])
    assert json.loads(caught["now"])["kind"] in ("signal_snapshot", "refusal", "intent")
    assert caught["decision"] >= 0


def test_a_strategy_that_reads_a_file_is_named(made: Path, hot: Hot, tmp_path: Path) -> None:
    (tmp_path / "reads.py").write_text(READS)
    (tmp_path / "future.json").write_text('{"ETCUSDT":40}')
    code, _, told = checked(made, hot, tmp_path, "--set", "signal.strategy=./reads.py")
    assert code == 1
    assert b"the strategy opens future.json while it thinks" in told


@pytest.fixture(scope="module")
def looking() -> Lookahead:
    """A first pass over the small market, played."""
    market = open_market(MarketOptions(str(SESSION), symbols=SYMBOLS[:2], until_ms=UNTIL), lambda *_: None)
    made = Lookahead(settings.load(env={}), market, Nobody())
    for _ in made.play(lambda: False):
        pass
    return made


@pytest.mark.parametrize("bites", [True, False])
def test_columns_that_know_the_next_bar_are_caught(hot: Hot, tmp_path: Path, bites: bool) -> None:
    pytest.importorskip("numba")
    assert hot("store", "import", "--store", "market", str(SESSION)).returncode == 0
    (tmp_path / "picks.py").write_text(PICKS.replace("{bites}", str(bites)))
    words = ("--set", "signal.strategy=./picks.py", "--set", "scan.pool=all", "--until", str(UNTIL))
    words += tuple(word for symbol in SYMBOLS for word in ("--symbol", symbol))
    done = hot("backtest", "--market", "market", "--out", "results", "--check-lookahead", "--cuts", "1", *words)
    assert all(json.loads(line)["same"] for line in done.stdout.splitlines())
    assert (b"columns lead to other deeds" in done.stderr) == bites
    assert done.returncode == int(bites), done.stderr


def test_the_seed_chooses_the_cuts(looking: Lookahead) -> None:
    assert looking.cuts(20, 7) == looking.cuts(20, 7) != looking.cuts(20, 8)
    assert len([cut for cut in looking.cuts(20, 7) if cut.from_start]) == 20 // FROM_START


def test_cuts_stand_inside_cycles_and_at_their_ends(looking: Lookahead) -> None:
    assert {cut.inside for cut in looking.cuts(40, 1)} == {True, False}


def test_a_stop_ends_the_check(looking: Lookahead) -> None:
    assert list(looking.check(3, 0, lambda: True)) == []


def test_a_decision_that_is_not_made_again_differs() -> None:
    passing = Passing(Three())
    first = FirstPass(Nobody(), passing)
    for entry in passing.facts():
        first.hear(Tick(at=entry.record.at))
    again = Again(first, Passing(Three()), 2, 0)
    again.hear(Tick(at=1))
    assert (again.compared, again.decision) == (1, None)
    again.end()
    assert (again.decision, again.now) == (1, None)


def test_a_decision_too_many_differs() -> None:
    again = Again(FirstPass(Nobody(), Passing(Three())), Passing(Three()), 2, 0)
    again.hear(Tick(at=1))
    assert (again.decision, again.now) == (0, '{"kind":"tick","at":1}')


class Three:
    def facts(self) -> Iterator[Entry]:
        for at in (1, 2, 3):
            yield Entry(Trade(at=at, venue="v", symbol="A", price="2", qty="1", side="buy"), None)

    def manifest(self) -> dict[str, Any]:
        return {}


def test_a_cut_market_ends_there_or_goes_on_otherwise() -> None:
    ended, altered = Passing(Three(), 1), Passing(Three(), 1, 1)
    assert [entry.record.price for entry in ended.facts()] == ["2"]
    assert [entry.record.price for entry in altered.facts()] == ["2", "3.0"]
    assert altered.given == 2


def test_stretches_of_a_market_are_read_once() -> None:
    stretches = Stretches(Three())
    times = [
        [entry.record.at for entry in stretches.between(*ends).facts()] for ends in ((0, 2), (1, 2), (1, 9), (2, 3))
    ]
    assert times == [[1, 2], [2], [2, 3], [3]]


@pytest.mark.parametrize(
    "fact",
    [
        Bar(at=60_000, venue="v", symbol="A", step_s=60, open_at=0, open="0.00000001", high="0.00000002",
            low="0.00000001", close="0.00000002", volume="3", quote_volume="7.5"),
        Ticker(at=1, venue="v", symbol="A", last="2", quote_volume_24h="5", bid="1.9", ask="2.1"),
        BookTop(at=1, venue="v", symbol="A", bid="1", bid_qty="1", ask="2", ask_qty="1"),
        Trade(at=1, venue="v", symbol="A", price="2", qty="1", side="sell"),
    ],
)  # fmt: skip
def test_the_other_future_is_a_market_too(fact: Any) -> None:
    altered = other(fact)
    check_price(altered)
    assert altered != fact


def test_what_is_no_number_stays_what_it_is() -> None:
    assert other(Trade(at=1, venue="v", symbol="A", price="much", qty="1", side="sell")).price == "much"
