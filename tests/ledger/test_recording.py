"""The recording: facts come back in order, crashes lose only what was not flushed, damage is named."""

import random
import signal
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_lines import START, counted

from engine.errors import DirtyInput
from engine.world.recording import check_chunk, folder_of, prune_recording, read_index, read_recording
from engine.world.recording_writer import RecordingWriter


def fact(number):
    return b'{"kind":"bar","at":%d,"venue":"v","symbol":"S%dUSDT","close":"%d.5"}' % (
        START + number,
        number % 7,
        number,
    )


@pytest.fixture
def folder(path):
    return folder_of(path)


def record(folder, numbers, **options):
    with RecordingWriter(folder, **options) as writer:
        for number in numbers:
            writer.write(fact(number))


def test_facts_come_back_in_order_byte_for_byte(folder):
    assert folder.name == "ledger.db.facts"
    record(folder, range(1000))
    assert list(read_recording(folder)) == [fact(n) for n in range(1000)]


def test_lines_of_one_time_can_be_written_at_once(folder):
    closed = []
    with RecordingWriter(folder, rotate_records=100, on_chunk_closed=lambda *chunk: closed.append(chunk)) as writer:
        for number in range(0, 300, 30):
            lines = [fact(number).replace(b'"S', b'"%dS' % k) for k in range(30)]
            writer.write_lines(b"".join(line + b"\n" for line in lines), START + number, 30)
            writer.write(fact(number))
    assert [chunk.records for chunk in read_index(folder)] == [123, 124, 63]
    assert [chunk.last_at - START for chunk in read_index(folder)] == [90, 210, 270]
    assert len(list(read_recording(folder))) == 310
    assert len(closed) == 3


@pytest.mark.parametrize("count", [1, 500, 2_000, 30_000])
def test_all_that_was_flushed_is_read_from_a_chunk_that_is_still_open(folder, count):
    with RecordingWriter(folder) as writer:
        for number in range(count):
            writer.write(fact(number))
        writer.flush()
        assert list(read_recording(folder)) == [fact(n) for n in range(count)]
        for number in range(count, count + 3):
            writer.write(fact(number))
        writer.flush()
        assert list(read_recording(folder)) == [fact(n) for n in range(count + 3)]


def test_chunks_are_rotated_by_records_and_chained_to_the_caller(folder):
    closed = []
    record(folder, range(250), rotate_records=100, on_chunk_closed=lambda name, digest: closed.append((name, digest)))
    index = read_index(folder)
    assert [chunk.records for chunk in index] == [100, 100, 50]
    assert [(chunk.first_at - START, chunk.last_at - START) for chunk in index] == [(0, 99), (100, 199), (200, 249)]
    assert closed == [(chunk.chunk, chunk.sha256) for chunk in index]
    assert [chunk.chunk for chunk in index] == ["000001.jsonl.zst", "000002.jsonl.zst", "000003.jsonl.zst"]


def test_chunks_are_rotated_by_bytes(folder):
    noise = random.Random(1)
    with RecordingWriter(folder, rotate_bytes=50_000) as writer:
        for number in range(400):
            writer.write(b'{"kind":"post","at":%d,"text":"%s"}' % (number, noise.randbytes(1000).hex().encode()))
            writer.flush()
    assert len(read_index(folder)) > 5
    assert all(chunk.size < 60_000 for chunk in read_index(folder))


def test_a_writer_that_wrote_nothing_leaves_no_chunk(folder):
    record(folder, [])
    assert read_index(folder) == []
    assert list(read_recording(folder)) == []


def test_what_was_flushed_is_read_while_the_writer_goes_on(folder):
    with RecordingWriter(folder) as writer:
        writer.write(fact(1))
        writer.flush()
        assert list(read_recording(folder)) == [fact(1)]
        writer.write(fact(2))
        writer.flush()
        assert list(read_recording(folder)) == [fact(1), fact(2)]


def test_a_stretch_of_time_is_read_alone(folder):
    record(folder, range(300), rotate_records=100)
    assert list(read_recording(folder, since=START + 150, until=START + 160)) == [fact(n) for n in range(150, 160)]


WRITE = """
import sys
from pathlib import Path
from engine.world.recording_writer import RecordingWriter
writer = RecordingWriter(Path(sys.argv[1]), rotate_bytes=4000)
number = int(sys.argv[2])
while True:
    for _ in range(5):
        number += 1
        writer.write(b'{"kind":"bar","at":%d}' % number)
    writer.flush()
    print(number, flush=True)
"""


