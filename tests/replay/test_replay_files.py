"""Files thought over again: a pipe's at any place and any cut, decisions alone, and trades."""

import gzip
import json
import os
import random
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hot_runs import STAGES
from replay_market import FACT_KINDS, first_of

from cli.pipe import Rejects
from engine.errors import HotError
from engine.records.wire import kind_of_line
from engine.runs.replay.compare import Wanted
from engine.runs.replay.replay import Replay

Hot = Callable[..., "subprocess.CompletedProcess[bytes]"]


def verdict(done: "subprocess.CompletedProcess[bytes]") -> dict[str, Any]:
    return dict(json.loads(done.stdout))


@pytest.mark.parametrize("stage", ["scan", *STAGES])
def test_a_file_from_any_place_in_the_pipe_says_the_same(stage: str, made: Path, hot: Hot) -> None:
    done = hot("replay", str(made / f"{stage}.jsonl"))
    assert done.returncode == 0, done.stderr
    lines = (made / f"{stage}.jsonl").read_bytes().splitlines()
    kinds = [kind_of_line(line) for line in lines]
    assert verdict(done)["compared"] == sum(kind not in (*FACT_KINDS, "run", "end") for kind in kinds)


def test_a_file_on_stdin_says_the_same(made: Path, hot: Hot) -> None:
    done = hot("replay", "-", stdin=(made / "precheck.jsonl").read_bytes())
    assert done.returncode == 0, done.stderr
    assert verdict(done)["compared"] > 500


@pytest.mark.parametrize("stage", ["scan", *STAGES])
def test_a_changed_record_is_found_at_any_place(stage: str, made: Path, hot: Hot, tmp_path: Path) -> None:
    kind, was, now = {
        "scan": ("candidate", b'"status":"watching"', b'"status":"hot"'),
        "rank": ("candidate_snapshot", b'"rank":1', b'"rank":2'),
        "signal": ("signal_snapshot", b'"rank":1', b'"rank":2'),
        "precheck": ("intent", b'"risk_level":"L0"', b'"risk_level":"L1"'),
        "order": ("fill", b'"liquidity":"taker"', b'"liquidity":"maker"'),
    }[stage]
    whole = (made / f"{stage}.jsonl").read_bytes()
    number = first_of(whole, kind)
    lines = whole.splitlines(True)
    assert was in lines[number - 1]
    lines[number - 1] = lines[number - 1].replace(was, now)
    (tmp_path / "changed.jsonl").write_bytes(b"".join(lines))
    done = hot("replay", "changed.jsonl")
    assert done.returncode == 1
    first = verdict(done)["first"]
    assert (first["what"], first["number"], first["kind"]) == ("changed", number, kind)
    assert first["field"] == was.split(b'"')[1].decode()


def test_a_file_cut_at_any_line_is_compared_up_to_there(made: Path, tmp_path: Path) -> None:
    lines = (made / "order.jsonl").read_bytes().splitlines(True)
    # In the midst of an order's records, of a tick's decisions, at a tick, and at a fact.
    fill, tick = first_of(b"".join(lines), "fill"), first_of(b"".join(lines[6000:]), "tick") + 6000
    intent = first_of(b"".join(lines), "intent")
    for cut in (50, fill, intent, tick - 1, tick, len(lines) - 1):
        (tmp_path / "cut.jsonl").write_bytes(b"".join(lines[:cut]))
        notes: list[str] = []
        replay = Replay(str(tmp_path / "cut.jsonl"), wanted=Wanted(), tell=notes.append, on_bad=lambda *_: None)
        for _ in replay.play():
            pass
        assert replay.verdict.first is None, (cut, replay.verdict.first)
        assert any("ends without an end record" in note for note in notes)
        said = sum(kind_of_line(line) not in (*FACT_KINDS, "run", "end") for line in lines[:cut])
        assert replay.verdict.compared == said, cut


