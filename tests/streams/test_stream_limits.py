"""The exchange's limits on streams: 600 symbols are shared out and paced, and flaps cost few attempts."""

import threading
import time
from collections.abc import Iterator

import pytest
from patience import until
from tiny_exchange import TinyRest

from engine.plugs import Entry
from engine.records.base import Record
from engine.records.desk import Alert
from engine.records.market import SymbolRules, Ticker
from engine.world.loopback.faults.script import Fault
from engine.world.loopback.market.replayed import Replayed
from engine.world.loopback.serving import Serving, serving
from engine.world.loopback.streams.doors import MAX_HANDSHAKES
from engine.world.loopback.streams.sessions import MAX_STREAMS
from engine.world.loopback.venue import Venue, VenueOptions
from engine.world.streams.clock import LiveClock
from engine.world.streams.feed import Feed, Wanted
from engine.world.streams.inbox import Inbox
from engine.world.streams.routes import SPOT

SYMBOLS = [f"S{i:03d}USDT" for i in range(600)]
START = 1_700_000_040_000


def market() -> Iterator[Entry]:
    """A market in which every symbol is quoted, one a second each."""
    for name in SYMBOLS:
        rules = SymbolRules(
            at=START, venue="binance-spot", symbol=name, base=name[:-4], quote="USDT", tick="0.01", step="0.01"
        )
        yield Entry(rules, None)
    for second in range(600):
        for name in SYMBOLS:
            yield Entry(
                Ticker(at=START + 1000 * second, venue="binance-spot", symbol=name, last="1.00", volume_24h="1000",
                       quote_volume_24h="1000"), None,
            )  # fmt: skip


@pytest.fixture
def venue() -> Iterator[Serving]:
    """A venue of 600 symbols that enforces its limits."""
    with serving(VenueOptions(market=Replayed(market(), {}))) as served:
        yield served


class Followed:
    """A feed of the whole market whose facts are taken on a thread."""

    def __init__(self, venue: Serving) -> None:
        inbox = Inbox()
        rest = TinyRest(SYMBOLS, lambda: int(time.time() * 1000))
        wanted = Wanted(("USDT",), history_minutes=0)
        self.told: list[Record] = []
        self.feed = Feed("binance-spot", SPOT, rest, inbox, LiveClock(), wanted, base=venue.stream_url)
        self._inbox, self._over = inbox, False
        self._thread = threading.Thread(target=self._take, daemon=True)
        self.feed.start()
        self._thread.start()

    def _take(self) -> None:
        while not self._over:
            self.told += self._inbox.take(0.1)

    def alerts(self) -> list[Alert]:
        return [one for one in list(self.told) if isinstance(one, Alert)]

    def stop(self) -> None:
        self._over = True
        self.feed.stop()
        self._thread.join(5)


def carried(venue: Venue) -> list[int]:
    """Gives how many streams each open connection carries."""
    return [len(session.streams) for session in venue.spot_streams.sessions]


def flap(venue: Venue) -> None:
    """Cuts every stream about twice a second, for eight seconds."""
    up = venue.clock.up_s()
    venue.faults.add(Fault(fault="cut_streams", times=0, chance=0.2, after_s=up, for_s=8.0))


def test_600_symbols_are_shared_out_paced_and_all_there_again_after_flaps(venue: Serving) -> None:
    followed = Followed(venue)
    try:
        until(lambda: sum(venue.do(carried)) == 601)
        assert sorted(venue.do(carried)) == [1, 200, 400]
        venue.do(flap)
        time.sleep(8.0)
        until(lambda: sum(venue.do(carried)) >= 601)
        most = venue.do(lambda one: max(carried(one)))
        handshakes = venue.do(lambda one: len(one.doors._handshakes))
    finally:
        followed.stop()
    assert most <= MAX_STREAMS // 2
    # Three at first; each of the three then at once, and after 1, 2 and 4 s and their blur.
    assert 6 <= handshakes <= 18 < MAX_HANDSHAKES
    cuts = [alert.text for alert in followed.alerts() if alert.code == "FEED_CUT"]
    assert cuts and not any("1008" in text or "429" in text for text in cuts)
