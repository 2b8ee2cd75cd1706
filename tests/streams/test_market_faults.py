"""What may befall a live market, on the loopback venue: the source mends it, says it, and the engine takes it in."""

import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from patience import until
from tiny_exchange import MINUTE

from engine.records.base import Record
from engine.records.market import Bar
from engine.records.trades import StateChange
from engine.runs import settings
from engine.runs.stages import Stages
from engine.world.loopback.faults.script import Fault
from engine.world.loopback.market.generated import Generated
from engine.world.loopback.rest.routes import encode
from engine.world.loopback.serving import Serving, serving
from engine.world.loopback.venue import Venue, VenueOptions
from engine.world.sources.binance_spot import BinanceSpot
from engine.world.streams import budget, dirt, feed, history, polls, telling

SYMBOLS = ("BTCUSDT", "ETHUSDT", "币安人生USDT")
#: Minutes pass by the second, so that many candles close in a short test.
SPEED = 60.0


class Watched:
    """A live market that is read on a thread, and what the stages make of it."""

    def __init__(self, served: Serving, folder: Path, *, symbols: tuple[str, ...] = SYMBOLS, **sets: str) -> None:
        self.served = served
        self.given: list[Record] = []
        self.said: list[Record] = []
        self.pause_s = 0.0
        self.failure: BaseException | None = None
        self._stop = False
        cycle_s = 1 if served.venue.clock.speed == 1.0 else 60
        self.symbols = symbols
        source = BinanceSpot(
            data_dir=folder, cycle_s=cycle_s, symbols=symbols, rest_url=served.rest_url,
            stream_url=served.stream_url, stopped=lambda: self._stop,
        )  # fmt: skip
        chosen = settings.load(env={}, sets=[f"scan.cycle_s={cycle_s}", *(f"{k}={v}" for k, v in sets.items())])
        self._facts = source.facts()
        self._stages = Stages(chosen, {}, self.said.append)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        try:
            for entry in self._facts:
                assert entry.record is not None
                self.given.append(entry.record)
                if entry.record.kind != "alert":
                    self._stages.turn.feed(entry.record)
                time.sleep(self.pause_s)
        except BaseException as error:
            self.failure = error

    def of(self, kind: str, symbol: str | None = None) -> list[Any]:
        found = [record for record in list(self.given) if record.kind == kind]
        return [one for one in found if symbol is None or one.symbol == symbol]  # type: ignore[attr-defined]

    def codes(self) -> set[str]:
        return {alert.code for alert in self.of("alert")}

    def states(self) -> list[StateChange]:
        return [one for one in list(self.said) if isinstance(one, StateChange) and one.scope == "engine"]

    def now(self) -> str:
        return self.states()[-1].now if self.states() else "tradeable"

    def closed(self, symbol: str) -> dict[int, Bar]:
        """Gives the candles by their opening; fails where one came twice."""
        bars = self.of("bar", symbol)
        found = {bar.open_at: bar for bar in bars}
        assert len(found) == len(bars)
        return found

    def ready(self) -> None:
        until(lambda: all(self.of("bar", s) and self.of("ticker", s) for s in self.symbols))
        until(lambda: self.now() == "tradeable" and self.of("tick"))

    def stop(self) -> float:
        begun = time.monotonic()
        self._stop = True
        self._thread.join(60)
        assert not self._thread.is_alive()
        assert self.failure is None
        return time.monotonic() - begun


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits minutes on an exchange waits seconds here."""
    monkeypatch.setattr(budget, "WAIT_MIN_S", 0.02)
    monkeypatch.setattr(feed, "SILENT_AFTER_S", 2.5)
    monkeypatch.setattr(feed, "SILENCE_EVERY_S", 0.2)
    monkeypatch.setattr(feed, "RULES_FLOOR_S", 0.2)
    monkeypatch.setattr(history, "AGAIN_S", 1.0)
    monkeypatch.setattr(polls, "BOOKS_EVERY_S", 0.3)
    monkeypatch.setattr(telling, "SILENT_FOR_S", 1)
    monkeypatch.setattr(telling, "DIRTY_FOR_S", 3)
    monkeypatch.setattr(telling, "LAG_FOR_S", 3)  # a machine that stood still is no reason to fail
    monkeypatch.setattr(dirt, "WINDOW_MS", 1500)


Watch = Callable[..., Watched]


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Watch]:
    """Opens a venue and a live market on it."""
    opened: list[Any] = []

    def open_both(speed: float = 1.0, symbols: tuple[str, ...] = SYMBOLS, **sets: str) -> Watched:
        market = Generated(7, step_ms=max(250, int(60 * speed)), volatility=0.0, history_minutes=30)
        context = serving(VenueOptions(seed=7, speed=speed, market=market, limits=False))
        opened.append(context)
        watched = Watched(context.__enter__(), tmp_path, symbols=symbols, **sets)
        opened.append(watched)
        return watched

    yield open_both
    for one in reversed(opened):
        if isinstance(one, Watched):
            one.stop()
        else:
            one.__exit__(None, None, None)


def arm(watched: Watched, **fault: Any) -> None:
    """Adds a fault that begins now."""
    watched.served.do(lambda venue: venue.faults.add(Fault(after_s=venue.clock.up_s(), **fault)))


def tape(watched: Watched, symbol: str) -> dict[int, tuple[str, ...]]:
    """Gives the candles as the venue has them in the end, by their opening."""

    def read(venue: Venue) -> dict[int, tuple[str, ...]]:
        kept = venue.spot.floor.tapes[symbol]
        coin = kept.coin
        return {
            one.open_at: (*(coin.price(ticks) for ticks in (one.open, one.high, one.low, one.close)),
                          coin.qty(one.steps))
            for one in kept.candles(1, None, None, 1000)
        }  # fmt: skip

    return watched.served.do(read)


def holds(watched: Watched) -> None:
    """Says that every candle came once, in order, none of them too early, all as the venue's own tape has them."""
    for symbol in SYMBOLS:
        bars = watched.closed(symbol)
        told = tape(watched, symbol)
        assert list(bars) == [opened for opened in told if min(bars) <= opened <= max(bars)]
        for opened, bar in bars.items():
            assert bar.at >= opened + MINUTE
            assert told[opened] == (bar.open, bar.high, bar.low, bar.close, bar.volume)


