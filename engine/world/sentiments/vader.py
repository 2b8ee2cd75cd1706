"""Sentiment by VADER's rules, with a lexicon of our own for what traders say in English and Chinese."""

import re
from importlib.resources import files

from engine.errors import ConfigError

#: What is read of a text, in characters: VADER's time grows with the square of the words, and anybody may write.
MOST = 400
LEXICON = "crypto.tsv"
# Tags, names and links are not words: $GEM is no gem.
_NO_WORDS = re.compile(r"https?://\S+|[$#@]\w+")
_REPEATED = re.compile(r"(.)\1{3,}")
#: Chinese takes the meaning of a word away with one of these before it.
_NEGATIONS = ("不会", "不要", "不是", "没有", "并非", "不再", "不", "没", "别", "未")


class Vader:
    """Scores texts; one is made per process, since reading the lexicons takes a moment."""

    def __init__(self) -> None:
        """Reads the lexicons; raises ConfigError where VADER is not installed."""
        try:
            from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer
        except ImportError:
            raise ConfigError(
                "the sentiment of posts needs the package vaderSentiment: pip install 'hotcoin[social]', or leave "
                "sentiment out of scan.inputs"
            ) from None
        own = lexicon()
        self._analyzer = SentimentIntensityAnalyzer()
        self._analyzer.lexicon.update({_token(phrase): value for phrase, value in own.items()})
        # VADER reads words between blanks: what has blanks inside, or is written without any, is set apart for it.
        phrases = sorted((one for one in own if " " in one or not one.isascii()), key=lambda one: (-len(one), one))
        self._phrases = re.compile(
            rf"({'|'.join(_NEGATIONS)})?({'|'.join(rf'{re.escape(one)}' for one in phrases)})", re.IGNORECASE
        )

    def score(self, text: str) -> float:
        """Gives -1 for hostile to 1 for friendly, 0 where no word tells."""
        words = _REPEATED.sub(r"\1\1\1", _NO_WORDS.sub(" ", text[:MOST]))
        apart = self._phrases.sub(_set_apart, words)
        compound: float = self._analyzer.polarity_scores(apart)["compound"]
        return compound


def lexicon() -> dict[str, float]:
    """Gives our words and phrases with their values, -4 to 4."""
    lines = files(__package__).joinpath(LEXICON).read_text(encoding="utf-8").splitlines()
    pairs = (line.split("\t") for line in lines if line and not line.startswith("#"))
    return {phrase: float(value) for phrase, value in pairs}


def _token(phrase: str) -> str:
    return phrase.replace(" ", "_")


def _set_apart(found: "re.Match[str]") -> str:
    negation = "not " if found.group(1) else ""
    return f" {negation}{_token(found.group(2))} "
