"""Announcements of Binance (NDJSON): what they are about, by our own rules, and which symbols they name."""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Literal

from engine.errors import BadRecord
from engine.records.market import Announcement
from engine.records.wire import check_json
from engine.world.imports.batches import Batch, sorted_batches
from engine.world.imports.fields import Fields, fields_of, instant, text
from engine.world.imports.origin import Origin

Category = Literal["spot_listing", "perp_listing", "campaign", "delisting", "other"]

_HEAD = re.compile(rb'\s*\{[^\n]{0,200}"datetime"\s*:[^\n]{0,200}"title"\s*:')
_QUOTE = "USDT"

#: A coin's ticker stands in brackets behind its name: letters and digits of any script, never a date.
_COIN = re.compile(r"\(((?=\w*[^\W\d_])[^\W_]{1,20})\)")
_NO_COINS = frozenset({"UTC", "TGE", "BEP20", "BEP2", "ERC20", "TRC20", "BSC", "ETF", "NFT", "API"})
_PAIR = re.compile(r"\b([A-Z0-9]{2,20}?)/?(?:USDT|USDC)\b")
# Possessive: a title must not be tried in every way of cutting it into names.
_DELISTED = re.compile(r"\bdelist ((?:[A-Z0-9]{2,20}+(?:, and |, | and | & )?+)++)(?= on\b)", re.I)
_WORD = re.compile(r"\b[A-Z0-9]{2,20}\b")
_MOMENT = re.compile(r"\b(20\d\d-\d\d-\d\d \d\d:\d\d) ?\(UTC\)")

# Asked from top to bottom. What takes something away comes first: a title that lists one coin and delists another is
# no listing. A listing is nothing but the very words with which the exchange opens a market; that it comes with a
# promotion changes nothing, while a promotion alone is a campaign.
_RULES: tuple[tuple[Category, re.Pattern[str]], ...] = (
    ("delisting", re.compile(r"\b(?:delist\w*|removal of|will remove|cease (?:support for )?trading)", re.I)),
    ("other", re.compile(r"\b(?:cease|suspend|resume|maintenance|upgrade|collateral|tick size|postpone|cancel)", re.I)),
    ("perp_listing", re.compile(r"^binance futures will (?:launch|list)\b.*\bperpetual", re.I)),
    (
        "spot_listing",
        re.compile(
            r"^binance will list\b(?!.*\b(?:on (?:margin|earn|convert|alpha)|options|perpetual)\b).*" + _COIN.pattern,
            re.I,
        ),
    ),
    (
        "campaign",
        re.compile(
            r"\b(?:competition|rewards?|vouchers?|grab a share|booster|airdrops?|prize|token generation|megadrop"
            r"|launchpool|launchpad|promotion)\b",
            re.I,
        ),
    ),
)


def sniff(name: str, head: bytes) -> bool:
    """Says whether a file holds announcements with their times."""
    return _HEAD.match(head) is not None


def read(origin: Origin) -> Iterator[Batch]:
    """Gives announcements in the order of time."""
    return sorted_batches(announcements(origin.lines(), origin))


def announcements(lines: Iterable[tuple[int, bytes]], origin: Origin) -> Iterator[Announcement]:
    """Gives the announcements of lines; one without a title or a time is a bad line."""
    for number, line in lines:
        try:
            yield _announcement(fields_of(check_json(line)))
        except BadRecord as error:
            origin.bad(number, str(error), line)


def _announcement(fields: Fields) -> Announcement:
    title, when = text(fields, "title"), text(fields, "datetime")
    try:
        moment = datetime.fromisoformat(when)
    except ValueError:
        raise BadRecord(f"not a time: {when[:40]!r}") from None
    category = category_of(title)
    name = fields.get("msg_id", fields.get("article", title))
    body = fields.get("body")
    opens_at = _opening(body) if isinstance(body, str) and category in ("spot_listing", "perp_listing") else None
    return Announcement(
        at=_epoch_ms(moment), source="binance", announcement_id=str(name), category=category,
        symbols=symbols_in(title, category), title=title, opens_at=opens_at,
    )  # fmt: skip


def category_of(title: str) -> Category:
    """Gives what a title announces; a listing only where the title says so in the exchange's own words."""
    return next((category for category, rule in _RULES if rule.search(title)), "other")


def symbols_in(title: str, category: Category) -> tuple[str, ...]:
    """Gives the symbols that a title names, against USDT, sorted and each once.

    Coins stand in brackets: "Aerodrome (AERO)" is AEROUSDT. Titles of futures and removals may name the pair itself.
    """
    coins = {coin for coin in _COIN.findall(title) if coin == coin.upper() and coin not in _NO_COINS}
    if category in ("perp_listing", "delisting"):
        coins.update(_PAIR.findall(title))
    for named in _DELISTED.findall(title):
        coins.update(_WORD.findall(named))
    return tuple(sorted(coin + _QUOTE for coin in coins))


def _opening(body: str) -> int | None:
    """Gives the first moment that the text names."""
    found = _MOMENT.search(body)
    try:
        return None if found is None else _epoch_ms(datetime.fromisoformat(found.group(1)))
    except ValueError:
        return None


def _epoch_ms(moment: datetime) -> int:
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return instant(int(moment.timestamp() * 1000), "datetime")