def test_a_half_last_line_is_said_and_left_out(made: Path, hot: Hot) -> None:
    whole = (made / "order.jsonl").read_bytes()
    for cut in (len(whole) // 2, len(whole) * 3 // 4, len(whole) - 3):
        half = whole[:cut]
        assert not half.endswith(b"\n")
        done = hot("replay", "-", stdin=half)
        assert done.returncode == 0, done.stderr
        line = half.count(b"\n") + 1
        assert f"cut in the middle of line {line}".encode() in done.stderr


def test_a_file_of_little_more_than_its_run_record_has_nothing_to_compare(made: Path, hot: Hot) -> None:
    lines = (made / "order.jsonl").read_bytes().splitlines(True)
    for cut in (1, 3):
        done = hot("replay", "-", stdin=b"".join(lines[:cut]))
        assert done.returncode == 0, done.stderr
        assert b"nothing to compare" in done.stderr


def test_a_pipe_in_place_of_a_file_is_read_once(made: Path, tmp_path: Path, hot: Hot) -> None:
    os.mkfifo(tmp_path / "fifo")
    with subprocess.Popen(["cp", str(made / "rank.jsonl"), str(tmp_path / "fifo")]):
        done = hot("replay", "fifo")
    assert done.returncode == 0, done.stderr
    assert verdict(done)["compared"] > 500


def test_a_packed_file_is_unpacked(made: Path, tmp_path: Path, hot: Hot) -> None:
    whole = gzip.compress((made / "rank.jsonl").read_bytes())
    (tmp_path / "rank.jsonl.gz").write_bytes(whole)
    assert hot("replay", "rank.jsonl.gz").returncode == 0
    (tmp_path / "rank.jsonl.gz").write_bytes(whole[:-5000])
    done = hot("replay", "rank.jsonl.gz")
    assert done.returncode == 65
    assert b"rank.jsonl.gz" in done.stderr and b"Traceback" not in done.stderr


def test_no_damage_to_a_file_is_a_bug_in_the_replay(made: Path, tmp_path: Path) -> None:
    lines = (made / "order.jsonl").read_bytes().splitlines(True)
    said = [i for i, line in enumerate(lines) if kind_of_line(line) not in FACT_KINDS]
    chance = random.Random(5)
    for _ in range(4):
        damaged = list(lines)
        for number in chance.sample(said, 6):
            line = bytearray(damaged[number])
            for _ in range(3):
                line[chance.randrange(len(line) - 1)] = chance.choice(b'0aZ"}{,:\xff')
            damaged[number] = bytes(line)
        (tmp_path / "damaged.jsonl").write_bytes(b"".join(damaged))
        rejects = Rejects("replay")
        replay = Replay(str(tmp_path / "damaged.jsonl"), wanted=Wanted(), tell=lambda _: None, on_bad=rejects.add)
        with suppress(HotError):
            for _ in replay.play():
                pass
            assert replay.verdict.first is not None or rejects.count


def test_a_bad_line_in_the_middle_is_named_and_skipped(made: Path, hot: Hot) -> None:
    lines = (made / "rank.jsonl").read_bytes().splitlines(True)
    done = hot("replay", "-", stdin=b"".join([*lines[:2000], b"{not json\n", *lines[2000:]]))
    assert done.returncode == 65
    assert b"stdin:2001:" in done.stderr
    assert b"all the same" in done.stderr


def test_keys_in_another_order_mean_the_same(made: Path, hot: Hot) -> None:
    lines = (made / "rank.jsonl").read_bytes().splitlines()[:3000]
    shuffled = b"\n".join(json.dumps(dict(reversed(json.loads(line).items()))).encode() for line in lines)
    done = hot("replay", "-", stdin=shuffled + b"\n")
    assert done.returncode == 0, done.stderr


def test_another_setting_over_a_pipes_file(made: Path, hot: Hot) -> None:
    done = hot("replay", str(made / "order.jsonl"), "--set", "desk.equity=500")
    assert done.returncode == 1
    assert verdict(done)["first"]["kind"] in ("intent", "refusal")
    assert b"desk.equity" in done.stderr


def test_decisions_alone_are_joined_with_their_ledger(made: Path, hot: Hot, tmp_path: Path) -> None:
    exported = hot("ledger", "export", "--ledger", str(made / "run.db")).stdout
    (tmp_path / "all.jsonl").write_bytes(exported)
    done = hot("replay", "all.jsonl", "--ledger", str(made / "run.db"))
    assert done.returncode == 0, done.stderr
    assert verdict(done)["compared"] == len(exported.splitlines())
    fills = [line for line in exported.splitlines(True) if kind_of_line(line) == "fill"]
    for some in (fills, fills[2:-2]):
        done = hot("replay", "-", "--ledger", str(made / "run.db"), stdin=b"".join(some))
        assert done.returncode == 0, done.stderr
        assert verdict(done)["compared"] == len(some)
    forged = b"".join(fills).replace(b'"fee":"0.1', b'"fee":"0.2', 1)
    done = hot("replay", "-", "--ledger", str(made / "run.db"), stdin=forged)
    assert done.returncode == 1
    assert verdict(done)["first"]["field"] == "fee"
    assert hot("replay", "all.jsonl").returncode == 2


@pytest.mark.parametrize("words", [("--jsonl",), ("--json",), ("--fills", "--jsonl")])
def test_listed_trades_are_joined_with_their_ledger(words: tuple[str, ...], made: Path, hot: Hot) -> None:
    ledger = ("--ledger", str(made / "run.db"))
    listed = hot("trades", *ledger, *words).stdout
    done = hot("replay", "-", *ledger, stdin=listed)
    assert done.returncode == 0, done.stderr
    assert verdict(done)["compared"] == listed.count(b'"symbol"') > 2
    column = b"fee" if "--fills" in words else b"pnl"
    colon = b'": "' if words == ("--json",) else b'":"'
    at = listed.index(b'"' + column + colon)
    digit = listed.index(b".", at) + 1
    other = b"7" if listed[digit : digit + 1] != b"7" else b"8"
    done = hot("replay", "-", *ledger, stdin=listed[:digit] + other + listed[digit + 1 :])
    assert done.returncode == 1, done.stderr
    assert verdict(done)["first"]["field"] == column.decode()


def test_only_wanted_trades_are_compared(made: Path, hot: Hot) -> None:
    ledger = ("--ledger", str(made / "run.db"))
    listed = hot("trades", *ledger, "--jsonl").stdout
    done = hot("replay", "-", *ledger, "--symbol", "DOGEUSDT", stdin=listed)
    assert done.returncode == 0, done.stderr
    assert verdict(done)["compared"] == listed.count(b'"DOGEUSDT"')
    assert b"more were thought" not in done.stderr


def test_a_trade_that_never_was_is_missing(made: Path, hot: Hot) -> None:
    ledger = ("--ledger", str(made / "run.db"))
    one = json.loads(hot("trades", *ledger, "--jsonl").stdout.splitlines()[0])
    one["symbol"] = "ABCUSDT"
    done = hot("replay", "-", *ledger, stdin=json.dumps(one).encode())
    assert done.returncode == 1
    assert verdict(done)["first"]["what"] == "missing"
    assert b"more were thought" in done.stderr


def test_listed_trades_are_joined_with_their_market(made: Path, hot: Hot, tmp_path: Path) -> None:
    scanned = (made / "scan.jsonl").read_bytes().splitlines(True)
    (tmp_path / "market.jsonl").write_bytes(b"".join(line for line in scanned if kind_of_line(line) in FACT_KINDS))
    listed = hot("trades", "--ledger", str(made / "run.db"), "--jsonl").stdout
    done = hot("replay", "-", "--market", "market.jsonl", stdin=listed)
    assert done.returncode == 0, done.stderr
    done = hot("replay", "-", "--market", "market.jsonl", "--set", "paper.taker_fee_rate=0.002", stdin=listed)
    assert done.returncode == 1, done.stderr
    assert hot("replay", "-", stdin=listed).returncode == 2


@pytest.mark.parametrize(
    ("content", "code", "word"),
    [
        (None, 2, b"not there"),
        (b"", 65, b"empty"),
        (b"\x00\x01\x02 nonsense \xff" * 50, 65, b"neither a ledger nor records"),
        (b"hello\nworld\n", 65, b"neither a ledger nor records"),
        (b"SQLite format 3\0" + b"\0" * 4000, 74, b"x.db"),
        (b'{"kind":"bar","at":1}\n', 65, b"neither"),
    ],
)
def test_bad_input_is_one_clear_line(content: bytes | None, code: int, word: bytes, hot: Hot, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "x.db").write_bytes(content)
    done = hot("replay", "x.db")
    assert done.returncode == code, done.stderr
    assert word in done.stderr
    assert b"Traceback" not in done.stderr and done.stderr.count(b"\n") <= 2


def test_facts_alone_were_never_decided_on(made: Path, hot: Hot) -> None:
    facts = [line for line in (made / "scan.jsonl").read_bytes().splitlines(True) if kind_of_line(line) == "bar"]
    done = hot("replay", "-", stdin=b"".join(facts))
    assert done.returncode == 65
    assert b"nothing that was decided" in done.stderr
