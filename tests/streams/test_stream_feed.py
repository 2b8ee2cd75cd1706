"""The feed and the source on top of it: a whole market from a tiny exchange, through cuts, holes and bad days."""

import gc
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from patience import until
from tiny_exchange import MINUTE, TinyRest, TinyStreams, kline, mark, mini

from engine.errors import ConfigError, VenueError
from engine.plugs import Entry
from engine.records.base import Record
from engine.records.market import Bar, Ticker
from engine.records.tickers import Tickers
from engine.world.streams import budget, feed, history, polls
from engine.world.streams.clock import LiveClock, Stamp
from engine.world.streams.columns import Kernels
from engine.world.streams.connection import Pace
from engine.world.streams.feed import Feed, Wanted
from engine.world.streams.frames import Frames
from engine.world.streams.inbox import Inbox
from engine.world.streams.live import Live
from engine.world.streams.routes import SPOT, USDM, Channels

QUICK = Pace(life_s=3600, life_jitter_s=0, overlap_s=0.1, heard_within_s=1.0, pause_s=0.0)
SYMBOLS = ["AUSDT", "BUSDT", "币安人生USDT"]


class Wall:
    """A wall clock that stands where the test puts it, and runs from there."""

    def __init__(self, at: float) -> None:
        self.at, self.begun = at, time.monotonic() * 1000

    def __call__(self) -> float:
        return self.at + time.monotonic() * 1000 - self.begun

    def jump_to(self, at: float) -> None:
        self.at, self.begun = at, time.monotonic() * 1000


class Market:
    """A live market read on a thread: what it gave so far."""

    def __init__(self, live: Live) -> None:
        self.given: list[Record] = []
        self.failure: BaseException | None = None
        self.ended = False
        self._live = live
        self._stop = False
        live.stopped = lambda: self._stop
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def of(self, kind: str, symbol: str | None = None) -> list:
        found = [record for record in list(self.given) if record.kind == kind]
        return [one for one in found if symbol is None or one.symbol == symbol]  # type: ignore[attr-defined]

    def codes(self) -> list[str]:
        return [alert.code for alert in self.of("alert")]

    def stop(self) -> float:
        begun = time.monotonic()
        self._stop = True
        self._thread.join(10)
        return time.monotonic() - begun

    def _run(self) -> None:
        try:
            entry: Entry
            for entry in self._live.facts():
                assert entry.record is not None
                self.given.append(entry.record)
        except BaseException as error:
            self.failure = error
        self.ended = True


START = 1_700_000_040_000 + 20_000  # twenty seconds after a whole minute
LAST = 1_700_000_040_000 - MINUTE  # the last candle that has closed by then


class Exchange:
    """The tiny exchange with its clock, and the markets that are read from it."""

    def __init__(self, streams: TinyStreams) -> None:
        self.streams, self.wall = streams, Wall(START)
        self.rest = TinyRest(list(SYMBOLS), lambda: int(self.wall()))
        self.markets: list[Market] = []
        self.feeds: list[Feed] = []
        self.pace = QUICK
        self.kernels: Path | None = None

    def open(
        self, channels: Channels = SPOT, venue: str = "binance-spot", once: bool = False, **more: object
    ) -> Market:
        self.rest.venue = venue
        newest: dict[str, int] = {}
        wanted = Wanted(("USDT",), history_minutes=5, newest=newest)._replace(**more)  # type: ignore[arg-type]
        clock = LiveClock(wall=self.wall)

        def make(inbox: Inbox) -> Feed:
            made = Feed(
                venue,
                channels,
                self.rest,
                inbox,
                clock,
                wanted,
                base=self.streams.url,
                pace=self.pace,
                chance=lambda: 0.0,
                kernels=self.kernels,
            )
            self.feeds.append(made)
            return made

        self.markets.append(Market(Live(make, clock, once=once, grace_ms=600, newest=newest)))
        return self.markets[-1]

    def heard(self) -> int:
        return int(self.wall())


@pytest.fixture
def exchange(streams: TinyStreams, monkeypatch: pytest.MonkeyPatch) -> Iterator[Exchange]:
    """A tiny exchange whose clients are in a hurry."""
    monkeypatch.setattr(budget, "WAIT_MIN_S", 0.02)
    monkeypatch.setattr(budget, "FLOOR_MS", 1)
    monkeypatch.setattr(feed, "LOOK_EVERY_S", 0.05)
    monkeypatch.setattr(feed, "LATE_MS", 300)
    monkeypatch.setattr(feed, "RULES_FLOOR_S", 0.1)
    monkeypatch.setattr(history, "AGAIN_S", 0.1)
    made = Exchange(streams)
    yield made
    for market in made.markets:
        market.stop()


