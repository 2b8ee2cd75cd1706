"""Sentiment: what traders say in English and Chinese, the same number each time, in little time."""

import time

import pytest

from engine.runs import catalog
from engine.runs.beside import scorer

pytest.importorskip("vaderSentiment")

from engine.world.sentiments.vader import Vader, lexicon


@pytest.fixture(scope="module")
def vader() -> Vader:
    return Vader()


@pytest.mark.parametrize(
    "text",
    [
        "to the moon 🚀🚀", "very bullish here", "breaking out, higher highs", "WAGMI",
        "SOL 暴涨，重大利好", "看好这个币", "没有利空",
    ],
)  # fmt: skip
def test_friendly(vader: Vader, text: str) -> None:
    assert vader.score(text) > 0.3


@pytest.mark.parametrize(
    "text",
    [
        "this is a rug pull", "got rekt and liquidated", "a scam, they drained it", "not bullish",
        "项目方跑路，归零了", "不看好 SOL", "要爆仓了",
    ],
)  # fmt: skip
def test_hostile(vader: Vader, text: str) -> None:
    assert vader.score(text) < -0.3


@pytest.mark.parametrize("text", ["", "$MOON #GEM @bullish", "https://rug.scam/pump", "the price is 4000", "今天周五"])
def test_neither(vader: Vader, text: str) -> None:
    assert vader.score(text) == 0.0


def test_every_word_of_the_lexicon_counts_as_written(vader: Vader) -> None:
    own = lexicon()
    assert len(own) > 200 and all(-4 <= value <= 4 and value for value in own.values())
    assert all(word == word.lower() for word in own)
    # Alone, each word has the sign of its value.
    assert [word for word, value in own.items() if vader.score(word) * value <= 0] == []


def test_the_same_text_gives_the_same_number(vader: Vader) -> None:
    text = "SOL pumping hard!!! 🚀 but a rug pull is near, 利空"
    assert Vader().score(text) == vader.score(text)


@pytest.mark.parametrize(
    "text", ["😀🎉😍👍" * 5_000, "good bad " * 5_000, "割韭菜" * 5_000, "not " * 9_000, "a" * 100_000]
)
def test_no_text_takes_long(vader: Vader, text: str) -> None:
    start = time.perf_counter()
    vader.score(text)
    assert time.perf_counter() - start < 1.0


def test_scorers_are_plugs() -> None:
    assert catalog.names("sentiments") == ["vader"]
    assert scorer("") is None
    assert scorer("vader") is not None
