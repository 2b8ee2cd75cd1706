"""hot import: exchange files in, market records out, in order, with what was left out told on stderr."""

import gzip
import os
import subprocess
import sys

import pytest
import zstandard

from engine.records.wire import decode

HOT = [sys.executable, "-m", "cli.main", "import"]


def run(*arguments, text=None):
    environment = {**os.environ, "NO_COLOR": "1"}
    return subprocess.run(
        [*HOT, *map(str, arguments)], input=text, capture_output=True, check=False, env=environment, timeout=60
    )


def records(data):
    return [decode(line) for line in data.splitlines()]


def test_several_files_become_one_market_in_order(samples):
    done = run(samples / "spot" / "candles.csv", samples / "spot" / "exchangeInfo-2020-10-07.json")
    found = records(done.stdout)
    assert done.returncode == 0
    assert [one.at for one in found] == sorted(one.at for one in found)
    assert [one.kind for one in found[:4]] == ["symbol_rules", "symbol_rules", "symbol_rules", "bar"]
    assert done.stderr.decode().splitlines() == ["hot import: 21 records"]


@pytest.mark.parametrize(
    ("name", "unpack"),
    [("a.jsonl", bytes), ("a.jsonl.gz", gzip.decompress),
     ("a.jsonl.zst", lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data))],
)  # fmt: skip
def test_the_name_of_the_output_says_how_it_is_packed_and_reads_back_the_same(samples, tmp_path, read, name, unpack):
    source = samples / "spot" / "candles.csv"
    done = run(source, "--out", tmp_path / name)
    assert (done.returncode, done.stdout) == (0, b"")
    assert unpack((tmp_path / name).read_bytes()) == run(source).stdout
    assert [e.record for e in read(tmp_path / name)[0]] == [e.record for e in read(source)[0]]
    assert not list(tmp_path.glob("*.part"))


def test_skipped_lines_are_told_and_end_in_65(samples, tmp_path):
    (tmp_path / "bad.csv").write_bytes((samples / "spot" / "candles.csv").read_bytes() + b"BTCUSDT,1,2\n")
    done = run(tmp_path / "bad.csv")
    assert (done.returncode, len(done.stdout.splitlines())) == (65, 18)
    assert "bad.csv:20: 3 columns instead of 10" in done.stderr.decode()


def test_strict_stops_and_leaves_no_half_written_file(samples, tmp_path):
    (tmp_path / "bad.csv").write_bytes((samples / "spot" / "candles.csv").read_bytes() + b"BTCUSDT,1,2\n")
    done = run(tmp_path / "bad.csv", "--strict", "--out", tmp_path / "out.jsonl")
    assert (done.returncode, sorted(path.name for path in tmp_path.iterdir())) == (65, ["bad.csv"])


def test_symbol_since_and_until_choose(samples):
    done = run(samples / "spot" / "candles.csv", "--symbol", "BTGUSDT", "--since", "2021-04-16T07:02", "--until",
               "2021-04-16T07:04", "--quiet")  # fmt: skip
    assert [(one.symbol, one.at) for one in records(done.stdout)] == [
        ("BTGUSDT", 1618556520000), ("BTGUSDT", 1618556580000),
    ]  # fmt: skip
    assert done.stderr == b""


def test_records_on_stdin_are_ordered_within_the_lateness(samples):
    lines = run(samples / "spot" / "candles.csv").stdout.splitlines()
    done = run("-", "--max-lateness", 10**9, text=b"\n".join(reversed(lines)) + b"\n")
    assert done.stdout.splitlines() == lines


def test_a_missing_file_is_a_wrong_command_line(tmp_path):
    done = run(tmp_path / "gone.csv")
    assert (done.returncode, done.stdout) == (2, b"")
    assert "no market at" in done.stderr.decode()


def test_an_output_that_cannot_be_written_is_told(samples, tmp_path):
    done = run(samples / "spot" / "candles.csv", "--out", tmp_path / "no" / "folder.jsonl")
    assert done.returncode == 74
    assert "cannot write" in done.stderr.decode()
