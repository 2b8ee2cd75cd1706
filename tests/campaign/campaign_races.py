"""Races: many processes want the same intents of one ledger at once, and many runs want to start on it."""

import json
import os
import random as chance
import sqlite3
import tempfile
import time
import traceback
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import books_checker
from campaign_episode import start_venue, stop_venue
from campaign_trader import Place, open_venue

from engine.errors import LedgerError
from engine.ledger.ledger import DuplicateIntent, Ledger
from engine.matching.events import VenueOrder
from engine.records.ids import client_id, intent_key

WINDOW_MS = 60_000


@dataclass
class Raced:
    """What came of a race: intents, how many processes wanted each, orders that arrived, and what was broken."""

    seed: str
    intents: int
    processes: int
    wins: int = 0
    starts: int = 0
    broken: list[tuple[str, str]] | None = None


def race(seed: str, intents: int, market: str, before: Callable[[], None] = lambda: None) -> Raced:
    """Has 2 to 16 processes reserve and send the same intents; each must arrive once."""
    random = chance.Random(seed)
    raced = Raced(seed, intents, random.randint(2, 16), broken=[])
    assert raced.broken is not None
    with tempfile.TemporaryDirectory(prefix="race-") as name:
        pid, told = start_venue(random.randrange(1 << 30))
        try:
            place = Place.of(market, told, Path(name))
            Ledger.open(place.ledger, mode="live", venue=place.venue, account="campaign").close()
            wanted = list(_orders(place.venue, random, intents))
            begin = time.time() + 2.0
            pids = [_fork(lambda: _racer(place, wanted, begin, before)) for _ in range(raced.processes)]
            for one in pids:
                _, status = os.waitpid(one, 0)
                if status:
                    raced.broken.append(("crash", f"a racer ended with {os.waitstatus_to_exitcode(status)}"))
            raced.broken += _checked(place, told["rest"], wanted, raced)
        finally:
            stop_venue(pid)
    return raced


def _orders(venue: str, random: chance.Random, count: int) -> Iterator[tuple[str, VenueOrder]]:
    now = int(time.time() * 1000)
    for number in range(count):
        key = intent_key("race", venue, "XRPUSDT", "buy", "entry", now + number, str(random.random()))
        yield key, VenueOrder(
            client_id=client_id(key, 1), symbol="XRPUSDT", side="buy", order_type="market", qty=Decimal(5),
            sent_at=now + 15_000,
        )  # fmt: skip


def _racer(place: Place, wanted: list[tuple[str, VenueOrder]], begin: float, before: Callable[[], None]) -> None:
    """Takes what it can get and sends it; what it does not get it leaves alone."""
    before()
    ledger = Ledger.open(place.ledger, mode="live", venue=place.venue, account="campaign", lease=False)
    venue = open_venue(place)
    venue.start([])
    while not venue.syncing.recovered and time.time() < begin:
        time.sleep(0.02)  # entries leave when the account was looked at
    time.sleep(max(0.0, begin - time.time()))
    for key, order in wanted:
        try:
            ledger.reserve(key, order.client_id, order.sent_at, WINDOW_MS)
            ledger.commit()
        except (DuplicateIntent, LedgerError):
            continue  # somebody has it, or nothing was written: either way it is not sent
        venue.send(order)
    end = time.monotonic() + 60
    while venue.tracker.open and time.monotonic() < end:
        time.sleep(0.02)
        venue.drain()
    venue.close()
    ledger.close()


def _checked(
    place: Place, rest: str, wanted: list[tuple[str, VenueOrder]], raced: Raced
) -> Iterator[books_checker.Broken]:
    """Counts by the venue's arrivals and by the file itself.

    Fewer than one is no fault: a budget or a busy ledger may keep an order back, and then nothing of it left.
    """
    with urllib.request.urlopen(f"{rest}/venue/requests", timeout=60) as answer:
        arrivals = [json.loads(line) for line in answer.read().splitlines()]
    counts: dict[str, int] = {}
    for _, asked in books_checker.placed(arrivals):
        counts[asked["newClientOrderId"]] = counts.get(asked["newClientOrderId"], 0) + 1
    with closing(sqlite3.connect(place.ledger)) as db:
        reserved = dict(db.execute("SELECT client_id, intent_key FROM reservations"))
    for key, order in wanted:
        count = counts.get(order.client_id, 0)
        if count > 1 or (count and reserved.get(order.client_id) != key):
            yield "raced", f"intent {key[:12]} arrived {count} times"
    raced.wins = sum(counts.values())
    if raced.wins < raced.intents * 0.5:
        yield "idle", f"only {raced.wins} of {raced.intents} orders arrived"


def starts(seed: str, count: int = 8) -> Raced:
    """Starts so many runs on one ledger at once: one gets it. It is killed, and the next has it within 5 s."""
    raced = Raced(seed, 0, count, starts=count, broken=[])
    assert raced.broken is not None
    with tempfile.TemporaryDirectory(prefix="starts-") as name:
        path = Path(name) / "live.db"
        reading, writing = os.pipe()
        begin = time.time() + 0.2
        pids = [_fork(lambda: _starter(path, begin, writing)) for _ in range(count)]
        os.close(writing)
        with os.fdopen(reading, "rb") as told:
            time.sleep(max(0.0, begin - time.time()) + 1.5)
            answers = [os.read(told.fileno(), 6) for _ in range(count)]
            winners = [int(one) for one in answers if one.strip() != b"0"]
            if len(winners) != 1:
                raced.broken.append(("lease", f"{len(winners)} of {count} runs have the ledger"))
            for one in winners:
                os.kill(one, 9)
            began = time.monotonic()
            Ledger.open(path, mode="live", venue="binance-usdm", account="campaign").close()
            if time.monotonic() - began > 5:
                raced.broken.append(("lease", "a killed run kept the ledger for more than 5 s"))
        for one in pids:
            os.waitpid(one, 0)
    return raced


def _starter(path: Path, begin: float, writing: int) -> None:
    time.sleep(max(0.0, begin - time.time()))
    try:
        ledger = Ledger.open(path, mode="live", venue="binance-usdm", account="campaign")
    except LedgerError:
        os.write(writing, b"0     ")
        return
    os.write(writing, f"{os.getpid():<6}".encode())
    time.sleep(30)
    ledger.close()


def _fork(work: Callable[[], None]) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        work()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


__all__ = ["Raced", "race", "starts"]
