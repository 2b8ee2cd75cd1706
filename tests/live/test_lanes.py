"""Lanes: one after the other in a lane, at once across them, and a defect is heard of."""

import threading
import time

from patience import until

from engine.world.venues.live.lanes import Lanes


def test_work_of_one_lane_is_done_in_order_and_never_at_once() -> None:
    done: list[int] = []
    busy = threading.Lock()
    lanes = Lanes(lambda error: done.append(-1))

    def work(number: int) -> None:
        assert busy.acquire(blocking=False)
        time.sleep(0.001)
        done.append(number)
        busy.release()

    for number in range(50):
        lanes.put("one", lambda number=number: work(number))
    until(lambda: len(done) == 50)
    lanes.close()
    assert done == list(range(50))


def test_a_lane_that_hangs_keeps_no_other_waiting() -> None:
    gate, done = threading.Event(), threading.Event()
    lanes = Lanes(lambda error: None)
    lanes.put("hangs", lambda: gate.wait(10) and None)
    lanes.put("goes", done.set)
    assert done.wait(2)
    gate.set()
    lanes.close()


def test_a_defect_is_heard_of_and_ends_no_lane() -> None:
    heard: list[str] = []
    done = threading.Event()
    lanes = Lanes(lambda error: heard.append(type(error).__name__))
    lanes.put("one", lambda: [][0])
    lanes.put("one", done.set)
    assert done.wait(2)
    assert heard == ["IndexError"]
    lanes.close()


def test_what_was_not_begun_at_the_end_is_not_begun_after_it() -> None:
    gate, done = threading.Event(), threading.Event()
    lanes = Lanes(lambda error: None)
    lanes.put("one", lambda: gate.wait(10) and None)
    lanes.put("one", done.set)
    closing = threading.Thread(target=lanes.close)
    closing.start()
    time.sleep(0.05)
    gate.set()
    closing.join(5)
    assert not done.is_set()


def test_the_end_waits_for_no_work_that_hangs() -> None:
    gate = threading.Event()
    lanes = Lanes(lambda error: None)
    lanes.put("hangs", lambda: gate.wait(10) and None)
    began = time.monotonic()
    assert not lanes.close(0.1)
    assert time.monotonic() - began < 2
    assert all(one.daemon for one in threading.enumerate() if one.name == "hot-lane")
    gate.set()


def test_more_lanes_than_threads_are_all_worked_through() -> None:
    done: list[int] = []
    lanes = Lanes(lambda error: None, threads=2)
    for number in range(40):
        lanes.put(f"lane {number % 20}", lambda number=number: done.append(number))
    until(lambda: len(done) == 40)
    assert sorted(done) == list(range(40))
    assert lanes.close()
