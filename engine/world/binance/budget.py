"""Budgets: what the exchange lets one address and one account ask, kept in a file that all processes share.

The file also holds what the exchange told us to wait for, so that a ban outlives a restart. Windows are the exchange's:
they begin at its full minutes, ten seconds and days, not at our first request.
"""

import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from engine.sqlite import code_of, refusal_of, sqlite
from engine.world.binance.answers import Hold
from engine.world.binance.breaker import BREAKER, CLOSED, OPEN, SHARES_PCT, WORDS, BreakerSettings, BreakerState, after
from engine.world.binance.trouble import Banned, Limited, Tripped, utc
from engine.world.sqlite import open_shared

if TYPE_CHECKING:
    from sqlite3 import Connection

#: Reads stop here, in percent of a budget; the rest is kept for orders.
READ_SHARE_PCT = 80
#: Emergency exits that may pass while the exchange has told us to wait (429), and how many of them may be questions
#: that an exit waits for; none passes a ban.
URGENT_MOST, URGENT_ASKS = 10, 5
#: Such questions may pass a budget that is used up so often a minute: comparisons of books must not starve them.
PRESSING_MOST = 120

_state = msgspec.json.Decoder(BreakerState)
_BUSY_S = 5.0
_COUNTED = re.compile(r"x-mbx-(used-weight|order-count)-([1-9][0-9]{0,2})([smhd])", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_INTERVALS = {"SECOND": 1, "MINUTE": 60, "HOUR": 3600, "DAY": 86_400}
_SCHEMA = """
CREATE TABLE IF NOT EXISTS used(
    owner TEXT, pool TEXT, seconds INTEGER, window INTEGER, used INTEGER, PRIMARY KEY(owner, pool, seconds)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS most(
    owner TEXT, pool TEXT, seconds INTEGER, most INTEGER, PRIMARY KEY(owner, pool, seconds)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS hold(
    owner TEXT PRIMARY KEY, until INTEGER, banned INTEGER, urgent INTEGER
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS breaker(owner TEXT PRIMARY KEY, state TEXT) WITHOUT ROWID;
"""


class Pool(NamedTuple):
    """A budget: its name, the length of its window, and whether each account has its own."""

    name: str
    seconds: int
    per_account: bool = False


WEIGHT = Pool("weight", 60)
#: Questions that passed a budget which was used up.
PRESSING = Pool("pressing", 60)
#: /futures/data has its own budget of requests, and so have funding rates; neither tells it in a header.
DATA = Pool("data", 300)
FUNDING = Pool("funding", 300)
ORDERS_10S = Pool("orders", 10, per_account=True)
ORDERS_MINUTE = Pool("orders", 60, per_account=True)
ORDERS_DAY = Pool("orders", 86_400, per_account=True)

#: What holds until exchangeInfo says otherwise.
SPOT_LIMITS: Mapping[Pool, int] = {WEIGHT: 6000, ORDERS_10S: 100, ORDERS_DAY: 200_000}
USDM_LIMITS: Mapping[Pool, int] = {WEIGHT: 2400, ORDERS_10S: 300, ORDERS_MINUTE: 1200, DATA: 1000, FUNDING: 500}


class Payer(NamedTuple):
    """Who asks: the host, the account's mark where there is one, and the limits that hold by default."""

    host: str
    mark: str
    limits: Mapping[Pool, int]

    def owner(self, pool: Pool) -> str:
        """Gives whose budget a pool is: the address's at this host, or the account's."""
        return f"{self.host} {self.mark}" if pool.per_account else self.host


class Budget:
    """The shared file. Every method is one short transaction; threads and processes may mix."""

    def __init__(self, path: Path | None, breaker: BreakerSettings = BREAKER) -> None:
        """Opens the file, making it where there is none; raises LedgerError. Without a path nothing is shared."""
        self.path, self._breaker_settings = path.absolute() if path is not None else Path(":memory:"), breaker
        self._lock = threading.Lock()
        with self._told():
            # Counters need not outlive a power cut, only a process: no sync on the way of an order.
            self._db: Connection = open_shared(self.path, _SCHEMA, _BUSY_S)

    def claim(
        self, payer: Payer, costs: Mapping[Pool, int], now_ms: int, *, order: bool, urgent: bool, asks: bool = False
    ) -> int | None:
        """Books what a request costs and gives None; or books nothing and gives when to try again (epoch ms).

        Reads may use 80 % of a budget, orders all of it, less where the breaker says so; urgent orders pass, and a few
        urgent questions. Raises Banned, or Limited while the exchange has told us to wait; a few urgent ones pass the
        latter. Raises Tripped for an order while the breaker is open; urgent ones pass it, and what only `asks` about
        an order does.
        """
        passes = (URGENT_ASKS if asks else URGENT_MOST) if urgent else 0
        with self._transaction():
            self._check_hold(payer.host, now_ms, passes)
            if order and not asks:
                self._check_hold(f"{payer.host} {payer.mark}", now_ms, passes)
            level = CLOSED if urgent else self._breaker(payer).level
            if order and not asks and level == OPEN:
                raise Tripped(f"{payer.host} failed too often: {WORDS[OPEN]}; nothing was sent")
            spent = {pool: self._used(payer, pool, now_ms) for pool in costs}
            share = (100 if order or urgent else READ_SHARE_PCT) * SHARES_PCT[level] // 100
            full = [
                pool for pool, cost in costs.items()
                if cost and spent[pool] and spent[pool] + cost > self._most(payer, pool) * share // 100
            ]  # fmt: skip
            if full and not (urgent and self._may_press(payer, now_ms, asks)):
                return max(_window_end(pool, now_ms) for pool in full)
            for pool, cost in costs.items():
                self._set_used(payer, pool, now_ms, spent[pool] + cost)
            return None

    def check(self, payer: Payer, now_ms: int) -> None:
        """Raises Limited or Banned while the exchange has told us to wait."""
        with self._lock, self._told():
            self._check_hold(payer.host, now_ms, passes=0)

    def note(self, payer: Payer, headers: Mapping[str, str], sent_ms: int, got_ms: int) -> None:
        """Takes over what an answer's headers say was used; it may be more than ours, when others share the address."""
        told = [
            (pool, int(value))
            for name, value in headers.items()
            # An answer that crossed the end of a window does not say which one it counts.
            if (pool := _pool_of(name)) and _NUMBER.fullmatch(value) and _window(pool, sent_ms) == _window(pool, got_ms)
        ]
        if not told:
            return
        with self._transaction():
            for pool, used in told:
                # Order counts sink when orders fill. Weight does not: what is less than ours has others of ours ahead.
                if not pool.per_account:
                    used = max(used, self._used(payer, pool, got_ms))
                self._set_used(payer, pool, got_ms, used)

    def hold(self, payer: Payer, hold: Hold) -> None:
        """Keeps everyone on this machine from asking until a time; a hold is lengthened, never cut short."""
        owner = f"{payer.host} {payer.mark}" if hold.orders_only else payer.host
        with self._transaction():
            self._db.execute(
                "INSERT INTO hold VALUES (?, ?, ?, 0) ON CONFLICT(owner) DO UPDATE SET "
                "urgent = CASE WHEN excluded.until > until THEN 0 ELSE urgent END, "
                "banned = CASE WHEN excluded.until >= until THEN excluded.banned ELSE banned END, "
                "until = max(until, excluded.until)",
                (owner, hold.until_ms, int(hold.banned)),
            )

    def outcome(self, payer: Payer, good: bool, key: str = "") -> tuple[int, int]:
        """Counts how a call went, with its name where it is a key call; gives the breaker's level before and after."""
        with self._transaction():
            before = self._breaker(payer)
            state = after(before, self._breaker_settings, good, key)
            if state != before:
                self._db.execute(
                    "INSERT OR REPLACE INTO breaker VALUES (?, ?)",
                    (_account(payer), msgspec.json.encode(state).decode()),
                )
            return before.level, state.level

    def level(self, payer: Payer) -> int:
        """Gives the level of the breaker."""
        with self._lock, self._told():
            return self._breaker(payer).level

    def resume(self) -> None:
        """Closes every breaker: the operator has looked."""
        with self._transaction():
            self._db.execute("DELETE FROM breaker")

    def holds(self, now_ms: int) -> list[tuple[str, int, bool]]:
        """Gives who must wait: host (and account), until when, whether it is a ban; for `status` and `doctor`."""
        with self._lock, self._told():
            rows = self._db.execute("SELECT owner, until, banned FROM hold WHERE until > ? ORDER BY owner", (now_ms,))
            return [(str(owner), int(until), bool(banned)) for owner, until, banned in rows]

    def used(self, payer: Payer, pool: Pool, now_ms: int) -> tuple[int, int]:
        """Gives what is used of a budget in this window, and how much it is."""
        with self._lock, self._told():
            return self._used(payer, pool, now_ms), self._most(payer, pool)

    def learn(self, payer: Payer, limits: Iterable[Mapping[str, Any]]) -> None:
        """Takes over `rateLimits` of exchangeInfo; what cannot be read is left out."""
        found = [one for one in map(_limit_of, limits) if one is not None]
        with self._transaction():
            for pool, most in found:
                self._db.execute(
                    "INSERT OR REPLACE INTO most VALUES (?, ?, ?, ?)", (payer.host, pool.name, pool.seconds, most)
                )

    def close(self) -> None:
        """Closes the file, once nobody is at it."""
        with self._lock:
            self._db.close()

    def _may_press(self, payer: Payer, now_ms: int, asks: bool) -> bool:
        """Says whether something urgent may pass a budget that is used up: orders always, questions a few times."""
        if not asks:
            return True
        passed = self._used(payer, PRESSING, now_ms)
        if passed < PRESSING_MOST:
            self._set_used(payer, PRESSING, now_ms, passed + 1)
        return passed < PRESSING_MOST

    def _check_hold(self, owner: str, now_ms: int, passes: int) -> None:
        """Raises Banned or Limited while the exchange has told an owner to wait; the first `passes` may not care."""
        row = self._db.execute("SELECT until, banned, urgent FROM hold WHERE owner = ?", (owner,)).fetchone()
        if row is None or row[0] <= now_ms:
            return
        until, banned, passed = row
        host, *account = owner.split(" ")
        if banned:
            raise Banned(f"{host} has banned this machine's address until {utc(until)}; nothing was sent", until)
        if passed >= passes:
            what = "new orders of this account" if account else "requests"
            raise Limited(f"{host} wants no {what} until {utc(until)}; nothing was sent", until)
        self._db.execute("UPDATE hold SET urgent = urgent + 1 WHERE owner = ?", (owner,))

    def _breaker(self, payer: Payer) -> BreakerState:
        row = self._db.execute("SELECT state FROM breaker WHERE owner = ?", (_account(payer),)).fetchone()
        try:
            return _state.decode(row[0]) if row is not None else BreakerState()
        except msgspec.DecodeError:
            return BreakerState()  # a newer version's: it counts anew

    def _used(self, payer: Payer, pool: Pool, now_ms: int) -> int:
        row = self._db.execute(
            "SELECT used FROM used WHERE owner = ? AND pool = ? AND seconds = ? AND window = ?",
            (payer.owner(pool), pool.name, pool.seconds, _window(pool, now_ms)),
        ).fetchone()
        return int(row[0]) if row else 0

    def _set_used(self, payer: Payer, pool: Pool, now_ms: int, used: int) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO used VALUES (?, ?, ?, ?, ?)",
            (payer.owner(pool), pool.name, pool.seconds, _window(pool, now_ms), used),
        )

    def _most(self, payer: Payer, pool: Pool) -> int:
        row = self._db.execute(
            "SELECT most FROM most WHERE owner = ? AND pool = ? AND seconds = ?", (payer.host, pool.name, pool.seconds)
        ).fetchone()
        return int(row[0]) if row else payer.limits.get(pool, 1 << 60)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock, self._told():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (sqlite.Error, OSError) as error:
            raise refusal_of(code_of(error))(
                f"{self.path}: the shared budgets cannot be read or written ({error}); nothing was sent; look at the "
                "disk, or delete the file when no hot is running"
            ) from None