def test_streams_that_fall_silent_while_pongs_flow_stop_entries_until_they_flow_again(watch: Watch) -> None:
    watched = watch(**{"desk.feed_fresh_s": "2"})
    watched.ready()
    arm(watched, fault="silence", on="*", for_s=6.0)
    until(lambda: watched.now() == "degraded(feed_stale)")
    last = max(one.at for one in watched.of("ticker"))
    stale = watched.states()[-1]
    assert stale.at - last >= 2_500
    assert watched.of("book_top")[-1].at > last  # REST goes on: that is no excuse
    until(lambda: watched.now() == "tradeable")
    silent = max(one.at for one in watched.of("condition") if one.reason == "feed_stale" and one.state != "ok")
    assert watched.states()[-1].at - silent >= 1_000  # the window counts from the last word of silence
    assert {"FEED_SILENT", "FEED_FLOWS", "FEED_CUT"} - watched.codes() <= {"FEED_CUT"}


def test_candles_missed_in_cuts_are_asked_for_and_none_is_lost_or_doubled(watch: Watch) -> None:
    watched = watch(SPEED)
    watched.ready()
    for _ in range(3):
        arm(watched, fault="cut_streams")
        time.sleep(1.5)
    reached = len(watched.closed("BTCUSDT"))
    until(lambda: len(watched.closed("BTCUSDT")) >= reached + 3)
    watched.stop()
    assert {"FEED_CUT", "FEED_GAP", "FEED_AGAIN"} <= watched.codes()
    holds(watched)


