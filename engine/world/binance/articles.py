"""Articles: what the exchange's announcement pages list. No official interface: whatever may come, it is checked."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from engine.errors import BadRecord, VenueError
from engine.records.wire import check_json
from engine.world.binance.answers import hold_of, sample
from engine.world.binance.http import Link, check_url
from engine.world.binance.redact import shown
from engine.world.binance.trouble import Limited, Unreadable, utc

PATH = "/bapi/composite/v1/public/cms/article/list/query"
PAGE = 20
MAX_BODY = 1 << 20
MAX_TITLE = 300
MAX_CODE = 100
_DONE = "000000"
#: Publication times before 2017 or after 2100 are none.
_EARLIEST_MS, _LATEST_MS = 1_483_228_800_000, 4_102_444_800_000


class Article(NamedTuple):
    """An article by its code; `released_at` is when it was published (epoch ms), where that is told."""

    code: str
    title: str
    released_at: int | None = None


class Articles:
    """The lists of articles at one address."""

    def __init__(self, link: Link, url: str) -> None:
        """Sends nothing yet; raises ConfigError for what is no address."""
        self._link, self._url = link, check_url(url)
        self.host = self._url.partition("://")[2]

    def newest(self, catalog: int, now_ms: int) -> list[Article]:
        """Gives the newest articles of a catalog, the newest first.

        Raises VenueError: Limited where the exchange says when to come again (`now_ms` is now), Unreadable for what is
        no list of articles.
        """
        url = f"{self._url}{PATH}?type=1&catalogId={catalog}&pageNo=1&pageSize={PAGE}"
        answer = self._link.send("GET", url, {"accept": "application/json"})
        hold = hold_of(answer, now_ms)
        if hold is not None:
            raise Limited(f"{self.host}: too many requests; nothing more until {utc(hold.until_ms)}", hold.until_ms)
        if answer.status != 200:
            raise VenueError(f"{self.host} answered {answer.status}: {sample(answer.body)}")
        try:
            told = check_json(answer.body)
            rows = list(_rows(told))
        except BadRecord as error:
            raise Unreadable(
                f"{self.host}: no list of articles ({shown(str(error), 80)}): {sample(answer.body)}"
            ) from None
        good = [one for one in map(_article, rows) if one is not None]
        if rows and not good:
            raise Unreadable(f"{self.host}: no article can be read: {sample(answer.body)}")
        return good


def _rows(told: Any) -> Iterator[Any]:
    """Gives the rows of an answer in either of its forms: by catalog, or as one list; raises BadRecord."""
    if not isinstance(told, dict) or told.get("code", _DONE) != _DONE or not isinstance(told.get("data"), dict):
        raise BadRecord("no data in it")
    data = told["data"]
    lists = [data.get("articles")]
    catalogs = data.get("catalogs")
    lists += [one.get("articles") for one in catalogs or () if isinstance(one, dict)] if _is_list(catalogs) else []
    for rows in lists:
        if not _is_list(rows):
            raise BadRecord("articles are no list")
        yield from rows or ()


def _is_list(value: Any) -> bool:
    return value is None or isinstance(value, list)


def _article(row: Any) -> Article | None:
    """Gives a row's article; None for one without a title or a name."""
    if not isinstance(row, dict):
        return None
    title, code = row.get("title"), row.get("code")
    if code is None and type(row.get("id")) is int:
        code = str(row["id"])
    if not isinstance(title, str) or not isinstance(code, str) or not title.strip() or not code:
        return None
    if any("\ud800" <= one <= "\udfff" for one in title[:MAX_TITLE] + code[:MAX_CODE]):
        return None
    released = row.get("releaseDate")
    is_time = type(released) is int and _EARLIEST_MS <= released <= _LATEST_MS
    return Article(code[:MAX_CODE], title[:MAX_TITLE], released if is_time else None)
