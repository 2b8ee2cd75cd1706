"""How long an order takes from the decision to its first bytes on the wire, beyond the durable commit of its intent.

A loopback socket stands for the exchange: it takes the time at which a request's bytes arrive. The session's own steps
are carried out: intent kept and reserved, recording and ledger made durable, sent on its lane by the client of orders.
"""

import argparse
import platform
import socket
import statistics
import tempfile
import threading
import time
from contextlib import closing
from decimal import Decimal
from pathlib import Path

from engine.ledger.ledger import Ledger
from engine.matching.events import VenueOrder
from engine.records.account import OrderReport
from engine.records.ids import client_id, intent_key
from engine.records.trades import OrderAttempt
from engine.runs.keeper import Keeper
from engine.stages.effects import Send, carry_out
from engine.world.account.opening import open_account
from engine.world.account.settings import AccountTerms
from engine.world.binance.keys import Key
from engine.world.binance.settings import BinanceSettings
from engine.world.venues.live.settings import LiveVenueSettings
from engine.world.venues.live.venue import LiveVenue

VENUE = "binance-spot"
ANSWER = (
    b'{"symbol":"BTCUSDT","orderId":%d,"orderListId":-1,"clientOrderId":"%s","transactTime":1700000000000,'
    b'"price":"0","origQty":"1","executedQty":"0","cummulativeQuoteQty":"0","status":"NEW","timeInForce":"GTC",'
    b'"type":"MARKET","side":"BUY","fills":[]}'
)


class Wire:
    """Takes requests on a port of this machine, and notes when the first bytes of each order came."""

    def __init__(self) -> None:
        """Listens."""
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port = self._door.getsockname()[1]
        self.arrived: dict[str, float] = {}
        self.news = threading.Condition()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            line, _ = self._door.accept()
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._answer, args=(line,), daemon=True).start()

    def _answer(self, line: socket.socket) -> None:
        while text := line.recv(65_536):
            at = time.perf_counter()
            if b"/time" in text[:60]:
                body = b'{"serverTime":%d}' % (time.time() * 1000)
            elif text.startswith(b"POST") and b"newClientOrderId=" in text:
                name = text.split(b"newClientOrderId=")[1][:28]
                body = ANSWER % (len(self.arrived) + 1, name)
                with self.news:
                    self.arrived[name.decode()] = at
                    self.news.notify_all()
            else:
                body = b"[]"
            line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    def wait(self, name: str) -> float:
        """Gives when an order arrived."""
        with self.news:
            if not self.news.wait_for(lambda: name in self.arrived, 10):
                raise TimeoutError(name)
            return self.arrived[name]


class TimedKeeper(Keeper):
    """A keeper that notes how long its commits took: what durability costs on this disk."""

    spent_s = 0.0

    def _commit(self) -> None:
        began = time.perf_counter()
        super()._commit()
        self.spent_s += time.perf_counter() - began


def attempt_of(number: int) -> OrderAttempt:
    """Gives an entry of its own intent."""
    at = int(time.time() * 1000)
    key = intent_key("bench", VENUE, "BTCUSDT", "buy", "entry", at, str(number))
    return OrderAttempt(
        at=at, venue=VENUE, symbol="BTCUSDT", strategy="bench", client_id=client_id(key, 1), intent_key=key,
        side="buy", purpose="entry", reason="ENTRY", order_type="market", qty="0.01", reference_price="100",
    )  # fmt: skip


def measure(folder: Path, orders: int, pause_s: float) -> tuple[list[float], list[float]]:
    """Gives for each order the ms from intent to wire beyond its commit, and the ms of the commit."""
    wire, beyond, commits = Wire(), [], []
    rest = f"http://127.0.0.1:{wire.port}"
    where = BinanceSettings(spot_url=rest, usdm_url=rest, spot_user_url=f"ws://127.0.0.1:{wire.port}")
    account = open_account(VENUE, where, folder, Key("k" * 8 + "Ab1" * 12, "s" * 8 + "Ab1" * 12), AccountTerms())
    venue = LiveVenue(account, LiveVenueSettings())
    venue._started = venue.syncing.recovered = True  # no stream and no look-ups beside what is measured
    with closing(venue), Ledger.open(folder / "live.db", mode="live", venue=VENUE, account="bench") as ledger:
        for number in range(-10, orders):
            keeper, attempt = TimedKeeper(ledger, ledger.head.seq), attempt_of(number)
            order = VenueOrder(
                client_id=attempt.client_id, symbol="BTCUSDT", side="buy", order_type="market", qty=Decimal("0.01"),
                sent_at=attempt.at,
            )  # fmt: skip
            venue._care.look()  # as the watch does in a session: entries leave only while somebody looks
            began = time.perf_counter()
            carry_out([Send(attempt, order)], venue, lambda event, at: [], attempt.at, keeper.before_send)
            check_sent(venue)
            arrived = wire.wait(attempt.client_id)
            if number >= 0:
                beyond.append((arrived - began - keeper.spent_s) * 1000)
                commits.append(keeper.spent_s * 1000)
            time.sleep(pause_s)
    return beyond, commits


def check_sent(venue: LiveVenue) -> None:
    """Fails at once where the venue let an order not leave, with the code that says why."""
    for told in venue.drain():
        if isinstance(told, OrderReport) and told.status == "rejected":
            raise RuntimeError(f"order {told.client_id} was not sent: {told.code}")


def main() -> None:
    """Measures and prints both parts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--orders", type=int, default=300)
    parser.add_argument("--pause-ms", type=float, default=250, help="between orders; some 5 a second are allowed")
    parser.add_argument("--dir", type=Path, help="a folder on the disk to measure; the default is the temporary one")
    args = parser.parse_args()
    print(f"Python {platform.python_version()}, {platform.machine()}, {args.orders} orders")
    with tempfile.TemporaryDirectory(dir=args.dir) as folder:
        beyond, commits = measure(Path(folder), args.orders, args.pause_ms / 1000)
    for name, found in (("intent to wire beyond the commit", beyond), ("durable commit of the intent", commits)):
        cuts = statistics.quantiles(found, n=100)
        print(f"{name:34} p50 {cuts[49]:6.2f} ms  p90 {cuts[89]:6.2f} ms  p99 {cuts[98]:6.2f} ms")


if __name__ == "__main__":
    main()
