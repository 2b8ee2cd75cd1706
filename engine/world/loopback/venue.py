"""The loopback venue as a whole: its clock, its books, its accounts, and everything that answers at its port."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from engine.matching.units import e8
from engine.world.loopback.books.floor import NEVER, Floor
from engine.world.loopback.books.orders import Account, order_record
from engine.world.loopback.books.perp import PerpBooks
from engine.world.loopback.books.perp_algo import AlgoBooks
from engine.world.loopback.books.perp_algo_events import algo_view
from engine.world.loopback.books.perp_events import liquidation_event
from engine.world.loopback.books.perp_orders import Trader
from engine.world.loopback.books.refusals import not_found
from engine.world.loopback.books.spot import SpotBooks
from engine.world.loopback.clock import VenueClock
from engine.world.loopback.faults.breaking import broken
from engine.world.loopback.faults.mishaps import befall
from engine.world.loopback.faults.script import Fault, FaultPlan, Passed
from engine.world.loopback.httpd import Answer, Reply, Request, Session
from engine.world.loopback.journal import Journal
from engine.world.loopback.market.generated import Generated
from engine.world.loopback.market.instruments import Instrument
from engine.world.loopback.market.source import Closed, FundingRate, Happening, MarketSource
from engine.world.loopback.rest.articles import Article, Articles
from engine.world.loopback.rest.beside import Beside
from engine.world.loopback.rest.limits import Limits, Meter
from engine.world.loopback.rest.perp_account import ListenKeys, PerpAccount
from engine.world.loopback.rest.perp_market import PerpMarket
from engine.world.loopback.rest.perp_orders import PerpOrders
from engine.world.loopback.rest.routes import Rest, encode
from engine.world.loopback.rest.spot_rest import SpotRest
from engine.world.loopback.streams.doors import Doors
from engine.world.loopback.streams.market_streams import MarketStreams
from engine.world.loopback.streams.stream_names import LOOK_S

_BALANCES = {"USDT": Decimal(10_000), "BNB": Decimal(1)}


@dataclass(frozen=True, kw_only=True)
class VenueOptions:
    """How a venue is: `market` None generates one from the seed; `speed` times real time.

    `balances` is what the account has on spot and `margin` its USDT for perpetuals. `limits` enforces rate limits.
    `requests_path` is a file for what arrives, `articles` what is announced already.
    """

    seed: int = 0
    speed: float = 1.0
    market: MarketSource | None = None
    balances: Mapping[str, Decimal] = field(default_factory=lambda: dict(_BALANCES))
    margin: Decimal = Decimal(10_000)
    limits: bool = True
    faults: tuple[Fault, ...] = ()
    requests_path: Path | None = None
    articles: tuple[Article, ...] = ()


class Venue:
    """Everything behind the port. All of it runs on one event loop's thread."""

    def __init__(self, options: VenueOptions) -> None:
        """Lists the market's symbols and opens one account, whose key follows from the seed."""
        self.options, self.seed = options, options.seed
        self.market = options.market if options.market is not None else Generated(options.seed)
        coins = self.market.coins()
        self.clock = VenueClock(options.speed, begins_at=self.market.begins_at())
        self.journal = Journal(options.requests_path)
        self.faults = FaultPlan(options.faults, options.seed)
        self.spot = SpotBooks([one for one in coins if one.kind == "spot"], self.clock.now)
        self.perp = PerpBooks([one for one in coins if one.kind == "usdm"], self.clock.now)
        self.algo = AlgoBooks(self.perp)
        self.listen_keys = ListenKeys(self.clock)
        self.articles = Articles(self.clock, options.articles)
        self.frozen_until = 0
        self.account, self.trader = self.open_account("main")
        self.rests = self._rests(options.limits)
        self.doors = Doors(self)
        for coin, candle, minutes in self.market.history(self.clock.now()):
            self.floor_of(coin).tapes[coin.symbol].remember(candle, minutes)
        for past in self.market.past_funding(self.clock.now()):
            if past.symbol in self.perp.floor.tapes:
                mark = self.perp.floor.tapes[past.symbol].mark
                self.perp.funded.append((past.at, past.symbol, past.rate, mark))

    def _rests(self, limits: bool) -> dict[str, Rest]:
        spot_meter, perp_meter = Meter(Limits.of("spot", limits)), Meter(Limits.of("usdm", limits))
        spot = SpotRest(self.spot, self.clock, spot_meter)
        perp_market = PerpMarket(self.perp, self.clock, perp_meter)
        perp = PerpOrders(self.perp, self.algo).routes()
        perp |= PerpAccount(self.perp, self.clock, perp_meter, self.listen_keys).routes() | perp_market.routes()
        beside, accounts = Beside(self.spot, self.clock).routes(), self.spot.accounts
        self.spot_streams = MarketStreams("spot", self.spot.floor, self.clock, perp_market.mark_event)
        self.perp_streams = MarketStreams("usdm", self.perp.floor, self.clock, perp_market.mark_event)
        self.perp.on_liquidation.append(lambda order: self.perp_streams.forced(liquidation_event(order)))
        traders = self.perp.traders
        return {
            "/api/": Rest("spot", spot.routes(), accounts, spot_meter, self.clock),
            "/fapi/": Rest("usdm", perp, traders, perp_meter, self.clock),
            "/futures/data/": Rest(
                "usdm", perp_market.statistics(), traders, Meter(Limits.of("usdm", limits)), self.clock
            ),
            "/sapi/": Rest("spot", beside, accounts, Meter(Limits.of("spot", limits)), self.clock),
            "/bapi/": Rest("spot", self.articles.routes(), accounts, Meter(Limits.of("spot", limits)), self.clock),
            "/dapi/": Rest("usdm", beside, accounts, Meter(Limits.of("usdm", limits)), self.clock),
        }

    def open_account(self, name: str) -> tuple[Account, Trader]:
        """Opens an account on both markets; key and secret follow from the seed and its name."""
        key, secret = (sha256(f"{what} {self.seed} {name}".encode()).hexdigest() for what in ("key", "secret"))
        account = Account(key, secret, name)
        account.free = {asset: e8(amount) for asset, amount in self.options.balances.items()}
        trader = Trader(key, secret, name, wallet_e8=e8(self.options.margin))
        self.spot.accounts[key], self.perp.traders[key] = account, trader
        return account, trader

    async def run(self) -> None:
        """Lets the market happen, each thing when it is due; ends when the market does."""
        behind = 0
        for one in self.market.happenings(self.clock.now()):
            due = self.clock.seconds_until(one.at) if not isinstance(one, Instrument) else 0.0
            if not isinstance(one, Instrument):
                self.spot.floor.due_at = self.perp.floor.due_at = one.at
            if due > 0.0005:
                behind = 0
                await asyncio.sleep(due)
            else:
                behind += 1
                if behind % 20 == 0:  # late: the clients must not wait for it
                    await asyncio.sleep(0)
            self.take(one)
        self.spot.floor.due_at = self.perp.floor.due_at = NEVER

    async def look_about(self) -> None:
        """Does what is done by the clock: streams, pings, and faults whose time has come."""
        while True:
            await asyncio.sleep(LOOK_S)
            for fault in self.faults.due(self._up_s()):
                befall(self, fault)
            self.perp.fund()
            self.perp.count_down()
            self.spot_streams.look()
            self.perp_streams.look()
            now = time.monotonic()
            for talker in self.doors.everybody():
                talker.keep_alive(now)

    def take(self, one: Happening) -> None:
        """Lets one thing happen on the market."""
        if isinstance(one, Instrument):
            self.floor_of(one).list_coin(one)
        elif isinstance(one, FundingRate):
            self.perp.fund()
            self.perp.rates[one.symbol] = one.rate
            tape = self.perp.floor.tapes.get(one.symbol)
            if one.said is not None and tape is not None:
                self.perp_streams.marked(tape, one.said)
        elif self.clock.now() < self.frozen_until:
            return
        elif isinstance(one, Closed):
            streams = self.spot_streams if one.coin.kind == "spot" else self.perp_streams
            tape = self.floor_of(one.coin).tapes[one.coin.symbol]
            tape.close(one.candle)
            streams.closed(tape, one.candle)
        elif one.coin.kind == "spot":
            self.spot.see(one)
            self.spot_streams.quoted(self.spot.floor.tapes[one.coin.symbol])
        else:
            self.perp.see(one)
            self.algo.see(one)
            self.perp_streams.quoted(self.perp.floor.tapes[one.coin.symbol])

    def answer(self, request: Request) -> Reply:
        """Answers a request, or does with it what a fault says, and writes it down."""
        at = self.clock.now()
        if request.path.startswith("/venue/"):
            return Reply(self._own(request))
        fault = self.faults.of_request(request, self._up_s())
        if fault is None:
            reply = Reply(self._answer(request))
        else:
            reply = broken(fault, lambda: self._answer(request), self.clock.wall_ms())
        answer, status = reply.answer, reply.answer.status if reply.how == "whole" else 0
        self.journal.note(
            at, request.method, request.path, request.query, request.body.decode("utf-8", "replace"),
            request.headers.get("x-mbx-apikey", ""), status, answer.body, fault.fault if fault is not None else "",
        )  # fmt: skip
        return reply

    def note_api(self, method: str, params: str, key: str, status: int, answer: bytes) -> None:
        """Writes down a request of a websocket API."""
        self.journal.note(self.clock.now(), "WS", method, "", params, key, status, answer, "")

    def upgrade(self, request: Request, transport: asyncio.Transport) -> Session | int:
        """Opens the stream that a websocket handshake asks for, or gives the status that refuses it."""
        return self.doors.open(request, transport)

    def bent(self, what: str, frame: bytes) -> list[Passed]:
        """Gives what becomes of a frame under the faults."""
        return self.faults.of_frame(what, frame, self._up_s())

    def later(self, seconds: float, work: Callable[[], object]) -> None:
        """Does something after so many seconds of wall time."""
        asyncio.get_running_loop().call_later(seconds, work)

    def floor_of(self, coin: Instrument) -> Floor:
        """Gives the floor that a symbol trades on."""
        return self.spot.floor if coin.kind == "spot" else self.perp.floor

    def books(self) -> dict[str, Any]:
        """Gives the venue's own books as plain JSON values: orders, fills, balances and positions of every account."""
        return {
            "seed": self.seed, "at": self.clock.now(), "requests": self.journal.count,
            "spot": [_spot_books(one) for one in self.spot.accounts.values()],
            "usdm": [self._perp_books(one) for one in self.perp.traders.values()],
        }  # fmt: skip

    def close(self) -> None:
        """Closes what is open."""
        self.journal.close()

    def _answer(self, request: Request) -> Answer:
        for prefix, rest in self.rests.items():
            if request.path.startswith(prefix):
                return rest.answer(request)
        refusal = not_found(request.method, request.path)
        return Answer(refusal.status, encode(refusal.body()))

    def _own(self, request: Request) -> Answer:
        """What no exchange has: books and arrivals for a checker, faults to be added, articles to be published."""
        if request.path == "/venue/books":
            return Answer(200, encode(self.books()))
        if request.path == "/venue/requests":
            return Answer(200, self.journal.lines(), content_type="application/x-ndjson")
        if request.path == "/venue/faults" and request.method == "POST":
            return self._add_faults(request.body)
        if request.path == "/venue/articles" and request.method == "POST":
            return self._publish(request.body)
        return Answer(404, b"{}")

    def _add_faults(self, script: bytes) -> Answer:
        """Arms the faults of a script; their seconds count from now."""
        try:
            faults = msgspec.json.decode(script, type=list[Fault])
        except msgspec.DecodeError as error:
            return Answer(400, encode({"error": str(error)}))
        for fault in faults:
            self.faults.add(msgspec.structs.replace(fault, after_s=fault.after_s + self._up_s()))
        return Answer(200, encode({"armed": len(faults)}))

    def _publish(self, articles: bytes) -> Answer:
        """Publishes articles."""
        try:
            published = msgspec.json.decode(articles, type=list[Article])
        except msgspec.DecodeError as error:
            return Answer(400, encode({"error": str(error)}))
        for article in published:
            self.articles.publish(article)
        return Answer(200, encode({"published": len(published)}))

    def _up_s(self) -> float:
        return self.clock.up_s()

    def _perp_books(self, trader: Trader) -> dict[str, Any]:
        return {
            "account": trader.name, "wallet_e8": trader.wallet_e8,
            "positions": [
                {"symbol": one.coin.symbol, "positionSide": one.side_name, "qty": one.coin.qty(one.steps),
                 "cost_e8": one.cost_e8, "isolated_e8": one.wallet_e8}
                for one in trader.held()
            ],
            "income": list(trader.income),
            "orders": [order_record(order) for order in trader.orders.values()],
            "algo": [algo_view(one, query=True) for one in self.algo.orders.values() if one.trader is trader],
        }  # fmt: skip


def _spot_books(account: Account) -> dict[str, Any]:
    return {
        "account": account.name,
        "free_e8": {asset: units for asset, units in account.free.items() if units},
        "locked_e8": {asset: units for asset, units in account.locked.items() if units},
        "orders": [order_record(order) for order in account.orders.values()],
    }  # fmt: skip
