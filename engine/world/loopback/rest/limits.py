"""Rate limits: request weight by address, orders by account, in windows aligned to the clock; 429, then 418."""

from dataclasses import dataclass

from engine.world.loopback.books.refusals import Refusal
from engine.world.loopback.market.instruments import Kind

_MINUTE = 60
#: So many requests after a 429 and the address is banned: two minutes, then twice as long each time, up to three days.
PATIENCE = 20
FIRST_BAN_S = 120
LONGEST_BAN_S = 3 * 86_400


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a market: weight a minute, and (orders, seconds, letter) of two windows."""

    weight: int
    orders: tuple[tuple[int, int, str], ...]
    enforced: bool = True

    @classmethod
    def of(cls, kind: Kind, enforced: bool = True) -> "Limits":
        """Gives the exchange's limits as of 2026 (it may change them any day)."""
        if kind == "spot":
            return cls(6000, ((100, 10, "10S"), (200_000, 86_400, "1D")), enforced)
        return cls(2400, ((300, 10, "10S"), (1200, _MINUTE, "1M")), enforced)

    def told(self) -> list[dict[str, object]]:
        """Gives them as exchangeInfo does."""
        names = {10: ("SECOND", 10), _MINUTE: ("MINUTE", 1), 86_400: ("DAY", 1)}
        rows: list[dict[str, object]] = [
            {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": self.weight}
        ]
        for most, seconds, _ in self.orders:
            interval, number = names[seconds]
            rows.append({"rateLimitType": "ORDERS", "interval": interval, "intervalNum": number, "limit": most})
        return rows


class Meter:
    """What has been used of a market's limits. Seconds of wall time come in as arguments."""

    def __init__(self, limits: Limits) -> None:
        """Starts unused."""
        self.limits = limits
        self.used = 0
        self.banned_until = 0.0
        self._minute = -1
        self._refused = 0
        self._ban_s = FIRST_BAN_S
        self._orders: dict[tuple[str, int], tuple[int, int]] = {}

    def spend(self, weight: int, now: float) -> None:
        """Counts a request; raises Refusal (429, then 418) for one that is too many."""
        if now < self.banned_until:
            raise self._ban(now)
        minute = int(now) // _MINUTE
        if minute != self._minute:
            self._minute, self.used, self._refused = minute, 0, 0
        self.used += weight
        if not self.limits.enforced or self.used <= self.limits.weight:
            return
        self._refused += 1
        if self._refused > PATIENCE:
            self.ban(now, self._ban_s)
            raise self._ban(now)
        text = (
            f"Too much request weight used; current limit is {self.limits.weight} request weight per 1 MINUTE. "
            "Please use WebSocket Streams for live updates to avoid polling the API."
        )
        raise Refusal(-1003, text, 429, {"Retry-After": str(_MINUTE - int(now) % _MINUTE)})

    def refund(self, weight: int) -> None:
        """Takes back what a placed or cancelled order does not cost after all."""
        self.used -= weight

    def ban(self, now: float, seconds: float) -> None:
        """Bans the address for so long."""
        self.banned_until = now + seconds
        self._ban_s = min(2 * self._ban_s, LONGEST_BAN_S)

    def check_orders(self, key: str, now: float, number: int) -> None:
        """Refuses orders of an account that would be too many."""
        for most, seconds, name in self.limits.orders if self.limits.enforced else ():
            if self._ordered(key, now, seconds) + number > most:
                text = f"Too many new orders; current limit is {most} orders per {name}."
                raise Refusal(-1015, text, 429, {"Retry-After": str(seconds - int(now) % seconds)})

    def count_orders(self, key: str, now: float, number: int) -> dict[str, str]:
        """Counts orders that were accepted, and gives the headers that tell."""
        headers = {}
        for _, seconds, name in self.limits.orders:
            used = self._ordered(key, now, seconds) + number
            self._orders[key, seconds] = int(now) // seconds, used
            headers[f"X-MBX-ORDER-COUNT-{name}"] = str(used)
        return headers

    def counts(self, key: str, now: float) -> list[dict[str, object]]:
        """Gives the order limits with what an account used of them."""
        rows = [row for row in self.limits.told() if row["rateLimitType"] == "ORDERS"]
        for row, (_, seconds, _) in zip(rows, self.limits.orders, strict=True):
            row["count"] = self._ordered(key, now, seconds)
        return rows

    def _ordered(self, key: str, now: float, seconds: int) -> int:
        window, used = self._orders.get((key, seconds), (-1, 0))
        return used if window == int(now) // seconds else 0

    def _ban(self, now: float) -> Refusal:
        until = int(self.banned_until * 1000)
        text = (
            f"Way too much request weight used; IP banned until {until}. Please use WebSocket Streams for live updates."
        )
        return Refusal(-1003, text, 418, {"Retry-After": str(max(1, int(self.banned_until - now)))})
