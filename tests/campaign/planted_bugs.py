"""Bugs that are planted in a trader, to see that the checker bites: each must be told by one of its invariants.

python tests/campaign/planted_bugs.py
"""

import argparse
import os
import sys
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import books_checker
import campaign_trader
from campaign_episode import Plan, play
from campaign_points import ACCOUNTS
from campaign_races import race
from campaign_trader import warm
from msgspec.structs import replace as changed

from engine.errors import HotError
from engine.ledger import reservations
from engine.ledger.chain import seal
from engine.ledger.ledger import Ledger
from engine.matching.events import VenueOrder
from engine.runs.keeper import Keeper
from engine.runs.live import Trading
from engine.stages import desk
from engine.stages.effects import Leave
from engine.stages.live_order import LiveOrder
from engine.stages.protector import Protector
from engine.world.account import spot, usdm
from engine.world.binance.trouble import Doubtful
from engine.world.venues.live.lookups import Lookups
from engine.world.venues.live.tracker import Tracker
from engine.world.venues.live.venue import LiveVenue


@dataclass(frozen=True)
class Bug:
    """A bug: how it is planted, in which episode, and which invariants may tell of it."""

    name: str
    plant: Callable[[], None]
    plan: Plan
    told_by: frozenset[str]


def plant(owner: Any, name: str, bug: Callable[..., Any]) -> None:
    """Puts a bug in the place of a method; raises AttributeError where there is none to replace."""
    getattr(owner, name)
    setattr(owner, name, bug)


def _told(*names: str) -> frozenset[str]:
    return frozenset(names)


