"""Frames of a live stream made facts: whole-market arrays in one go, all others by the reader of captured frames."""

import re
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple, TypeVar

import msgspec

from engine.errors import BadRecord
from engine.records.base import Moment
from engine.records.glance import are_amounts, are_prices, are_rates
from engine.records.market import Bar, Fact, Funding, Ticker
from engine.records.tickers import Tickers
from engine.records.wire import check_json
from engine.world.imports.fields import Fields, fields_of
from engine.world.imports.frames import fact_of as fact_of
from engine.world.streams.clock import Stamp
from engine.world.streams.columns import Columns, Kernels
from engine.world.streams.gathered import Gathered

#: A candle that is still open: nothing may be decided on it, and it is not even read.
_OPEN_CANDLE = re.compile(rb'"x"\s*:\s*false')
_CANDLE = b'"e":"kline"'
#: What tells of the connection, not of the market: answers to requests, and that the server is about to go.
_ANSWER = re.compile(rb'\s*\{\s*"(?:result|id|error|code)"\s*:')
SHUTDOWN = b'"serverShutdown"'
#: Rows of this market; USDT-M arrays also hold rows of coin-margined contracts (`st` 2). Spot says nothing.
_OURS = 1


class _Mini(msgspec.Struct, gc=False):
    s: str
    c: str
    v: str
    q: str
    E: int
    st: int = _OURS


class _Mark(msgspec.Struct, gc=False):
    s: str
    p: str
    r: str
    E: int
    T: Moment = 0
    st: int = _OURS


class _Minis(msgspec.Struct, gc=False):
    data: list[_Mini]


class _Marks(msgspec.Struct, gc=False):
    data: list[_Mark]


Row = TypeVar("Row", _Mini, _Mark)
_minis = msgspec.json.Decoder(_Minis)
_marks = msgspec.json.Decoder(_Marks)
_MINIS, _MARKS = b'{"stream":"!miniTicker@arr', b'{"stream":"!markPrice@arr'


class Read(NamedTuple):
    """What was in a frame: facts, what could not be believed (a reason each), and symbols nobody has told of.

    `rows` is how many events it held, so that a share of bad ones can be told; 0 for what is no news of the market.
    `tickers` are facts too, where they are wanted together.
    """

    facts: Sequence[Fact] = ()
    dirty: Sequence[str] = ()
    strangers: Collection[str] = ()
    rows: int = 0
    tickers: Tickers | None = None


_NOTHING = Read()


