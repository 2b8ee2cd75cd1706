"""The exchange's announcement pages: lists of articles by catalog, the newest first."""

from collections.abc import Iterable
from hashlib import sha256
from typing import Any

import msgspec

from engine.world.loopback.clock import VenueClock
from engine.world.loopback.rest.routes import Call, Route, Routes

PATH = "/bapi/composite/v1/public/cms/article/list/query"
LISTINGS, DELISTINGS, ACTIVITIES = 48, 161, 93
#: More are not kept of a catalog; the oldest go.
MOST = 1_000


class Article(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """An article. Its code follows from its title, and it is published now, where nothing else is said."""

    title: str
    catalog: int = LISTINGS
    code: str = ""
    released_at: int = 0


class Articles:
    """The articles of a venue."""

    def __init__(self, clock: VenueClock, articles: Iterable[Article] = ()) -> None:
        """Begins with some."""
        self._clock = clock
        self._by_catalog: dict[int, list[dict[str, Any]]] = {}
        self._count = 0
        for article in articles:
            self.publish(article)

    def publish(self, article: Article) -> None:
        """Publishes one more."""
        self._count += 1
        code = article.code or sha256(article.title.encode("utf-8", "replace")).hexdigest()[:32]
        told = {
            "id": self._count, "code": code, "title": article.title, "type": 1,
            "releaseDate": article.released_at or self._clock.now(),
        }  # fmt: skip
        rows = self._by_catalog.setdefault(article.catalog, [])
        rows.append(told)
        rows.sort(key=lambda row: (-row["releaseDate"], -row["id"]))
        del rows[MOST:]

    def routes(self) -> Routes:
        """Gives the path with its answer."""
        return {("GET", PATH): Route(self.page)}

    def page(self, call: Call) -> Any:
        """Tells a page of a catalog."""
        wanted = call.wanted
        catalog, number, size = wanted.whole("catalogId") or 0, wanted.whole("pageNo") or 1, wanted.whole("pageSize")
        size = min(max(size or 20, 1), 50)
        rows = self._by_catalog.get(catalog, [])
        first = size * (max(number, 1) - 1)
        told = {"catalogId": catalog, "catalogName": "", "total": len(rows), "articles": rows[first : first + size]}
        return {"code": "000000", "message": None, "data": {"catalogs": [told]}, "success": True}
