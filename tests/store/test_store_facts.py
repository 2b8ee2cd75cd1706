"""What a store gives: records byte for byte as recorded, in the same order, and columns that kernels can take."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from hot_runs import ROOT
from store_places import START

from engine.errors import DirtyInput, UsageError
from engine.records.market import Funding, Ohlcv
from engine.world.sources.recorded import Recorded
from engine.world.store import facts, files
from engine.world.store.facts import Stored
from engine.world.store.files import SeriesFile
from engine.world.store.store import Store
from engine.world.store.trust import SOUND


@pytest.mark.parametrize("name", ["bars.jsonl", "session"])
def test_the_examples_come_back_byte_for_byte(store, take, lines_of, name):
    take(ROOT / "examples" / name)
    assert lines_of(store.root) == lines_of(ROOT / "examples" / name)


@pytest.mark.parametrize(
    "name",
    [
        "binance/usdm/klines-1m-2026-02-01_2026-02-06.csv.gz",
        "binance/usdm/klines-1h-2026-02-19_2026-03-09.csv.gz",
        "binance/usdm/klines-1d-raw-2025-06.json.gz",
        "binance/usdm/open-interest-hist-4h.csv.gz",
        "binance/usdm/funding-rate.csv.gz",
        "binance/usdm/premiumIndex-2025-06-17.json.gz",
        "binance/usdm/exchangeInfo-2025-11-26.json.gz",
        "bybit/linear-klines-5m-2025-10.csv.gz",
    ],
)
def test_a_large_recording_comes_back_byte_for_byte(store, take, lines_of, shared, name):
    take(shared / name)
    # Compared by hand: a difference of two long lists takes pytest an hour to print.
    pairs = itertools.zip_longest(lines_of(store.root), lines_of(shared / name))
    assert next((pair for pair in pairs if pair[0] != pair[1]), None) is None


def test_several_kinds_and_venues_come_in_the_order_of_the_wire(store, take, recorded, bar, lines_of, monkeypatch):
    monkeypatch.setattr(facts, "_BLOCK", 5)
    made = []
    for i in range(40):
        made += [Funding(at=START + 60_000 * i, venue=venue, symbol="A", rate="0.1") for venue in ("x", "y")]
        made += [bar(i - 1, venue=venue, symbol=symbol) for venue in ("x", "y") for symbol in ("A", "B")]
    path = recorded(made)
    take(path)
    assert lines_of(store.root) == lines_of(path)
    for wanted in (
        {"symbols": ("B",)}, {"since_ms": START + 180_000, "until_ms": START + 600_000}, {"until_ms": START - 1},
    ):  # fmt: skip
        assert lines_of(store.root, **wanted) == lines_of(path, **wanted)
    assert lines_of(store.root, venue="y") == [line for line in lines_of(path) if b'"venue":"y"' in line]


def test_bars_that_were_received_late_come_when_they_were_known(store, take, recorded, bar, lines_of):
    path = recorded([bar(0), bar(2), bar(1, at=START + 180_500), bar(3, at=START + 240_250, mono_ms=7), bar(5)])
    take(path)
    assert lines_of(store.root) == lines_of(path)
    assert lines_of(store.root, since_ms=START + 180_001) == lines_of(path, since_ms=START + 180_001)


def test_of_two_steps_at_one_instant_the_shorter_comes_first(store, take, recorded, bar, lines_of):
    path = recorded([*(bar(i) for i in range(5)), bar(0, at=START + 300_000, step_s=300)])
    take(path)
    assert lines_of(store.root) == lines_of(path)


def test_columns_are_memory_mapped_and_read_only(store, take, recorded, bar, monkeypatch):
    monkeypatch.setattr(files, "_MAPPED_FROM", 0)
    take(recorded([bar(i) for i in range(10)]))
    candles = store.candles("binance-spot", "ETCUSDT", 60, since=START + 180_000, until=START + 360_000)
    assert candles.open_at.tolist() == [START + 60_000 * i for i in (2, 3, 4)]
    assert (candles.price_digits, candles.volume_digits, candles.quote_volume) == (2, 1, None)
    assert candles.close.tolist() == [2810] * 3
    assert not candles.close.flags.writeable
    assert not candles.close.flags.owndata


def test_floats_are_those_the_record_path_computes_bit_for_bit(store, take):
    path = ROOT / "examples" / "bars.jsonl"
    take(path)
    bars = [entry.record for entry in Recorded(str(path), symbols=("ETCUSDT",)).facts()]
    floats = store.candles("binance-spot", "ETCUSDT", 60).floats()
    for name in ("open", "high", "low", "close", "quote_volume"):
        assert np.array_equal(getattr(floats, name), [getattr(Ohlcv(bar), name) for bar in bars])
    assert np.array_equal(floats.volume, [float(bar.volume) for bar in bars])


def test_an_unknown_series_is_a_usage_error(store):
    with pytest.raises(UsageError, match="ETCUSDT"):
        store.candles("binance-spot", "ETCUSDT", 60)
    assert store.series("binance-spot", 60) == []
    assert list(Stored(str(store.root)).facts()) == []


def test_a_cut_file_is_refused(store, take, recorded, bar):
    take(recorded([bar()]))
    path = store.files()[0]
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DirtyInput, match="damaged"):
        store.candles("binance-spot", "ETCUSDT", 60)


def flip(path: Path) -> None:
    """Changes a bit of a file's data, as somebody does who writes to it."""
    data = bytearray(path.read_bytes())
    data[-60] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("known", [True, False])
