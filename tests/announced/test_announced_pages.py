"""The exchange's announcement pages: asked slowly, whatever they answer, each article told once."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ConfigError, VenueError
from engine.records.desk import Alert
from engine.records.market import Announcement
from engine.records.wire import decode, encode
from engine.world.binance.answers import Answer
from engine.world.binance.articles import Article, Articles
from engine.world.binance.http import Link
from engine.world.binance.trouble import Limited, Unreadable
from engine.world.imports.announcements import category_of, symbols_in
from engine.world.loopback.faults.script import Fault
from engine.world.loopback.rest.articles import Article as Published
from engine.world.loopback.serving import Serving, serving
from engine.world.loopback.venue import VenueOptions
from engine.world.sources.announcements import OLD_MS, Announcements, announcement_of
from engine.world.streams.clock import LiveClock, Stamp

NOW = 1_790_000_000_000
STAMP = Stamp(NOW, NOW)
LISTING = "Binance Will List Aerodrome (AERO) with Seed Tag Applied"
PAGES = "GET /bapi/*"


class Said(Link):
    """A link on which one answer waits."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def send(self, method: str, url: str, headers: Any) -> Answer:
        return self.answer


def pages(body: Any, status: int = 200, **headers: str) -> Articles:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Articles(Said(Answer(status, headers, raw)), "https://www.example.com")


ROW = {"id": 7, "code": "abc", "title": LISTING, "releaseDate": NOW - 5}


@pytest.mark.parametrize(
    "body",
    [
        {"code": "000000", "data": {"catalogs": [{"catalogId": 48, "articles": [ROW]}]}},
        {"code": "000000", "data": {"articles": [ROW]}},
        {"data": {"catalogs": [{"articles": [ROW, {"title": 5}, None, {"title": "x"}]}]}},
    ],
)
def test_articles_are_read_in_both_forms(body: Any) -> None:
    assert pages(body).newest(48, NOW) == [Article("abc", LISTING, NOW - 5)]


def test_a_catalog_that_is_hidden_here_is_empty() -> None:
    assert pages({"code": "000000", "data": {"catalogs": []}}).newest(48, NOW) == []


def test_what_is_no_time_is_not_told() -> None:
    for released in (None, "soon", 5, -1, 10**18, True):
        row = {**ROW, "releaseDate": released}
        assert pages({"data": {"articles": [row]}}).newest(48, NOW)[0].released_at is None


@pytest.mark.parametrize(
    "body",
    [
        b"", b"<html>no</html>", b"[]", b"5", b'{"code":"100001","data":null}', b'{"data":{"articles":{}}}',
        b'{"data":{"articles":[{"title":""}]}}', b'{"data":{"articles":[]', b"\xff", b"[" * 100_000,
        b'{"data":{"articles":[{"code":"a","title":"\\ud800"}]}}',
    ],
)  # fmt: skip
def test_what_is_no_list_of_articles_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        pages(body).newest(48, NOW)


@pytest.mark.parametrize("status", [202, 302, 403, 404, 500, 503])
def test_a_firewalls_page_is_no_answer(status: int) -> None:
    with pytest.raises(VenueError, match=str(status)):
        pages(b"<html>blocked</html>", status).newest(48, NOW)


def test_a_wait_that_is_asked_for_is_told() -> None:
    with pytest.raises(Limited) as limited:
        pages(b"", 429, **{"retry-after": "90"}).newest(48, NOW)
    assert limited.value.until_ms == NOW + 90_000


def test_no_address_is_a_setting_to_mend() -> None:
    with pytest.raises(ConfigError, match="https"):
        Articles(Said(Answer(200, {}, b"")), "http://evil.example.com")


@given(st.binary(max_size=200) | st.recursive(
    st.none() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["data", "catalogs", "articles", "title", "code", "id"]), inner, max_size=4),
    max_leaves=12,
))  # fmt: skip
def test_no_answer_breaks_the_reader(body: Any) -> None:
    try:
        found = pages(body).newest(48, NOW)
    except Unreadable:
        return
    for article in found:
        news = announcement_of(article, STAMP)
        assert news is None or decode(encode(news)) == news


@given(st.text(max_size=300) | st.lists(st.sampled_from(
    ["binance will list ", "delist ", "(", ")", "A", "AA, ", " and ", "USDT", "perpetual", "on ", "币"]), max_size=120
).map("".join))  # fmt: skip
def test_no_title_takes_long_or_names_what_is_no_symbol(title: str) -> None:
    news = announcement_of(Article("1", title[:300]), STAMP)
    assert news is None or decode(encode(news)) == news


def test_a_title_of_one_long_word_is_read_at_once() -> None:
    assert symbols_in("delist " + "A" * 290, category_of("delist " + "A" * 290)) == ()


