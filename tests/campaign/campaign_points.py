"""Named points at which a trader's process is killed: each wraps one step of the client, in a child that will die."""

import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

from engine.ledger import checkpoints
from engine.ledger.ledger import Ledger
from engine.runs.keeper import Keeper
from engine.runs.stream import KeptStream
from engine.world.account.spot import BinanceSpotAccount
from engine.world.account.usdm import BinanceUsdmAccount
from engine.world.recording_writer import RecordingWriter
from engine.world.venues.live.lookups import Lookups
from engine.world.venues.live.syncing import Syncing
from engine.world.venues.live.tracker import Tracker
from engine.world.venues.live.venue import LiveVenue

ACCOUNTS = (BinanceSpotAccount, BinanceUsdmAccount)
Where = tuple[tuple[type | Any, ...], str]
#: Step by name: whose it is, and what it is called.
STEPS: dict[str, Where] = {
    "intent": ((Keeper,), "before_send"),
    "reserve": ((Ledger,), "reserve"),
    "commit": ((Ledger,), "commit"),
    "send": (ACCOUNTS, "place"),
    "cancel": (ACCOUNTS, "cancel"),
    "question": (ACCOUNTS, "order"),
    "answer": ((Tracker,), "hear_order"),
    "execution": ((Tracker,), "hear_trade"),
    "drain": ((LiveVenue,), "drain"),
    "told": ((KeptStream,), "_told"),
    "record": ((RecordingWriter,), "flush"),
    "lookup": ((Lookups,), "ask"),
    "recovery": ((LiveVenue,), "start"),
    "sync": ((Syncing,), "_sync"),
    "sync_orders": ((Syncing,), "_look_at_orders"),
    "sync_holdings": ((Syncing,), "_look_at_holdings"),
    "checkpoint": ((Ledger,), "save_checkpoint"),
    "in_checkpoint": ((checkpoints,), "save"),
    "close": ((KeptStream,), "close"),
}
#: The points: before and after each step, and while a request is on its way.
POINTS = (*(f"{when}_{step}" for step in STEPS for when in ("before", "after")), "during_send", "during_cancel")


def arm(point: str, passes: int, wait_s: float = 0.002) -> None:
    """Has this process killed when it comes to a point for the `passes`-th time; during a request, `wait_s` into it."""
    when, _, step = point.partition("_")
    owners, name = STEPS[step]
    left = [passes]
    for owner in owners:
        setattr(owner, name, _wrapped(getattr(owner, name), when, left, wait_s))


def _wrapped(step: Callable[..., Any], when: str, left: list[int], wait_s: float) -> Callable[..., Any]:
    def carry_out(*args: Any, **kwargs: Any) -> Any:
        left[0] -= 1
        now = left[0] == 0
        if now and when == "before":
            die()
        if now and when == "during":
            threading.Thread(target=_die_later, args=(wait_s,), daemon=True).start()
        done = step(*args, **kwargs)
        if now and when == "after":
            die()
        return done

    return carry_out


def _die_later(wait_s: float) -> None:
    time.sleep(wait_s)
    die()


def die() -> None:
    """Ends this process as a power cut would."""
    os.kill(os.getpid(), signal.SIGKILL)
