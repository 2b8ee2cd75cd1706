"""Someone who hears the news of an account, and waits for some."""

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import msgspec
from patience import NEVER_S

from engine.world.account.account import News, OrderNews, StreamNews, TradeNews

N = TypeVar("N")


class Hearer:
    """Keeps all news in the order in which it came."""

    def __init__(self) -> None:
        self.news: list[News] = []
        self._changed = threading.Condition()

    def __call__(self, news: News) -> None:
        with self._changed:
            self.news.append(news)
            self._changed.notify_all()

    def wait(self, is_so: Callable[[], Any], within_s: float = NEVER_S) -> Any:
        """Waits until something is so, and gives it."""
        end = time.monotonic() + within_s
        with self._changed:
            while not (found := is_so()):
                assert self._changed.wait(max(0.0, end - time.monotonic())) or time.monotonic() < end, self.news
        return found

    def of(self, kind: type[N]) -> list[N]:
        return [one for one in list(self.news) if isinstance(one, kind)]

    def orders(self, client_id: str) -> list[OrderNews]:
        return [one for one in self.of(OrderNews) if one.client_id == client_id]

    def trades(self, client_id: str) -> list[TradeNews]:
        return [one for one in self.of(TradeNews) if one.client_id == client_id]

    def ups(self) -> list[bool]:
        return [one.up for one in self.of(StreamNews)]

    def up(self, times: int = 1) -> None:
        """Waits until the stream was told to be up so many times."""
        self.wait(lambda: self.ups().count(True) >= times)

    def down(self, times: int = 1) -> str:
        """Waits until it was told to be down so many times, and gives the last reason."""
        self.wait(lambda: self.ups().count(False) >= times)
        return [one.reason for one in self.of(StreamNews) if not one.up][times - 1]


def listening(account: Any) -> Hearer:
    """Gives who hears an account whose stream is up."""
    found = Hearer()
    account.listen(found)
    found.up()
    return found


def timeless(trades: Iterable[TradeNews]) -> list[TradeNews]:
    """Gives executions without their times: an answer's time is that of the order."""
    return [msgspec.structs.replace(trade, venue_at=0) for trade in trades]
