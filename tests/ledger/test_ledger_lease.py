"""The lease: one writing run at a time, and none that outlives its process."""

import os
import signal
import time

import pytest
from ledger_lines import counted, tick

from engine.errors import LedgerError
from engine.ledger.lease import lease_holder
from engine.ledger.ledger import Ledger

HOLD = """
import sys
from engine.errors import LedgerError
from engine.ledger.ledger import Ledger
sys.stdin.readline()
try:
    with Ledger.open(sys.argv[1]) as ledger:
        print("runs", flush=True)
        sys.stdin.readline()
except LedgerError as error:
    print(error, flush=True)
"""


def test_the_second_run_is_told_who_the_first_is(path):
    with Ledger.open(path):
        holder = lease_holder(path)
        assert holder.pid == os.getpid()
        with pytest.raises(LedgerError, match=rf"pid {os.getpid()}, started {holder.started}"):
            Ledger.open(path)
        with Ledger.read(path) as reader:
            assert f'"pid": {os.getpid()}' in reader.notes()["lease"]
    assert lease_holder(path) is None
    Ledger.open(path).close()


def test_a_link_to_the_ledger_has_the_same_lease(path):
    with Ledger.open(path):
        other = path.with_name("other.db")
        other.symlink_to(path)
        with pytest.raises(LedgerError, match="another run"):
            Ledger.open(other)


def test_of_eight_runs_started_at_once_one_runs(path, spawn):
    for _ in range(counted(2, 20)):
        runs = [spawn(HOLD, path) for _ in range(8)]
        for run in runs:
            run.stdin.write("\n")
            run.stdin.flush()
        said = [run.stdout.readline() for run in runs]
        assert said.count("runs\n") == 1
        assert sum("another run is writing to it (pid" in line for line in said) == 7
        for run in runs:
            run.communicate("\n")


def test_a_killed_run_frees_its_lease_at_once(path, spawn):
    run = spawn(HOLD, path)
    run.stdin.write("\n")
    run.stdin.flush()
    assert run.stdout.readline() == "runs\n"
    assert lease_holder(path).pid == run.pid
    run.send_signal(signal.SIGKILL)
    run.wait()
    started = time.monotonic()
    with Ledger.open(path) as ledger:
        ledger.append(tick(1))
    assert time.monotonic() - started < 30


FORK = """
import os, sys, time
from engine.ledger.ledger import Ledger
ledger = Ledger.open(sys.argv[1])
child = os.fork()
if child == 0:
    time.sleep(60)
    os._exit(0)
print(child, flush=True)
sys.stdin.readline()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_worker_does_not_keep_the_lease_of_its_killed_parent(path, spawn):
    run = spawn(FORK, path)
    child = int(run.stdout.readline())
    time.sleep(0.2)
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    try:
        Ledger.open(path).close()
    finally:
        os.kill(child, signal.SIGKILL)