def _each_account(name: str, wrap: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    for owner in ACCOUNTS:
        setattr(owner, name, wrap(getattr(owner, name)))


def resend_on_timeout() -> None:
    def wrap(place: Callable[..., Any]) -> Callable[..., Any]:
        def again(self: Any, order: VenueOrder, **how: Any) -> Any:
            try:
                return place(self, order, **how)
            except Doubtful:
                return place(self, order, **how)

        return again

    _each_account("place", wrap)


def new_id_on_timeout() -> None:
    def wrap(place: Callable[..., Any]) -> Callable[..., Any]:
        def again(self: Any, order: VenueOrder, **how: Any) -> Any:
            try:
                return place(self, order, **how)
            except Doubtful:
                return place(self, changed(order, client_id="h" + order.client_id[:0:-1]), **how)

        return again

    _each_account("place", wrap)


def send_what_was_sent_before() -> None:
    started = LiveVenue.start

    def start(self: LiveVenue, sent: Any) -> None:
        started(self, sent)
        for one in sent:
            self.send(one.order)

    plant(LiveVenue, "start", start)


def drop_what_is_in_doubt() -> None:
    def doubt(self: Tracker, client_id: str, code: str) -> None:
        self.reject(client_id, code)

    plant(Tracker, "doubt", doubt)


def take_a_failed_question_for_absence() -> None:
    def ask(self: Lookups, order: Any) -> None:
        try:
            news = self._hub.account.order(order.symbol, order.client_id, conditional=order.conditional)
        except HotError:
            self._hub.tracker.never(order.client_id)
            return
        if news is None:
            self._absent(order)
        else:
            self._hub.hear(news)
            self._executions(order)

    plant(Lookups, "ask", ask)


def believe_the_first_absence() -> None:
    def absent(self: Lookups, order: Any) -> None:
        with self._hub.lock:
            self._hub.tracker.never(order.client_id)

    plant(Lookups, "_absent", absent)


def let_doubts_wait() -> None:
    look = Lookups.look

    def late(self: Lookups) -> None:
        now = self._hub.mono()
        for one in self._hub.tracker.open.values():
            if one.doubtful and now - one.followed_at < WAITED_S:
                one.ask_at, one.asked = one.followed_at + WAITED_S, max(one.asked, 1)
        look(self)

    plant(Lookups, "look", late)


def book_every_telling() -> None:
    def book(self: Tracker, key: tuple[str, str]) -> bool:
        return True

    told = Tracker.hear_trade

    def hear_trade(self: Tracker, trade: Any) -> bool:
        self._booked.clear()
        return told(self, trade)

    plant(Tracker, "_is_new", book)
    plant(Tracker, "hear_trade", hear_trade)


def book_the_first_execution_only() -> None:
    def finish(self: Tracker, found: Any) -> None:
        if found.filled or found.ends is not None:
            self._end(found.client_id, "filled" if found.filled else found.ends.status, None)

    plant(Tracker, "_finish", finish)


def send_no_stop() -> None:
    def look(self: Protector, symbol: str, at: int) -> list[Any]:
        return []

    plant(Protector, "look", look)
    campaign_trader.PLAN = changed(campaign_trader.PLAN, hold_max_s=14, stop_pct=3)


def leave_stops_behind() -> None:
    cancel = Protector._cancel

    def forget(self: Protector, symbol: str, legs: Any) -> list[Any]:
        if symbol in self.order.desk.state.books:
            return cancel(self, symbol, legs)
        self.order.state.protection.resting.pop(symbol, None)
        return []

    stop_of = usdm.BinanceUsdmAccount._stop

    def by_quantity(self: Any, order: VenueOrder) -> Any:
        # One that closes the whole position the exchange cancels by itself.
        return stop_of(self, changed(order, closes=False))

    plant(Protector, "_cancel", forget)
    plant(usdm.BinanceUsdmAccount, "_stop", by_quantity)


def write_after_send() -> None:
    def before_send(self: Keeper, records: Any, attempt: Any) -> Leave:
        known = self.catching_up
        for record in records:
            self.keep_record(record)
        return Leave(known=known)

    plant(Keeper, "before_send", before_send)


def take_what_is_taken() -> None:
    def reserve(db: Any, intent_key: str, client_id: str, at: int, window_ms: int) -> None:
        values = (client_id, intent_key, at, window_ms, "freed")
        columns = "client_id, intent_key, at, window_ms, state, seal"
        db.run(f"INSERT OR REPLACE INTO reservations({columns}) VALUES (?, ?, ?, ?, ?, ?)", (*values, seal(*values)))

    reservations.reserve = reserve


def cross_zero() -> None:
    made = usdm._ticket

    def ticket(order: VenueOrder) -> Any:
        return made(changed(order, closes=False, qty=order.qty * 2) if order.closes else order)

    usdm._ticket = ticket


def ignore_base_fees() -> None:
    told = LiveOrder.executed_of

    def executed(self: LiveOrder, one: Any) -> Any:
        return changed(told(self, one), fee_base=Decimal(0))

    plant(LiveOrder, "executed_of", executed)


def ignore_the_governor() -> None:
    plant(Trading, "passed_cap", lambda self, attempt: None)


def enter_in_any_state() -> None:
    plant(desk.Desk, "_engine_now", lambda self, mono: ("tradeable", ""))


def round_nothing() -> None:
    ticket = spot.BinanceSpotAccount._ticket

    def off_grid(self: Any, order: VenueOrder) -> Any:
        return ticket(self, changed(order, qty=order.qty + Decimal("0.00000007")))

    plant(spot.BinanceSpotAccount, "_ticket", off_grid)


def edit_a_row() -> None:
    commit = Ledger.commit

    def edited(self: Ledger) -> Any:
        done = commit(self)
        if done.seq > 30:
            with self._db.transaction():
                self._db.run("DROP TRIGGER IF EXISTS records_stay")
                self._db.run("UPDATE records SET line = line || ' ' WHERE seq = 5 AND line NOT LIKE '% '")
        return done

    plant(Ledger, "commit", edited)


def settle_nothing() -> None:
    plant(Keeper, "settle", lambda self, intent_key, executed: None)


#: More than half a minute after the storm, and less than an episode waits for its end.
WAITED_S = 38.0
#: Faults go on for as long as a storm.
STORM_S = 20
USDM, SPOT = Plan(market="usdm", storm_s=STORM_S, kills=False), Plan(market="spot", storm_s=STORM_S, kills=False)
DOUBT = ({"fault": "503_unknown", "on": "POST /*rder", "times": 0, "chance": 0.5, "for_s": STORM_S},)
LOST = ({"fault": "drop", "on": "POST /*rder", "times": 0, "chance": 0.5, "for_s": STORM_S},)
DEAF = ({"fault": "never", "on": "user", "times": 0, "for_s": STORM_S},)
UNREAD = ({"fault": "502", "on": "GET /*/order", "times": 0, "chance": 0.7, "for_s": STORM_S},)
HIDDEN = ({"fault": "hide", "seconds": 3.0}, {"fault": "hide", "seconds": 0.0, "after_s": STORM_S})
TWICE = ({"fault": "twice", "on": "user", "times": 0, "for_s": STORM_S},)
LOW = books_checker.Caps(2, Decimal(100_000), 8)

BUGS = (
    Bug("resend on timeout", resend_on_timeout, replace(USDM, script=DOUBT), _told("twice")),
    Bug("resend under a new id", new_id_on_timeout, replace(USDM, script=DOUBT), _told("intent")),
    Bug("send again after a restart", send_what_was_sent_before,
        replace(USDM, kills=True, point="during_send"), _told("twice")),
    Bug("drop what is in doubt", drop_what_is_in_doubt, replace(USDM, script=DOUBT + DEAF), _told("lost", "fill")),
    Bug("a failed question is absence", take_a_failed_question_for_absence,
        replace(USDM, script=LOST + UNREAD + DEAF), _told("lost", "fill")),
    Bug("one 'no such order' is absence", believe_the_first_absence,
        replace(USDM, script=DOUBT + HIDDEN + DEAF), _told("lost", "fill")),
    Bug("doubts wait", let_doubts_wait, replace(USDM, script=DOUBT + DEAF), _told("lingers")),
    Bug("no dedupe of fills", book_every_telling, replace(USDM, script=TWICE), _told("fill", "position")),
    Bug("first execution only", book_the_first_execution_only, SPOT, _told("fill", "position")),
    Bug("no protective stop", send_no_stop, replace(SPOT, storm_s=25), _told("protection")),
    Bug("stops are left behind", leave_stops_behind, USDM, _told("orphan", "doubt", "crossed")),
    Bug("write after send", write_after_send, replace(USDM, kills=True, point="after_send"), _told("intent")),
    Bug("cross zero", cross_zero, USDM, _told("crossed", "position")),
    Bug("base fees are ignored", ignore_base_fees, SPOT, _told("position")),
    Bug("no governor", ignore_the_governor, replace(USDM, caps=LOW, sets=("governor.entries_per_minute=2",)),
        _told("caps")),
    Bug("entries in any state", enter_in_any_state, replace(USDM, kills=True), _told("state")),
    Bug("quantities off the grid", round_nothing, SPOT, _told("filters")),
    Bug("an edited row", edit_a_row, USDM, _told("chain", "crash")),
    Bug("reservations are never settled", settle_nothing, USDM, _told("doubt")),
)  # fmt: skip
RACED = "a reservation is taken twice"


def lasting(plan: Plan, storm_s: float) -> Plan:
    """Gives a plan with all its times drawn out, or together, as a storm of so many seconds needs."""
    share = storm_s / STORM_S
    script = tuple(
        {key: value * share if key in ("for_s", "after_s") else value for key, value in one.items()}
        for one in plan.script
    )
    return replace(plan, storm_s=plan.storm_s * share, script=script)


def bite(bug: Bug, storm_s: float) -> tuple[bool, str]:
    """Plays a bug's episode; says whether one of its invariants told of it, and which ones did."""
    found = play(f"bite/{bug.name}", replace(lasting(bug.plan, storm_s), before=bug.plant))
    names = sorted({name for name, _ in found.broken})
    return bool(bug.told_by & set(names)), f"{', '.join(names)} ({found.orders} orders)"


def bite_race() -> tuple[bool, str]:
    """Races with reservations that hold nobody off."""
    names = sorted({name for name, _ in race("bite/race", 40, "usdm", take_what_is_taken).broken or []})
    return "raced" in names, ", ".join(names)


def main() -> int:
    """Plants every bug, some at once, and prints a table; gives 1 where one was not told of."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lanes", type=int, default=4, help="bugs at once")
    parser.add_argument("--storm", type=float, default=STORM_S, help="seconds of an episode's storm")
    parser.add_argument("--only", nargs="+", default=[""], help="parts of bugs' names")
    args = parser.parse_args()
    warm()
    jobs: dict[str, Callable[[], tuple[bool, str]]] = {one.name: partial(bite, one, args.storm) for one in BUGS}
    jobs[RACED] = bite_race
    wanted = [name for name in jobs if any(one in name for one in args.only)]
    missed = 0
    with tempfile.TemporaryDirectory() as folder:
        running: dict[int, str] = {}
        while wanted or running:
            while wanted and len(running) < args.lanes:
                name = wanted.pop(0)
                running[_fork(jobs[name], Path(folder) / name.replace("/", "-"))] = name
            pid, _ = os.waitpid(-1, 0)
            if pid not in running:
                continue
            name = running.pop(pid)
            answer = Path(folder) / name.replace("/", "-")
            told, words = (answer.read_text() if answer.exists() else "0 died").split(" ", 1)
            missed += told == "0"
            sys.stdout.write(f"{'caught' if told == '1' else 'MISSED'}  {name:34}  {words}\n")
            sys.stdout.flush()
    return int(missed > 0)


def _fork(work: Callable[[], tuple[bool, str]], answer: Path) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        told, words = work()
        answer.write_text(f"{int(told)} {words}")
    except Exception:  # whatever it is: a fork must not go on as its parent would, and the table says that it died
        traceback.print_exc()
    finally:
        os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
