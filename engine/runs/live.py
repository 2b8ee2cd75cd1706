"""Live trading: an account behind the order stage, and what of an earlier life has to be looked up."""

import math
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec

from engine.errors import Bug, ConfigError
from engine.ledger.lease import Lease, take_account_lease
from engine.ledger.ledger import Ledger
from engine.matching.units import plain
from engine.records.account import Execution
from engine.records.base import Record
from engine.records.trades import Fill, OrderAttempt
from engine.records.wire import decode
from engine.runs.account_now import ACCOUNT_NOTE, AccountNow
from engine.runs.ballast import Ballast
from engine.runs.data import data_dir
from engine.runs.emergency_journal import closes_of
from engine.runs.governor import GovernorSettings, passed_cap
from engine.runs.settings import Settings
from engine.stages.account_order import LiveSetup, order_of
from engine.stages.order import Order
from engine.world.account.account import Account
from engine.world.account.settings import AccountTerms
from engine.world.venues.live.known import Known, Ours
from engine.world.venues.live.venue import LiveVenue, Sent

FUTURES = "usdm"
#: Room on the disk is looked for so often, in seconds; the scope of what it stands in the way of.
ROOM_EVERY_S = 30.0
ROOM = "ledger"


def setup_of(settings: Settings, venue: str) -> LiveSetup:
    """Gives what a live order stage knows of its account."""
    return LiveSetup(
        locks=not venue.endswith(FUTURES), strategy=settings.signal.strategy, plan=settings.strategy.exits()
    )


def desk_account(settings: Settings) -> AccountTerms:
    """Gives how the account is held: its settings, with the quote asset and the leverage of the desk."""
    return AccountTerms(
        **msgspec.structs.asdict(settings.account), quote=settings.desk.quote_asset, leverage=settings.desk.leverage
    )


def open_live(
    settings: Settings, venue: str, path: Path, say: Callable[[str], None], skip_step: str | None = None
) -> tuple[Ledger, "Trading"]:
    """Opens the ledger and the account of a run that may enter, when the gate is passed; no order is sent yet.

    Raises Refused, ConfigError, KeyRefused or VenueError for what stands in the way.
    """
    from engine.runs.gate import check_switches, pass_gate
    from engine.runs.rollout import check_caps, within_step

    check_switches(settings)
    check_caps(settings)
    ledger, trading = open_trading(settings, venue, path, say, within_step(settings))
    try:
        pass_gate(settings, venue, ledger, say, skip_step)
    except BaseException:
        trading.close()
        ledger.close()
        raise
    return ledger, trading


def open_trading(
    settings: Settings, venue: str, path: Path, say: Callable[[str], None], caps: GovernorSettings | None = None
) -> tuple[Ledger, "Trading"]:
    """Opens the ledger and the account of whoever only looks after what is there; says what is odd about the key.

    `caps` take the place of the governor's settings.

    Raises KeyRefused for a key that may withdraw or not trade, ConfigError for a ledger of another mode, venue or
    account, LedgerError while another run trades on the account, before anything is asked of the exchange.
    """
    if settings.orders.dead_man_s and not venue.endswith(FUTURES):
        raise ConfigError(f"{venue} cancels no orders by itself: orders.dead_man_s is for futures; set it to 0")
    from engine.runs.lookup import where_of
    from engine.world.account.opening import open_account
    from engine.world.binance.keys import load_key

    key = load_key(settings.live.key)
    ledger = open_ledger(settings, venue, path)
    account = lease = None
    try:
        lease = take_account_lease(data_dir(), venue, key.mark)
        account = open_account(
            venue, where_of(settings), data_dir(), key, desk_account(settings), breaker=settings.breaker
        )
        for warning in account.check_key():
            say(f"warning: {warning}")
        return ledger, Trading(account, settings, ledger, lease, caps, Ballast(path))
    except BaseException:
        if account is not None:
            account.close()
        if lease is not None:
            lease.release()
        ledger.close()
        raise


def open_ledger(settings: Settings, venue: str, path: Path) -> Ledger:
    """Opens the ledger of the account that the settings name; raises ConfigError for one of another account."""
    from engine.world.binance.keys import load_key

    return Ledger.open(path, mode="live", venue=venue, account=load_key(settings.live.key).mark)


