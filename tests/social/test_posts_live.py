"""Posts as they come: from a file that grows and is rotated, from a named pipe, from stdin."""

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from patience import until

from engine.errors import ConfigError
from engine.records.base import Record
from engine.records.desk import Alert
from engine.records.market import Post
from engine.world.imports.seen import Seen
from engine.world.imports.tail import tail
from engine.world.sources.posts import WEEK_MS, Posts
from engine.world.streams.clock import Stamp

NOW = 1_700_000_000_000


def line(**fields: Any) -> str:
    return json.dumps({"text": "$SOL", **fields}) + "\n"


class Heard:
    """A source of posts that is read on a thread."""

    def __init__(self, path: str) -> None:
        self.at, self.records, self._over = NOW, list[Record](), Event()
        self.source = Posts(path=path, clock=lambda: Stamp(self.at, self.at), stopped=self._over.is_set)
        self.thread = Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self) -> None:
        for entry in self.source.facts():
            assert entry.record is not None
            self.records.append(entry.record)

    def ids(self) -> list[str | None]:
        return [one.post_id for one in self.records if isinstance(one, Post)]

    def stop(self) -> None:
        self._over.set()
        self.thread.join(5)
        assert not self.thread.is_alive()


@pytest.fixture
def heard() -> Iterator[Callable[[Path], Heard]]:
    made: list[Heard] = []

    def hear(path: Path) -> Heard:
        made.append(Heard(str(path)))
        time.sleep(0.05)
        return made[-1]

    yield hear
    for one in made:
        one.stop()


def append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


def test_a_file_is_read_from_its_end_on(heard: Callable[[Path], Heard], tmp_path: Path) -> None:
    path = tmp_path / "posts.jsonl"
    append(path, line(id=1))
    ears = heard(path)
    append(path, line(id=2) + '{"text":"$SOL","id')
    until(lambda: ears.ids() == ["2"])
    append(path, '":3}\n')
    until(lambda: ears.ids() == ["2", "3"])


def test_a_file_that_comes_later_is_read_whole(heard: Callable[[Path], Heard], tmp_path: Path) -> None:
    ears = heard(tmp_path / "later.jsonl")
    append(tmp_path / "later.jsonl", line(id=1))
    until(lambda: ears.ids() == ["1"])


@pytest.mark.parametrize(
    ("past", "given"), [(0, b""), (1, b""), (3, b""), (4, b"ccc\n"), (7, b"ccc\n"), (99, b"a\nbbb\nccc\n")]
)
def test_the_past_of_a_file_begins_with_a_whole_line(tmp_path: Path, past: int, given: bytes) -> None:
    (tmp_path / "x").write_bytes(b"a\nbbb\nccc\n")
    asked = iter([False, True])
    assert b"".join(tail(str(tmp_path / "x"), lambda: next(asked), past)) == given


def test_a_run_of_one_cycle_hears_what_was_written_before_it(tmp_path: Path) -> None:
    append(tmp_path / "posts", line(id=1, at=NOW - 5) + line(id=2))
    asked = iter([False, True])
    source = Posts(path=str(tmp_path / "posts"), clock=lambda: Stamp(NOW, NOW), stopped=lambda: next(asked), past=True)
    told = [entry.record for entry in source.facts()]
    assert [(one.post_id, one.written_at) for one in told if isinstance(one, Post)] == [("1", NOW - 5), ("2", None)]


def test_rotations_lose_nothing(heard: Callable[[Path], Heard], tmp_path: Path) -> None:
    path = tmp_path / "posts.jsonl"
    append(path, "")
    ears = heard(path)
    append(path, line(id=1) + '{"cut')
    path.rename(tmp_path / "posts.1")
    append(path, line(id=2))
    until(lambda: "2" in ears.ids())
    path.write_text("")  # cut in place, as copytruncate does
    time.sleep(0.6)
    append(path, line(id=3))
    until(lambda: ears.ids() == ["1", "2", "3"])


def test_a_named_pipe_survives_its_writers(heard: Callable[[Path], Heard], tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    ears = heard(path)
    for number in (1, 2):
        append(path, line(id=number))
        until(lambda so_many=number: len(ears.ids()) == so_many)
    assert ears.ids() == ["1", "2"]


def test_stdin_ends_with_its_writer(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.write(write, b"one\ntwo")
    os.close(write)
    assert b"".join(tail("-", lambda: False, stdin=read)) == b"one\ntwo"


def test_a_post_counts_once_and_old_ones_not_at_all(heard: Callable[[Path], Heard], tmp_path: Path) -> None:
    path = tmp_path / "posts.jsonl"
    ears = heard(path)
    append(path, line(id=1, at=NOW - 5) + line(id=1, at=NOW - 5) + line(id=2, at=NOW - WEEK_MS - 1) + line(id=3))
    until(lambda: "3" in ears.ids())
    assert ears.ids() == ["1", "3"]
    first, last = (one for one in ears.records if isinstance(one, Post))
    assert (first.at, first.written_at) == (NOW, NOW - 5)
    assert (last.at, last.written_at) == (NOW, None)


def test_bad_lines_are_counted_and_told_once_a_minute(heard: Callable[[Path], Heard], tmp_path: Path) -> None:
    path = tmp_path / "posts.jsonl"
    ears = heard(path)
    append(path, "garbage\n" * 3 + "x" * (1 << 20) + "y\n" + line(id=1))
    until(lambda: ears.ids() == ["1"])
    ears.at = NOW + 60_000
    append(path, "garbage\n" + line(id=2))
    until(lambda: ears.ids() == ["1", "2"])
    told = [one.text for one in ears.records if isinstance(one, Alert)]
    assert [text.split(" of posts")[0] for text in told] == ["1 line", "4 lines"]
    assert "not JSON" in told[0]


def test_a_folder_is_no_file_of_posts(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="folder"):
        Posts(path=str(tmp_path), clock=lambda: Stamp(0, 0), stopped=lambda: True)


def test_what_was_seen_is_forgotten_in_time_and_bounded() -> None:
    seen = Seen(keep_ms=100, most=3)
    assert [seen.is_new(name, at) for name, at in (("a", 0), ("a", 90), ("a", 190), ("b", 200))] == [
        True, False, False, True,
    ]  # fmt: skip
    assert seen.is_new("a", 400) and len(seen) == 1
    assert all(seen.is_new(str(i), 400) for i in range(50)) and len(seen) == 3
