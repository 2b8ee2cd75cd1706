"""Each stage's own cost a record, by kind, over the bundled session in one process.

Run with: python benchmarks/stages.py [--until TIME]
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections import deque
from pathlib import Path
from typing import Any

from cli.options import when
from engine.ledger.ledger import Ledger
from engine.runs import settings
from engine.runs.market import MarketOptions, open_market
from engine.runs.session import Session

SESSION = Path(__file__).parent.parent / "examples" / "session"
#: What the tick's cost is divided by: the records a stage decides on at each tick.
DECIDED = {"rank": "candidate", "signal": "candidate_snapshot", "precheck": "signal_snapshot"}


class Judging:
    """Precheck's own judging of one signal: keeps the latest, so that they can be judged again in a row, timed."""

    def __init__(self, precheck: Any) -> None:
        self._judge, self.seen = precheck.judge, deque[Any](maxlen=500)
        precheck.judge = self.judge

    def judge(self, *seen: Any) -> Any:
        """Judges a signal and remembers it."""
        self.seen.append(seen)
        return self._judge(*seen)

    def microseconds(self, rounds: int = 20) -> float:
        """Gives the median cost of a signal: judging says what would be done and changes nothing."""
        costs = []
        for _ in range(rounds):
            started = time.perf_counter()
            for seen in self.seen:
                self._judge(*seen)
            costs.append((time.perf_counter() - started) / max(1, len(self.seen)))
        return 1e6 * statistics.median(costs)


class Timed:
    """A stage with a stopwatch: seconds and records by kind."""

    def __init__(self, stage: Any) -> None:
        self.stage, self.wants = stage, stage.wants
        self.seconds: dict[str, float] = {}
        self.records: dict[str, int] = {}

    def take(self, record: Any) -> Any:
        """Takes a record, timed."""
        started = time.perf_counter()
        made = self.stage.take(record)
        spent = time.perf_counter() - started
        kind = record.kind
        self.seconds[kind] = self.seconds.get(kind, 0.0) + spent
        self.records[kind] = self.records.get(kind, 0) + 1
        return made


def main() -> None:
    """Prints microseconds a record and what the whole chain does a second."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--until", default="2021-04-16T12:00")
    options = parser.parse_args()
    market = open_market(
        MarketOptions(str(SESSION), until_ms=when(options.until, "--until")), lambda name, number, reason: None
    )
    with tempfile.TemporaryDirectory() as folder, Ledger.open(Path(folder) / "bench.db", venue="paper") as ledger:
        session = Session(settings.load(env={}), market, ledger)
        judging = Judging(session.stages.precheck)
        stages = session.turn.stages = [Timed(stage) for stage in session.turn.stages]
        started = time.perf_counter()
        for _ in session.play():
            pass
        spent = time.perf_counter() - started
    print(f"Python {sys.version.split()[0]}; {session.facts} facts, {session.turn.ticks} ticks, {spent:.1f} s")
    print(f"whole chain: {session.facts / spent:,.0f} facts/s, ledger and stopwatches included\n")
    print(f"precheck judges a signal in {judging.microseconds():.1f} us; target: at most 30 us\n")
    print("stage      kind                  records   us a record")
    for timed in stages:
        name = timed.stage.name
        for kind in sorted(timed.seconds):
            count = timed.records[kind]
            print(f"{name:<10} {kind:<20} {count:>8} {1e6 * timed.seconds[kind] / count:>13.2f}")
        decided = DECIDED.get(name)
        if decided is not None and decided in timed.records:
            each = 1e6 * (timed.seconds["tick"] + timed.seconds[decided]) / timed.records[decided]
            print(f"{name:<10} {'a ' + decided + ', tick and all':<39} {each:>8.2f}")


if __name__ == "__main__":
    main()
