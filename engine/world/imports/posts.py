"""Posts (NDJSON) of any producer: time, text, and the coins that they name or tag. Anybody may write one: bounded."""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from engine.errors import BadRecord
from engine.plugs import Sentiment
from engine.records.base import figure
from engine.records.market import Post, check_symbol
from engine.records.wire import check_json
from engine.world.imports.batches import Batch, sorted_batches
from engine.world.imports.fields import Fields, fields_of, instant, text
from engine.world.imports.origin import Origin

#: What is kept of a text, in characters, and of the symbols that one post may name.
MAX_TEXT = 1_000
MAX_SYMBOLS = 20
MAX_NAME = 100
QUOTE = "USDT"
_HEAD = re.compile(
    rb'\s*\{\s*"created_at"\s*:\s*"(?:[A-Z][a-z]{2} [A-Z][a-z]{2} \d\d |20\d\d-\d\d-\d\d[T ])[^\n]{0,400}"text"\s*:'
)
_TIME = "%a %b %d %H:%M:%S %z %Y"
#: A tag begins with a letter: $4,000 is money.
_TAG = re.compile(r"(?<!\w)[$#]([A-Za-z][A-Za-z0-9]{1,14})\b")


def sniff(name: str, head: bytes) -> bool:
    """Says whether a file holds posts."""
    return _HEAD.match(head) is not None


def read(origin: Origin) -> Iterator[Batch]:
    """Gives the posts that tag a coin in the order of time."""
    return sorted_batches(posts(origin.lines(), origin))


def posts(lines: Iterable[tuple[int, bytes]], origin: Origin, quote: str = QUOTE) -> Iterator[Post]:
    """Gives the posts that name a coin; others are counted as ignored."""
    for number, line in lines:
        try:
            post = post_of(line, quote)
        except BadRecord as error:
            origin.bad(number, str(error), line)
            continue
        if post.symbols:
            yield post
        else:
            origin.notes.ignore()


def post_of(line: bytes, quote: str = QUOTE, now_ms: int | None = None) -> Post:
    """Gives a line's post; one that tells no time is of `now_ms`. Raises BadRecord.

    `text` is its text. Its time is `at` (epoch ms) or `created_at` (ISO 8601, epoch ms, or as Twitter writes it). It
    may tell `symbols`, a list; without one, tags count: `$SOL` is SOL against `quote`. It may tell `source`, `post_id`
    (or `id`, `id_str`) and `sentiment`, -1 to 1. What else it tells is passed over.
    """
    fields = fields_of(check_json(line))
    if fields.get("kind", "post") != "post":
        raise BadRecord(f"no post but a {str(fields['kind'])[:40]!r}")
    said = _whole(text(fields, "text"))
    named = fields.get("symbols")
    source = fields.get("source") or ("twitter" if _is_twitters(fields) else "posts")
    if not isinstance(source, str):
        raise BadRecord(f"source is not a text: {str(source)[:40]}")
    return Post(
        at=_time(fields, now_ms), source=_whole(source)[:MAX_NAME], text=said[:MAX_TEXT], post_id=_name(fields),
        symbols=tags(said, quote) if named is None else _named(named), sentiment=_sentiment(fields.get("sentiment")),
    )  # fmt: skip


def scored(post: Post, score: Sentiment | None) -> Post:
    """Gives a post with its sentiment as a figure: its own, else what `score` says of its text."""
    told = post.sentiment if post.sentiment is not None else score.score(post.text) if score is not None else None
    return msgspec.structs.replace(post, sentiment=figure(told))


def tags(said: str, quote: str = QUOTE) -> tuple[str, ...]:
    """Gives the tagged coins of a text against the quote asset, sorted and each once: `$SOL` and `#sol` are SOLUSDT.

    Any tag counts, up to a number that no honest text reaches; whether there is such a market the reader knows.
    """
    found = dict.fromkeys(tag.upper() + quote for tag in _TAG.findall(said))
    return tuple(sorted(list(found)[:MAX_SYMBOLS]))


def _whole(said: str) -> str:
    """Gives a text back; raises BadRecord for one with half a character (a lone surrogate) in it."""
    if any("\ud800" <= one <= "\udfff" for one in said):
        raise BadRecord("half a character, which is no UTF-8")
    return said


def _named(symbols: Any) -> tuple[str, ...]:
    if not isinstance(symbols, list) or len(symbols) > MAX_SYMBOLS or not all(isinstance(one, str) for one in symbols):
        raise BadRecord(f"symbols is no list of at most {MAX_SYMBOLS} names: {str(symbols)[:40]}")
    for symbol in symbols:
        check_symbol(symbol)
    return tuple(sorted(dict.fromkeys(symbols)))


def _time(fields: Fields, now_ms: int | None) -> int:
    told = fields.get("at", fields.get("created_at"))
    if told is None and now_ms is not None:
        return now_ms
    if not isinstance(told, str):
        return instant(told, "created_at")
    try:
        moment = datetime.strptime(told, _TIME) if _is_twitters(fields) else datetime.fromisoformat(told)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return instant(int(moment.timestamp() * 1000), "created_at")
    except (ValueError, OverflowError):
        raise BadRecord(f"not a time: {told[:40]!r}") from None


def _is_twitters(fields: Fields) -> bool:
    told = fields.get("created_at")
    return isinstance(told, str) and told[:3].isalpha()


def _name(fields: Fields) -> str | None:
    name = next((fields[key] for key in ("post_id", "id_str", "id") if fields.get(key) is not None), None)
    if type(name) is int:
        return str(name)
    return _whole(name)[:MAX_NAME] if isinstance(name, str) else None


def _sentiment(told: Any) -> float | int | None:
    if told is None:
        return None
    if isinstance(told, bool) or not isinstance(told, int | float) or not -1 <= told <= 1:
        raise BadRecord(f"sentiment is not between -1 and 1: {str(told)[:40]}")
    return told
