"""An episode: a venue of its own, one ledger, many lives of a trader on it, and the checker at the end.

Everything runs in processes forked from this one, which has no threads: a life begins within milliseconds.
"""

import asyncio
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import urllib.request
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import books_checker
import campaign_faults
from campaign_points import POINTS, arm
from campaign_trader import Life, Place

from engine.ledger.requests import request
from engine.world.loopback.market.generated import Generated
from engine.world.loopback.serving import Serving, serve
from engine.world.loopback.venue import Venue, VenueOptions

START = {"USDT": Decimal(10_000_000)}
CAPS = books_checker.Caps(60, Decimal(100_000), 8)
#: A trader that is told to end is gone within this.
ENDED_WITHIN_S = 5.0
SETTLED_WITHIN_S = 45.0
VOLATILITY = 0.003


@dataclass
class Found:
    """What came of an episode: what was tried, and what was broken."""

    seed: str
    market: str
    kills: int = 0
    at_points: int = 0
    terms: int = 0
    ended_s: float = 0.0
    ambiguous: int = 0
    full: int = 0
    orders: int = 0
    executions: int = 0
    lives: int = 0
    settle_s: float = 0.0
    bare_ms: int = 0
    doubt_ms: int = 0
    broken: list[tuple[str, str]] = field(default_factory=list)
    seconds: float = 0.0


@dataclass(frozen=True)
class Plan:
    """What an episode does: a storm of so many seconds, kills or not, the share of orders that meet a fault.

    `before` is done in every life before it begins: it plants a bug. `point` has every life killed there. With `disk`
    no file of the trader may grow by more than some kilobytes in a life, and nobody is killed. `also` is one more look
    at what there is to look at in the end.
    """

    market: str = "usdm"
    storm_s: float = 20.0
    kills: bool = True
    faults: float = 0.0
    point: str = ""
    before: Callable[[], None] = lambda: None
    sets: tuple[str, ...] = ()
    caps: books_checker.Caps = CAPS
    script: tuple[dict[str, Any], ...] = ()
    disk: bool = False
    also: Callable[[books_checker.Evidence], Iterable[books_checker.Broken]] = lambda seen: ()