def test_a_changed_bit_is_noticed_before_anything_is_read(store, take, recorded, bar, known):
    take(recorded([bar(i) for i in range(10)]))
    if known:  # it was read before, when it was sound
        assert len(store.candles("binance-spot", "ETCUSDT", 60)) == 10
    flip(store.files()[0])
    for reader in (store, Store.open(store.root)):
        with pytest.raises(DirtyInput, match="not what was written"):
            reader.candles("binance-spot", "ETCUSDT", 60)
    with pytest.raises(DirtyInput, match="not what was written"):
        list(Stored(str(store.root)).facts())


def test_what_was_found_sound_is_not_hashed_again(store, take, recorded, bar, monkeypatch):
    take(recorded([bar(i) for i in range(10)]))
    store.candles("binance-spot", "ETCUSDT", 60)
    monkeypatch.setattr(SeriesFile, "sha256", lambda file: pytest.fail("hashed again"))
    assert len(Store.open(store.root).candles("binance-spot", "ETCUSDT", 60)) == 10


def test_a_store_that_cannot_be_written_is_read(store, take, recorded, bar):
    take(recorded([bar()]))
    (store.root / SOUND).unlink(missing_ok=True)
    (store.root / SOUND).mkdir()
    assert len(Store.open(store.root).candles("binance-spot", "ETCUSDT", 60)) == 1


def test_the_span_and_the_manifest_say_what_is_there(store, take, recorded, bar):
    take(recorded([bar(i) for i in range(10)]))
    stored = Stored(str(store.root))
    assert stored.span() == (START + 60_000, START + 600_000)
    assert Stored(str(store.root), until_ms=START + 120_000).span() == (START + 60_000, START + 120_000)
    before = stored.manifest()
    assert stored.manifest() == before
    take(recorded([bar(10)]))
    assert stored.manifest()["files"][0]["sha256"] != before["files"][0]["sha256"]


def test_a_run_over_a_store_decides_what_it_decides_over_the_files(hot):
    market = ROOT / "examples" / "session"
    cut = ("--symbol", "ETCUSDT", "--symbol", "DOGEUSDT", "--symbol", "CHZUSDT", "--until", "2021-04-16T05:00")
    assert hot("store", "import", market, "--store", "store", "-q").code == 0
    for name, path in (("files", market), ("store", "store")):
        assert hot("run", "--paper", "-q", "--market", path, *cut, "--ledger", f"{name}.db").code == 0
    exported = [
        hot("ledger", "export", "--ledger", f"{name}.db", "--out", f"{name}.jsonl") for name in ("files", "store")
    ]
    assert [said.code for said in exported] == [0, 0]
    one, other = (Path(f"{name}.jsonl").read_bytes() for name in ("files", "store"))
    assert b'"kind":"fill"' in one
    assert one == other