def opens(market: Market, symbol: str) -> list[int]:
    return [(bar.open_at - LAST) // MINUTE for bar in market.of("bar", symbol)]


def ready(exchange: Exchange, market: Market) -> None:
    """Waits until history is there and all candles are subscribed to."""
    until(lambda: exchange.feeds and exchange.feeds[-1].warm and all(len(market.of("bar", s)) >= 5 for s in SYMBOLS))
    until(lambda: all(exchange.streams.subscribers(f"{s.lower()}@kline_1m") for s in SYMBOLS))


def test_what_is_known_by_the_first_whole_cycle_is_out_of_the_collectors_sight(exchange: Exchange) -> None:
    gc.unfreeze()
    market = exchange.open()
    ready(exchange, market)
    assert gc.get_freeze_count() == 0
    exchange.wall.jump_to(LAST + 2 * MINUTE)
    until(lambda: market.of("tick") and gc.get_freeze_count())
    gc.unfreeze()


def test_rules_come_first_and_history_follows(exchange: Exchange) -> None:
    market = exchange.open()
    ready(exchange, market)
    assert [record.kind for record in market.given[:3]] == ["symbol_rules"] * 3
    assert all(opens(market, symbol) == [-4, -3, -2, -1, 0] for symbol in SYMBOLS)
    assert market.codes() == []


def test_tickers_and_candles_of_the_streams_come_through_in_order_of_time(exchange: Exchange) -> None:
    market = exchange.open()
    ready(exchange, market)
    for second in range(5):
        exchange.streams.send("!miniTicker@arr", [mini(s, exchange.heard() + second) for s in [*SYMBOLS, "XEUR"]])
    until(lambda: len(market.of("ticker")) >= 3)
    exchange.wall.jump_to(LAST + 2 * MINUTE)
    for symbol in SYMBOLS:
        exchange.streams.send(f"{symbol.lower()}@kline_1m", kline(symbol, LAST + MINUTE, closed=False))
        exchange.streams.send(f"{symbol.lower()}@kline_1m", kline(symbol, LAST + MINUTE))
    until(lambda: market.of("tick"))
    [tick] = market.of("tick")
    place = market.given.index(tick)
    assert tick.at == LAST + 2 * MINUTE
    assert [(one.kind, one.at) for one in market.given[place - 3 : place]] == [("bar", tick.at)] * 3
    times = [record.at for record in market.given]
    assert times == sorted(times)
    assert {one.symbol for one in market.of("ticker")} == set(SYMBOLS)


def test_a_tick_comes_though_the_exchange_says_nothing(exchange: Exchange) -> None:
    market = exchange.open()
    ready(exchange, market)
    exchange.wall.jump_to(LAST + 2 * MINUTE + 50)
    exchange.rest.down = True
    until(lambda: market.of("tick"))
    assert not market.of("bar", "AUSDT")[5:]


def test_candles_missed_in_a_cut_are_filled_by_rest_and_told_as_a_gap(exchange: Exchange) -> None:
    market = exchange.open()
    ready(exchange, market)
    exchange.streams.cut()
    exchange.wall.jump_to(LAST + 5 * MINUTE + 1000)
    until(lambda: all(opens(market, symbol) == list(range(-4, 5)) for symbol in SYMBOLS))
    until(lambda: {"FEED_CUT", "FEED_GAP"} <= set(market.codes()))
    until(lambda: all(exchange.streams.subscribers(f"{s.lower()}@kline_1m") for s in SYMBOLS))
    gap = next(one for one in market.of("alert") if one.code == "FEED_GAP")
    assert f"from {LAST + MINUTE} to {LAST + 5 * MINUTE}" in gap.text


def test_a_candle_behind_a_hole_waits_for_what_rest_brings(exchange: Exchange) -> None:
    market = exchange.open()
    ready(exchange, market)
    exchange.rest.down = True
    exchange.wall.jump_to(LAST + 3 * MINUTE + 100)
    exchange.streams.send("ausdt@kline_1m", kline("AUSDT", LAST + 2 * MINUTE))
    until(lambda: "REST_FAILED" in market.codes())
    assert opens(market, "AUSDT")[-1] == 0
    exchange.rest.down = False
    until(lambda: opens(market, "AUSDT") == list(range(-4, 3)))


def test_candles_that_the_exchange_itself_lacks_are_passed_over(exchange: Exchange) -> None:
    exchange.rest.absent = {("BUSDT", LAST - 2 * MINUTE), ("AUSDT", LAST - 4 * MINUTE)}
    market = exchange.open()
    until(lambda: opens(market, "BUSDT") == [-4, -3, -1, 0] and opens(market, "AUSDT") == [-3, -2, -1, 0])


def test_the_first_candle_of_a_new_symbol_waits_for_no_past(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "SETTLED_MS", MINUTE)
    exchange.rest.absent = {("AUSDT", LAST - minute * MINUTE) for minute in range(6)}
    market = exchange.open()
    until(lambda: opens(market, "BUSDT") == [-4, -3, -2, -1, 0])
    until(lambda: exchange.streams.subscribers("ausdt@kline_1m"))
    exchange.wall.jump_to(LAST + 2 * MINUTE + 100)
    exchange.streams.send("ausdt@kline_1m", kline("AUSDT", LAST + MINUTE))
    until(lambda: opens(market, "AUSDT") == [1])


def test_a_dirty_row_costs_no_other_and_is_told_once_a_minute(exchange: Exchange) -> None:
    market = exchange.open()
    ready(exchange, market)
    for second in range(10):
        rows = [mini("AUSDT", exchange.heard() + second), mini("BUSDT", exchange.heard() + second, "NaN")]
        exchange.streams.send("!miniTicker@arr", rows)
        until(lambda number=second: market.of("ticker", "AUSDT")[number:])  # type: ignore[misc]
    exchange.streams.tell_all("this is not JSON")
    assert not market.of("ticker", "BUSDT")
    assert exchange.streams.opened == 2
    assert market.codes().count("DIRTY_MESSAGE") <= 1


def test_a_symbol_that_is_listed_is_followed_and_one_that_halts_is_left(exchange: Exchange) -> None:
    market = exchange.open()
    ready(exchange, market)
    exchange.rest.symbols.append("NEWUSDT")
    exchange.rest.status["BUSDT"] = "HALT"
    exchange.streams.send("!miniTicker@arr", [mini("NEWUSDT", exchange.heard())])
    until(lambda: {"SYMBOL_LISTED", "SYMBOL_STATUS"} <= set(market.codes()))
    until(lambda: opens(market, "NEWUSDT") == [-4, -3, -2, -1, 0])
    until(lambda: exchange.streams.subscribers("newusdt@kline_1m"))
    until(lambda: not exchange.streams.subscribers("busdt@kline_1m"))
    assert [rules.status for rules in market.of("symbol_rules", "BUSDT")] == ["TRADING", "HALT"]


def test_futures_have_their_paths_funding_and_open_interest(exchange: Exchange) -> None:
    market = exchange.open(USDM, "binance-usdm", open_interest=True)
    until(lambda: len(market.of("open_interest")) >= 1 and exchange.streams.subscribers("!contractInfo"))
    until(lambda: exchange.streams.subscribers("!bookTicker"))
    assert {path.split("/")[1] for path in exchange.streams.paths} == {"market", "public"}
    for second in range(3):
        exchange.streams.send("!markPrice@arr", [mark("AUSDT", exchange.heard() + second), mark("X", 1, st=2)])
    book = {"e": "bookTicker", "u": 1, "E": 1, "T": 1, "s": "BUSDT", "b": "1", "B": "2", "a": "3", "A": "4"}
    exchange.streams.send("!bookTicker", book)
    until(lambda: market.of("funding", "AUSDT") and market.of("book_top", "BUSDT"))
    assert len(market.of("funding")) == 1  # once a minute
    oi = market.of("open_interest")[0]
    assert START <= oi.at < START + MINUTE


def test_positioning_is_told_once_a_period(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polls, "POSITIONING_EVERY_S", 0.2)
    market = exchange.open(positioning=True)
    until(lambda: len(market.of("taker_flow")) >= 3 and len(market.of("long_short")) >= 3)
    time.sleep(2.5)
    assert len(market.of("long_short")) == 3
    [ratio] = market.of("long_short", "AUSDT")
    assert (ratio.ratio, ratio.ended_at % 300_000) == ("1.5", 0)
    assert ratio.at >= START


def test_spot_asks_for_books_and_ages(exchange: Exchange) -> None:
    market = exchange.open(books=True, ages=True)
    until(lambda: len(market.of("book_top")) >= 3)
    until(lambda: any(rules.onboard_at for rules in market.of("symbol_rules")))


def test_once_ends_after_the_first_tick_that_knows_all_history(exchange: Exchange) -> None:
    market = exchange.open(once=True)
    ready(exchange, market)
    exchange.wall.jump_to(LAST + 2 * MINUTE)
    until(lambda: market.ended, within_s=10)
    assert market.failure is None
    assert market.given[-1].kind == "tick"


def test_over_many_replacements_no_candle_is_lost_and_none_comes_twice(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange.pace = QUICK._replace(life_s=0.25, overlap_s=0.05)
    market = exchange.open()
    ready(exchange, market)
    asked = len(exchange.rest.asked)
    for minute in range(1, 41):
        exchange.wall.jump_to(LAST + (minute + 1) * MINUTE)
        for symbol in SYMBOLS:
            exchange.streams.send(f"{symbol.lower()}@kline_1m", kline(symbol, LAST + minute * MINUTE))
        until(lambda reached=minute: all(opens(market, s)[-1] == reached for s in SYMBOLS))  # type: ignore[misc]
        time.sleep(0.03)
    assert all(opens(market, symbol) == list(range(-4, 41)) for symbol in SYMBOLS)
    assert len(exchange.rest.asked) == asked
    assert set(market.codes()) == {"FEED_ROLLED"}
    assert len(market.codes()) >= 4


def test_a_market_without_a_wanted_symbol_is_a_setting_to_mend(exchange: Exchange) -> None:
    market = exchange.open(quotes=("XYZ",))
    until(lambda: market.ended)
    assert isinstance(market.failure, ConfigError)
    assert "XYZ" in str(market.failure)


def test_an_exchange_that_cannot_be_reached_is_an_error(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "START_AGAIN_S", (0.01, 0.01))
    exchange.rest.down = True
    market = exchange.open()
    until(lambda: market.ended, within_s=10)
    assert isinstance(market.failure, VenueError)


def test_a_feed_that_dies_is_started_again_soon_and_tells_no_candle_twice(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    market = exchange.open()
    ready(exchange, market)
    monkeypatch.setattr(exchange.feeds[0]._gate, "holes", _break)
    begun = time.monotonic()
    until(lambda: len(exchange.feeds) == 2)
    assert time.monotonic() - begun < 5.0
    ready(exchange, market)
    exchange.wall.jump_to(LAST + 2 * MINUTE)
    for symbol in SYMBOLS:
        exchange.streams.send(f"{symbol.lower()}@kline_1m", kline(symbol, LAST + MINUTE))
    until(lambda: all(opens(market, symbol)[-1] == 1 for symbol in SYMBOLS))
    assert all(opens(market, symbol) == list(range(-4, 2)) for symbol in SYMBOLS)
    [condition] = market.of("condition")
    assert (condition.scope, condition.state, condition.needs_resume) == ("feed_died", "degraded", False)
    [alert] = [one for one in market.of("alert") if one.code == "FEED_DIED"]
    assert "RuntimeError: a mistake of ours" in alert.text
    assert market.failure is None


def test_a_feed_that_dies_again_and_again_blocks_entries_and_ends(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Feed, "_look_for_silence", _break)
    market = exchange.open()
    until(lambda: market.ended, within_s=20)
    assert isinstance(market.failure, RuntimeError)
    assert len(exchange.feeds) == 4
    assert [(one.state, one.needs_resume) for one in market.of("condition")] == [("degraded", False)] * 3 + [
        ("blocked", True)
    ]


def _break(*_: object) -> None:
    raise RuntimeError("a mistake of ours")


def test_a_stop_is_obeyed_within_two_seconds_while_frames_pour_in(exchange: Exchange) -> None:
    market = exchange.open()
    ready(exchange, market)
    pouring = threading.Event()

    def pour() -> None:
        number = exchange.heard()
        while not pouring.is_set():
            number += 1
            exchange.streams.send("!miniTicker@arr", [mini(s, number) for s in SYMBOLS])

    thread = threading.Thread(target=pour, daemon=True)
    thread.start()
    try:
        until(lambda: len(market.of("ticker")) > 50)
        assert market.stop() < 2.0
    finally:
        pouring.set()
        thread.join(5)
    assert market.ended


def test_a_slow_reader_gets_the_newest_of_each_symbol_and_hears_what_it_missed() -> None:
    inbox = Inbox()
    frames = Frames("binance-spot")
    frames.wanted = {f"S{i}USDT" for i in range(400)}
    for second in range(1, 101):
        rows = [mini(symbol, second, str(second)) for symbol in sorted(frames.wanted)]
        inbox.put(frames.read(json.dumps(rows).encode(), Stamp(second, second)).facts)
    taken = inbox.take(0)
    assert len(taken) == 400
    assert {one.last for one in taken} == {"100"}  # type: ignore[attr-defined]
    assert inbox.dropped() == 400 * 99


def test_tickers_of_a_frame_come_together_where_that_is_wanted(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[Path] = []
    monkeypatch.setattr(feed, "load", lambda folder: asked.append(folder) or Kernels())
    exchange.kernels = tmp_path
    market = exchange.open()
    until(
        lambda: exchange.streams.subscribers("!miniTicker@arr") == 1 and exchange.feeds[0]._frames.kernels is not None
    )
    exchange.streams.send("!miniTicker@arr", [mini("BUSDT", 1, "7"), mini("AUSDT", 1, "0.10"), mini("OTHER", 1)])
    until(lambda: market.of("ticker"))
    [tickers] = market.of("ticker")
    assert isinstance(tickers, Tickers)
    assert [(one.symbol, one.last) for one in tickers.records()] == [("AUSDT", "0.10"), ("BUSDT", "7")]
    assert asked == [tmp_path]
    exchange.streams.send("!miniTicker@arr", [mini("AUSDT", 2, "x"), mini("BUSDT", 2, "8")])
    until(lambda: len(market.of("ticker")) == 2)
    assert isinstance(market.of("ticker")[1], Ticker)


def test_frames_are_read_all_the_same_where_kernels_cannot_be_made(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def broken(folder: Path) -> Kernels:
        raise RuntimeError("no machine code here")

    monkeypatch.setattr(feed, "load", broken)
    exchange.kernels = tmp_path
    market = exchange.open()
    until(lambda: "FRAMES_PLAIN" in market.codes() and exchange.streams.subscribers("!miniTicker@arr") == 1)
    exchange.streams.send("!miniTicker@arr", [mini("AUSDT", 1), mini("BUSDT", 1)])
    until(lambda: market.of("ticker"))
    assert [one.symbol for one in market.of("ticker")[0].records()] == ["AUSDT", "BUSDT"]
    assert not market.failure


def test_answers_alone_are_no_sign_of_life(exchange: Exchange) -> None:
    quiet = SPOT._replace(quiet_s={"!miniTicker@arr": 0.5})
    market = exchange.open(quiet)
    until(lambda: "FEED_CUT" in market.codes(), within_s=10)
    assert "!miniTicker@arr silent for 0.5 s" in {alert.text for alert in market.of("alert")}


def test_an_inbox_that_nobody_reads_has_an_end() -> None:
    inbox = Inbox(most=10, roomy=5)
    bars = [Bar(at=i, venue="v", symbol="A", step_s=60, open_at=i, open="1", high="1", low="1", close="1", volume="1")
            for i in range(12)]  # fmt: skip
    assert inbox.put(bars) == bars[10:]
    assert not inbox.roomy
    assert inbox.take(0) == bars[:10]


def test_cycles_that_were_slept_through_are_one_jump(exchange: Exchange) -> None:
    market = exchange.open()
    ready(exchange, market)
    exchange.wall.jump_to(LAST + 30 * MINUTE + 100)
    until(lambda: market.of("tick") and market.of("tick")[-1].at == LAST + 30 * MINUTE)
    assert len(market.of("tick")) <= 2


def test_what_the_readers_wait_raises_is_no_death_of_the_feed(exchange: Exchange) -> None:
    def gone() -> None:
        raise BrokenPipeError

    live = exchange.open()._live
    with pytest.raises(BrokenPipeError):
        for _ in replace(live, before_wait=gone, inbox=Inbox(), stopped=lambda: False).facts():
            pass
    assert len(exchange.feeds) == 2  # the market's own, and the one whose reader has gone
