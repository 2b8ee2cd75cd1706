"""hot ledger: verify, backup, export, path and prune, through the real app."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from made_session import DAY, at, cycle, run, session, write_ledger

from engine.ledger.ledger import Ledger
from engine.records.desk import Recording
from engine.records.market import Bar
from engine.records.wire import COMPARED, encode, kind_of_line
from engine.world.recording import folder_of, prune_recording, read_index
from engine.world.recording_writer import RecordingWriter


def bar(minute: int, symbol: str = "AUSDT") -> Bar:
    return Bar(
        at=at(minute), venue="binance-spot", symbol=symbol, step_s=60, open_at=at(minute - 1), open="1", high="1",
        low="1", close="1", volume="1",
    )  # fmt: skip


def test_verify_prints_the_head(hot: Callable[..., object], ledger: Path) -> None:
    with Ledger.read(ledger) as opened:
        head = str(opened.head)
    said = hot("ledger", "verify", "--ledger", ledger)
    assert (said.code, said.out) == (0, f"{head}\n")
    assert hot("ledger", "verify", "--ledger", ledger, "--head", head).code == 0


def test_verify_is_74_and_names_the_first_bad_row(hot: Callable[..., object], ledger: Path) -> None:
    with sqlite3.connect(ledger) as db:
        db.execute("DROP TRIGGER records_stay")
        db.execute("UPDATE records SET line = replace(line, ?, ?) WHERE seq = 20", ('"at":17', '"at":18'))
    db.close()
    said = hot("ledger", "verify", "--ledger", ledger)
    assert (said.code, said.out) == (74, "")
    assert "row 20 altered" in said.err


def test_a_tail_that_was_cut_shows_against_a_known_head(
    hot: Callable[..., object], tmp_path: Path, write_whole: Callable[..., Path]
) -> None:
    whole = write_whole(tmp_path / "whole.db", session())
    short = write_whole(tmp_path / "short.db", session()[:-2])
    head = hot("ledger", "verify", "--ledger", whole).out.strip()
    said = hot("ledger", "verify", "--ledger", short, "--head", head)
    assert said.code == 74
    assert "cut or lost" in said.err


@pytest.mark.parametrize("head", ["deadbeef", "", "12:", "x:" + "0" * 64, "1:" + "0" * 63, "9" * 5000 + ":" + "0" * 64])
def test_a_head_that_is_none_is_a_matter_of_usage(hot: Callable[..., object], ledger: Path, head: str) -> None:
    said = hot("ledger", "verify", "--ledger", ledger, "--head", head)
    assert (said.code, said.out) == (2, "")
    assert "SEQ:HASH" in said.err


@pytest.fixture
def recorded(ledger: Path) -> Path:
    """A ledger with three chunks of a recording, whose hashes stand in its chain."""
    with Ledger.open(ledger, mode="paper", venue="paper") as opened:

        def closed(chunk: str, sha256: str) -> None:
            opened.append(encode(Recording(at=at(9), chunk=chunk, sha256=sha256)))

        with RecordingWriter(folder_of(ledger), rotate_records=1, on_chunk_closed=closed) as writer:
            for minute in (1, 2, 3):
                writer.write(encode(bar(minute)))
    return ledger


def test_verify_holds_the_recording_against_the_rows(hot: Callable[..., object], recorded: Path) -> None:
    assert hot("ledger", "verify", "--ledger", recorded).code == 0
    chunk = folder_of(recorded) / "000002.jsonl.zst"
    whole = chunk.read_bytes()
    chunk.write_bytes(whole[:-1] + b"x")
    said = hot("ledger", "verify", "--ledger", recorded)
    assert (said.code, said.out) == (74, "")
    assert "000002.jsonl.zst: it was altered" in said.err
    chunk.unlink()
    said = hot("ledger", "verify", "--ledger", recorded)
    assert (said.code, said.out) == (74, "")
    assert "000002.jsonl.zst: row" in said.err
    assert "names this chunk, and it is gone" in said.err


def test_verify_takes_pruned_chunks_and_a_copy_without_a_recording(
    hot: Callable[..., object], recorded: Path, tmp_path: Path
) -> None:
    assert prune_recording(folder_of(recorded), at(3)) > 0
    assert hot("ledger", "verify", "--ledger", recorded).code == 0
    hot("ledger", "backup", tmp_path / "copy.db", "--ledger", recorded)
    said = hot("ledger", "verify", "--ledger", tmp_path / "copy.db")
    assert said.code == 0
    assert "the 3 chunks that the rows name were not checked" in said.err
    (folder_of(recorded) / "index.jsonl").write_text("{\n")
    assert hot("ledger", "verify", "--ledger", recorded).code == 74


def test_backup_is_a_whole_copy_and_overwrites_nothing(
    hot: Callable[..., object], ledger: Path, tmp_path: Path
) -> None:
    said = hot("ledger", "backup", tmp_path / "copy.db", "--ledger", ledger)
    assert (said.code, said.out) == (0, hot("ledger", "verify", "--ledger", tmp_path / "copy.db").out)
    again = hot("ledger", "backup", tmp_path / "copy.db", "--ledger", ledger)
    assert again.code == 74
    assert "overwrites nothing" in again.err


def test_export_gives_the_decisions_as_they_were(hot: Callable[..., object], ledger: Path, tmp_path: Path) -> None:
    wanted = [encode(record).decode() for record in session() if record.kind in COMPARED]
    assert hot("ledger", "export", "--ledger", ledger).out.splitlines() == wanted
    said = hot("ledger", "export", "--ledger", ledger, "--out", tmp_path / "x.jsonl")
    assert (said.out, (tmp_path / "x.jsonl").read_text().splitlines()) == ("", wanted)
    assert hot("ledger", "export", "--ledger", ledger, "--out", tmp_path / "x.jsonl").code == 2


def test_export_can_be_narrowed(hot: Callable[..., object], ledger: Path) -> None:
    lines = hot(
        "ledger", "export", "--ledger", ledger, "--kinds", "fill,position", "--symbol", "BUSDT", "--since", str(at(6))
    ).out.splitlines()
    assert [kind_of_line(line.encode()) for line in lines] == ["fill", "position"]
    wrong = hot("ledger", "export", "--ledger", ledger, "--kinds", "fills")
    assert (wrong.code, wrong.out) == (2, "")


def test_export_weaves_in_the_recording(hot: Callable[..., object], ledger: Path) -> None:
    with RecordingWriter(folder_of(ledger)) as writer:
        for minute in (1, 2):
            writer.write(encode(bar(minute)))
    lines = hot("ledger", "export", "--ledger", ledger, "--with-facts", "--kinds", "tick").out.splitlines()
    told = [kind_of_line(line.encode()) for line in lines]
    assert told[:4] == ["bar", "tick", "bar", "tick"]


def test_export_weaves_in_the_market_that_the_run_names(hot: Callable[..., object], tmp_path: Path) -> None:
    from engine.world.sources.recorded import Recorded

    market = tmp_path / "bars.jsonl"
    market.write_bytes(encode(bar(1)) + b"\n" + encode(bar(2)) + b"\n")
    named = {"path": str(market), **Recorded(str(market)).manifest()}
    path = write_ledger(tmp_path / "l.db", [run(market=named), *cycle(1), *cycle(2)])
    lines = hot("ledger", "export", "--ledger", path, "--with-facts", "--kinds", "tick").out.splitlines()
    assert [kind_of_line(line.encode()) for line in lines] == ["bar", "tick", "bar", "tick"]
    market.write_bytes(encode(bar(1)) + b"\n")
    said = hot("ledger", "export", "--ledger", path, "--with-facts")
    assert (said.code, said.out) == (78, "")


def test_export_without_any_facts_says_so(hot: Callable[..., object], tmp_path: Path) -> None:
    for records in ([], [run(market={"stream": "stdin"})], [run()]):
        path = write_ledger(tmp_path / f"{len(list(tmp_path.iterdir()))}.db", records)
        said = hot("ledger", "export", "--ledger", path, "--with-facts", "--out", tmp_path / "x.jsonl")
        assert said.code == 78
        assert not (tmp_path / "x.jsonl").exists()


def test_path_is_the_newest_or_the_named(hot: Callable[..., object], tmp_path: Path) -> None:
    assert hot("ledger", "path").code == 78
    newest = write_ledger(tmp_path / "data" / "a.db", [])
    assert hot("ledger", "path").out == f"{newest}\n"
    assert hot("ledger", "path", "--ledger", "other.db").out == f"{tmp_path / 'other.db'}\n"


@pytest.mark.parametrize(("days", "left"), [(0, 1), (1, 2), (5, 3)])
def test_prune_keeps_recorded_facts_of_so_many_days(
    hot: Callable[..., object], tmp_path: Path, days: int, left: int
) -> None:
    path = write_ledger(tmp_path / "l.db", cycle(2 * 1440))
    with Ledger.open(path, mode="paper", venue="paper") as opened:
        opened.save_checkpoint(at(2 * 1440), opened.head.seq, "1", b"state")
    with RecordingWriter(folder_of(path), rotate_records=1) as writer:
        for day in (0, 1, 2):
            writer.write(encode(bar(day * 1440 + 1)))
    assert read_index(folder_of(path))[0].first_at == DAY + 60_000
    assert hot("ledger", "prune", "--ledger", path, "--keep-days", days).code == 0
    assert len([chunk for chunk in read_index(folder_of(path)) if not chunk.pruned]) == left
    assert hot("ledger", "verify", "--ledger", path).code == 0


def test_prune_without_a_checkpoint_keeps_every_fact(hot: Callable[..., object], ledger: Path) -> None:
    with RecordingWriter(folder_of(ledger), rotate_records=1) as writer:
        writer.write(encode(bar(-5000)))
    assert hot("ledger", "prune", "--ledger", ledger, "--keep-days", 0).code == 0
    assert [chunk.pruned for chunk in read_index(folder_of(ledger))] == [False]


def test_prune_beside_a_run_is_74(hot: Callable[..., object], ledger: Path) -> None:
    with Ledger.open(ledger, mode="paper", venue="paper"):
        assert hot("ledger", "prune", "--ledger", ledger).code == 74
