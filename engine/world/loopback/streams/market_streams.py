"""Market streams: who listens to what, and what they are told when trades happen and time passes."""

from collections.abc import Callable, Iterator
from typing import Any

from engine.world.loopback.books.floor import Floor
from engine.world.loopback.clock import VenueClock
from engine.world.loopback.market.instruments import Kind
from engine.world.loopback.market.source import Said
from engine.world.loopback.market.tape import MINUTE, Candle, PublicTrade, Tape
from engine.world.loopback.rest import quotes
from engine.world.loopback.rest.routes import encode
from engine.world.loopback.streams.difference import Difference
from engine.world.loopback.streams.sessions import MAX_STREAMS, Bent, Talker
from engine.world.loopback.streams.stream_names import ON_TRADE, PUBLIC, Stream, stream_of
from engine.world.loopback.streams.websocket import Socket

#: The best quotes of a coin-margined contract, which these streams carry too.
_COIN_MARGINED = {"e": "bookTicker", "u": 1, "s": "BTCUSD_PERP", "b": "1", "B": "1", "a": "2", "A": "1", "st": 2}


class MarketSession(Talker):
    """One client of market streams. `route` is the futures route it came by, empty for spot."""

    def __init__(
        self, hub: "MarketStreams", socket: Socket, route: str, combined: bool, streams: list[str], bent: Bent
    ) -> None:
        """Subscribes it to the streams of its address."""
        super().__init__(socket, 5 if hub.kind == "spot" else 10, bent)
        self._hub, self._route, self._combined = hub, route, combined
        self.streams: dict[str, Stream | None] = {}
        self._subscribe(streams)

    def hear(self, message: dict[str, Any]) -> None:
        """Carries out SUBSCRIBE and its kin. The acknowledgement says nothing about whether a stream exists."""
        method, params, number = message.get("method"), message.get("params") or [], message.get("id")
        if method in ("SUBSCRIBE", "UNSUBSCRIBE") and not (
            isinstance(params, list) and all(isinstance(one, str) for one in params)
        ):
            self.tell({"error": {"code": 2, "msg": "Invalid request: params must be a list of strings"}, "id": number})
        elif method == "SUBSCRIBE":
            self.tell({"result": None, "id": number})
            self._subscribe(params)
        elif method == "UNSUBSCRIBE":
            for name in params:
                self._hub.leave(self, name)
            self.tell({"result": None, "id": number})
        elif method == "LIST_SUBSCRIPTIONS":
            self.tell({"result": list(self.streams), "id": number})
        elif method == "SET_PROPERTY" and isinstance(params, list) and params[:1] == ["combined"]:
            self._combined = bool(params[-1])
            self.tell({"result": None, "id": number})
        elif method == "GET_PROPERTY":
            self.tell({"result": self._combined, "id": number})
        else:
            self.tell({"error": {"code": 2, "msg": f"Invalid request: unknown variant {method!r}"}, "id": number})

    def gone(self) -> None:
        """Leaves every stream."""
        self._hub.dismiss(self)

    def event(self, stream: str, frame: bytes) -> None:
        """Tells an event of a stream, wrapped where the client asked for combined ones."""
        if self._combined:
            frame = b'{"stream":' + encode(stream) + b',"data":' + frame + b"}"
        self.pass_on(stream, frame)

    def _subscribe(self, names: list[str]) -> None:
        if len(self.streams) + len(names) > MAX_STREAMS:
            self.tell({"error": {"code": 4, "msg": "Too many subscriptions"}})
            self.socket.close(1008, "Too many subscriptions")
            return
        for name in names:
            self._hub.join(self, name, self._route)


