"""Posts beside a market: the pipe, one process and a replay decide the same, and posts count where they are given."""

import json
from pathlib import Path

import pytest
import zstandard

pytest.importorskip("vaderSentiment")

from hot_runs import SESSION, Hot, compared

CUT = ("--market", str(SESSION), "--symbol", "ETCUSDT", "--symbol", "DOGEUSDT",
       "--since", "2021-04-15T00:00", "--until", "2021-04-16T03:00")  # fmt: skip
#: 2021-04-16 02:00 UTC.
AT = 1_618_538_400_000


@pytest.fixture
def posts(tmp_path: Path) -> Path:
    """Sixty posts about two coins, out of order, one of them twice, and two lines that are none."""
    lines = [
        json.dumps({"at": AT - 60_000 * (i * 7 % 60), "id": i, "text": "$ETC to the moon" if i % 3 else "#DOGE scam"})
        for i in range(60)
    ]
    (tmp_path / "posts.jsonl").write_text("\n".join([*lines, lines[0], "garbage", '{"text":"$ETC"}']) + "\n")
    return tmp_path / "posts.jsonl"


def test_pipe_run_and_replay_decide_the_same_with_posts(hot: Hot, posts: Path) -> None:
    ran = hot("run", *CUT, "--posts", "posts.jsonl", "--ledger", "run.db", "-q")
    assert ran.returncode == 65, ran.stderr  # two bad lines, and the rest went through
    piped = hot("scan", *CUT, "--posts", "posts.jsonl", "-q").stdout
    assert piped.count(b'{"kind":"post"') == 60
    for stage in ("rank", "signal", "precheck"):
        piped = hot(stage, "-q", stdin=piped).stdout
    piped = hot("order", "--paper", "--ledger", "pipe.db", "-q", stdin=piped).stdout
    assert compared(ran.stdout) == compared(piped)
    replayed = hot("replay", "--ledger", "run.db")
    assert replayed.returncode == 65 and b'"same":true' in replayed.stdout, replayed.stderr


def test_a_backtest_and_a_sweep_hear_the_posts_that_a_run_hears(hot: Hot, posts: Path, tmp_path: Path) -> None:
    ran = hot("run", *CUT, "--posts", "posts.jsonl", "--ledger", "run.db", "-q")
    tested = hot("backtest", *CUT, "--posts", "posts.jsonl", "--out", "tested", "--json", "-q")
    assert tested.returncode == 65, tested.stderr
    packed = (tmp_path / "tested" / "decisions.jsonl.zst").read_bytes()
    told = zstandard.ZstdDecompressor().stream_reader(packed, read_across_frames=True).read()
    assert compared(told) == compared(ran.stdout)
    vary = ("--vary", "hotcoin.stop_pct=3,5", "--workers", "1", "--out", "swept", "--jsonl", "-q")
    hot("sweep", *CUT, "--posts", "posts.jsonl", *vary)
    trials = [json.loads(line) for line in (tmp_path / "swept" / "trials.jsonl").read_text().splitlines()]
    summary = json.loads(tested.stdout)
    same = next(one for one in trials if one["hotcoin.stop_pct"] == 5)
    assert {name: same[name] for name in ("trades", "net_profit", "sharpe")} == {
        name: summary[name] for name in ("trades", "net_profit", "sharpe")
    }
    assert hot("sweep", *CUT, "--posts", "posts.jsonl", *vary).stderr == b""  # known under the same name


def test_posts_count_as_social_and_sentiment(hot: Hot, posts: Path) -> None:
    told = hot("run", *CUT, "--posts", "posts.jsonl", "--set", "scan.pool=all", "--ledger", "a.db", "-q").stdout
    last = [json.loads(line) for line in told.splitlines() if b'"candidate_snapshot"' in line][-2:]
    by_symbol = {one["symbol"]: one for one in last}
    assert by_symbol["ETCUSDT"]["dimensions"]["sentiment"] > 60
    assert by_symbol["DOGEUSDT"]["dimensions"]["sentiment"] < 40
    assert {one["inputs"]["sentiment_samples"] for one in last} == {20, 40}
    silent = hot("run", *CUT, "--set", "scan.pool=all", "--ledger", "b.db", "-q").stdout
    assert b'"social"' not in silent


def test_posts_that_only_count_by_number_need_no_scores(hot: Hot, posts: Path) -> None:
    sets = ("--set", "scan.inputs=social", "--set", "posts.path=posts.jsonl")
    told = [line for line in hot("scan", *CUT, *sets, "-q").stdout.splitlines() if line.startswith(b'{"kind":"post"')]
    assert len(told) == 60 and not any(b'"sentiment"' in line for line in told)


def test_posts_that_changed_are_no_longer_what_the_run_saw(hot: Hot, posts: Path) -> None:
    hot("run", *CUT, "--posts", "posts.jsonl", "--ledger", "run.db", "-q")
    posts.write_text("")
    replayed = hot("replay", "--ledger", "run.db")
    assert replayed.returncode == 65 and b"posts.jsonl of the market is not what the run saw" in replayed.stderr


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--posts", "nowhere.jsonl"), 78, b"no file of posts at nowhere.jsonl"),
        (("--posts", "-"), 78, b"beside a recorded market they come from a file"),
        (("--posts", "posts.jsonl", "--set", "posts.sentiment=vadre"), 78, b"vader"),
        (("--posts", "posts.jsonl", "--strict"), 65, b"posts.jsonl:62"),
    ],
)
def test_posts_that_cannot_be_read_are_said(
    hot: Hot, posts: Path, words: tuple[str, ...], code: int, said: bytes
) -> None:
    done = hot("run", *CUT, *words, "--ledger", "x.db", "-q")
    assert done.returncode == code and said in done.stderr and b"Traceback" not in done.stderr