def test_a_shutdown_that_was_announced_is_no_outage(watch: Watch) -> None:
    watched = watch(SPEED)
    watched.ready()
    told = len(watched.states())
    arm(watched, fault="shutdown", seconds=8.0)
    until(lambda: sum(one.code == "FEED_ROLLED" for one in watched.of("alert")) >= 2)
    reached = len(watched.closed("BTCUSDT"))
    until(lambda: len(watched.closed("BTCUSDT")) >= reached + 2)
    watched.stop()
    assert "FEED_CUT" not in watched.codes()
    assert len(watched.states()) == told
    holds(watched)


def test_dirty_frames_cost_only_themselves_and_too_many_stop_entries(watch: Watch) -> None:
    watched = watch()
    watched.ready()
    arm(watched, fault="dirty", on="*", chance=0.5, for_s=5.0)
    until(lambda: watched.now() == "degraded(feed_dirty)")
    told = len(watched.of("ticker"))
    until(lambda: len(watched.of("ticker")) > told)
    until(lambda: watched.now() == "tradeable")
    assert "DIRTY_MESSAGE" in watched.codes()
    assert "FEED_CUT" not in watched.codes()


def test_a_burst_before_a_slow_reader_keeps_the_newest_and_a_stop_is_obeyed(watch: Watch) -> None:
    watched = watch()
    watched.ready()
    arm(watched, fault="burst", value="10", on="*")
    watched.pause_s = 0.3  # three facts a second, of which thirty come
    until(lambda: "FEED_DROPPED" in watched.codes())
    time.sleep(3.0)
    late = watched.served.do(lambda venue: venue.clock.now()) - watched.of("ticker")[-1].at
    assert late < 15_000  # without a bound it would fall ever further behind
    assert watched.stop() < 10.0


def test_a_symbol_in_chinese_characters_that_is_listed_is_followed(watch: Watch) -> None:
    watched = watch(symbols=("BTCUSDT", "新币USDT"))
    until(lambda: watched.of("ticker", "BTCUSDT"))
    arm(watched, fault="list", symbol="BTCUSDT", value="新币")
    until(lambda: watched.of("book_top", "新币USDT"))
    assert {"SYMBOL_LISTED"} <= watched.codes()
    rules = watched.of("symbol_rules", "新币USDT")
    assert watched.given.index(rules[0]) < watched.given.index(watched.of("book_top", "新币USDT")[0])


@pytest.mark.parametrize("word", ["HALT", "CANCEL_ONLY", "NEVER_HEARD_OF"])
def test_a_symbol_in_any_other_state_is_left_and_the_others_go_on(watch: Watch, word: str, monkeypatch: Any) -> None:
    monkeypatch.setattr(feed, "RULES_EVERY_S", 0.5)
    watched = watch()
    watched.ready()
    arm(watched, fault="status", symbol="ETHUSDT", value=word)
    until(lambda: watched.of("symbol_rules", "ETHUSDT")[-1].status == word)
    told = len(watched.of("ticker", "BTCUSDT"))
    until(lambda: len(watched.of("ticker", "BTCUSDT")) > told)
    until(lambda: any(tick.kind == "tick" and "ETHUSDT" in tick.codes.get("NOT_TRADING", ()) for tick in watched.said))


def test_a_crossed_book_is_not_told(watch: Watch) -> None:
    watched = watch()
    watched.ready()
    arm(watched, fault="crossed", symbol="ETHUSDT")
    arm(watched, fault="freeze", seconds=2.0)
    time.sleep(2.5)
    assert watched.of("book_top", "BTCUSDT")
    assert all(float(one.bid) < float(one.ask) for one in watched.of("book_top"))


def test_a_ban_blocks_entries_until_it_is_over_while_streams_go_on(watch: Watch, monkeypatch: Any) -> None:
    watched = watch()
    watched.ready()
    arm(watched, fault="418", on="GET /api/v3/ticker/bookTicker", seconds=6.0)
    until(lambda: watched.now() == "blocked(banned)")
    time.sleep(0.5)
    asked = watched.served.do(lambda venue: venue.journal.count)
    change = watched.states()[-1]
    assert change.until is not None and 0 < change.until - change.at <= 7_000
    told = len(watched.of("ticker"))
    time.sleep(1.0)
    assert watched.served.do(lambda venue: venue.journal.count) == asked
    assert len(watched.of("ticker")) > told
    until(lambda: watched.now() == "tradeable")
    assert watched.states()[-1].at >= change.until


