"""The client of one host: books the budget, stamps, signs, sends, says what came of it. Only reads are tried again."""

import random
import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Literal, NamedTuple, Protocol, TypeVar, runtime_checkable

import msgspec

from engine.errors import Bug, KeyRefused, LedgerError, VenueError
from engine.world.binance.answers import Answer, check, decode, hold_of
from engine.world.binance.breaker import CLOSED
from engine.world.binance.budget import SPOT_LIMITS, USDM_LIMITS, WEIGHT, Budget, Payer, Pool
from engine.world.binance.clock import VenueClock
from engine.world.binance.codes import Market
from engine.world.binance.http import Link, check_url, is_here
from engine.world.binance.keys import Key
from engine.world.binance.settings import RECV_WINDOW_MS
from engine.world.binance.shape import reader
from engine.world.binance.sign import Params, query_of, signed_query
from engine.world.binance.trouble import Doubtful, Limited, Lost, NotSent, Rejected, Sort, Tripped, Unreadable, utc

Method = Literal["GET", "POST", "PUT", "DELETE"]

#: A read that failed is tried again so often.
RETRIES = 3
#: The first pause before that; each next one is twice as long, and both are blurred by half.
PAUSE_S = 0.5
#: A read waits this long for a budget at most; whoever cannot wait so long hears when to come back.
PATIENCE_MS = 65_000
#: A venue on this machine may have a clock of its own, and says how many times real time it runs.
CLOCK_HEADER = "x-venue-clock-speed"
_SPEED = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,6})?", re.ASCII)
# What both markets take.
_CLIENT_ID = re.compile(r"[A-Za-z0-9_-]{1,36}", re.ASCII)


class Ask(NamedTuple):
    """A request before it is stamped and signed: what it asks, what it costs, and what may be done when it fails.

    `security` is `none`, `key` (only the key's header) or `signed`. `urgent` is for exits, and for questions that one
    waits for: it passes a budget that is used up and, a few times, a wait that the exchange ordered. `client_id` names
    the one order that it is about.
    """

    path: str
    params: Params = {}
    method: Method = "GET"
    security: Literal["none", "key", "signed"] = "none"
    costs: Mapping[Pool, int] = {}
    urgent: bool = False
    client_id: str | None = None

    @property
    def is_order(self) -> bool:
        """Says whether it is about one order: then it waits for nothing, and takes what other reads must leave.

        An exit may hang on the question what became of a stop.
        """
        return self.client_id is not None or self.urgent


@runtime_checkable
class About(Protocol):
    """An answer about orders."""

    def is_about(self, client_id: str) -> bool:
        """Says whether it speaks of the order with this id."""
        ...


T = TypeVar("T")


