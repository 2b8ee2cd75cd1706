"""One managed websocket: reconnects, replacements without a lost frame, and silence that is noticed."""

import asyncio
import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from patience import until
from tiny_exchange import TinyStreams, mini
from websockets.exceptions import ConnectionClosedOK

from engine.errors import VenueError
from engine.world.streams import budget
from engine.world.streams.budget import ConnectBudget, wait_s
from engine.world.streams.connection import MAX_FRAME_BYTES, Connection, Hooks, Pace
from engine.world.streams.routes import SPOT, USDM, Route, candle_routes, candle_stream, fixed_routes, group_of

QUICK = Pace(life_s=3600, life_jitter_s=0, overlap_s=0.1, heard_within_s=1.0, pause_s=0.0)


class Listener:
    """Runs a connection on a thread, and keeps what it was told."""

    def __init__(self, url: str, streams: tuple[str, ...], pace: Pace, quiet_s: dict[str, float] | None = None) -> None:
        self.frames: list[int] = []
        self.events: list[str] = []
        self.good = True
        self.failure: BaseException | None = None
        hooks = Hooks(
            self._frame, self.events.append, lambda: self.events.append("again"), lambda: self.events.append("rolled")
        )
        fast = ConnectBudget(attempts=1000, floor_ms=1)
        self.connection = Connection(Route(url, streams), quiet_s or {}, fast, hooks, pace, chance=lambda: 0.0)
        self._loop = asyncio.new_event_loop()
        self._task: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def do(self, work: object) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(5)  # type: ignore[arg-type]

    def stop(self) -> None:
        if self._task is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(5)

    def _run(self) -> None:
        self._task = self._loop.create_task(self.connection.run())
        try:
            self._loop.run_until_complete(self._task)
        except asyncio.CancelledError:
            pass
        except Exception as error:
            self.failure = error
        finally:
            self._loop.close()

    def _frame(self, frame: bytes, group: str) -> bool:
        if not group:
            return True
        data = json.loads(frame)["data"]
        self.frames.append(data["E"] if isinstance(data, dict) else data[0]["E"])
        return self.good


Listen = Callable[..., Listener]


@pytest.fixture
def listen(streams: TinyStreams, monkeypatch: pytest.MonkeyPatch) -> Iterator[Listen]:
    """Makes listeners of the tiny exchange; failures are tried again at once."""
    monkeypatch.setattr(budget, "WAIT_MIN_S", 0.02)
    made: list[Listener] = []

    def listener(*names: str, pace: Pace = QUICK, quiet_s: dict[str, float] | None = None) -> Listener:
        made.append(Listener(streams.url, names or ("!miniTicker@arr",), pace, quiet_s))
        return made[-1]

    yield listener
    for one in made:
        one.stop()


def say(streams: TinyStreams, number: int, stream: str = "!miniTicker@arr") -> None:
    streams.send(stream, [mini("AUSDT", number)])


def test_it_subscribes_and_hands_frames_on(streams: TinyStreams, listen: Listen) -> None:
    listener = listen("!miniTicker@arr", "ausdt@kline_1m")
    until(lambda: streams.subscribers("ausdt@kline_1m"))
    say(streams, 7, "ausdt@kline_1m")
    until(lambda: listener.frames == [7])


def test_it_comes_back_after_a_cut(streams: TinyStreams, listen: Listen) -> None:
    listener = listen("!miniTicker@arr", "ausdt@kline_1m")
    until(lambda: streams.subscribers("ausdt@kline_1m"))
    streams.cut()
    until(lambda: "again" in listener.events and streams.subscribers("ausdt@kline_1m"))
    assert listener.events[0].startswith("closed by the exchange")
    say(streams, 8)
    until(lambda: listener.frames == [8])


def test_a_frame_without_an_end_is_not_kept_and_the_connection_begins_anew(
    streams: TinyStreams, listen: Listen
) -> None:
    listener = listen()
    until(lambda: streams.subscribers("!miniTicker@arr"))
    streams.send_raw("!miniTicker@arr", "x" * (MAX_FRAME_BYTES + 1))
    until(lambda: "again" in listener.events and streams.subscribers("!miniTicker@arr"))
    assert listener.frames == []
    say(streams, 8)
    until(lambda: listener.frames == [8])


def test_streams_added_later_are_there_after_a_cut_too(streams: TinyStreams, listen: Listen) -> None:
    listener = listen()
    until(lambda: streams.subscribers("!miniTicker@arr"))
    listener.do(listener.connection.add(["ausdt@kline_1m", "busdt@kline_1m"]))
    listener.do(listener.connection.remove(["busdt@kline_1m"]))
    until(lambda: streams.subscribers("ausdt@kline_1m") and not streams.subscribers("busdt@kline_1m"))
    streams.cut()
    until(lambda: "again" in listener.events and streams.subscribers("ausdt@kline_1m"))
    assert not streams.subscribers("busdt@kline_1m")
    listener.do(listener.connection.add(["busdt@kline_1m"]))
    until(lambda: streams.subscribers("busdt@kline_1m"))


def test_a_socket_that_is_open_and_silent_is_given_up(streams: TinyStreams, listen: Listen) -> None:
    listener = listen(quiet_s={"!miniTicker@arr": 0.3})
    until(lambda: "again" in listener.events, within_s=10)
    assert listener.events[0] == "!miniTicker@arr silent for 0.3 s"