class MarketStreams:
    """The market streams of one market."""

    def __init__(self, kind: Kind, floor: Floor, clock: VenueClock, mark: Callable[[Tape], dict[str, Any]]) -> None:
        """`mark` gives a perpetual's markPriceUpdate."""
        self.kind, self._floor, self._clock, self._mark = kind, floor, clock, mark
        self.sessions: set[MarketSession] = set()
        self._joined: dict[Stream, dict[MarketSession, None]] = {}
        self._closed: dict[tuple[str, str], int] = {}
        self._differences: dict[Stream, Difference] = {}
        self._changed: dict[str, set[str]] = {}
        self._said: dict[str, dict[str, Any]] = {}
        self._looks = 0
        floor.on_trade.append(self._traded)

    def open(self, socket: Socket, route: str, combined: bool, streams: list[str], bent: Bent) -> MarketSession:
        """Takes a client in."""
        session = MarketSession(self, socket, route, combined, streams, bent)
        self.sessions.add(session)
        return session

    def join(self, session: MarketSession, name: str, route: str) -> None:
        """Subscribes a client. A stream that is not, or not on this route, is silent."""
        stream = stream_of(name, self.kind, self._floor.coins)
        if stream is not None and self.kind == "usdm":
            home = "public" if stream.what in PUBLIC else "market"
            # Without a route only book data is served any more.
            if route != home and not (route == "" and home == "public"):
                stream = None
        session.streams[name] = stream
        if stream is not None:
            self._joined.setdefault(stream, {})[session] = None
            if stream.what == "markPrice" and not stream.symbol and self._said:
                session.event(stream.name, encode(list(self._said.values())))
            if stream.what == "depth" and (not stream.detail or self.kind == "usdm"):
                self._differences.setdefault(stream, Difference(self._floor, self._floor.tapes[stream.symbol]))

    def leave(self, session: MarketSession, name: str) -> None:
        """Ends a subscription."""
        stream = session.streams.pop(name, None)
        if stream is not None:
            joined = self._joined[stream]
            joined.pop(session, None)
            if not joined:
                del self._joined[stream]
                self._differences.pop(stream, None)
                self._closed.pop((stream.symbol, stream.detail), None)  # nothing is replayed to who comes later

    def dismiss(self, session: MarketSession) -> None:
        """Ends all subscriptions of a client that is gone."""
        for name in tuple(session.streams):
            self.leave(session, name)
        self.sessions.discard(session)

    def quoted(self, tape: Tape) -> None:
        """Tells a new quote to whoever listens to the best bid and ask."""
        if not self._joined:
            return
        symbol = tape.coin.symbol
        for changed in self._changed.values():
            changed.add(symbol)
        self._look_at_books(symbol)
        for stream in self._named(tape, ("bookTicker",)):
            self._tell(stream, quotes.book_event(tape, self._clock.now()))

    def closed(self, tape: Tape, candle: Candle) -> None:
        """Tells a minute that has closed as it was recorded, at once: nobody tells it a second time."""
        symbol = tape.coin.symbol
        stream = stream_of(f"{symbol.lower()}@kline_1m", self.kind, (symbol,))
        if stream is not None and stream in self._joined:
            self._tell(stream, quotes.kline_event(tape, stream.detail, self._clock.now(), candle))

    def marked(self, tape: Tape, said: Said) -> None:
        """Tells a mark price with its funding as it was recorded, once; who subscribes later hears the last ones."""
        price = said.mark if said.mark is not None else tape.coin.price(tape.last)
        symbol = tape.coin.symbol
        self._said[symbol] = {
            "e": "markPriceUpdate", "E": self._clock.now(), "s": symbol, "p": price, "i": price, "P": price,
            "r": said.rate, "T": said.due_at or 0, "st": 1,
        }  # fmt: skip
        for stream in tuple(self._joined):
            if stream.what == "markPrice" and stream.symbol in ("", symbol):
                self._tell(stream, self._said[symbol] if stream.symbol else [self._said[symbol]])

    def look(self) -> None:
        """Tells what is told by the clock: candles, tickers, depth and mark prices."""
        self._looks += 1
        for stream in tuple(self._joined):
            if stream.every and self._looks % stream.every == 0:
                self._tell_regular(stream)

    def forced(self, event: dict[str, Any]) -> None:
        """Tells a liquidation to whoever listens for them."""
        symbol = event["o"]["s"]
        for stream in tuple(self._joined):
            if stream.what == "forceOrder" and stream.symbol in ("", symbol):
                self._tell(stream, event)

    def _traded(self, tape: Tape, trade: PublicTrade) -> None:
        if not self._joined:
            return
        now = self._clock.now()
        self._look_at_books(tape.coin.symbol)
        for stream in self._named(tape, ON_TRADE):
            if stream.what == "trade":
                self._tell(stream, quotes.trade_event(tape, trade, now))
            else:
                self._tell(stream, quotes.agg_trade_event(tape, trade, now))

    def _look_at_books(self, symbol: str) -> None:
        for stream, difference in self._differences.items():
            if stream.symbol == symbol:
                difference.look()

    def _named(self, tape: Tape, kinds: tuple[str, ...]) -> Iterator[Stream]:
        for kind in kinds:
            stream = Stream(f"{tape.coin.symbol.lower()}@{kind}", tape.coin.symbol, kind, "", 0)
            if stream in self._joined:
                yield stream

    def _tell(self, stream: Stream, event: Any) -> None:
        frame = encode(event)
        for session in tuple(self._joined.get(stream, ())):
            session.event(stream.name, frame)

    def _tell_regular(self, stream: Stream) -> None:
        if not stream.symbol:
            self._tell_all(stream)
            return
        tape, now = self._floor.tapes[stream.symbol], self._clock.now()
        if not tape.last:
            return
        if stream.what == "kline":
            self._tell_candles(stream, tape, now)
        elif stream.what == "depth":
            self._tell_depth(stream, tape, now)
        elif stream.what == "miniTicker":
            self._tell(stream, quotes.mini_event(tape, now))
        elif stream.what == "ticker":
            self._tell(stream, quotes.ticker_event(tape, now))
        elif stream.what == "markPrice":
            self._tell(stream, self._mark(tape))
        elif stream.what == "avgPrice":
            price = tape.coin.price(tape.average(5))
            self._tell(stream, {"e": "avgPrice", "E": now, "s": stream.symbol, "i": "5m", "w": price, "T": tape.at})

    def _tell_all(self, stream: Stream) -> None:
        """The arrays of all symbols hold only those that changed since the last one."""
        now = self._clock.now()
        changed = self._changed.get(stream.name)
        symbols = set(self._floor.tapes) if changed is None else changed
        self._changed[stream.name] = set()
        told = {symbol: tape for symbol, tape in self._floor.tapes.items() if tape.quoted and tape.last}
        tapes = [tape for symbol, tape in told.items() if symbol in symbols]
        rows: list[dict[str, Any]]
        if stream.what == "miniTicker":
            rows = [quotes.mini_event(tape, now) for tape in tapes]
        elif stream.what == "ticker":
            rows = [quotes.ticker_event(tape, now) for tape in tapes]
        elif stream.what == "markPrice":
            rows = [self._mark(tape) for tape in told.values()]
        else:
            for tape in tapes:
                self._tell(stream, quotes.book_event(tape, now))
            if not told:  # as with the arrays: somebody else's row says that the stream lives
                self._tell(stream, _COIN_MARGINED | {"E": now, "T": now})
            return
        if self.kind == "usdm" and rows:
            # Since 2026-06-30 these arrays hold coin-margined rows too; whoever trades USDT-M must leave them out.
            rows.append(rows[0] | {"s": f"{rows[0]['s'].removesuffix('USDT')}USD_PERP", "st": 2})
        if rows or not told:  # where nothing has ever been quoted an empty array says that the stream lives
            self._tell(stream, rows)

    def _tell_candles(self, stream: Stream, tape: Tape, now: int) -> None:
        minutes, key = quotes.minutes_of(stream.detail), (stream.symbol, stream.detail)
        width = minutes * MINUTE
        found = tape.candles(minutes, None, None, 1)
        if not found:
            return
        newest = found[-1]
        if tape.recorded and minutes == 1:
            if newest.open_at + width > now:
                self._tell(stream, quotes.kline_event(tape, stream.detail, now))
            return
        told = self._closed.get(key, newest.open_at - width)
        if newest.open_at + width > told + width:
            for one in tape.candles(minutes, told + 1, None, 60):
                if one.open_at + width <= min(now, self._floor.due_at):
                    self._closed[key] = one.open_at
                    self._tell(stream, quotes.kline_event(tape, stream.detail, now, one))
        if newest.open_at + width > now:
            self._closed.setdefault(key, told)
            self._tell(stream, quotes.kline_event(tape, stream.detail, now))

    def _tell_depth(self, stream: Stream, tape: Tape, now: int) -> None:
        if stream not in self._differences:  # the top of a spot book, whole each time
            top: dict[str, Any] = {"lastUpdateId": tape.update_id}
            self._tell(stream, top | quotes.sides(self._floor, tape, int(stream.detail), "bids", "asks"))
            return
        event: dict[str, Any] = {"e": "depthUpdate", "E": now, "s": stream.symbol}
        told, (bids, asks) = self._differences[stream].take()
        if stream.detail:  # the top of a futures book comes as an update too, but whole
            sides = quotes.sides(self._floor, tape, int(stream.detail), "b", "a")
        else:
            sides = {"b": bids, "a": asks}
        if tape.update_id == told and not stream.detail:
            return
        event |= {"U": told + 1, "u": tape.update_id}
        if self.kind == "usdm":
            event |= {"T": tape.at, "pu": told}
        self._tell(stream, event | sides)
