"""The crash campaign: traders that are killed, answered ambiguously, raced and left without disk, and a checker.

    python tests/campaign/campaign.py --kills 2000 --ambiguous 2000 --races 5000 --seed 1

Everything happens on this machine, against `hot venue`. It ends with a table, and with 1 where something was broken.
"""

import argparse
import json
import os
import secrets
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import campaign_trader
from campaign_episode import Plan, play
from campaign_races import race, starts
from campaign_trader import warm

RACED_AT_ONCE = 200


@dataclass
class Tally:
    """What one kind of trial has come to: how many, wanted or done, and what was broken."""

    wanted: int
    done: int = 0
    episodes: int = 0
    orders: int = 0
    broken: list[list[str]] = field(default_factory=list)
    settle_s: float = 0.0
    bare_ms: int = 0
    doubt_ms: int = 0
    ended_s: float = 0.0
    seconds: float = 0.0

    @property
    def left(self) -> float:
        """Gives the share that is still to be done."""
        return 1.0 - self.done / self.wanted if self.wanted else 0.0


def watch() -> None:
    """Leaves tiers and the trail of this life to the program."""


def let_rest() -> None:
    """Has tiers and the trail of this life rest at the exchange."""
    campaign_trader.PLAN = campaign_trader.RESTING


PLANS = (watch, let_rest)


def kills(seed: str, storm_s: float, keep: Path | None) -> dict[str, Any]:
    """Kills a trader again and again, in every other episode with ambiguous answers on top."""
    random = Random(seed)
    faults = random.choice([0.0, 0.25])
    market = random.choice(["spot", "usdm"])
    plan = Plan(market=market, storm_s=storm_s, faults=faults, before=random.choice(PLANS))
    return asdict(play(seed, plan, keep))


def ambiguous(seed: str, storm_s: float, keep: Path | None) -> dict[str, Any]:
    """Leaves a third to two thirds of the answers open."""
    random = Random(seed)
    market = random.choice(["spot", "usdm"])
    faults = random.choice([0.35, 0.65])
    plan = Plan(market=market, storm_s=storm_s, kills=False, faults=faults, before=random.choice(PLANS))
    return asdict(play(seed, plan, keep))


def races(seed: str, storm_s: float, keep: Path | None) -> dict[str, Any]:
    """Has processes race for intents."""
    return asdict(race(seed, RACED_AT_ONCE, Random(seed).choice(["spot", "usdm"])))


def leases(seed: str, storm_s: float, keep: Path | None) -> dict[str, Any]:
    """Starts many runs on one ledger at once."""
    return asdict(starts(seed, Random(seed).randint(2, 16)))


def disks(seed: str, storm_s: float, keep: Path | None) -> dict[str, Any]:
    """Ends the disk at a random size, in every life."""
    plan = Plan(market=Random(seed).choice(["spot", "usdm"]), storm_s=storm_s, disk=True)
    return asdict(play(seed, plan, keep))


#: Trials by name: what does some of them, and which figure counts them.
TRIALS: dict[str, tuple[Callable[[str, float, Path | None], dict[str, Any]], str]] = {
    "kills": (kills, "kills"),
    "ambiguous": (ambiguous, "ambiguous"),
    "races": (races, "intents"),
    "starts": (leases, "starts"),
    "full disks": (disks, "full"),
}


