"""Importing: only what is new is written, what differs is told, and a file is taken whole or not at all."""

import os

import pytest

from engine.errors import ConfigError, DirtyInput, LedgerError
from engine.records.market import Announcement, Funding, OpenInterest, SymbolRules
from engine.world.imports.notes import Notes
from engine.world.store import importing
from engine.world.store.files import header_of
from engine.world.store.importing import import_files
from engine.world.store.lock import locked
from engine.world.store.store import Store


def modified(store):
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in store.files()}


def test_the_same_file_twice_writes_nothing(store, take, recorded, bar):
    path = recorded([bar(i) for i in range(5)])
    assert take(path).new == 5
    before = modified(store)
    again = take(path)
    assert (again.new, again.equal, again.written) == (0, 5, 0)
    assert modified(store) == before


def test_overlapping_files_become_one_series(store, take, recorded, bar, lines_of):
    take(recorded([bar(i) for i in range(3, 8)], "late.jsonl"))
    done = take(recorded([bar(i) for i in range(5)], "early.jsonl"))
    assert (done.new, done.equal) == (3, 2)
    assert lines_of(store.root) == lines_of(recorded([bar(i) for i in range(8)]))


def test_a_price_with_more_decimals_rescales_the_series(store, take, recorded, bar, lines_of):
    first, second = bar(0), bar(1, high="29.123456", volume="0.00000001")
    take(recorded([first], "a.jsonl"))
    take(recorded([second], "b.jsonl"))
    assert header_of(store.files()[0]).digits == {"price": 6, "volume": 8, "quote_volume": 0}
    assert lines_of(store.root) == lines_of(recorded([first, second]))


def test_the_same_value_written_otherwise_is_no_difference(store, take, recorded, bar, lines_of):
    take(recorded([bar(0, close="28.1")], "a.jsonl"))
    assert take(recorded([bar(0, close="28.100")], "b.jsonl")).equal == 1
    assert b'"close":"28.1"' in lines_of(store.root)[0]


def test_a_differing_bar_is_refused_with_both_values(store, take, recorded, bar):
    take(recorded([bar(i) for i in range(3)], "a.jsonl"))
    before = modified(store)
    differing = recorded([bar(1, close="28.2"), bar(9)], "b.jsonl")
    with pytest.raises(DirtyInput, match=r"b\.jsonl:1: ETCUSDT .* at 2021-04-16T00:01:00Z: close is 28\.10 .* 28\.2 "):
        take(differing)
    assert modified(store) == before
    done = take(differing, replace=True)
    assert (done.replaced, done.new) == (1, 1)
    assert store.candles("binance-spot", "ETCUSDT", 60).close.tolist() == [2810, 2820, 2810, 2810]


@pytest.mark.parametrize("fields", [{"quote_volume": "5"}, {"trades": 7}, {"mono_ms": 8}])
def test_a_field_that_one_of_two_bars_lacks_is_a_difference(take, recorded, bar, fields):
    take(recorded([bar()], "a.jsonl"))
    with pytest.raises(DirtyInput, match=next(iter(fields))):
        take(recorded([bar(**fields)], "b.jsonl"))


def test_repeated_rows_are_counted_and_unsorted_ones_sorted(store, recorded, tmp_path, lines_of):
    rows = [f"ETCUSDT,{t},1.5,2,1,1.7,10,{t + 59999},,\n" for t in (1618531260000, 1618531200000, 1618531260000)]
    path = tmp_path / "bars.csv"
    path.write_text("symbol,open_time,open,high,low,close,volume,close_time,quote_volume,trades\n" + "".join(rows))
    notes = Notes()
    assert import_files(store, [str(path)], notes).new == 2
    assert notes.repeated == 1
    assert store.candles("binance-spot", "ETCUSDT", 60).open_at.tolist() == [1618531200000, 1618531260000]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"open_at": 1_618_531_230_000, "at": 1_618_531_290_000}, "does not open there"),
        ({"open_at": 1_618_531_200_000_000, "at": 1_618_531_260_000_000}, "not a time in epoch milliseconds"),
        ({"volume": "99999999999.123456789", "quote_volume": "5"}, "64 bits"),
        ({"volume": "007"}, "write back"),
    ],
)
def test_a_bar_that_cannot_be_kept_refuses_its_file_by_name_and_line(store, take, recorded, bar, fields, reason):
    good, odd = bar(symbol="BTCUSDT"), bar(**fields)
    with pytest.raises(DirtyInput, match=rf"facts\.jsonl:2: ETCUSDT .*{reason}"):
        take(recorded([good, odd]))
    assert store.files() == []