class Frames:
    """Reads the frames of one market's streams.

    Where there are `kernels`, arrays of tickers are read by them, if they take them; the facts are the same.
    """

    def __init__(self, venue: str, together: bool = False, kernels: Kernels | None = None) -> None:
        """Reads for a venue; facts of symbols that are not `wanted` are passed over, and `known` ones are no news.

        Tickers of an array come `together` where that is wanted, and there are no kernels without that.
        """
        self.venue, self.kernels, self._is_together = venue, kernels, together or kernels is not None
        self._wanted = self._known = frozenset[str]()
        #: The newest event of each symbol by kind: two connections that overlap tell everything twice.
        self._told: dict[str, dict[str, int]] = {}
        self._columns: Columns | None = None
        self._gathered: Gathered | None = None

    @property
    def wanted(self) -> frozenset[str]:
        """The symbols whose facts are wanted."""
        return self._wanted

    @wanted.setter
    def wanted(self, symbols: Collection[str]) -> None:
        self._wanted = frozenset(symbols)
        self._number_anew()

    @property
    def known(self) -> frozenset[str]:
        """The symbols that are no news."""
        return self._known

    @known.setter
    def known(self, symbols: Collection[str]) -> None:
        self._known = frozenset(symbols)
        self._number_anew()

    def read(self, frame: bytes, stamp: Stamp) -> Read:
        """Gives what a frame holds. An event that cannot be believed is told, and costs no other one."""
        if self.kernels is None or not frame.startswith(_MINIS):
            return self._read(frame, stamp)
        if self._columns is None:
            told, names = self._newest(Ticker.kind), self._gatherer().names
            self._columns = Columns(self.venue, names, self.wanted, told, self.kernels)
        found = self._columns.read(frame, stamp)
        if found is None:
            return self._read(frame, stamp)
        return Read((), (), found.strangers, found.rows, found.tickers if len(found.tickers) else None)

    def _number_anew(self) -> None:
        self._newest(Ticker.kind)
        self._columns = self._gathered = None

    def _gatherer(self) -> Gathered:
        if self._gathered is None:
            self._gathered = Gathered(tuple(sorted(self.known | self.wanted)))
        return self._gathered

    def _newest(self, kind: str) -> dict[str, int]:
        """Gives the newest event of each symbol, to look at and to change."""
        if self._columns is not None and kind == Ticker.kind:
            return self._columns.lend()
        return self._told.setdefault(kind, {})

    def _read(self, frame: bytes, stamp: Stamp) -> Read:
        try:
            if frame.startswith(_MINIS):
                found = self._tickers(_minis.decode(frame).data, stamp)
            elif frame.startswith(_MARKS):
                found = self._fundings(_marks.decode(frame).data, stamp)
            elif _CANDLE in frame and _OPEN_CANDLE.search(frame) is not None:
                return Read(rows=1)
            else:
                found = None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            found = None
        return found if found is not None else self._slowly(frame, stamp)

    def _tickers(self, rows: list[_Mini], stamp: Stamp) -> Read | None:
        """Gives the tickers of an array; None when one of its texts is not what it should be."""
        fresh, strangers = self._fresh("ticker", rows)
        volumes = [*[row.v for row in fresh], *[row.q for row in fresh]]
        if not are_prices([row.c for row in fresh]) or not are_amounts(volumes):
            return None
        venue, at, mono = self.venue, stamp.at, _mono(stamp)
        facts = [
            Ticker(at=at, venue=venue, symbol=row.s, mono_ms=mono, last=row.c, volume_24h=row.v, quote_volume_24h=row.q)
            for row in fresh
        ]
        self._note("ticker", fresh)
        together = self._gatherer().gather(facts) if self._is_together else None
        return Read(facts if together is None else (), (), strangers, len(rows), together)

    def _fundings(self, rows: list[_Mark], stamp: Stamp) -> Read | None:
        """Gives mark prices and funding of an array; contracts with a delivery date have none: their rate is empty."""
        fresh, strangers = self._fresh("funding", rows)
        fresh = [row for row in fresh if row.r != ""]
        if not are_prices([row.p for row in fresh]) or not are_rates([row.r for row in fresh]):
            return None
        venue, at, mono = self.venue, stamp.at, _mono(stamp)
        facts = [
            Funding(at=at, venue=venue, symbol=row.s, mono_ms=mono, rate=row.r, mark_price=row.p, due_at=row.T or None)
            for row in fresh
        ]
        self._note("funding", fresh)
        return Read(facts, (), strangers, len(rows))

    def _fresh(self, kind: str, rows: list[Row]) -> tuple[list[Row], Collection[str]]:
        """Gives the rows of wanted symbols that are newer than what was told, and symbols that nobody knows."""
        wanted, told = self.wanted, self._newest(kind)
        fresh = [row for row in rows if row.s in wanted and row.st == _OURS and told.get(row.s, -1) < row.E]
        if len(fresh) == len(rows):
            return fresh, ()
        return fresh, {row.s for row in rows if row.st == _OURS} - self.known - self.wanted

    def _note(self, kind: str, rows: Sequence[_Mini | _Mark]) -> None:
        self._newest(kind).update([(row.s, row.E) for row in rows])

    def _slowly(self, frame: bytes, stamp: Stamp) -> Read:
        """Reads a frame event by event."""
        if _ANSWER.match(frame):
            return _NOTHING
        facts: list[Fact] = []
        dirty: list[str] = []
        rows = 0
        try:
            content = check_json(frame)
            parts = content.get("data", content) if isinstance(content, dict) else content
            for part in parts if isinstance(parts, list) else [parts]:
                rows += 1
                try:
                    fact = self._event(part, stamp)
                except BadRecord as error:
                    dirty.append(str(error))
                    continue
                if fact is not None:
                    facts.append(fact)
        except BadRecord as error:
            dirty.append(str(error))
        return Read(facts, dirty, rows=max(rows, 1))

    def _event(self, part: Any, stamp: Stamp) -> Fact | None:
        """Gives an event's fact, None for one of another market or symbol, or of a kind that is no fact."""
        event: Fields = fields_of(part)
        named = event.get("s") or fields_of(event.get("k", {})).get("s")
        if event.get("st", _OURS) != _OURS or (isinstance(named, str) and named not in self.wanted):
            return None
        fact = fact_of(event, self.venue, stamp.at)
        if not isinstance(fact, Fact) or not self._is_new(fact, event.get("E")):
            return None
        return msgspec.structs.replace(fact, mono_ms=stamp.mono_ms if stamp.mono_ms != fact.at else None)

    def _is_new(self, fact: Fact, said: Any) -> bool:
        # Candles are told apart by their opening, at the gate; an event without a time is taken as it comes.
        if isinstance(fact, Bar) or type(said) is not int:
            return True
        told = self._newest(fact.kind)
        before = told.get(fact.symbol, -1)
        if said < before or (said == before and isinstance(fact, Ticker | Funding)):
            return False
        told[fact.symbol] = said
        return True


def _mono(stamp: Stamp) -> int | None:
    return stamp.mono_ms if stamp.mono_ms != stamp.at else None