class Campaign:
    """So many episodes at once, until every kind of trial is done or the time is over."""

    def __init__(self, seed: str, tallies: dict[str, Tally], lanes: int, storm_s: float, keep: Path | None) -> None:
        self.seed, self.tallies, self.lanes, self.storm_s, self.keep = seed, tallies, lanes, storm_s, keep
        self._running: dict[int, tuple[str, str, Path, float]] = {}
        self._number = 0

    def run(self, end: float) -> None:
        """Plays until it is done; no new episode begins after `end`."""
        with tempfile.TemporaryDirectory(prefix="campaign-") as folder:
            while True:
                while len(self._running) < self.lanes and time.monotonic() < end and (kind := self._next()):
                    self._begin(kind, Path(folder))
                if not self._running:
                    return
                pid, _ = os.waitpid(-1, 0)
                self._ended(pid)

    def _next(self) -> str:
        """Gives the kind of which the largest share is left, those counted in that are under way."""
        under_way = [kind for kind, *_ in self._running.values()]

        def left(kind: str) -> float:
            tally = self.tallies[kind]
            usual = tally.done / tally.episodes if tally.episodes else 1.0
            return tally.left - (usual * under_way.count(kind) / tally.wanted if tally.wanted else 0.0)

        kind = max(self.tallies, key=left)
        return kind if left(kind) > 0 else ""

    def _begin(self, kind: str, folder: Path) -> None:
        self._number += 1
        seed, answer = f"{self.seed}/{kind}/{self._number}", folder / str(self._number)
        pid = os.fork()
        if pid:
            self._running[pid] = (kind, seed, answer, time.monotonic())
            return
        try:
            answer.write_text(json.dumps(TRIALS[kind][0](seed, self.storm_s, self.keep)))
        except BaseException:
            answer.write_text(json.dumps({"broken": [["campaign", traceback.format_exc()[-2000:]]]}))
        finally:
            os._exit(0)

    def _ended(self, pid: int) -> None:
        if pid not in self._running:
            return
        kind, seed, answer, began = self._running.pop(pid)
        found = json.loads(answer.read_text()) if answer.exists() else {"broken": [["campaign", "an episode died"]]}
        tally = self.tallies[kind]
        tally.episodes += 1
        tally.done += found.get(TRIALS[kind][1], 0)
        tally.orders += found.get("orders", found.get("wins", 0))
        tally.settle_s = max(tally.settle_s, found.get("settle_s", 0.0))
        tally.bare_ms = max(tally.bare_ms, found.get("bare_ms", 0))
        tally.doubt_ms = max(tally.doubt_ms, found.get("doubt_ms", 0))
        tally.ended_s = max(tally.ended_s, found.get("ended_s", 0.0))
        tally.seconds += time.monotonic() - began
        tally.broken += [[seed, *one] for one in found["broken"]]
        if kind == "kills":
            self.tallies["ambiguous"].done += found.get("ambiguous", 0)
        for one in found["broken"]:
            sys.stderr.write(f"{seed}: {one[0]}: {one[1]}\n")
        sys.stderr.write(f"{kind} {tally.done}/{tally.wanted} after {tally.episodes} episodes\n")


def table(tallies: dict[str, Tally]) -> str:
    """Gives what came of it, a line a kind."""

    def count(tally: Tally, *names: str) -> int:
        return sum(one[1] in names for one in tally.broken)

    heads = (
        "trials",
        "done",
        "orders",
        "lost",
        "doubled",
        "bare",
        "in doubt",
        "other",
        "settled s",
        "doubt s",
        "bare s",
        "ended s",
        "s",
    )
    rows = [("", *heads)]
    for kind, tally in tallies.items():
        lost = count(tally, "intent", "lost", "fill", "balance", "position", "crossed")
        doubled, bare = count(tally, "doubled", "twice", "raced", "lease"), count(tally, "protection")
        doubt = count(tally, "doubt", "settle", "lingers")
        other = len(tally.broken) - lost - doubled - bare - doubt
        figures = (tally.wanted, tally.done, tally.orders, lost, doubled, bare, doubt, other)
        seconds = (tally.settle_s, tally.doubt_ms / 1000, tally.bare_ms / 1000, tally.ended_s, tally.seconds)
        rows.append((kind, *map(str, figures), *(f"{one:.1f}" for one in seconds)))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)


def main() -> int:
    """Runs a campaign; gives 1 where something was broken, or where less was done than wanted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100, help="traders that are killed")
    parser.add_argument(
        "--ambiguous", type=int, default=100, help="orders whose answer leaves open what became of them"
    )
    parser.add_argument("--races", type=int, default=400, help="intents that 2 to 16 processes want at once")
    parser.add_argument("--starts", type=int, default=16, help="runs that start on a ledger at once")
    parser.add_argument("--disks", type=int, default=10, help="lives whose disk is full at a random size")
    parser.add_argument("--seed", default=str(secrets.randbelow(1 << 31)), help="of everything; printed")
    parser.add_argument("--lanes", type=int, default=4, help="episodes at once")
    parser.add_argument("--storm", type=float, default=40.0, help="seconds of faults and kills in an episode")
    parser.add_argument(
        "--proof", type=float, default=campaign_trader.PROOF_S, help="seconds after which an absence counts as proven"
    )
    parser.add_argument("--minutes", type=float, default=600.0, help="no episode begins later than this")
    parser.add_argument("--keep", type=Path, help="a folder for the ledgers and books of what was found broken")
    args = parser.parse_args()
    sys.stdout.write(f"seed {args.seed}\n")
    sys.stdout.flush()
    wanted = (args.kills, args.ambiguous, args.races, args.starts, args.disks)
    campaign_trader.PROOF_S = args.proof
    warm()
    tallies = {kind: Tally(count) for kind, count in zip(TRIALS, wanted, strict=True)}
    Campaign(args.seed, tallies, args.lanes, args.storm, args.keep).run(time.monotonic() + args.minutes * 60)
    sys.stdout.write(table(tallies) + "\n")
    return int(any(tally.broken or tally.left > 0 for tally in tallies.values()))


if __name__ == "__main__":
    sys.exit(main())
