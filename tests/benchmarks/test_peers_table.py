"""The parts of the comparison with other backtesters that need none of them."""

import gzip
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent.parent
HEADER = "symbol,open_time,open,high,low,close,volume,close_time,quote_volume,trades"


@pytest.fixture(scope="module")
def peers() -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmark_peers", ROOT / "benchmarks" / "peers.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    rows = [
        "AAA,60000,1.10,1.20,1.00,1.15,10,,,", "AAA,120000,1.15,1.25,1.10,1.125,20,,,",
        "BBB,120000,7,7,7,7,900,,,",
        "CCC,60000,5,6,4,5,100,,,", "CCC,120000,5,6,4,5.5,100,,,",
    ]  # fmt: skip
    path = tmp_path / "klines.csv.gz"
    path.write_bytes(gzip.compress("\n".join([HEADER, *rows]).encode()))
    return path


def test_the_most_traded_are_kept_by_name_and_a_late_listing_is_left_out(peers: ModuleType, recording: Path) -> None:
    kept = peers.most_traded(peers.read_candles(recording), 2)

    assert [each.symbol for each in kept] == ["AAA", "CCC"]
    assert [each.symbol for each in peers.most_traded(peers.read_candles(recording), 1)] == ["CCC"]


def test_decimals_are_those_of_the_finest_price(peers: ModuleType, recording: Path) -> None:
    assert {each.symbol: each.decimals for each in peers.read_candles(recording)} == {"AAA": 3, "BBB": 0, "CCC": 1}


def test_a_recording_is_repeated_with_minutes_that_go_on(peers: ModuleType, recording: Path) -> None:
    arrays = peers.tiled(peers.most_traded(peers.read_candles(recording), 2), 5)

    assert arrays["at_ms"].tolist() == [60_000, 120_000, 180_000, 240_000, 300_000]
    assert arrays["close"].tolist() == [[1.15, 1.125, 1.15, 1.125, 1.15], [5.0, 5.5, 5.0, 5.5, 5.0]]
    assert arrays["symbols"].tolist() == ["AAA", "CCC"]
    assert arrays["volume"].flags.c_contiguous and arrays["decimals"].dtype == np.int64


def test_entries_are_counted_by_symbol_and_bar(peers: ModuleType) -> None:
    agreement = peers.compare({"AAA": [1, 5], "CCC": [7]}, {"AAA": [1], "CCC": [7, 9, 11]})

    assert (agreement.equal, agreement.missing, agreement.extra) == (2, 1, 2)
    assert str(agreement) == "2 equal, 1 missing, 2 more"
    assert str(peers.compare({"AAA": [1]}, {"AAA": [1]})) == "1 equal"


def test_what_each_runner_needs_is_pinned(peers: ModuleType) -> None:
    for name in peers.TARGETS:
        assert (peers.RUNNERS / f"run_{name}.py").exists()
        if name == "hot":
            continue
        lines = (peers.RUNNERS / f"requirements-{name}.txt").read_text().splitlines()
        assert lines
        assert all(line.startswith("#") or "==" in line for line in lines)


def test_a_runner_that_is_not_there_yet_says_so_and_one_that_fails_names_its_log(
    peers: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers, "RUNNERS", tmp_path)
    (tmp_path / "run_absent.py").write_text("""print('{"not_there": "not there yet"}')""")
    (tmp_path / "run_broken.py").write_text("raise SystemExit('no')")
    (tmp_path / "run_good.py").write_text(
        'for _ in open(0): print(\'{"entries": {"AAA": [3]}, "seconds": 0.5, "bars": 1000000,'
        ' "trades": 1, "profit": -2.5}\', flush=True)'
    )
    made = {name: peers.Peer(name, Path(sys.executable), tmp_path / "m.npz") for name in ("absent", "broken", "good")}
    for peer in made.values():
        peer.play()
        peer.play()
        peer.end()

    assert made["absent"].why == "not there yet"
    assert made["broken"].why.startswith("failed: see ") and made["broken"].why.endswith("broken.log")
    assert made["good"].seconds == 0.5 and len(made["good"].answers) == 2


def test_the_table_says_how_many_times_as_fast(peers: ModuleType) -> None:
    rows = {"loop": told(peers, 0.5), "hot": told(peers, 2.0), "vectorbt": told(peers, 6.0)}
    text = peers.table(rows, peers.agreements(rows)).splitlines()

    assert text[-1].split()[:7] == ["vectorbt", "0.167", "6", "9", "12x", "3x", "3x"]
    assert text[-1].endswith("1 equal")
    assert text[-2].split()[4:6] == ["4x", "1x"]


def told(peers: ModuleType, seconds: float) -> object:
    peer = peers.Peer.__new__(peers.Peer)
    answer = {"entries": {"AAA": [3]}, "bars": 1_000_000, "trades": 1, "profit": 0.0}
    peer.answers = [answer | {"seconds": 9.0}] + [answer | {"seconds": seconds}] * 3
    peer.why = ""
    return peer
