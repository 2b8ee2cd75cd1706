"""The cache of candles: the same answers as the exchange's, none asked for twice, and nothing wrong from a bad file."""

import os
import random
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from candle_exchange import MINUTE, START, CandleExchange, candle, through
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.world.candles.cache import CandleCache, Series, Served
from engine.world.candles.cached import ABSENT_MS, SETTLED_MS

ROOT = Path(__file__).parent.parent.parent
OF = Series("exchange.test", "binance-spot", "AUSDT", 60)


@pytest.fixture
def exchange() -> CandleExchange:
    made = CandleExchange()
    made.now = START + 30_000
    return made


@pytest.fixture
def cache(tmp_path: Path) -> CandleCache:
    return CandleCache(tmp_path / "candles.db")


def test_what_was_asked_for_once_needs_no_request(cache: CandleCache, exchange: CandleExchange) -> None:
    candles = through(cache, exchange)
    first = candles.candles("AUSDT", "1m", START - 500 * MINUTE, 500)
    again = candles.candles("AUSDT", "1m", START - 500 * MINUTE, 500)
    assert again == first == exchange.candles("AUSDT", "1m", START - 500 * MINUTE, 500)
    assert len(first) == 500 and len(exchange.asked) == 1


def test_later_only_the_missing_candles_are_asked_for(cache: CandleCache, exchange: CandleExchange) -> None:
    candles = through(cache, exchange)
    candles.newest("AUSDT", "1m", 200)
    exchange.now += 7 * MINUTE
    assert len(candles.newest("AUSDT", "1m", 200)) == 200
    assert exchange.asked[-1] == ("AUSDT", "1m", START, 7, None)
    assert max(exchange.told.values()) == 1


def test_another_process_has_them_too(cache: CandleCache, exchange: CandleExchange, tmp_path: Path) -> None:
    through(cache, exchange).newest("AUSDT", "1m", 300)
    cache.close()
    assert len(through(CandleCache(tmp_path / "candles.db"), exchange).newest("AUSDT", "1m", 300)) == 300
    assert len(exchange.asked) == 1


def test_a_hole_between_what_is_known_is_asked_for_alone(cache: CandleCache, exchange: CandleExchange) -> None:
    candles = through(cache, exchange)
    candles.candles("AUSDT", "1m", START - 300 * MINUTE, 100)
    candles.candles("AUSDT", "1m", START - 100 * MINUTE, 100)
    assert len(candles.candles("AUSDT", "1m", START - 300 * MINUTE, 300)) == 300
    assert exchange.asked[2:] == [("AUSDT", "1m", START - 200 * MINUTE, 100, START - 101 * MINUTE)]


def test_many_small_holes_are_one_request(cache: CandleCache, exchange: CandleExchange) -> None:
    candles = through(cache, exchange)
    for back in (90, 60, 30):
        candles.candles("AUSDT", "1m", START - back * MINUTE, 10)
    assert len(candles.newest("AUSDT", "1m", 100)) == 100
    assert len(exchange.asked) == 4


def test_a_candle_that_the_exchange_does_not_have_is_asked_for_until_that_is_sure(
    cache: CandleCache, exchange: CandleExchange
) -> None:
    candles = through(cache, exchange)
    exchange.absent = {START - 10 * MINUTE}
    for asked in (1, 2):
        assert len(candles.newest("AUSDT", "1m", 60)) == 59
        assert len(exchange.asked) == asked
    exchange.now += ABSENT_MS
    for _ in range(2):
        assert len(candles.candles("AUSDT", "1m", START - 60 * MINUTE, 60)) == 60
    assert exchange.asked[2:] == [
        ("AUSDT", "1m", START - 10 * MINUTE, 1, START - 10 * MINUTE), ("AUSDT", "1m", START, 1, None),
    ]  # fmt: skip


def test_what_a_young_coin_never_had_is_asked_for_once(cache: CandleCache, exchange: CandleExchange) -> None:
    candles = through(cache, exchange)
    exchange.listed_at = START - 180 * MINUTE
    for _ in range(3):
        assert len(candles.candles("AUSDT", "1m", START - 1450 * MINUTE, 1000)) == 180
    assert len(exchange.asked) == 1
    assert len(candles.candles("AUSDT", "1m", 0, 100)) == 100