def test_a_kill_loses_at_most_what_was_not_flushed(folder, spawn):
    dice = random.Random(2)
    last = 0
    for _ in range(counted(5, 100)):
        run = spawn(WRITE, folder, last)
        said = int(run.stdout.readline())
        time.sleep(dice.random() * 0.1)
        run.send_signal(signal.SIGKILL)
        said = max([said, *(int(line) for line in run.stdout.read().split("\n")[:-1] if line)])
        run.wait()
        found = [int(line.split(b":")[-1].rstrip(b"}")) for line in read_recording(folder)]
        assert found == list(range(1, len(found) + 1))
        assert said <= len(found) <= said + 5
        last = len(found)


@settings(max_examples=counted(60, 1000), deadline=None)
@given(share=st.floats(0, 1))
def test_a_cut_chunk_is_read_to_its_last_whole_line_and_closed_at_the_next_start(tmp_path_factory, share):
    folder = tmp_path_factory.mktemp("cut")
    with RecordingWriter(folder) as writer:
        for number in range(50):
            writer.write(fact(number))
            if number % 5 == 4:
                writer.flush()
    (folder / "index.jsonl").unlink()
    chunk = folder / "000001.jsonl.zst"
    content = chunk.read_bytes()
    chunk.write_bytes(content[: int(len(content) * share)])
    before = list(read_recording(folder))
    assert before == [fact(n) for n in range(len(before))]
    closed = []
    with RecordingWriter(folder, on_chunk_closed=lambda name, digest: closed.append(name)) as writer:
        assert closed == ["000001.jsonl.zst"]
        writer.write(fact(99))
    assert list(read_recording(folder)) == [*before, fact(99)]
    assert [chunk.cut for chunk in read_index(folder)] == [True, False]


def test_a_torn_index_line_is_made_again(folder):
    record(folder, range(200), rotate_records=100)
    index = folder / "index.jsonl"
    content = index.read_bytes()
    index.write_bytes(content[:-20])
    assert list(read_recording(folder)) == [fact(n) for n in range(200)]
    record(folder, [200])
    assert list(read_recording(folder)) == [fact(n) for n in range(201)]
    assert len(read_index(folder)) == 3


def test_a_damaged_chunk_is_named(folder):
    record(folder, range(300), rotate_records=100)
    chunk = folder / "000002.jsonl.zst"
    content = bytearray(chunk.read_bytes())
    content[len(content) // 2] ^= 1
    chunk.write_bytes(content)
    reading = read_recording(folder)
    with pytest.raises(DirtyInput, match=r"000002\.jsonl\.zst: the chunk is damaged"):
        assert [next(reading) for _ in range(101)]
    assert len(list(read_recording(folder, since=START + 200))) == 100
    with pytest.raises(DirtyInput):
        check_chunk(folder, read_index(folder)[1])


def test_a_missing_chunk_or_recording_is_named(folder):
    with pytest.raises(DirtyInput, match="there is no recording"):
        list(read_recording(folder))
    record(folder, range(200), rotate_records=100)
    (folder / "000001.jsonl.zst").unlink()
    with pytest.raises(DirtyInput, match=r"000001\.jsonl\.zst: the chunk cannot be read"):
        list(read_recording(folder))


@pytest.mark.parametrize(
    "line",
    [b'{"nonsense":1}\n', b'{"chunk":"../../etc/passwd","first_at":0,"last_at":0,"records":0,"size":0,"sha256":""}\n'],
)
def test_an_index_that_says_nonsense_is_named(folder, line):
    record(folder, [1])
    with (folder / "index.jsonl").open("ab") as file:
        file.write(line)
    with pytest.raises(DirtyInput, match=r"index\.jsonl:2"):
        list(read_recording(folder))


@pytest.mark.parametrize("line", [b"text", b'{"kind":"bar"}', b'{"kind":"bar",\n"at":1}'])
def test_what_is_no_line_is_not_recorded(folder, line):
    with RecordingWriter(folder) as writer, pytest.raises(DirtyInput):
        writer.write(line)


def test_old_chunks_can_be_given_up_and_are_remembered(folder):
    record(folder, range(300), rotate_records=100)
    assert prune_recording(folder, START + 150) > 0
    assert [chunk.pruned for chunk in read_index(folder)] == [True, False, False]
    assert not (folder / "000001.jsonl.zst").exists()
    with pytest.raises(DirtyInput, match="pruned"):
        list(read_recording(folder))
    assert len(list(read_recording(folder, since=START + 100))) == 200
    assert prune_recording(folder, START + 150) == 0
    record(folder, [300])
    assert read_index(folder)[-1].chunk == "000004.jsonl.zst"