def test_old_articles_and_titles_without_a_coin_are_no_news() -> None:
    assert announcement_of(Article("1", LISTING, NOW - OLD_MS - 1), STAMP) is None
    assert announcement_of(Article("1", "Binance Will List Something"), STAMP) is None
    many = "Binance Will List " + ", ".join(f"(C{i})" for i in range(11))
    assert announcement_of(Article("1", many), STAMP) is None


def test_an_article_of_yesterday_counts_from_its_publication() -> None:
    news = announcement_of(Article("1", LISTING, NOW - 86_400_000), STAMP)
    assert news is not None
    assert (news.symbols, news.category, news.at, news.released_at) == (
        ("AEROUSDT",), "spot_listing", NOW, NOW - 86_400_000,
    )  # fmt: skip
    from_tomorrow = announcement_of(Article("1", LISTING, NOW + 86_400_000), STAMP)
    assert from_tomorrow is not None and from_tomorrow.released_at is None


# Against the loopback venue.


@pytest.fixture
def served() -> Iterator[Callable[..., Serving]]:
    opened = []

    def serve(*faults: Fault, articles: tuple[Published, ...] = ()) -> Serving:
        context = serving(VenueOptions(faults=faults, articles=articles))
        opened.append(context)
        return context.__enter__()

    yield serve
    for context in opened:
        context.__exit__(None, None, None)


def source(venue: Serving, polls: int, every_s: float = 0.02) -> Announcements:
    """A source that ends after so many rounds of its catalogs."""
    rounds: list[int] = []

    def stopped() -> bool:
        return len(asked(venue)) >= 3 * polls or len(rounds) > 2_000

    return Announcements(url=venue.rest_url, clock=LiveClock(), stopped=stopped, every_s=every_s, chance=lambda: 0.5)


def asked(venue: Serving) -> list[str]:
    lines = venue.do(lambda opened: opened.journal.lines()).splitlines()
    return [row["path"] for row in map(json.loads, lines) if row["path"].startswith("/bapi/")]


def records(found: Announcements) -> tuple[list[Announcement], list[Alert]]:
    told = [entry.record for entry in found.facts()]
    return [r for r in told if isinstance(r, Announcement)], [r for r in told if isinstance(r, Alert)]


def test_each_article_is_told_once_the_oldest_first(served: Callable[..., Serving]) -> None:
    articles = (Published(title=LISTING), Published(title="Binance Will List Zama (ZAMA)"),
                Published(title="Notice of Removal of Spot Trading Pairs (ABC)", catalog=161))  # fmt: skip
    news, alerts = records(source(served(articles=articles), polls=3))
    assert [one.symbols for one in news] == [("AEROUSDT",), ("ZAMAUSDT",), ("ABCUSDT",)]
    assert [one.category for one in news] == ["spot_listing", "spot_listing", "delisting"]
    assert alerts == []


@pytest.mark.parametrize(
    "fault", ["403", "html", "empty", "wrong_type", "502", "reset_before", "oversized", "bomb", "cut"]
)
def test_after_a_failure_it_asks_again_later_and_says_so(served: Callable[..., Serving], fault: str) -> None:
    venue = served(Fault(fault=fault, on=PAGES, times=1), articles=(Published(title=LISTING),))
    news, alerts = records(source(venue, polls=2))
    assert [one.symbols for one in news] == [("AEROUSDT",)]
    assert [one.code for one in alerts] == ["ANNOUNCEMENTS_FAILED", "ANNOUNCEMENTS_AGAIN"]


def test_waits_double_and_heed_what_is_asked_for(served: Callable[..., Serving]) -> None:
    found = source(served(), polls=1, every_s=60)
    assert [found._wait_s(VenueError(""), n) for n in (1, 2, 3, 9)] == [120, 240, 480, 3600]
    until = found.clock().at + 7_000_000
    assert 6_990 < found._wait_s(Limited("", until), 1) <= 7_000
    assert found._wait_s(Limited("", until + 10**9), 1) == 86_400


def test_too_many_requests_are_waited_for(served: Callable[..., Serving]) -> None:
    venue = served(Fault(fault="429", on=PAGES, times=1, seconds=1), articles=(Published(title=LISTING),))
    found = source(venue, polls=2)
    news, alerts = records(found)
    assert "asked again in 1 s" in alerts[0].text and len(news) == 1


def test_the_recorded_titles_are_listings_on_the_pages_too(served: Callable[..., Serving]) -> None:
    lines = (Path(__file__).parents[1] / "data" / "announcement-titles.ndjson").read_text().splitlines()
    articles = tuple(Published(title=row["title"], code=row["article"]) for row in map(json.loads, lines))
    news, _ = records(source(served(articles=articles), polls=1))
    assert {one.category for one in news} == {"spot_listing", "campaign"}
    assert len(news) == 20  # a page, the newest ones
    symbols = {symbol for one in news for symbol in one.symbols}
    assert "币安人生USDT" in symbols or "TRUMPUSDT" in symbols