@pytest.mark.parametrize("speed", [1.0, 3.0])
def test_a_candle_is_kept_when_it_has_settled(cache: CandleCache, exchange: CandleExchange, speed: float) -> None:
    candles = through(cache, exchange, speed=speed)
    exchange.now = START + int(SETTLED_MS * speed) - 1
    assert candles.newest("AUSDT", "1m", 5)[-1].open_at == START - MINUTE
    exchange.now += 1
    candles.newest("AUSDT", "1m", 5)
    candles.newest("AUSDT", "1m", 5)
    assert [asked[2:4] for asked in exchange.asked] == [(START - 5 * MINUTE, 5), (START - MINUTE, 1)]


def test_a_candle_that_is_open_by_the_exchanges_time_is_never_kept(
    cache: CandleCache, exchange: CandleExchange
) -> None:
    exchange.now = START + MINUTE - 1
    through(cache, exchange).heard([candle("AUSDT", START), candle("AUSDT", START - MINUTE)])
    assert set(cache.known(OF, 0, START + MINUTE)) == {START - MINUTE}


def test_what_a_stream_told_is_not_asked_for(cache: CandleCache, exchange: CandleExchange) -> None:
    candles = through(cache, exchange)
    candles.newest("AUSDT", "1m", 10)
    candles.heard([candle("AUSDT", START + i * MINUTE) for i in range(3)])
    exchange.now += 3 * MINUTE
    candles.heard([candle("AUSDT", START + i * MINUTE) for i in range(3)])
    assert len(candles.newest("AUSDT", "1m", 10)) == 10
    assert len(exchange.asked) == 1


def test_a_candle_told_anew_takes_the_older_ones_place(cache: CandleCache) -> None:
    cache.keep(OF, [candle("AUSDT", START, close="1.0")], (), START + MINUTE)
    cache.keep(OF, [candle("AUSDT", START, close="2.0")], (), START + MINUTE)
    (kept,) = cache.known(OF, START, START + 1).values()
    assert kept is not None and kept.close == "2.0"


def test_places_venues_symbols_and_steps_are_apart(cache: CandleCache, exchange: CandleExchange) -> None:
    through(cache, exchange).newest("AUSDT", "1m", 10)
    through(cache, exchange, "127.0.0.1:8788").newest("AUSDT", "1m", 10)
    through(cache, exchange).newest("BUSDT", "1m", 10)
    through(cache, exchange).newest("AUSDT", "5m", 10)
    assert len(exchange.asked) == 4


def test_a_step_that_is_on_no_grid_goes_past_the_cache(cache: CandleCache) -> None:
    asked = []
    candles = through(cache, CandleExchange())
    candles._fetch = lambda *wanted: asked.append(wanted) or []  # type: ignore[assignment,func-returns-value]
    assert candles.candles("AUSDT", "1w", START, 10) == []
    assert asked == [("AUSDT", "1w", START, 10, None)] and cache.contents() == []


def test_a_failure_keeps_what_came_before_it(cache: CandleCache, exchange: CandleExchange) -> None:
    candles = through(cache, exchange)
    candles.newest("AUSDT", "1m", 10)
    exchange.down = True
    exchange.now += MINUTE
    with pytest.raises(ConnectionError):
        candles.newest("AUSDT", "1m", 10)
    exchange.down = False
    assert len(candles.newest("AUSDT", "1m", 10)) == 10
    assert candles.served.requests == 3


def test_it_is_counted_what_was_spared(cache: CandleCache, exchange: CandleExchange) -> None:
    candles = through(cache, exchange)
    for _ in range(4):
        candles.newest("AUSDT", "1m", 100)
    wanted = Served(4, 3, 400, 300, 1, 4, 2, 8)
    assert candles.served == cache.served()["binance-spot", 60] == wanted
    assert "75 % of them came from the cache; requests: 1 of weight 2, without it 4 of weight 8" in wanted.told()