def test_frames_that_make_no_sense_are_no_sign_of_life(streams: TinyStreams, listen: Listen) -> None:
    listener = listen(quiet_s={"!miniTicker@arr": 0.6})
    listener.good = False
    until(lambda: streams.subscribers("!miniTicker@arr"))
    for number in range(40):
        say(streams, number)
        if "again" in listener.events:
            break
        threading.Event().wait(0.1)
    assert listener.events[0] == "!miniTicker@arr silent for 0.6 s"


def test_a_connection_is_replaced_before_its_day_is_over_and_nothing_is_lost(
    streams: TinyStreams, listen: Listen
) -> None:
    listener = listen(pace=QUICK._replace(life_s=0.5))
    until(lambda: streams.subscribers("!miniTicker@arr"))
    sent = 0
    while listener.events.count("rolled") < 5:
        say(streams, sent)
        sent += 1
        threading.Event().wait(0.01)
        assert sent < 2000
    until(lambda: set(listener.frames) == set(range(sent)))
    assert set(listener.events) == {"rolled"}
    assert streams.most_open == 2


def test_the_notice_of_a_shutdown_is_obeyed_at_once(streams: TinyStreams, listen: Listen) -> None:
    listener = listen()
    until(lambda: streams.subscribers("!miniTicker@arr"))
    streams.tell_all('{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1}}')
    until(lambda: streams.opened == 2)
    until(lambda: streams.subscribers("!miniTicker@arr") == 2)
    say(streams, 1)
    until(lambda: listener.events == ["rolled"])
    assert 1 in listener.frames


def test_a_place_that_is_not_served_is_an_error(streams: TinyStreams, listen: Listen) -> None:
    streams.refuse_with = 451
    listener = listen()
    until(lambda: listener.failure)
    assert isinstance(listener.failure, VenueError)


def test_a_busy_exchange_is_tried_again(streams: TinyStreams, listen: Listen) -> None:
    streams.refuse_with = 503
    listener = listen()
    threading.Event().wait(0.2)
    streams.refuse_with = None
    until(lambda: streams.subscribers("!miniTicker@arr"))
    assert listener.failure is None


def test_a_connection_that_flaps_is_opened_ever_more_seldom(
    streams: TinyStreams, listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budget, "WAIT_MIN_S", 0.1)
    listener = listen()
    end = time.monotonic() + 3.0
    while time.monotonic() < end:
        streams.cut()
        time.sleep(0.01)
    # At first, at once, and after 0.1, 0.2, 0.4, 0.8 and 1.6 s.
    assert 4 <= streams.opened <= 7
    until(lambda: streams.subscribers("!miniTicker@arr"))
    assert listener.failure is None


def test_one_that_is_cut_while_it_subscribes_has_flapped(
    streams: TinyStreams, listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscribes, cuts = Connection._subscribe, itertools.cycle([False, True])

    async def cut_each_second_time(self: Connection, socket: Any) -> None:
        if next(cuts):
            await socket.ws.close()
            raise ConnectionClosedOK(None, None)
        await subscribes(self, socket)

    monkeypatch.setattr(Connection, "_subscribe", cut_each_second_time)
    monkeypatch.setattr(budget, "WAIT_MIN_S", 0.1)
    listener = listen()
    end = time.monotonic() + 3.0
    while time.monotonic() < end:
        streams.cut()
        time.sleep(0.01)
    assert 4 <= streams.opened <= 7
    assert listener.failure is None


def test_attempts_stay_inside_the_limits_of_the_exchange() -> None:
    tries = ConnectBudget(attempts=3, window_ms=1000, floor_ms=100)
    assert [tries.reserve(0) for _ in range(4)] == [0, 100, 200, 1000]
    assert tries.reserve(5000) == 0


def test_waits_double_and_are_never_all_alike() -> None:
    assert [wait_s(n, lambda: 0.0) for n in (1, 2, 3, 20)] == [1.0, 2.0, 4.0, 60.0]
    assert wait_s(1, lambda: 0.5) == 1.5


def test_each_category_of_futures_has_its_own_path() -> None:
    assert [route.url for route in fixed_routes(USDM, USDM.base)] == [
        "wss://fstream.binance.com/market/stream?streams=!miniTicker@arr",
        "wss://fstream.binance.com/public/stream?streams=!bookTicker",
    ]
    assert [route.url for route in fixed_routes(SPOT, SPOT.base)] == [
        "wss://data-stream.binance.vision/stream?streams=!miniTicker@arr"
    ]


def test_candles_are_shared_out_over_connections() -> None:
    routes = candle_routes(SPOT, SPOT.base, [candle_stream(SPOT, f"S{i}USDT") for i in range(900)])
    assert [len(route.streams) for route in routes] == [400, 400, 100]
    assert routes[0].streams[0] == "s0usdt@kline_1m"
    assert group_of(routes[0].streams[0]) == "kline_1m"


def test_addresses_carry_any_symbol() -> None:
    [route] = candle_routes(USDM, USDM.base, [candle_stream(USDM, "币安人生USDT")])
    assert route.url.endswith("streams=%E5%B8%81%E5%AE%89%E4%BA%BA%E7%94%9Fusdt@kline_1m")
