"""Posts of a social network (NDJSON): time, text, and the coins that they tag."""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime

from engine.errors import BadRecord
from engine.records.market import Post
from engine.records.wire import check_json
from engine.world.imports.batches import Batch, sorted_batches
from engine.world.imports.fields import Fields, fields_of, instant, text
from engine.world.imports.origin import Origin

_HEAD = re.compile(rb'\s*\{\s*"created_at"\s*:\s*"[A-Z][a-z]{2} [A-Z][a-z]{2} \d\d ')
_TIME = "%a %b %d %H:%M:%S %z %Y"
#: A tag begins with a letter: $4,000 is money.
_TAG = re.compile(r"(?<!\w)[$#]([A-Za-z][A-Za-z0-9]{1,14})\b")
_QUOTE = "USDT"


def sniff(name: str, head: bytes) -> bool:
    """Says whether a file holds posts."""
    return _HEAD.match(head) is not None


def read(origin: Origin) -> Iterator[Batch]:
    """Gives the posts that tag a coin in the order of time."""
    return sorted_batches(posts(origin.lines(), origin))


def posts(lines: Iterable[tuple[int, bytes]], origin: Origin) -> Iterator[Post]:
    """Gives the posts that tag something; others are counted as ignored. Nobody scored their sentiment."""
    for number, line in lines:
        try:
            post = _post(fields_of(check_json(line)))
        except BadRecord as error:
            origin.bad(number, str(error), line)
            continue
        if post.symbols:
            yield post
        else:
            origin.notes.ignore()


def _post(fields: Fields) -> Post:
    when, said = text(fields, "created_at"), text(fields, "text")
    try:
        moment = datetime.strptime(when, _TIME)
    except ValueError:
        raise BadRecord(f"not a time: {when[:40]!r}") from None
    number = fields.get("id_str", fields.get("id"))
    return Post(
        at=instant(int(moment.timestamp() * 1000), "created_at"), source="twitter", symbols=tags(said), text=said,
        post_id=str(number) if isinstance(number, str | int) else None,
    )  # fmt: skip


def tags(said: str) -> tuple[str, ...]:
    """Gives the tagged coins of a text against USDT, sorted and each once: `$SOL` and `#sol` are SOLUSDT.

    Any tag counts: whether there is such a market is for the reader to know.
    """
    return tuple(sorted({tag.upper() + _QUOTE for tag in _TAG.findall(said)}))
