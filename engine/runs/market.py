"""The market of a run: the source behind `--market`, paced, with the bundled rules for what it does not tell."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from engine.errors import ConfigError, UsageError
from engine.plugs import Entry, Source
from engine.records.market import SymbolRules
from engine.runs.beside import AnnouncementsSettings, PostsWanted, beside_live, with_posts

EXAMPLE = "examples/session"


class Market(NamedTuple):
    """A source, and the bundled symbol rules of its venue with their name; the first and last time, where known."""

    source: Source
    snapshot: dict[str, SymbolRules]
    snapshot_name: str
    path: str = ""
    span: tuple[int, int] | None = None
    only: dict[str, Any] = {}

    def manifest(self) -> dict[str, Any]:
        """Names the facts: the path as it was given, what the source says of its files, and what was wanted of it."""
        return {"path": self.path, **self.source.manifest(), **({"only": self.only} if self.only else {})}


class MarketOptions(NamedTuple):
    """What of a market is wanted, and how fast. Times in ms.

    `posts` are told among its facts.
    """

    path: str
    venue: str | None = None
    symbols: tuple[str, ...] = ()
    since_ms: int | None = None
    until_ms: int | None = None
    speed: str = "max"
    strict: bool = False
    max_lateness_ms: int = 0
    posts: PostsWanted | None = None

    def only(self) -> dict[str, Any]:
        """Gives what narrows the facts, as plain JSON values: a replay must see the same ones."""
        named = {
            "venue": self.venue, "symbols": list(self.symbols), "since_ms": self.since_ms, "until_ms": self.until_ms,
            "max_lateness_ms": self.max_lateness_ms, "posts": self.posts._asdict() if self.posts is not None else None,
        }  # fmt: skip
        return {name: value for name, value in named.items() if value}

    @classmethod
    def of(cls, path: str, only: Mapping[str, Any]) -> "MarketOptions":
        """Gives the options that `only` names, for a market at `path`."""
        return cls(
            path=path, venue=only.get("venue"), symbols=tuple(only.get("symbols", ())), since_ms=only.get("since_ms"),
            until_ms=only.get("until_ms"), max_lateness_ms=only.get("max_lateness_ms", 0),
            posts=PostsWanted(**only["posts"]) if "posts" in only else None,
        )  # fmt: skip


class Paced:
    """A source whose facts come at a pace."""

    def __init__(self, source: Source, speed: str, wait: Callable[[float], bool]) -> None:
        """`speed` is max, realtime or a factor; `wait` sleeps and says True when it was interrupted."""
        self._source, self._speed, self._wait = source, speed, wait

    def facts(self) -> Iterator[Entry]:
        """Gives the source's facts, each when it is due."""
        from engine.world.pace import paced

        return paced(self._source.facts(), self._speed, self._wait)

    def manifest(self) -> dict[str, Any]:
        """Gives the source's manifest."""
        return self._source.manifest()


def no_market() -> ConfigError:
    """Gives the error of a command that needs a recorded market and was given none."""
    return ConfigError(f"no market: name a recording or a store, as in --market {EXAMPLE}")


class LiveSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the live market is, for commands that are given no `--market`.

    `venue`: whose market, unless --venue names another. `rest_url`, `stream_url`, `account_url`: base addresses in
    place of the exchange's own, as those that hot venue prints (`account_url` is that of the account's stream).
    `key`: where the key is, with --live: `env`, `keyring`, or the path of a file of mode 0600. `adopt_spot`: whether
    coins that the ledger does not know are adopted as positions (on futures positions always are).
    """

    venue: str = "binance-spot"
    rest_url: str = ""
    stream_url: str = ""
    account_url: str = ""
    key: str = "env"
    adopt_spot: bool = False


class Live(NamedTuple):
    """What a live market is opened with: where it is, the cycle, quote assets, what else is heard, when to end.

    With `beats` empty entries come while nothing is heard.
    """

    settings: LiveSettings
    cycle_s: int
    quotes: tuple[str, ...]
    once: bool = False
    stopped: Callable[[], bool] = lambda: False
    beats: bool = False
    inputs: tuple[str, ...] = ()
    announcements: AnnouncementsSettings = AnnouncementsSettings()


def is_store(path: str) -> bool:
    """Says whether a market is a store of columns."""
    from engine.world.store import store

    return store.is_store(path)


def open_market(
    options: MarketOptions,
    on_bad: Callable[[str, int, str], None],
    wait: Callable[[float], bool] | None = None,
    before_wait: Callable[[], None] | None = None,
    with_span: bool = False,
    live: Live | None = None,
) -> Market:
    """Opens a recording or a store, or without a path a live market.

    Raises ConfigError or UsageError for one that is not there or cannot be read, and where `live` is not given for a
    market without a path.

    `on_bad` is told each skipped line: file, number, reason. `before_wait` runs before a read that would block;
    `with_span` looks up the first and last time, which costs a reading of the files.
    """
    from engine.world.snapshots.snapshots import load

    if options.path:
        opened = _opened(options, on_bad, before_wait, with_span)
        if options.posts is not None:
            opened = opened._replace(source=_with_posts(opened.source, options.posts, options, on_bad))
    elif live is not None:
        opened = _live(options, live, before_wait)
    else:
        raise no_market()
    source = opened.source
    if options.speed != "max":
        if wait is None:
            raise ConfigError("a pace needs something to wait with")
        source = Paced(source, options.speed, wait)
    snapshot = load(opened.venue)
    rules, name = dict(snapshot.rules), f"{snapshot.venue} {snapshot.date}"
    return Market(source, rules, name, options.path, opened.span, options.only())


def _live(options: MarketOptions, live: Live, before_wait: Callable[[], None] | None) -> "_Opened":
    """Gives the live market of a venue."""
    from engine.runs import catalog
    from engine.runs.data import data_dir

    if options.since_ms is not None:
        raise UsageError("--since is for recorded markets: name one with --market")
    venue = options.venue or live.settings.venue
    known = [name.replace("_", "-") for name in catalog.names("sources") if name.startswith("binance")]
    if venue not in known:
        raise ConfigError(f"no live market {venue!r}: there are {', '.join(known)}; --market names a recorded one")
    source: Source = catalog.load("sources", venue.replace("-", "_"))(
        data_dir=data_dir(), cycle_s=live.cycle_s, quotes=live.quotes, symbols=options.symbols, once=live.once,
        until_ms=options.until_ms,
        rest_url=live.settings.rest_url or None, stream_url=live.settings.stream_url or None, stopped=live.stopped,
        before_wait=before_wait, beats=live.beats,
        beside=beside_live(live.inputs, live.announcements, options.posts),
    )  # fmt: skip
    return _Opened(source, venue, None)


def _with_posts(
    source: Source, posts: PostsWanted, options: MarketOptions, on_bad: Callable[[str, int, str], None]
) -> Source:
    from engine.world.imports.origin import Window

    wanted = Window(frozenset(options.symbols), options.since_ms, options.until_ms)
    return with_posts(
        source, posts, wanted, options.strict, lambda name, number, reason, line: on_bad(name, number, reason)
    )


class _Opened(NamedTuple):
    source: Source
    venue: str
    span: tuple[int, int] | None


def _opened(
    options: MarketOptions, on_bad: Callable[[str, int, str], None], before_wait: Callable[[], None] | None,
    with_span: bool,
) -> _Opened:  # fmt: skip
    """Gives the source at a path, a store or a recording, with the venue whose bundled rules count."""
    from engine.world.imports.origin import venue_of
    from engine.world.store.store import is_store

    venue = venue_of(Path(options.path), options.venue)
    if is_store(options.path):
        from engine.world.store.facts import Stored

        stored = Stored(options.path, options.venue, options.symbols, options.since_ms, options.until_ms)
        venues = stored.venues()
        return _Opened(stored, venues.pop() if len(venues) == 1 else venue, stored.span() if with_span else None)
    from engine.world.sources.recorded import Recorded
    from engine.world.sources.span import span_of

    recorded = Recorded(
        path=options.path, venue=options.venue, symbols=options.symbols, since_ms=options.since_ms,
        until_ms=options.until_ms, strict=options.strict, max_lateness_ms=options.max_lateness_ms,
        on_bad=lambda name, number, reason, line: on_bad(name, number, reason), before_wait=before_wait,
    )  # fmt: skip
    span = span_of(options.path, options.since_ms, options.until_ms) if with_span else None
    return _Opened(recorded, venue, span)
