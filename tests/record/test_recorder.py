"""The recorder: chunks by time, old ones removed, rules told anew, and nothing that could not be read back."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from engine.errors import DirtyInput, LedgerError
from engine.plugs import Entry
from engine.records.base import Record
from engine.records.desk import Alert
from engine.records.market import Bar, SymbolRules, Tick
from engine.records.wire import decode, encode
from engine.runs.recorder import Recorder
from engine.runs.run_settings import RecordSettings
from engine.world.recording import read_index, read_recording
from engine.world.sources.recorded import Recorded

MINUTE = 60_000
HOUR = 60 * MINUTE
START = 1_700_006_400_000  # a full hour
SETTINGS = RecordSettings(min_free_mb=1)


def bar(at: int, symbol: str = "AUSDT") -> Bar:
    return Bar(at=at, venue="binance-spot", symbol=symbol, step_s=60, open_at=at - MINUTE, open="1", high="1", low="1",
               close="1", volume="1")  # fmt: skip


def rules(at: int, symbol: str = "AUSDT") -> SymbolRules:
    return SymbolRules(at=at, venue="binance-spot", symbol=symbol, base="A", quote="USDT", tick="0.1", step="0.1")


def minutes(hours: int) -> Iterator[Record]:
    yield rules(START)
    for i in range(hours * 60):
        at = START + i * MINUTE
        yield from (bar(at), Tick(at=at, codes={"QUIET": ("AUSDT",)}))


def record(folder: Path, records: Iterator[Record] | list[Record], **options: int) -> Recorder:
    recorder = Recorder(folder, SETTINGS, **options)  # type: ignore[arg-type]
    try:
        for _ in recorder.record((Entry(one, None) for one in records), lambda: False):
            pass
    finally:
        recorder.close()
    return recorder


def test_no_chunk_holds_more_than_an_hour(tmp_path: Path) -> None:
    record(tmp_path / "tape", minutes(3))
    index = read_index(tmp_path / "tape")
    assert [(chunk.first_at - START) // HOUR for chunk in index] == [0, 1, 2]
    assert all(chunk.last_at // HOUR == chunk.first_at // HOUR for chunk in index)


def test_days_that_are_over_are_removed_and_the_rest_is_a_market_with_its_rules(tmp_path: Path) -> None:
    folder = tmp_path / "tape"
    recorder = Recorder(folder, SETTINGS, keep_days=1)
    for _ in recorder.record((Entry(one, None) for one in minutes(30)), lambda: False):
        pass
    recorder.close()
    index = read_index(folder)
    assert [chunk.pruned for chunk in index] == [True] * 5 + [False] * 25
    assert len(list(folder.glob("*.zst"))) == 25
    facts = [entry.record for entry in Recorded(str(folder)).facts()]
    assert isinstance(facts[0], SymbolRules) and sum(isinstance(one, Bar) for one in facts) == 25 * 60
    assert [one.at for one in facts if one] == sorted(one.at for one in facts if one)
    with pytest.raises(DirtyInput, match="pruned"):
        list(read_recording(folder))


def test_it_goes_on_after_what_is_there_and_leaves_out_what_came_before(tmp_path: Path) -> None:
    record(tmp_path, [bar(START), bar(START + MINUTE)])
    recorder = record(tmp_path, [bar(START), rules(START + MINUTE), bar(START + 2 * MINUTE)])
    assert (recorder.done.facts, recorder.done.late) == (2, 1)
    source = Recorded(str(tmp_path))
    assert [entry.record.at for entry in source.facts() if entry.record] == [
        START, START + MINUTE, START + MINUTE, START + 2 * MINUTE,
    ]  # fmt: skip
    assert source.skipped == 0


def test_a_length_of_time_begins_with_the_first_fact_that_is_no_rule(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, SETTINGS, for_ms=10 * MINUTE)
    entries = (Entry(one, None) for one in [rules(0), *minutes(1)])
    assert [done.at for done in recorder.record(entries, lambda: False)][-1] == START + 9 * MINUTE
    recorder.close()


def test_ticks_are_recorded_without_what_a_scan_said_on_them(tmp_path: Path) -> None:
    record(tmp_path, [*minutes(1), Alert(at=START + HOUR, level="info", code="FEED_GAP", text="x")])
    lines = [decode(line) for line in read_recording(tmp_path)]
    assert all(one.codes == {} for one in lines if isinstance(one, Tick))
    assert isinstance(lines[-1], Alert)


def test_lines_are_kept_as_they_came(tmp_path: Path) -> None:
    line = encode(bar(START)).replace(b'"venue"', b' "venue"')
    recorder = Recorder(tmp_path, SETTINGS)
    list(recorder.record(iter([Entry(decode(line), line)]), lambda: False))
    recorder.close()
    assert list(read_recording(tmp_path)) == [line]


def test_a_stop_is_heard_at_the_next_fact(tmp_path: Path) -> None:
    stops = iter([False, False, True])
    recorder = Recorder(tmp_path, SETTINGS)
    list(recorder.record((Entry(one, None) for one in minutes(1)), lambda: next(stops)))
    recorder.close()
    assert recorder.done.facts == 2


def test_what_was_written_is_durable_within_a_second(tmp_path: Path) -> None:
    now = [0.0]
    recorder = Recorder(tmp_path, SETTINGS, clock=lambda: now[0])

    def entries() -> Iterator[Entry]:
        yield Entry(bar(START), None)
        now[0] = 1.0
        yield Entry(bar(START + MINUTE), None)
        assert len(list(read_recording(tmp_path))) == 2

    list(recorder.record(entries(), lambda: False))
    recorder.close()


def test_a_disk_without_room_is_an_error_that_leaves_a_whole_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Recorder(tmp_path, SETTINGS, clock=iter(range(10**6)).__next__)
    left = iter((1 << 40, 1 << 40, 0))
    monkeypatch.setattr("engine.runs.recorder.shutil.disk_usage", lambda _: SimpleNamespace(free=next(left)))
    with pytest.raises(LedgerError, match="min_free_mb"):
        list(recorder.record((Entry(one, None) for one in minutes(1)), lambda: False))
    recorder.close()
    assert read_index(tmp_path)[0].records > 0
