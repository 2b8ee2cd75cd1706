"""A live market with announcements and posts beside it: one stream, recorded, and thought over again the same."""

import json
import signal
import time
from pathlib import Path

import pytest
from hot_runs import run_hot, start_hot
from patience import until

pytest.importorskip("vaderSentiment")

from engine.records.market import Post
from engine.records.wire import decode
from engine.world.loopback.rest.articles import Article
from engine.world.loopback.serving import Serving, serving
from engine.world.loopback.venue import VenueOptions
from engine.world.recording import folder_of, read_recording

NEWS = Article(title="Binance Will List Some Coin (SOL)", code="abc")


def live(venue: Serving) -> list[str]:
    sets = {
        "live.rest_url": venue.rest_url, "live.stream_url": venue.stream_url, "announcements.url": venue.rest_url,
        "announcements.every_s": "1", "scan.cycle_s": "1", "scan.inputs": "announcement,social,sentiment",
    }  # fmt: skip
    return [word for key, value in sets.items() for word in ("--set", f"{key}={value}")]


def kinds(ledger: Path) -> list[str]:
    return [record.kind for record in map(decode, read_recording(folder_of(ledger))) if record is not None]


def test_a_daemon_hears_them_and_a_replay_decides_the_same(tmp_path: Path) -> None:
    posts, ledger = tmp_path / "posts.jsonl", tmp_path / "live.db"
    posts.write_text('{"text":"$BTC before it listens"}\n')
    with serving(VenueOptions(articles=(NEWS,))) as venue:
        words = ("daemon", "--ledger", str(ledger), "--posts", str(posts), "--jsonl", *live(venue))
        daemon = start_hot(tmp_path, *words)
        try:
            assert daemon.stderr is not None
            assert b"paper, ledger" in daemon.stderr.readline()
            until(lambda: b'"path":"/bapi' in venue.do(lambda opened: opened.journal.lines()))
            for number in range(3):
                time.sleep(1.0)
                with posts.open("a") as file:
                    file.write(json.dumps({"text": "$BTC to the moon", "id": number}) + "\n")
            until(lambda: kinds(ledger).count("post") == 3)
        finally:
            daemon.send_signal(signal.SIGTERM)
            out, err = daemon.communicate(timeout=60)
    assert daemon.returncode == 0, err
    heard = kinds(ledger)
    assert heard.count("announcement") == 1
    told = [one for one in map(decode, read_recording(folder_of(ledger))) if isinstance(one, Post)]
    assert [one.post_id for one in told] == ["0", "1", "2"]
    assert all(one.text == "$BTC to the moon" and (one.sentiment or 0) > 0.3 for one in told)
    replayed = run_hot(tmp_path, "replay", "--ledger", str(ledger))
    assert replayed.returncode == 0 and b'"same":true' in replayed.stdout, replayed.stderr
    assert b'"tick"' in out
