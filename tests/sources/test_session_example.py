"""The bundled session: real, whole, small, and made again from its source."""

import gzip
import importlib.util
from collections import Counter
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "examples"
HOT = ("BTGUSDT", "ETCUSDT", "DOGEUSDT", "CHZUSDT", "BCHUSDT", "DGBUSDT", "TRXUSDT", "NANOUSDT", "SCUSDT")


def test_the_session_is_two_and_a_half_days_of_45_symbols_with_their_rules(read):
    entries, bad, _ = read(EXAMPLES / "session")
    kinds = Counter(entry.record.kind for entry in entries)
    symbols = Counter(entry.record.symbol for entry in entries if entry.record.kind == "bar")
    rules = {entry.record.symbol for entry in entries if entry.record.kind == "symbol_rules"}
    assert (kinds, bad) == ({"symbol_rules": 45, "bar": 160_140}, [])
    assert rules == set(symbols) >= set(HOT)
    assert {count for symbol, count in symbols.items() if symbol != "BTGUSDT"} == {3600}
    bars = [entry.record for entry in entries if entry.record.kind == "bar"]
    assert (bars[0].open_at, bars[-1].at) == (1618444800000, 1618660800000)


def test_the_session_is_small():
    assert sum(path.stat().st_size for path in EXAMPLES.rglob("*") if path.is_file()) < 3_600_000


def test_the_example_bars_are_records(read):
    entries, bad, _ = read(EXAMPLES / "bars.jsonl")
    assert (len(entries), bad) == (400, [])
    assert {entry.record.symbol for entry in entries} == {"BTCUSDT", "ETCUSDT"}


def test_the_examples_are_made_again_from_their_source(shared, tmp_path):
    spec = importlib.util.spec_from_file_location("make_session", EXAMPLES / "make_session.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    script.make(shared, tmp_path)
    for name in ("session/rules.jsonl", "bars.jsonl"):
        assert (tmp_path / name).read_bytes() == (EXAMPLES / name).read_bytes()
    # zlib packs differently from one build to the next; what is packed must be the same.
    made, kept = (
        gzip.decompress((folder / "session/klines-1m.csv.gz").read_bytes()) for folder in (tmp_path, EXAMPLES)
    )
    assert made == kept
