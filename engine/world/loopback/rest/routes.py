"""REST of a market: routes, their weights and who may use them; what is asked comes in as text and leaves as bytes."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote_plus

import msgspec

from engine.world.loopback.books.orders import Account
from engine.world.loopback.books.refusals import Refusal, not_found
from engine.world.loopback.books.wanted import Wanted
from engine.world.loopback.clock import VenueClock
from engine.world.loopback.httpd import Answer, Request
from engine.world.loopback.market.instruments import Kind
from engine.world.loopback.rest.limits import Meter
from engine.world.loopback.rest.signing import account_of, check_signature, check_time, unsigned

encode = msgspec.json.Encoder().encode
#: The account of a call that needs none.
NOBODY = Account("", "", "nobody")
#: How many times real time a rehearsal's clock runs; no exchange says so. Limits go by the wall all the same.
CLOCK_HEADER = "X-Venue-Clock-Speed"


class Call(NamedTuple):
    """A request that has been let in: what it wants, and whose it is."""

    wanted: Wanted
    account: Account


class Route(NamedTuple):
    """What answers at a path.

    `security` is none, key or signed. `orders` says how many orders the call counts as; one that places or cancels
    and succeeds costs no weight. `takes` are the parameters that it knows, where others are refused.
    """

    answer: Callable[[Call], Any]
    weight: int | Callable[[Wanted], int] = 1
    security: str = "none"
    orders: int = 0
    free_if_done: bool = False
    takes: frozenset[str] | None = None


Routes = dict[tuple[str, str], Route]


class Rest:
    """Answers the requests of one market."""

    def __init__(
        self, kind: Kind, routes: Routes, accounts: Mapping[str, Account], meter: Meter, clock: VenueClock
    ) -> None:
        """`accounts` is by API key; it may grow later."""
        self.kind, self.routes, self.accounts, self.meter, self.clock = kind, routes, accounts, meter, clock

    def answer(self, request: Request) -> Answer:
        """Gives the answer; what is refused is answered in the exchange's words."""
        try:
            told, headers = self._carry_out(request)
            return Answer(200, encode(told), headers | self._used())
        except Refusal as refusal:
            return self.refused(refusal)

    def refused(self, refusal: Refusal) -> Answer:
        """Gives the answer that a refusal is."""
        return Answer(refusal.status, encode(refusal.body()), refusal.headers | self._used())

    def _carry_out(self, request: Request) -> tuple[Any, dict[str, str]]:
        now = self.clock.wall_ms() / 1000
        route = self.routes.get((request.method, request.path))
        if route is None:
            self.meter.spend(1, now)
            raise not_found(request.method, request.path)
        body = request.body.decode("utf-8", "surrogateescape")
        wanted = read_wanted(request.query, body)
        weight = route.weight if isinstance(route.weight, int) else route.weight(wanted)
        self.meter.spend(weight, now)
        account = NOBODY
        if route.security != "none":
            account = account_of(self.accounts, request.headers.get("x-mbx-apikey"))
            if route.security == "signed":
                check_signature(account, unsigned(request.query, body), wanted.text("signature"))
                check_time(self.clock, wanted, self.kind)
        if route.takes is not None:
            check_names(wanted, route.takes)
        return self.let_in(route, Call(wanted, account), weight, now)

    def let_in(self, route: Route, call: Call, weight: int, now: float) -> tuple[Any, dict[str, str]]:
        """Carries out a call whose weight is counted and whose sender is known; gives its answer and headers."""
        account, headers = call.account, dict[str, str]()
        if route.orders:
            if "trade" not in account.rights:
                raise Refusal(-2015, "Invalid API-key, IP, or permissions for action.", 401)
            self.meter.check_orders(account.key, now, route.orders)
        told = route.answer(call)
        if route.orders:
            headers = self.meter.count_orders(account.key, now, route.orders)
        if route.free_if_done:
            self.meter.refund(weight)
        return told, headers

    def _used(self) -> dict[str, str]:
        used = str(self.meter.used)
        told = {"X-MBX-USED-WEIGHT": used, "X-MBX-USED-WEIGHT-1M": used}
        return told | {CLOCK_HEADER: f"{self.clock.speed:g}"} if self.clock.is_its_own else told


def read_wanted(query: str, body: str) -> Wanted:
    """Reads the parameters of query and form body; where both have one, the query's counts.

    Raises Refusal for one that either has twice.
    """
    if not query:
        return Wanted(_values(body))
    return Wanted(_values(body) | _values(query))


def _values(text: str) -> dict[str, str]:
    values: dict[str, str] = {}
    quoted = "%" in text or "+" in text
    for pair in text.split("&") if text else ():
        name, _, value = pair.partition("=")
        if quoted:
            name, value = unquote_plus(name), unquote_plus(value)
        if name in values:
            raise Refusal(-1101, "Duplicate values for a parameter detected.")
        values[name] = value
    return values


def check_names(wanted: Wanted, known: frozenset[str]) -> None:
    """Refuses parameters that a call does not know, in the words of spot: it does not pass them over."""
    sent, read = len(wanted.values), len(wanted.values.keys() & known)
    if sent > len(known):
        raise Refusal(-1101, f"Too many parameters; expected '{len(known)}' and received '{sent}'.")
    if read < sent:
        text = f"Not all sent parameters were read; read '{read}' parameter(s) but was sent '{sent}'."
        raise Refusal(-1104, text)


def by_count(one: int, many: int) -> Callable[[Wanted], int]:
    """Gives the weight of a call that names a symbol, or else speaks of all of them."""
    return lambda wanted: one if wanted.text("symbol") else many


def symbols_of(wanted: Wanted) -> list[str] | None:
    """Gives the symbols that a call names in `symbol` or as a JSON list in `symbols`; None where it names none."""
    one, many = wanted.text("symbol"), wanted.text("symbols")
    if one is not None and many is not None:
        raise Refusal(-1128, "Combination of optional parameters invalid.")
    if one is not None:
        return [one]
    if many is None:
        return None
    try:
        names = msgspec.json.decode(many, type=list[str])
    except (msgspec.DecodeError, UnicodeEncodeError):
        raise Refusal(-1100, "Illegal characters found in parameter 'symbols'.") from None
    if len(set(names)) < len(names):
        raise Refusal(-1151, "Symbol is present multiple times in the list.")
    return names


def within(at: int, since: int | None, until: int | None) -> bool:
    """Says whether a time lies within bounds, both of which count."""
    return (since is None or at >= since) and (until is None or at <= until)


def page(found: list[Any], wanted: Wanted, from_oldest: bool) -> list[Any]:
    """Gives as many rows as are wanted: the newest ones, or the first from where the call begins."""
    limit = wanted.limit(500, 1000)
    return found[:limit] if from_oldest else found[-limit:]