class Trading:
    """One account that a run trades on. `facts` is asked whenever the market's stream moves."""

    def __init__(
        self, account: Account, settings: Settings, ledger: Ledger, lease: Lease | None = None,
        caps: GovernorSettings | None = None, ballast: Ballast | None = None,
    ) -> None:  # fmt: skip
        """Sends nothing before `start`; `lease` keeps other runs off the account, until `close`.

        `caps` take the place of the governor's settings. Without its `ballast`, where one is given, nothing is entered.
        """
        self._ballast, self._room_due = ballast, math.inf
        self._caps = caps if caps is not None else settings.governor
        self.setup = setup_of(settings, account.venue)
        self._ours = Ours()
        known = Known(
            booked=_booked(ledger), own=_own(ledger), ours=lambda: self._ours,
            adopts=account.venue.endswith(FUTURES) or settings.live.adopt_spot,
            emergencies=partial(closes_of, ledger.path),
        )  # fmt: skip
        self.venue = LiveVenue(account, settings.orders, known)
        self._ledger, self._lease = ledger, lease
        self._order: Order | None = None
        self._told = b""

    def follow(self, order: Order) -> None:
        """Takes the order stage whose orders go to the account."""
        self._order = order

    def recorded(self, fact: Record) -> None:
        """Takes note of an execution that was told before.

        A kill may have left it in the recording alone: then its fill is booked as it is thought again, and the ledger
        did not have it when this life began.
        """
        if isinstance(fact, Execution):
            self.venue.tracker.was_told(fact.symbol, fact.trade_id)

    def start(self) -> None:
        """Begins to act, when everything that was recorded has been thought again."""
        self._note()
        self._room_due = 0.0
        for legs in self._known().state.protection.resting.values():
            for one in legs.values():
                if one.leaving:
                    # A checkpoint may lie behind the cancel, which then is not thought again.
                    self.venue.cancel(one.client_id)
        self.venue.start([Sent(order_of(sent.attempt), sent.filled) for sent in self._known().state.sent.values()])

    def facts(self) -> list[Record]:
        """Gives what the account told since it was asked last; their times are still to be set."""
        self._note()
        self._tell_status()
        self._look_for_room()
        return self.venue.drain()

    def passed_cap(self, attempt: OrderAttempt) -> str | None:
        """Gives GOVERNOR for an attempt that passes a cap; nothing is entered from then on until `hot resume`."""
        cap = passed_cap(self._caps, self._ledger, attempt)
        if cap is None:
            return None
        self.venue.hub.tell_condition("governor", "blocked", f"governor_{cap}", needs_resume=True)
        return "GOVERNOR"

    @property
    def unprotected(self) -> tuple[str, ...]:
        """The positions without a working stop at the exchange, by symbol."""
        state = self._known().state
        return tuple(symbol for symbol in state.desk.books if symbol not in state.protection.guarded)

    @property
    def dust(self) -> tuple[str, ...]:
        """What closed positions left, by symbol: it is sold with the next position."""
        return tuple(f"{symbol} {plain(qty)}" for symbol, qty in sorted(self._known().state.dust.items()))

    @property
    def recovered(self) -> bool:
        """Says whether everything at the exchange has been compared once."""
        return self.venue.syncing.recovered

    def close(self) -> None:
        """Stops acting; what rests at the exchange stays there."""
        self.venue.close()
        if self._lease is not None:
            self._lease.release()

    def _note(self) -> None:
        """Leaves a picture of what is held for the account's threads."""
        state = self._known().state
        self._ours = Ours(
            {symbol: book.qty for symbol, book in state.desk.books.items()},
            dict(state.dust),
            dict(state.protection.bound),
        )

    def _look_for_room(self) -> None:
        """Tells when the ballast is gone, and when it is back: what it made room for are ways out."""
        now = time.monotonic()
        if self._ballast is None or now < self._room_due:
            return
        self._room_due = now + ROOM_EVERY_S
        is_blocked, has_room = ROOM in self._known().state.desk.conditions, self._ballast.keep()
        if is_blocked == has_room:
            self.venue.hub.tell_condition(ROOM, "ok" if has_room else "blocked", ROOM)

    def _tell_status(self) -> None:
        """Leaves in the ledger how the account stands, for `hot status`; written with the next commit."""
        conditions, held = self._known().state.desk.conditions, self._known().state.protection
        now = AccountNow(
            conditions=tuple(
                f"{one.state} ({one.reason})" + (", ends by hot resume" if one.needs_resume else "")
                for _, one in sorted(conditions.items())
            ),
            in_doubt=tuple(self.venue.doubts),
            unprotected=self.unprotected,
            stuck=tuple(sorted(held.stuck)),
            by_program=tuple(sorted(held.watched)),
            bound=tuple(f"{symbol} {plain(qty)}" for symbol, qty in sorted(held.bound.items())),
            dust=self.dust,
        )  # fmt: skip
        told = msgspec.json.encode(now)
        if told != self._told:
            self._told = told
            self._ledger.note(ACCOUNT_NOTE, told.decode())

    def _known(self) -> Order:
        if self._order is None:
            raise Bug("an account is traded on without an order stage")
        return self._order


def _booked(ledger: Ledger) -> list[tuple[str, str]]:
    """Gives the executions that the ledger has: (symbol, trade id)."""
    found: list[tuple[str, str]] = []
    for _, line in ledger.lines(kinds=["fill"]):
        record = decode(line)
        if isinstance(record, Fill):
            found.append((record.symbol, record.trade_id))
    return found


def _own(ledger: Ledger) -> list[str]:
    """Gives the client ids of every order that the ledger ever sent."""
    found: list[str] = []
    for _, line in ledger.lines(kinds=["order_attempt"]):
        record = decode(line)
        if isinstance(record, OrderAttempt):
            found.append(record.client_id)
    return found