def play(seed: str, plan: Plan, keep: Path | None = None) -> Found:
    """Plays an episode and has it checked. What was found broken stays in `keep`, where one is given."""
    random, began = Random(seed), time.monotonic()
    found = Found(seed, plan.market)
    folder = Path(tempfile.mkdtemp(prefix="campaign-"))
    pid, told = start_venue(random.randrange(1 << 30))
    try:
        _Episode(plan, folder, told, random, found).play()
    finally:
        stop_venue(pid)
        if found.broken and keep is not None:
            shutil.copytree(folder, keep / seed.replace("/", "-"), dirs_exist_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
    found.seconds = time.monotonic() - began
    return found


class _Episode:
    def __init__(self, plan: Plan, folder: Path, told: dict[str, Any], random: Random, found: Found) -> None:
        self.plan, self.folder, self.random, self.found = plan, folder, random, found
        self.rest, self.place = told["rest"], Place.of(plan.market, told, folder)
        self.lives: list[tuple[int, int]] = []
        self.answers_from = 0

    def play(self) -> None:
        plan, random = self.plan, self.random
        self._live(seconds=1.5)  # its end in order leaves a checkpoint
        faults = [*plan.script, *(campaign_faults.script(random, plan.faults, plan.storm_s) if plan.faults else ())]
        if faults:
            self._ask("/venue/faults", json.dumps(faults).encode())
            self.answers_from = int((time.time() + plan.storm_s) * 1000)
        end = time.monotonic() + plan.storm_s
        while (left := end - time.monotonic()) > 0.3:
            if plan.disk:
                self._live(seconds=min(left, 10.0), grows_by=int(10 ** random.uniform(3.0, 6.7)))
            elif not plan.kills:
                self._live(seconds=left)
            elif random.random() < 0.07:
                self._live(seconds=min(left, random.uniform(0.5, 4.0)))
            elif random.random() < 0.1:
                self._live(kill_after=min(left, random.uniform(0.2, 4.0)), by=signal.SIGTERM)
            else:
                point = plan.point or random.choice(["", random.choice(POINTS)])
                # Who is to die at one point only must live to see it, on a busy machine too.
                longest = left if plan.point else random.choice([0.5, 3.0, 5.0])
                self._live(point=point, kill_after=min(left, longest * (1.0 if point else random.random())))
        request(self.place.ledger, "halt", "campaign", int(time.time() * 1000))
        began = time.monotonic()
        settled = self._live(seconds=SETTLED_WITHIN_S, until_flat=True)
        self.found.settle_s = round(time.monotonic() - began, 1)
        if settled != 0:
            self.found.broken.append(("settle", f"not flat and known {SETTLED_WITHIN_S:.0f} s after the last fault"))
        self._check()

    def _live(
        self, seconds: float = 600.0, point: str = "", kill_after: float = 0.0, until_flat: bool = False,
        grows_by: int = 0, by: signal.Signals = signal.SIGKILL,
    ) -> int:  # fmt: skip
        """Lets the trader live; gives its exit code, negative when it was killed: at a point, or after so long.

        With `by` it is not killed then, but told to end.
        """
        found, born = self.found, int(time.time() * 1000)
        found.lives += 1
        passes, wait_s = self.random.choice([1, 1, 2, 3, 5, 8, 13]), self.random.choice([0.0005, 0.002, 0.005, 0.02])
        pid = os.fork()
        if pid == 0:
            if grows_by:
                _end_disk(self.place.ledger, grows_by)
            _life(self.place, self.plan, seconds, point, passes, wait_s, until_flat)
        end, by_us = time.monotonic() + kill_after, False
        while kill_after and os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            if time.monotonic() >= end:
                os.kill(pid, by)
                by_us = True
                break
            time.sleep(0.005)
        _, status = os.waitpid(pid, 0)
        if by is signal.SIGTERM:
            self._ended(max(0.0, time.monotonic() - end))
        self.lives.append((born, int(time.time() * 1000)))
        code = os.waitstatus_to_exitcode(status)
        if code == -signal.SIGKILL:
            found.kills += 1
            found.at_points += not by_us
        elif code not in (0, 3, -signal.SIGTERM):  # it may be told to end before it listens
            words = (self.folder / "life.log").read_text()[-3000:]
            if grows_by and any(name in words for name in ("LedgerError", "DiskRefused", "OSError")):
                found.full += 1
                return code
            found.broken.append(("crash", f"the trader ended by itself with {code}: {words}"))
        return code

    def _ended(self, seconds: float) -> None:
        """Takes note of how long a trader took to end that was told to."""
        self.found.terms += 1
        self.found.ended_s = max(self.found.ended_s, round(seconds, 1))
        if seconds > ENDED_WITHIN_S:
            self.found.broken.append(("stop", f"the trader took {seconds:.1f} s to end when it was told to"))

    def _ask(self, path: str, body: bytes | None = None) -> bytes:
        with urllib.request.urlopen(self.rest + path, body, timeout=60) as answer:
            return bytes(answer.read())

    def _check(self) -> None:
        spot = self.plan.market == "spot"
        seen = books_checker.gather(
            self.place.ledger, self.plan.market, self._ask("/venue/books"), self._ask("/venue/requests"),
            self._ask("/api/v3/exchangeInfo" if spot else "/fapi/v1/exchangeInfo"), self.lives, self.answers_from,
        )  # fmt: skip
        (self.folder / "books.json").write_text(json.dumps(seen.books))
        (self.folder / "requests.jsonl").write_text("\n".join(json.dumps(one) for one in seen.arrivals))
        found = self.found
        found.broken += books_checker.check(seen, self.plan.caps, START)
        found.broken += self.plan.also(seen)
        found.bare_ms, found.doubt_ms = books_checker.unprotected_ms(seen), books_checker.doubtful_ms(seen)
        orders = list(books_checker.placed(seen.arrivals))
        found.orders = len(orders)
        found.ambiguous = sum(arrival.get("fault") in campaign_faults.NAMES for arrival, _ in orders)
        found.executions = sum(len(order["fills"]) for order in seen.orders)


def _end_disk(ledger: Path, grows_by: int) -> None:
    """Lets no file of this process become larger than the ledger's, or its log, is now, and a little."""
    sizes = [path.stat().st_size for path in ledger.parent.iterdir() if path.is_file()]
    limit = max(sizes) + grows_by
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))


def _life(place: Place, plan: Plan, seconds: float, point: str, passes: int, wait_s: float, until_flat: bool) -> None:
    """What the child does; it never comes back."""
    code = 1
    try:
        with (place.folder / "life.log").open("w") as log:
            os.dup2(log.fileno(), 2)
            try:
                plan.before()
                if point:
                    arm(point, passes if plan.point == "" else 1 + passes % 3, wait_s)
                code = 0 if Life(place, plan.sets).play(seconds, until_flat) or not until_flat else 3
            except BaseException:
                traceback.print_exc(file=log)
    finally:
        sys.stderr.flush()
        os._exit(code)


def start_venue(seed: int) -> tuple[int, dict[str, Any]]:
    """Serves a venue from a process of its own; gives its pid and what a client has to know."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(reading)
            asyncio.run(_serve(seed, writing))
        finally:
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading) as told:
        return pid, json.loads(told.readline())


def stop_venue(pid: int) -> None:
    """Ends a venue."""
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


async def _serve(seed: int, writing: int) -> None:
    market = Generated(seed, step_ms=500, volatility=VOLATILITY, history_minutes=5)
    venue = Venue(VenueOptions(seed=seed, market=market, balances=START, margin=START["USDT"], limits=False))
    loop, stop = asyncio.get_running_loop(), asyncio.Event()

    def ready(port: int) -> None:
        told = json.dumps(Serving(venue, "127.0.0.1", port, loop).told())
        os.write(writing, told.encode() + b"\n")
        os.close(writing)

    await serve(venue, "127.0.0.1", 0, ready, stop)