def _account(payer: Payer) -> str:
    return f"{payer.host} {payer.mark}"


def _window(pool: Pool, at_ms: int) -> int:
    return at_ms // (1000 * pool.seconds)


def _window_end(pool: Pool, at_ms: int) -> int:
    return (_window(pool, at_ms) + 1) * 1000 * pool.seconds


def _pool_of(header: str) -> Pool | None:
    found = _COUNTED.fullmatch(header)
    if found is None:
        return None
    kind, number, unit = found.groups()
    return (
        Pool("orders", int(number) * _UNITS[unit], True)
        if kind == "order-count"
        else Pool("weight", int(number) * _UNITS[unit])
    )


def _limit_of(limit: Mapping[str, Any]) -> tuple[Pool, int] | None:
    kinds = {"REQUEST_WEIGHT": ("weight", False), "ORDERS": ("orders", True)}
    kind, seconds = kinds.get(str(limit.get("rateLimitType"))), _INTERVALS.get(str(limit.get("interval")))
    number, most = limit.get("intervalNum"), limit.get("limit")
    if kind is None or seconds is None or type(number) is not int or type(most) is not int:
        return None
    if not 0 < number <= 1000 or not 0 < most <= 10**9:
        return None
    return Pool(kind[0], seconds * number, kind[1]), most