def test_only_the_newest_are_kept_and_the_series_that_rests_longest_goes_first(tmp_path: Path) -> None:
    small = CandleCache(tmp_path / "small.db", keep_candles=100, most_mb=1)
    for number in range(300):
        now = START + number * MINUTE
        of = OF._replace(symbol=f"S{number}USDT")
        small.keep(of, [candle(of.symbol, now - i * MINUTE) for i in range(1, 140)], (), now)
    small._prune(small._opened(), START + 299 * MINUTE)
    contents = small.contents()
    assert max(count for _, count, _, _ in contents) == 100
    assert small.used_bytes() <= 1 << 20
    assert {of.symbol for of, *_ in contents} == {f"S{n}USDT" for n in range(300 - len(contents), 300)}
    small.close()
    assert (tmp_path / "small.db").stat().st_size < 1_200_000


@pytest.mark.parametrize("damage", ["not a database", "cut", "noise", "empty", "other tables", "newer"])
def test_a_damaged_file_is_only_begun_anew(damage: str, tmp_path: Path, exchange: CandleExchange) -> None:
    path = tmp_path / "candles.db"
    cache = CandleCache(path)
    wanted = through(cache, exchange).newest("AUSDT", "1m", 500)
    cache.close()
    whole = path.read_bytes()
    if damage == "other tables":
        path.unlink()
        with sqlite3.connect(path) as db:
            db.execute("CREATE TABLE candle(x)")
        db.close()
    elif damage == "newer":
        with sqlite3.connect(path) as db:
            db.execute("PRAGMA user_version = 99")
        db.close()
    else:
        dice = random.Random(1)
        noisy = bytearray(whole)
        for at in dice.sample(range(100, len(whole)), 2000):
            noisy[at] ^= dice.randrange(1, 256)
        broken = {"not a database": b"candles" * 100, "cut": whole[: len(whole) // 2], "noise": noisy, "empty": b""}
        path.write_bytes(broken[damage])
    again = through(CandleCache(path), exchange)
    assert again.newest("AUSDT", "1m", 500) == wanted
    assert again.newest("AUSDT", "1m", 500) == wanted


def test_noise_in_the_file_is_never_believed(tmp_path: Path, exchange: CandleExchange) -> None:
    path = tmp_path / "candles.db"
    cache = CandleCache(path)
    wanted = [through(cache, exchange).newest(f"S{n}USDT", "1m", 100) for n in range(5)]
    cache.close()
    whole = path.read_bytes()
    for seed in range(30):
        dice, noisy = random.Random(seed), bytearray(whole)
        for _ in range(dice.choice((1, 20, 400))):
            noisy[dice.randrange(len(noisy))] ^= dice.randrange(1, 256)
        path.write_bytes(noisy)
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        noise = CandleCache(path)
        assert [through(noise, exchange).newest(f"S{n}USDT", "1m", 100) for n in range(5)] == wanted
        noise.contents(), noise.served(), noise.close()


def test_a_value_that_changed_in_the_file_is_asked_for_again(
    cache: CandleCache, exchange: CandleExchange, tmp_path: Path
) -> None:
    candles = through(cache, exchange)
    wanted = candles.newest("AUSDT", "1m", 10)
    candles.newest("BUSDT", "1m", 10)
    cache.close()
    with sqlite3.connect(tmp_path / "candles.db") as db:
        db.execute("UPDATE candle SET cell = replace(cell, '.50', '.51') WHERE open_at = ?", (START - 3 * MINUTE,))
        db.execute("UPDATE candle SET open_at = open_at + 1 WHERE open_at = ?", (START - 5 * MINUTE,))
        db.execute("UPDATE series SET symbol = iif(symbol = 'AUSDT', 'CUSDT', 'AUSDT')")
    db.close()
    assert candles.newest("AUSDT", "1m", 10) == wanted
    assert candles.newest("AUSDT", "1m", 10) == wanted


@pytest.mark.parametrize("place", ["a folder", "no folder", "read only"])
def test_a_file_that_cannot_be_written_costs_requests_only(
    place: str, tmp_path: Path, exchange: CandleExchange
) -> None:
    path = tmp_path / "candles.db"
    if place == "a folder":
        path.mkdir()
    elif place == "no folder":
        path = tmp_path / "nowhere" / "candles.db"
    else:
        if os.geteuid() == 0:
            pytest.skip("root may write everywhere")
        tmp_path.chmod(0o500)
    cache = CandleCache(path)
    candles = through(cache, exchange)
    assert len(candles.newest("AUSDT", "1m", 10)) == len(candles.newest("AUSDT", "1m", 10)) == 10
    assert len(exchange.asked) == 2 and cache.trouble


FULL = """
import resource, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from candle_exchange import START, CandleExchange, through
from engine.world.candles.cache import CandleCache
exchange = CandleExchange()
exchange.now = START + 30_000
cache = CandleCache(Path(sys.argv[1]))
candles = through(cache, exchange)
candles.newest("AUSDT", "1m", 10)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
for n in range(40):
    assert len(candles.newest(f"S{n}USDT", "1m", 200)) == 200
assert len(candles.newest("AUSDT", "1m", 10)) == 10
print(cache.trouble)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits of files are a Unix thing")
def test_a_full_disk_costs_requests_only(tmp_path: Path, exchange: CandleExchange) -> None:
    words = [sys.executable, "-c", FULL, str(tmp_path / "candles.db"), str(Path(__file__).parent)]
    done = subprocess.run(words, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() not in ("", "None")
    wanted = exchange.candles("AUSDT", "1m", START - 10 * MINUTE, 10)
    assert through(CandleCache(tmp_path / "candles.db"), exchange).newest("AUSDT", "1m", 10) == wanted


WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from candle_exchange import MINUTE, START, CandleExchange, through
from engine.world.candles.cache import CandleCache
exchange = CandleExchange()
exchange.now = START + 30_000
candles = through(CandleCache(Path(sys.argv[1])), exchange)
print("ready", flush=True)
while True:
    for n in range(20):
        assert len(candles.newest(f"S{n}USDT", "1m", 30)) == 30
    exchange.now += MINUTE
    print(exchange.now, flush=True)
"""


def test_two_processes_share_it_and_a_kill_harms_nothing(tmp_path: Path, exchange: CandleExchange) -> None:
    words = [sys.executable, "-c", WRITER, str(tmp_path / "candles.db"), str(Path(__file__).parent)]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    both = [subprocess.Popen(words, stdout=subprocess.PIPE, env=env) for _ in range(2)]
    for process in both:
        assert process.stdout is not None
        for _ in range(15):
            assert process.stdout.readline()
    for process in both:
        process.kill()
        process.wait()
        process.stdout.close()  # type: ignore[union-attr]
    candles = through(CandleCache(tmp_path / "candles.db"), exchange)
    exchange.now += 5 * MINUTE
    for n in range(20):
        assert candles.newest(f"S{n}USDT", "1m", 30) == exchange.candles(f"S{n}USDT", "1m", START - 25 * MINUTE, 30)
    assert exchange.asked == []


class Acts:
    """What may happen to a cache, as numbers."""

    ask = st.tuples(st.just("ask"), st.integers(-200, 40), st.integers(1, 120))
    pass_ = st.tuples(st.just("pass"), st.integers(0, 90 * MINUTE), st.just(0))
    hear = st.tuples(st.just("hear"), st.integers(-30, 5), st.integers(1, 10))
    spoil = st.tuples(st.just("spoil"), st.integers(-200, 40), st.just(0))
    all = st.lists(st.one_of(ask, pass_, hear, spoil), max_size=12)


@settings(max_examples=60, deadline=None)
@given(acts=Acts.all, absent=st.sets(st.integers(-200, 100), max_size=40), listed=st.integers(-250, 20))
def test_the_answers_are_always_the_exchanges_own(
    acts: list[tuple[str, int, int]], absent: set[int], listed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    exchange = CandleExchange()
    exchange.absent, exchange.listed_at = {START + n * MINUTE for n in absent}, START + listed * MINUTE
    cache = CandleCache(tmp_path_factory.mktemp("acts") / "candles.db", keep_candles=150)
    candles = through(cache, exchange)
    for name, number, count in acts:
        at = exchange.now // MINUTE * MINUTE + number * MINUTE
        if name == "ask":
            assert candles.candles("AUSDT", "1m", at, count) == exchange.candles("AUSDT", "1m", at, count)
        elif name == "pass":
            exchange.now += number
        elif name == "hear":
            candles.heard(exchange.candles("AUSDT", "1m", at, count))
        else:
            cache._opened().execute("UPDATE candle SET cell = x'5b5d' WHERE open_at = ?", (at,))
    cache.close()
