"""A live market with announcements and posts beside it: one stream, recorded, and thought over again the same."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("vaderSentiment")

from engine.records.market import Post
from engine.records.wire import decode
from engine.world.loopback.rest.articles import Article
from engine.world.loopback.serving import Serving, serving
from engine.world.loopback.venue import VenueOptions
from engine.world.recording import folder_of, read_recording

ROOT = Path(__file__).parents[2]
NEWS = Article(title="Binance Will List Some Coin (SOL)", code="abc")


def live(venue: Serving) -> list[str]:
    sets = {
        "live.rest_url": venue.rest_url, "live.stream_url": venue.stream_url, "announcements.url": venue.rest_url,
        "announcements.every_s": "1", "scan.cycle_s": "1", "scan.inputs": "announcement,social,sentiment",
    }  # fmt: skip
    return [word for key, value in sets.items() for word in ("--set", f"{key}={value}")]


def kinds(ledger: Path) -> list[str]:
    return [record.kind for record in map(decode, read_recording(folder_of(ledger))) if record is not None]


def until(true: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.1)


def test_a_daemon_hears_them_and_a_replay_decides_the_same(tmp_path: Path) -> None:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("HOT_")}
    env = {**clean, "HOT_DATA__DIR": str(tmp_path / "data"), "PYTHONPATH": str(ROOT)}
    posts, ledger = tmp_path / "posts.jsonl", tmp_path / "live.db"
    posts.write_text('{"text":"$BTC before it listens"}\n')
    with serving(VenueOptions(articles=(NEWS,))) as venue:
        words = ["daemon", "--ledger", str(ledger), "--posts", str(posts), "--jsonl", *live(venue)]
        daemon = subprocess.Popen(
            [sys.executable, "-m", "cli.main", *words], env=env, cwd=tmp_path, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )  # fmt: skip
        try:
            assert daemon.stderr is not None
            assert b"paper, ledger" in daemon.stderr.readline()
            until(lambda: b'"path":"/bapi' in venue.do(lambda opened: opened.journal.lines()))
            for number in range(3):
                time.sleep(1.0)
                with posts.open("a") as file:
                    file.write(json.dumps({"text": "$BTC to the moon", "id": number}) + "\n")
            time.sleep(3.0)
        finally:
            daemon.send_signal(signal.SIGTERM)
            out, err = daemon.communicate(timeout=60)
    assert daemon.returncode == 0, err
    heard = kinds(ledger)
    assert heard.count("announcement") == 1
    told = [one for one in map(decode, read_recording(folder_of(ledger))) if isinstance(one, Post)]
    assert 2 <= len(told) <= 3
    assert all(one.text == "$BTC to the moon" and (one.sentiment or 0) > 0.3 for one in told)
    replayed = subprocess.run(
        [sys.executable, "-m", "cli.main", "replay", "--ledger", str(ledger)], env=env, cwd=tmp_path,
        capture_output=True,
    )  # fmt: skip
    assert replayed.returncode == 0 and b'"same":true' in replayed.stdout, replayed.stderr
    assert b'"tick"' in out
