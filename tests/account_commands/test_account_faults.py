"""What a command that asks the account says and ends with, for each way in which the exchange may fail it."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from hot_runs import Said

from engine.world.loopback.faults.script import Fault
from engine.world.loopback.serving import Serving

Hot = Callable[..., Said]
ACCOUNT = "GET /api/v3/account"


def arm(venue: Serving, **fault: Any) -> None:
    venue.do(lambda one: one.faults.add(Fault(on=ACCOUNT, after_s=one.clock.up_s(), **fault)))


def arrived(venue: Serving) -> int:
    return venue.do(lambda one: one.journal.count)


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("-2014", 77), ("-2015", 77), ("403", 77), ("451", 77), ("html", 69), ("empty", 69), ("wrong_type", 69),
        ("bomb", 69), ("cut", 69), ("reset_before", 69), ("502", 69), ("-1021", 69),
    ],
)  # fmt: skip
def test_a_failure_is_one_line_and_its_exit_code(pointed: Serving, hot: Hot, fault: str, code: int) -> None:
    arm(pointed, fault=fault, times=9)
    said = hot("balance")
    assert said.code == code, said.err
    assert said.out == ""
    assert len(said.err.splitlines()) <= 2 and "Traceback" not in said.err
    assert "127.0.0.1" in said.err
    assert pointed.key not in said.err and pointed.secret not in said.err


@pytest.mark.parametrize(("fault", "words"), [("429", "nothing more until"), ("418", "banned")])
def test_a_wait_is_told_with_its_end_and_the_next_command_asks_nothing(
    pointed: Serving, hot: Hot, fault: str, words: str
) -> None:
    arm(pointed, fault=fault, seconds=60.0)
    first = hot("balance")
    assert first.code == 69 and words in first.err and "UTC" in first.err
    asked, began = arrived(pointed), time.monotonic()
    for command in ("balance", "price", "symbols"):
        again = hot(command)
        assert again.code == 69 and "UTC" in again.err, again.err
    assert arrived(pointed) == asked
    assert time.monotonic() - began < 30