class Client:
    """One host of the exchange, as one account or as nobody. Threads may share it."""

    def __init__(
        self,
        market: Market,
        base_url: str,
        *,
        link: Link,
        budget: Budget,
        key: Key | None = None,
        clock: VenueClock | None = None,
        recv_window_ms: int = RECV_WINDOW_MS,
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
        urgent: bool = False,
    ) -> None:
        """Sends nothing yet; raises ConfigError for an address that a key must not be sent to.

        With `urgent` all that it asks is.
        """
        self.market = market
        self.base_url = check_url(base_url)
        self.host = self.base_url.partition("://")[2]
        self.clock = clock or VenueClock()
        self._link = link
        self._budget = budget
        self._key = key
        self._recv_window_ms = recv_window_ms
        self._sleep = sleep
        self._chance = chance
        self._urgent = urgent
        #: Hears each new level of the breaker, from whichever thread brought it there.
        self.on_breaker: Callable[[int], None] = lambda level: None
        self._payer = Payer(self.host, key.mark if key else "", SPOT_LIMITS if market == "spot" else USDM_LIMITS)
        self._time_path = "/api/v3/time" if market == "spot" else "/fapi/v1/time"

    def read(self, ask: Ask, read: Callable[[bytes], T]) -> T:
        """Gives an answer that changes nothing at the exchange; tried again where that may help.

        Raises VenueError (NotSent, Lost, Unreadable, Rejected, Limited) or KeyRefused.
        """
        measured = False
        for number in range(RETRIES + 1):
            try:
                return self._counted(ask, read, strict=ask.security == "signed")
            except Limited:
                raise
            except (NotSent, Lost) as error:
                problem: VenueError = error
            except Rejected as error:
                if error.sort is Sort.RESYNC and not measured:
                    measured = True
                    self.measure()
                elif not _passing(error):
                    raise
                problem = error
            if number < RETRIES:
                self._sleep(PAUSE_S * 2**number * (0.5 + self._chance()))
        raise problem

    def order(self, ask: Ask, read: Callable[[bytes], T]) -> T:
        """Sends an order or a cancel, once, and gives the exchange's yes.

        NotSent and Rejected say for sure that nothing was done; Doubtful (IN_DOUBT) that only the exchange knows.
        """
        try:
            answer = self._counted(ask, read, strict=True)
            if ask.client_id is not None and not (isinstance(answer, About) and answer.is_about(ask.client_id)):
                raise Unreadable(f"{self.host}: the answer speaks of another order")
            return answer
        except Rejected as error:
            if error.sort is Sort.UNKNOWN:
                raise self._doubt(ask, error) from None
            if error.sort is Sort.RESYNC:
                # The clock is mended for whoever decides to try anew, with a new id.
                with suppress(VenueError):
                    self.measure(urgent=True)
            raise
        except (Lost, Unreadable) as error:
            raise self._doubt(ask, error) from None

    def change(self, ask: Ask, read: Callable[[bytes], T]) -> T | None:
        """Changes a setting of the account, once, and gives the exchange's yes; None where it already was so.

        Where the outcome is unknown the VenueError says to read the setting back.
        """
        try:
            return self._counted(ask, read, strict=True)
        except Rejected as error:
            if error.sort is Sort.FINE:
                return None
            if error.sort is not Sort.UNKNOWN:
                raise
            raise Lost(f"{error}; it may have been done: read the setting back", "answer") from None
        except (Lost, Unreadable) as error:
            raise Lost(f"{error}; it may have been done: read the setting back", "answer") from None

    def measure(self, *, urgent: bool = False) -> None:
        """Measures how far this machine's clock is off; raises VenueError. An urgent one waits for no budget."""
        self.clock.measure(lambda: self._ask_time(urgent))

    def learn_limits(self, limits: list[dict[str, Any]]) -> None:
        """Takes over the budgets that exchangeInfo tells."""
        self._budget.learn(self._payer, limits)

    def used_weight(self) -> tuple[int, int]:
        """Gives the weight used in this minute, and how much there is."""
        return self._budget.used(self._payer, WEIGHT, self.clock.limits_ms())

    @property
    def key(self) -> Key:
        """The key; raises KeyRefused where there is none."""
        if self._key is None:
            raise KeyRefused(f"{self.host}: this needs a key; none was given")
        return self._key

    def _ask_time(self, urgent: bool) -> int:
        answer = self._exchange(Ask(self._time_path, costs={WEIGHT: 1}, urgent=urgent))
        if is_here(self.base_url):
            self.clock.speed = _speed(answer.headers)
        return decode(answer.body, reader(_Time), strict=True, host=self.host).server_time

    def _counted(self, ask: Ask, read: Callable[[bytes], T], strict: bool) -> T:
        """Gives an answer, and has the breaker count how the call went; what never left counts only if it failed."""
        try:
            answer = decode(self._send(ask).body, read, strict=strict, host=self.host)
        except (Limited, Tripped):
            raise  # our own no
        except Rejected as error:
            self._outcome(ask, good=error.status < 500 and error.status != 408)
            raise
        except (NotSent, Lost, Unreadable):
            self._outcome(ask, good=False)
            raise
        self._outcome(ask, good=True)
        return answer

    def _outcome(self, ask: Ask, *, good: bool) -> None:
        key = f"{ask.method} {ask.path}" if ask.security == "signed" else ""
        with suppress(LedgerError):  # the disk's trouble is told by the next request
            before, level = self._budget.outcome(self._payer, good, key)
            if level != before:
                self.on_breaker(level)

    def watch_breaker(self, on_level: Callable[[int], None]) -> None:
        """Has each new level of the breaker told, and the one that holds now, where it is not closed."""
        self.on_breaker = on_level
        level = self.breaker_level()
        if level != CLOSED:
            on_level(level)

    def breaker_level(self) -> int:
        """Gives where the breaker stands, as every process on this machine sees it."""
        return self._budget.level(self._payer)

    def _send(self, ask: Ask) -> Answer:
        if self._urgent:
            ask = ask._replace(urgent=True)
        if ask.security == "signed":
            _ = self.key
            self._look_at_the_clock(ask)
        return self._exchange(ask)

    def _look_at_the_clock(self, ask: Ask) -> None:
        """Measures the clock where it is due. No order waits for that, but the first; an exit goes even without."""
        if self.clock.reading is not None:
            if self.clock.due and not ask.is_order:
                with suppress(VenueError):
                    self.measure()
            return
        try:
            if not ask.urgent:
                # The look is in a hurry for whoever is behind it, but passes no wait that an entry would not.
                self._budget.check(self._payer, self.clock.limits_ms())
            self.measure(urgent=ask.is_order)
        except Limited:
            if not ask.urgent:
                raise
        except VenueError as error:
            if not ask.urgent:
                # Whatever became of the question for the time, the request itself did not leave.
                raise NotSent(f"{error}; without the exchange's time nothing signed was sent", "clock") from None

    def _exchange(self, ask: Ask) -> Answer:
        """Sends one request and gives the answer that is a yes; raises what any other answer means."""
        self._book(ask)
        headers = {"X-MBX-APIKEY": self.key.reveal()} if ask.security != "none" else {}
        sent = self.clock.limits_ms()
        # The URL is made after every wait, since its stamp is good for seconds only.
        answer = self._link.send(ask.method, self._url(ask, self.clock.now_ms()), headers)
        got = self.clock.limits_ms()
        hold = hold_of(answer, got)
        # A full disk must not hide what the exchange said; the next request hears of it before it is sent.
        with suppress(LedgerError):
            self._budget.note(self._payer, answer.headers, sent, got)
            if hold is not None:
                self._budget.hold(self._payer, hold)
        check(answer, self.market, self.host, hold)
        return answer

    def _book(self, ask: Ask) -> None:
        start = self.clock.limits_ms()
        while True:
            now = self.clock.limits_ms()
            try:
                again = self._budget.claim(
                    self._payer, ask.costs, now, order=ask.is_order, urgent=ask.urgent, asks=ask.method == "GET"
                )
            except LedgerError:
                if ask.urgent:
                    # A full disk must not keep an exit from getting its try.
                    return
                raise
            if again is None:
                return
            if ask.is_order or again - start > PATIENCE_MS:
                raise Limited(f"{self.host}: the budget is used up until {utc(again)}; nothing was sent", again)
            # A little later than the window's start, and not everybody at once.
            self._sleep((again - now) / 1000 + 0.05 + 0.5 * self._chance())

    def _url(self, ask: Ask, now_ms: int) -> str:
        if ask.security != "signed":
            query = query_of(ask.params)
        else:
            stamped = {**ask.params, "recvWindow": self._recv_window_ms, "timestamp": now_ms}
            query = signed_query(stamped, self.key.signer)
        return f"{self.base_url}{ask.path}?{query}" if query else f"{self.base_url}{ask.path}"

    def _doubt(self, ask: Ask, error: VenueError) -> Doubtful:
        name = f"order {ask.client_id}" if ask.client_id else f"{ask.method} {ask.path}"
        return Doubtful(f"{error}; {name} is in doubt: look it up, never send it again", ask.client_id)


def check_client_id(client_id: str) -> str:
    """Gives a client id back; raises Bug for one that the exchange would not take, or would not tell apart."""
    if not _CLIENT_ID.fullmatch(client_id):
        raise Bug(f"not a client id: {client_id[:80]!r}")
    return client_id


def _passing(error: Rejected) -> bool:
    """Says whether a read may fare better in a moment. A 4xx without a code is about the address, and stays."""
    if error.sort is Sort.UNKNOWN:
        return error.status >= 500 or error.status == 408 or error.venue_code is not None
    return error.sort is Sort.WAIT


def _speed(headers: Mapping[str, str]) -> float | None:
    """Gives how fast a rehearsal's clock runs, None where nothing is said of it."""
    told = headers.get(CLOCK_HEADER, "")
    return float(told) if _SPEED.fullmatch(told) and float(told) > 0.0 else None


class _Time(msgspec.Struct, rename="camel"):
    server_time: int