def test_rest_that_keeps_failing_opens_the_breaker_and_blocks_entries(watch: Watch) -> None:
    watched = watch()
    watched.ready()
    arm(watched, fault="502", on="GET *", times=0)
    until(lambda: watched.now() == "blocked(breaker)")
    told = [alert.text for alert in watched.of("alert") if alert.code == "BREAKER"]
    assert [text.partition(": ")[2] for text in told] == [
        "half of the requests", "a quarter of the requests", "no entries until hot resume",
    ]  # fmt: skip


def scanned(watched: Watched, symbol: str) -> Any:
    """Gives what the scan knows of a symbol."""
    return watched._stages.scan.state.market.coins[symbol]


def unheard(watched: Watched, fault: str) -> None:
    """Lets something happen to a minute of which no stream tells, once some were heard without a hole."""
    watched.ready()
    until(lambda: scanned(watched, "ETHUSDT").window.count >= 4, 30)
    arm(watched, fault="silence", on="ethusdt@kline_1m", for_s=4.0)
    time.sleep(2.5)
    arm(watched, fault=fault, symbol="ETHUSDT")


def test_a_minute_that_the_exchange_lost_starts_its_symbol_anew_and_no_other(watch: Watch) -> None:
    watched = watch(SPEED)
    unheard(watched, "lose_bar")
    first = max(watched.closed("ETHUSDT"))
    until(lambda: max(watched.closed("ETHUSDT")) >= first + 6 * MINUTE, 20)
    watched.stop()
    opened = [at for at in sorted(watched.closed("ETHUSDT")) if at >= first]
    assert [later - earlier for earlier, later in pairwise(opened)].count(2 * MINUTE) == 1
    assert scanned(watched, "ETHUSDT").window.count < scanned(watched, "BTCUSDT").window.count


def test_a_minute_without_a_trade_is_a_minute(watch: Watch) -> None:
    watched = watch(SPEED)
    unheard(watched, "empty_bar")
    until(lambda: any(float(bar.volume) == 0.0 for bar in watched.of("bar", "ETHUSDT")), 20)
    reached = max(watched.closed("ETHUSDT"))
    until(lambda: max(watched.closed("ETHUSDT")) >= reached + 2 * MINUTE, 20)
    watched.stop()
    assert scanned(watched, "ETHUSDT").window.count >= scanned(watched, "BTCUSDT").window.count - 1


@pytest.mark.parametrize(("minutes_ago", "closed"), [(5_000, True), (3, True), (0, False)])
def test_a_candle_that_is_old_or_open_is_never_taken_for_the_last_closed_one(
    watch: Watch, minutes_ago: int, closed: bool
) -> None:
    watched = watch(SPEED)
    watched.ready()
    newest = max(watched.closed("ETHUSDT")) + MINUTE

    def tell(venue: Venue) -> int:
        opened = (newest if closed else venue.clock.now() // MINUTE * MINUTE) - minutes_ago * MINUTE
        kline = {"t": opened, "T": opened + MINUTE - 1, "s": "ETHUSDT", "i": "1m", "f": 1, "L": 2, "o": "7", "c": "7",
                 "h": "7", "l": "7", "v": "1", "n": 3, "x": closed, "q": "7", "V": "1", "Q": "7", "B": "0"}  # fmt: skip
        for session in venue.spot_streams.sessions:
            if "ethusdt@kline_1m" in session.streams:
                session.event("ethusdt@kline_1m", encode({"e": "kline", "E": opened, "s": "ETHUSDT", "k": kline}))
        return opened

    told = max(newest, watched.served.do(tell))
    until(lambda: max(watched.closed("ETHUSDT")) > told)
    watched.stop()
    assert all(bar.close != "7" for bar in watched.of("bar", "ETHUSDT"))
