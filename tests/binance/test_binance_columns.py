"""Frames of tickers read by kernels: whatever is sent, facts and refusals are those of the general reader."""

import gzip
import json
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nasty
import pytest

from engine.records.wire import encode
from engine.world.streams.clock import Stamp
from engine.world.streams.columns import Kernels, load
from engine.world.streams.frames import Frames, Read

TIMES = 40_000 if os.environ.get("HOT_TEST_LONG") else 3_000
SHARED = Path(os.environ.get("HOT_SHARED", Path(__file__).parents[3] / "shared")) / "data"
WANTED = ("AUSDT", "BUSDT", "币安人生USDT", "1000SATSUSDT")
NAMES = (*WANTED, "ABTC", "NEWUSDT")
NUMBERS = (
    "1.5", "0.00001234", "12345.67800000", "1234567890.12345678", "0", "0.00", "00.10", "999999999999999.5",
    "1000000000000000", ".5", "5.", "1,2", "", "0.1234567890123456789", "123456789012345.123456789012345678",
)  # fmt: skip
OPENING = b'{"stream":"!miniTicker@arr","data":['


@pytest.fixture(params=["none", "plain", "compiled"])
def kernels(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Kernels | None:
    """No kernels, those as Python runs them, and as numba does."""
    if request.param == "none":
        return None
    if request.param == "plain":
        return Kernels()
    pytest.importorskip("numba")
    made = load(tmp_path_factory.mktemp("kernels"))
    assert made is not None
    return made


class Both:
    """A reader that gives tickers together, told the same as one that does not."""

    def __init__(self, kernels: Kernels | None, venue: str = "binance-spot") -> None:
        self.one, self.other = Frames(venue), Frames(venue, together=True, kernels=kernels)
        self.together = 0
        self._now = 1_700_000_000_000
        self.want(WANTED, (*WANTED, "ABTC"))

    def want(self, wanted: Any, known: Any) -> None:
        for reader in (self.one, self.other):
            reader.wanted, reader.known = set(wanted), set(known)

    def read(self, frame: bytes, mono: bool = True) -> Read:
        self._now += 1000
        stamp = Stamp(self._now, self._now - 3 * mono)
        one, other = self.one.read(frame, stamp), self.other.read(frame, stamp)
        assert (list(one.dirty), one.rows, set(one.strangers)) == (list(other.dirty), other.rows, set(other.strangers))
        if other.tickers is None:
            assert list(one.facts) == list(other.facts)
            return one
        self.together += 1
        assert not other.facts
        _compare(sorted(one.facts, key=lambda fact: fact.symbol), other)
        return one


def _compare(facts: list[Any], other: Read) -> None:
    """Holds the facts of the general reader, by symbol, against the columns."""
    tickers = other.tickers
    assert tickers is not None
    assert tickers.records() == facts
    assert tickers.lines() == b"".join(encode(fact) + b"\n" for fact in facts)
    assert [encode(one) for one in tickers.records()] == [encode(fact) for fact in facts]
    assert tickers.symbols == [fact.symbol for fact in facts]
    assert [tickers.last(row) for row in range(len(tickers))] == [fact.last for fact in facts]
    assert tickers.days.tolist() == [float(fact.quote_volume_24h) for fact in facts]


def row(symbol: str, said: int, chance: random.Random) -> dict[str, Any]:
    made = {"e": "24hrMiniTicker", "E": said, "s": symbol, "c": "1.5", "o": "1", "h": "2", "v": "9", "q": "12"}
    for key in "cvq":
        if chance.random() < 0.3:
            made[key] = chance.choice(NUMBERS if chance.random() < 0.1 else NUMBERS[:4])
    if chance.random() < 0.2:
        made["st"] = chance.choice([1, 1, 2])
    if chance.random() < 0.05:
        made["ps"] = chance.choice(["AUSDT", 5, "x,y}]"])
    if chance.random() < 0.05:
        made = dict(chance.sample(sorted(made.items()), len(made)))
    return made


def rows(chance: random.Random, said: int) -> list[dict[str, Any]]:
    named = (
        chance.choices(NAMES, k=3) if chance.random() < 0.05 else chance.sample(NAMES, chance.randint(0, len(NAMES)))
    )
    return [row(name, said + chance.randint(-1, 1), chance) for name in named]


def frames(chance: random.Random) -> Iterator[bytes]:
    for i in range(TIMES):
        made: Any = rows(chance, 1_700_000_000_000 + i // 2)
        way = chance.random()
        if way < 0.15:
            made = nasty.bent(made, chance, chance.randint(1, 2))
        text = json.dumps({"stream": "!miniTicker@arr", "data": made}, separators=(",", ":"), ensure_ascii=way < 0.2)
        frame = text.encode("utf-8", "surrogatepass")
        yield nasty.damaged(frame, chance) if way > 0.8 else frame


@pytest.mark.parametrize("venue", ["binance-spot", "binance-usdm"])
def test_whatever_is_sent_both_readers_say_the_same(kernels: Kernels | None, venue: str) -> None:
    chance = random.Random(venue)
    both = Both(kernels, venue)
    for i, frame in enumerate(frames(chance)):
        both.read(frame, mono=i % 2 == 0)
        if i % 100 == 0:
            wanted = chance.sample(NAMES, 4)
            both.want(wanted, (*wanted, *chance.sample(NAMES, 2)))
    assert TIMES / 3 < both.together < TIMES


def test_a_frame_cut_anywhere_or_with_any_byte_changed_is_read_alike(kernels: Kernels | None) -> None:
    chance = random.Random(5)
    made = [row(name, 1_700_000_000_000, random.Random(1)) for name in NAMES]
    whole = json.dumps({"stream": "!miniTicker@arr", "data": made}, separators=(",", ":"), ensure_ascii=False).encode()
    for at in range(len(OPENING), len(whole)):
        Both(kernels).read(whole[:at])
        for byte in (chance.randrange(256), *chance.sample(b'",:{}[]0129.\\ -est', 3)):
            Both(kernels).read(whole[:at] + bytes([byte]) + whole[at + 1 :])


@pytest.mark.parametrize(
    "inside",
    [
        b"", b"{}", b"[]", b"null", b"{},{}",
        b'{"s":"AUSDT","c":"1","v":"0","q":"0","E":5}',
        b'{"s":"AUSDT","c":"1","v":"0","q":"0","E":05}',
        b'{"s":"AUSDT","c":"1","v":"0","q":"0","E":5.0}',
        b'{"s":"AUSDT","c":"1","v":"0","q":"0","E":-5}',
        b'{"s":"AUSDT","c":"1","v":"0","q":"0","E":"5"}',
        b'{"s":"AUSDT","c":"1","v":"0","q":"0","E":1700000000000000000}',
        b'{"s":"AUSDT","c":"1","v":"0","q":"0","E":12345678901234567890}',
        b'{"s":"AUSDT","c":"1","v":"0","q":"0","E":5,"E":6}',
        b'{"s":"AUSDT","s":"BUSDT","c":"1","v":"0","q":"0","E":5}',
        b'{"s":"AUSDT","c":"1","v":"0","q":"0","E":5,"x":{"y":[1]}}',
        b'{"s":"AUSDT","c":"1","v":"0","q":"0","E":5,"st":"1"}',
        b'{"s":"AUSDT","c":1,"v":"0","q":"0","E":5}',
        b'{"s":"A\\u0055SDT","c":"1","v":"0","q":"0","E":5}',
        b'{"s":"AUSDT","c":"1","v":"0","q":"0","E":5,"":""}',
        b'{"s":"AUSDT","c":"1","v":"0","q":"0","E":5},',
        b'{"s":"AUSDT","c":"1","v":"0","q":"0","E":5}]',
        b'{"s":"AUSDT","c":"1","v":"0","q":"0","E":5} ',
        b'{"s":"NEW1","c":"x","v":"0","q":"0","E":5},{"s":"","c":"","v":"","q":"","E":5}',
        b'{"s":"\xff","c":"1","v":"0","q":"0","E":5}',
        b",".join(b'{"s":"N%d","c":"1","v":"0","q":"0","E":5}' % i for i in range(200)),
    ],
)  # fmt: skip
def test_odd_frames_are_read_alike_and_what_comes_after_too(kernels: Kernels | None, inside: bytes) -> None:
    both = Both(kernels)
    after = b'{"s":"AUSDT","c":"1","v":"0","q":"0","E":%d},{"s":"BUSDT","c":"1","v":"0","q":"0","E":%d}'
    for frame in (inside, after % (6, 6), inside, after % (7, 7)):
        both.read(OPENING + frame + b"]}")
    assert both.together >= 2


def test_what_the_general_reader_was_told_the_kernels_do_not_tell_again(kernels: Kernels | None) -> None:
    both = Both(kernels)
    good = b'{"s":"AUSDT","c":"1","v":"0","q":"0","E":%d}'
    assert both.read(OPENING + good % 5 + b"]}").facts
    assert not both.read(OPENING + b" " + good % 5 + b"]}").facts
    assert both.read(OPENING + b" " + good % 6 + b"]}").facts
    assert not both.read(OPENING + good % 6 + b"]}").facts
    both.want(("AUSDT",), ("AUSDT",))
    assert not both.read(OPENING + good % 6 + b"]}").facts
    assert both.read(OPENING + good % 7 + b"]}").facts


def _recorded() -> Iterator[tuple[str, Any]]:
    for path in sorted(SHARED.rglob("*ws*.ndjson.gz")):
        if path.parent.name in ("spot", "usdm", "fixtures"):
            with gzip.open(path, "rt", encoding="utf-8") as file:
                for line in file:
                    wrapper = json.loads(line)
                    if wrapper.get("dir", "in") == "in" and "frame" in wrapper:
                        frame = wrapper["frame"]
                        yield path.name, json.loads(frame) if isinstance(frame, str) else frame


@pytest.mark.skipif(not SHARED.is_dir(), reason="the large recordings are not here")
def test_every_recorded_frame_is_read_alike(kernels: Kernels | None) -> None:
    events: list[dict[str, Any]] = []
    both = Both(kernels)
    for _, frame in _recorded():
        content = frame.get("data", frame) if isinstance(frame, dict) else frame
        for event in content if isinstance(content, list) else [content]:
            events += [event] if isinstance(event, dict) and {"s", "c", "v", "q"} <= event.keys() else []
    both.want({event["s"] for event in events}, {event["s"] for event in events})
    for event in events:
        both.read(OPENING + json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode() + b"]}")
    assert len(events) > 100 and both.together
