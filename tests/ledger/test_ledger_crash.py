"""Crashes: what was acknowledged is there, what was not is there whole or not at all."""

import random
import signal
import sys
import time

import pytest
from ledger_lines import anomaly, counted

from engine.ledger.db import connect
from engine.ledger.ledger import Ledger
from engine.ledger.verify import verify

WRITE = """
import sys
from engine.ledger.ledger import Ledger
ledger = Ledger.open(sys.argv[1])
number = ledger.head.seq
while True:
    for kind in (b"anomaly", b"anomaly", b"order_attempt"):
        number += 1
        ledger.append(b'{"kind":"%s","at":%d,"symbol":"AUSDT","client_id":"h%d"}' % (kind, number, number))
    ledger.reserve(f"key {number}", f"h{number}", number, 60_000)
    if number % 60 == 0:
        ledger.commit()
        ledger.save_checkpoint(number, number, "1", b"state" * 1000)
    head = ledger.commit()
    print(head.seq, flush=True)
"""


def test_a_kill_at_any_instant_loses_nothing_that_was_acknowledged(path, spawn):
    dice = random.Random(5)
    for _ in range(counted(8, 200)):
        run = spawn(WRITE, path)
        said = int(run.stdout.readline())
        time.sleep(dice.random() * 0.15)
        run.send_signal(signal.SIGKILL)
        said = max([said, *(int(line) for line in run.stdout.read().split("\n")[:-1] if line)])
        run.wait()
        verdict = verify(path)
        assert verdict.ok
        # One more than was said may have become durable before the kill.
        assert verdict.rows in (said, said + 3)
        with Ledger.read(path) as ledger:
            assert len(ledger.unresolved()) == verdict.rows // 3


FILL_UP = """
import resource, sys
from engine.errors import LedgerError
from engine.ledger.ledger import Ledger

def line(number):
    return b'{"kind":"order_attempt","at":%d,"client_id":"h%d","pad":"%s"}' % (number, number, b"x" * 300)

for limit in sys.argv[2:]:
    path = f"{sys.argv[1]}/{limit}.db"
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    with Ledger.open(path) as ledger:
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), hard))
        number, refused = 0, 0
        while refused < 3 and number < 20_000:
            try:
                ledger.append(line(number))
                ledger.append(line(number))
                ledger.reserve(f"key {number}", f"h{number}", number, 1)
                ledger.commit()
                number += 1
            except LedgerError as error:
                assert "disk" in str(error) and "\\n" not in str(error), error
                refused += 1
        full = ledger.head.seq
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        ledger.append(line(number))
        ledger.reserve(f"key {number}", f"h{number}", number, 1)
        print(limit, number, refused, full, ledger.commit().seq, flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs RLIMIT_FSIZE")
def test_a_full_disk_writes_nothing_by_half_and_goes_on_when_there_is_space(tmp_path, spawn):
    dice = random.Random(3)
    limits = sorted({dice.randrange(250_000, 900_000) for _ in range(counted(8, 200))})
    run = spawn(FILL_UP, tmp_path, *limits)
    out, err = run.communicate()
    assert run.returncode == 0, err
    for said in out.splitlines():
        limit, acknowledged, refused, full, after = map(int, said.split())
        assert refused == 3
        assert full == 2 * acknowledged
        assert after == full + 1
        assert verify(tmp_path / f"{limit}.db").ok
        with Ledger.read(tmp_path / f"{limit}.db") as ledger:
            assert len(ledger.unresolved()) == acknowledged + 1
    assert len(out.splitlines()) == len(limits)


NO_ROOM = """
import os, resource, sys
from engine.errors import HotError
from engine.ledger.ledger import Ledger
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    Ledger.open(sys.argv[1]).close()
    print("made")
except HotError as error:
    print(int(error.code), "\\n" in str(error))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs RLIMIT_FSIZE")
@pytest.mark.parametrize("limit", [1, 100, 4096, 20_000, 33_000, 60_000])
def test_a_ledger_that_cannot_be_made_for_want_of_space_can_be_made_later(path, spawn, limit):
    out, err = spawn(NO_ROOM, path, limit).communicate()
    assert out in ("74 False\n", "made\n"), err
    with Ledger.open(path) as ledger:
        ledger.append(anomaly(1))
    assert verify(path).ok


HOLD_LOCK = """
import sys, time
from pathlib import Path
from engine.ledger.db import connect
with connect(Path(sys.argv[1])) as db:
    db.begin()
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""


def test_a_commit_waits_for_another_writer(path, spawn):
    with Ledger.open(path) as ledger:
        other = spawn(HOLD_LOCK, path, 0.7)
        other.stdout.readline()
        started = time.monotonic()
        ledger.append(anomaly(1))
        ledger.commit()
        assert 0.3 < time.monotonic() - started < 30
        assert ledger.head.seq == 1


def test_a_reader_that_pauses_does_not_hold_the_log_back(path):
    with Ledger.open(path) as ledger:
        for number in range(2000):
            ledger.append(anomaly(number))
        ledger.commit()
        with Ledger.read(path) as reader:
            reading = reader.lines()
            next(reading)
            for number in range(1500):
                ledger.append(anomaly(number, "X" * 30))
                ledger.commit()
            assert ledger.wal_bytes < 5_000_000
            assert sum(1 for _ in reading) == 1999
    with connect(path, readonly=True) as db:
        assert db.row("SELECT count(*) FROM records") == (3500,)
