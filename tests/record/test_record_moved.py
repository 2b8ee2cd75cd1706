"""hot record --moved: coins that moved are found, their candles fetched once, kept for days, and are a market."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hot_runs import SESSION
from hot_runs import run_hot as hot
from recorder_runs import live

from engine.errors import VenueError
from engine.plugs import Entry
from engine.records.ideas import Anomaly
from engine.records.market import Bar, SymbolRules
from engine.records.wire import decode
from engine.runs import settings
from engine.runs.finder import Finder
from engine.runs.market import MarketOptions, open_market
from engine.runs.moved import LOG, MovedCoins
from engine.world.loopback.serving import Serving
from engine.world.store.facts import Stored
from engine.world.store.growing import extent_of
from engine.world.store.store import Store
from engine.world.store.tables import Series

MINUTE = 60_000
DAY = 1440 * MINUTE
MINUTES = 1_700_000_040_000
NOW = MINUTES + 5_000
OF = Series("binance-spot", "bar", "AUSDT", 60)


class Asked:
    """Candles of every minute, and how often each was asked for."""

    def __init__(self) -> None:
        self.now, self.requests = NOW, 0
        self.told: dict[int, int] = {}
        self.down = False

    def candles(self, symbol: str, step: str, first: int, most: int) -> list[Bar]:
        self.requests += 1
        if self.down and self.requests > 3:
            raise VenueError("down")
        opens = range(-(-first // MINUTE) * MINUTE, self.now // MINUTE * MINUTE, MINUTE)[:most]
        for at in opens:
            self.told[at] = self.told.get(at, 0) + 1
        return [
            Bar(at=at + MINUTE, venue="binance-spot", symbol=symbol, step_s=60, open_at=at, open="1.50", high="1.50",
                low="1.50", close="1.50", volume="1", quote_volume="1.5", trades=1)
            for at in opens
        ]  # fmt: skip


def moved(symbol: str = "AUSDT", at: int = NOW) -> Anomaly:
    return Anomaly(at=at, venue="binance-spot", symbol=symbol, trigger="price", change_pct=4, window_s=300)


def test_a_coins_days_are_fetched_once_and_then_only_what_is_new(tmp_path: Path) -> None:
    asked, coins = Asked(), MovedCoins(tmp_path, "binance-spot", keep_days=3)
    coins.hear(moved())
    assert coins.due() == ["AUSDT"]
    extent = coins.fill(asked, "AUSDT", asked.now)
    assert extent == (3 * 1440 - 1, MINUTES - 3 * DAY + MINUTE, MINUTES - MINUTE) and coins.due() == []
    asked.now += 10 * MINUTE
    extent = coins.fill(asked, "AUSDT", asked.now)
    assert extent is not None and extent.last == MINUTES + 9 * MINUTE
    assert max(asked.told.values()) == 1 and asked.requests == 6


def test_a_candle_that_has_just_closed_is_left_for_later(tmp_path: Path) -> None:
    asked, coins = Asked(), MovedCoins(tmp_path, "binance-spot", keep_days=1)
    asked.now = MINUTES + 1
    extent = coins.fill(asked, "AUSDT", asked.now)
    assert extent is not None and extent.last == MINUTES - 2 * MINUTE


def test_days_that_are_over_go_and_with_them_coins_that_rest(tmp_path: Path) -> None:
    asked, coins = Asked(), MovedCoins(tmp_path, "binance-spot", keep_days=2)
    for symbol in ("AUSDT", "BUSDT"):
        coins.hear(moved(symbol))
        coins.fill(asked, symbol, NOW)
    coins.hear(moved("BUSDT", NOW + DAY))
    coins.look(NOW + 2 * DAY - 5 * MINUTE)
    assert coins.due() == ["AUSDT", "BUSDT"]
    extent = extent_of(coins.store, OF)
    assert extent is not None and extent.candles == 4
    coins.look(NOW + 2 * DAY + MINUTE)
    assert coins.due() == ["AUSDT", "BUSDT"] and set(coins.moved) == {"BUSDT"}
    assert coins.store.series("binance-spot", 60) == []
    assert [decode(line).symbol for line in (tmp_path / LOG).read_bytes().splitlines()] == ["BUSDT"]  # type: ignore[union-attr]


def test_another_start_goes_on_also_after_a_crash(tmp_path: Path) -> None:
    coins = MovedCoins(tmp_path, "binance-spot", keep_days=2)
    coins.hear(moved("AUSDT"))
    coins.hear(moved("BUSDT"))
    with (tmp_path / LOG).open("ab") as file:
        file.write(b'{"kind":"anomaly","at":17000')
    again = MovedCoins(tmp_path, "binance-spot", keep_days=2)
    again.hear(moved("CUSDT"))
    again.look(NOW)
    assert again.due() == ["AUSDT", "BUSDT", "CUSDT"]


def test_a_failure_on_the_way_leaves_the_series_as_it_was(tmp_path: Path) -> None:
    asked, coins = Asked(), MovedCoins(tmp_path, "binance-spot", keep_days=5)
    asked.down = True
    coins.hear(moved())
    with pytest.raises(VenueError):
        coins.fill(asked, "AUSDT", NOW)
    assert coins.due() == ["AUSDT"] and coins.store.files() == []


def test_a_damaged_series_is_fetched_anew(tmp_path: Path) -> None:
    asked, coins = Asked(), MovedCoins(tmp_path, "binance-spot", keep_days=1)
    coins.fill(asked, "AUSDT", NOW)
    (path,) = coins.store.files()
    path.write_bytes(path.read_bytes()[:-100])
    coins.look(NOW)
    assert coins.store.files() == []
    assert coins.fill(asked, "AUSDT", NOW) == (1439, MINUTES - DAY + MINUTE, MINUTES - MINUTE)


def test_a_folder_may_hold_several_venues(tmp_path: Path) -> None:
    for venue in ("binance-spot", "binance-usdm", "binance-spot"):
        coins = MovedCoins(tmp_path, venue)
        coins.hear(moved())
        coins.look(NOW)
    assert len((tmp_path / LOG).read_bytes().splitlines()) == 2


def test_the_store_is_a_market_with_rules(tmp_path: Path) -> None:
    asked, coins = Asked(), MovedCoins(tmp_path, "binance-spot", keep_days=1)
    for symbol in ("AUSDT", "BUSDT"):
        coins.hear(SymbolRules(at=NOW, venue="binance-spot", symbol=symbol, base="A", quote="USDT", tick="0.1",
                               step="0.1"))  # fmt: skip
    coins.fill(asked, "AUSDT", NOW)
    coins.write_rules()
    facts = [entry.record for entry in Stored(str(tmp_path)).facts()]
    assert isinstance(facts[0], SymbolRules) and facts[0].symbol == "AUSDT"
    assert len(facts) == 1440 and isinstance(facts[1], Bar)


def test_the_finder_tells_what_the_scan_tells() -> None:
    until = 1_618_543_800_000
    used = settings.load(env={})
    opened = open_market(MarketOptions(str(SESSION), symbols=("ETCUSDT",), until_ms=until), lambda *_: None)
    heard: list[object] = []
    finder = Finder(used, opened.snapshot, heard.append)
    for _ in finder.find(opened.source.facts(), lambda: False, None):
        pass
    anomalies = [one for one in heard if isinstance(one, Anomaly)]
    assert anomalies and {one.symbol for one in anomalies} == {"ETCUSDT"}
    assert finder.now.moves == len(anomalies)


def test_the_finder_ends_after_its_time() -> None:
    from engine.records.market import Tick

    finder = Finder(settings.load(env={}), {}, lambda _: None)
    entries: Iterator[Entry] = (Entry(Tick(at=NOW + i * MINUTE), None) for i in range(100))
    assert [now.at for now in finder.find(entries, lambda: False, 5 * MINUTE)][-1] == NOW + 5 * MINUTE


@pytest.fixture(scope="module")
def venue() -> "Iterator[Serving]":
    """A venue with a market that is made up."""
    pytest.importorskip("websockets")
    from engine.world.loopback.serving import serving
    from engine.world.loopback.venue import VenueOptions

    with serving(VenueOptions(seed=5)) as served:
        yield served


def test_coins_that_move_on_a_live_market_are_kept(venue: Serving, tmp_path: Path) -> None:
    easy = ("--set", "scan.anomaly_change_pct=0.05", "--set", "scan.min_quote_volume_24h=0")
    words = ("record", "--moved", "--out", "moved", *live(venue), *easy)
    done = hot(tmp_path, *words, "--for", "4s")
    assert done.returncode == 0, done.stderr
    logged = {decode(line).symbol for line in (tmp_path / "moved" / LOG).read_bytes().splitlines()}  # type: ignore[union-attr]
    store = Store.open(tmp_path / "moved")
    kept = store.series("binance-spot", 60)
    assert kept and set(kept) <= logged
    assert all(len(store.candles("binance-spot", symbol, 60)) >= 1499 for symbol in kept)
    asked = venue.do(lambda one: one.journal.count)
    again = hot(tmp_path, *words, "--for", "2s")
    assert again.returncode == 0, again.stderr
    assert venue.do(lambda one: one.journal.count) - asked < 60
    assert hot(tmp_path, "store", "check", "--store", "moved").returncode == 0
    assert hot(tmp_path, "run", "--market", "moved", "-q").returncode == 0


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [(("--market", "tape"), 2, b"takes no --market"), (("--keep-days", "0"), 2, b"--keep-days")],
)
def test_what_cannot_be_is_said(words: tuple[str, ...], code: int, text: bytes, tmp_path: Path) -> None:
    done = hot(tmp_path, "record", "--moved", "--out", "moved", *words)
    assert done.returncode == code and text in done.stderr and b"Traceback" not in done.stderr