def test_a_bar_that_is_none_is_a_bad_line(store, recorded, bar):
    told = []
    notes = Notes(lambda name, number, reason, line: told.append((number, reason)))
    path = recorded([bar(0), bar(1, high="1"), bar(2, at=1_618_531_320_001)])
    assert import_files(store, [str(path)], notes).new == 1
    assert [number for number, _ in told] == [2, 3]
    with pytest.raises(DirtyInput):
        import_files(store, [str(path)], Notes(strict=True))


def test_open_interest_funding_and_rules_are_kept_and_the_rest_is_named(store, take, recorded, lines_of, bar):
    facts = [
        SymbolRules(
            at=1618531199000, venue="binance-usdm", symbol="ETCUSDT", base="ETC", quote="USDT", tick="0.01", step="1"
        ),
        Funding(at=1618531200004, venue="binance-usdm", symbol="ETCUSDT", rate="-0.00010000", mark_price="28.10"),
        Funding(at=1618531200005, venue="binance-usdm", symbol="ETCUSDT", rate="-0.0000"),
        Funding(at=1618531200006, venue="binance-usdm", symbol="ETCUSDT", rate="0.0001", due_at=1618560000000),
        OpenInterest(at=1618531200006, venue="binance-usdm", symbol="ETCUSDT", open_interest="5"),
        OpenInterest(
            at=1618531200007, venue="binance-usdm", symbol="ETCUSDT", open_interest="5", open_interest_value="9.5"
        ),
    ]
    other = Announcement(at=1618531200008, source="binance", announcement_id="1", category="other", symbols=())
    done = take(recorded([*facts, other]))
    assert (done.new, done.left_out) == (6, {"announcement": 1})
    assert lines_of(store.root) == lines_of(recorded(facts))


def test_rules_that_changed_need_replace(store, take, recorded, lines_of):
    one, other = (
        SymbolRules(at=5, venue="binance-spot", symbol="ETCUSDT", base="ETC", quote="USDT", tick=tick, step="1")
        for tick in ("0.01", "0.1")
    )
    take(recorded([one], "a.jsonl"))
    with pytest.raises(DirtyInput, match="rules of ETCUSDT"):
        take(recorded([other], "b.jsonl"))
    take(recorded([other], "b.jsonl"), replace=True)
    assert lines_of(store.root) == lines_of(recorded([other]))


def test_an_interrupted_write_leaves_the_series_as_it_was(store, take, recorded, bar, monkeypatch):
    take(recorded([bar(0)], "a.jsonl"))
    before = modified(store)

    def fails(fd):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fails)
        with pytest.raises(LedgerError, match="No space left"):
            take(recorded([bar(1)], "b.jsonl"))
    assert modified(store) == before
    assert [path.name for path in store.root.rglob("*.part")] == []


def test_what_a_killed_import_left_is_cleared_away(store, take, recorded, bar):
    take(recorded([bar(0)]))
    part = store.files()[0].with_suffix(".series.part")
    part.write_bytes(b"half")
    take(recorded([bar(1)]))
    assert not part.exists()


def test_two_imports_at_once_are_refused(store, take, recorded, bar):
    with locked(store.root), pytest.raises(LedgerError, match="another import"):
        take(recorded([bar()]))


def test_a_long_file_is_gathered_in_parts(store, take, recorded, bar, lines_of, monkeypatch):
    monkeypatch.setattr(importing, "_WAITING", 7)
    path = recorded([bar(i, symbol=name, volume=f"{i}.{i}") for i in range(20) for name in ("A", "B")])
    take(path)
    assert lines_of(store.root) == lines_of(path)


def test_a_foreign_folder_and_a_newer_store_are_refused(tmp_path):
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "notes.txt").write_text("mine")
    for folder in (tmp_path / "foreign", tmp_path / "nothing"):
        with pytest.raises(ConfigError, match="no store"):
            Store.open(folder)
    with pytest.raises(ConfigError, match="holds other files"):
        Store.create(tmp_path / "foreign")
    Store.create(tmp_path / "newer")
    (tmp_path / "newer" / "store.json").write_text('{"hot_store":2}')
    with pytest.raises(ConfigError, match="version 2"):
        Store.open(tmp_path / "newer")


@pytest.mark.parametrize("symbol", ["币安人生USDT", "A/../B", "..", "1000%X", "a.b"])
def test_any_symbol_has_a_file_of_its_own_within_the_store(store, take, recorded, bar, lines_of, symbol):
    path = recorded([bar(symbol=symbol)])
    take(path)
    assert lines_of(store.root) == lines_of(path)
    assert [one.parent for one in store.files()] == [store.root / "binance-spot" / "60"]
    assert store.series("binance-spot", 60) == [symbol]
