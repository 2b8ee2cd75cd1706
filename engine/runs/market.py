"""The market of a run: the source behind `--market`, paced, with the bundled rules for what it does not tell."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta

from engine.errors import ConfigError, UsageError
from engine.plugs import Entry, Source
from engine.records.bounds import Candles, Megabytes
from engine.records.market import SymbolRules
from engine.runs.beside import AnnouncementsSettings, PostsWanted, beside_live, with_posts
from engine.world.binance.breaker import BREAKER, BreakerSettings
from engine.world.unbroken import Gaps, Unbroken

if TYPE_CHECKING:
    from engine.world.sources.recorded import Recorded
    from engine.world.store.facts import Stored

EXAMPLE = "examples/session"


class Market(NamedTuple):
    """A source, and the bundled symbol rules of its venue with their name; the first and last time, where known.

    `gaps` tells the holes between the candles that were read so far; `broken` names symbols of a store whose price
    jumps as in a redenomination.
    """

    source: Source
    snapshot: dict[str, SymbolRules]
    snapshot_name: str
    path: str = ""
    more: tuple[str, ...] = ()
    span: tuple[int, int] | None = None
    only: dict[str, Any] = {}
    gaps: Callable[[], Gaps] = Gaps
    broken: Sequence[str] = ()

    def manifest(self) -> dict[str, Any]:
        """Names the facts: the paths as they were given, what the source says of its files, and what was wanted."""
        more = {"more": list(self.more)} if self.more else {}
        return {"path": self.path, **more, **self.source.manifest(), **({"only": self.only} if self.only else {})}


class MarketOptions(NamedTuple):
    """What of a market is wanted, and how fast. Times in ms.

    `more` are paths of other recorded markets that are read together with the one at `path`. `keep_jumps`: prices after
    a jump as in a redenomination are handed on, instead of left out. `posts` are told among its facts.
    """

    path: str
    venue: str | None = None
    symbols: tuple[str, ...] = ()
    since_ms: int | None = None
    until_ms: int | None = None
    speed: str = "max"
    strict: bool = False
    max_lateness_ms: int = 0
    keep_jumps: bool = False
    more: tuple[str, ...] = ()
    posts: PostsWanted | None = None

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths of all markets; none for a live one."""
        return (self.path, *self.more) if self.path else ()

    def only(self) -> dict[str, Any]:
        """Gives what narrows the facts, as plain JSON values: a replay must see the same ones."""
        named = {
            "venue": self.venue, "symbols": list(self.symbols), "since_ms": self.since_ms, "until_ms": self.until_ms,
            "max_lateness_ms": self.max_lateness_ms, "keep_jumps": self.keep_jumps,
            "posts": self.posts._asdict() if self.posts is not None else None,
        }  # fmt: skip
        return {name: value for name, value in named.items() if value}

    @classmethod
    def of(cls, market: Mapping[str, Any], paths: Sequence[str] = ()) -> "MarketOptions":
        """Gives the options that find the market of a manifest again, where it was or at other paths."""
        only, (path, *more) = market.get("only", {}), paths or paths_of(market)
        return cls(
            path=path, more=tuple(more), venue=only.get("venue"), symbols=tuple(only.get("symbols", ())),
            since_ms=only.get("since_ms"), until_ms=only.get("until_ms"),
            max_lateness_ms=only.get("max_lateness_ms", 0), keep_jumps=only.get("keep_jumps", False),
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


def paths_of(market: Mapping[str, Any]) -> list[str]:
    """Gives the paths of a manifest's market, as they were given; one empty path where it has none."""
    return [str(market.get("path", "")), *map(str, market.get("more", ()))]


def no_market() -> ConfigError:
    """Gives the error of a command that needs a recorded market and was given none."""
    return ConfigError(f"no market: name a recording or a store, as in --market {EXAMPLE}")


class LiveSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the live market is, for commands that are given no `--market`.

    `venue`: whose market, unless --venue names another. `rest_url`, `stream_url`, `account_url`: base addresses in
    place of the exchange's own, as those that hot venue prints (`account_url` is that of the account's stream).
    `key`: where the key is, with --live: `env`, `keyring`, or the path of a file of mode 0600. `adopt_spot`: whether
    coins that the ledger does not know are adopted as positions (on futures positions always are). `keep_candles`: how
    many candles of each symbol and step are kept on disk, so that a start need not ask for them. `cache_mb`: how large
    that file may become. `enabled`: the second switch of live trading, beside --live; it does not count as --set.
    `step`: the step of the roll-out, 1 to 3: at most 100 of equity, 2 positions and heat of at least 70; 300, 3 and 50;
    500, 5 and the full strategy; leverage of at most 6, 6 and 10, and no entry beyond a step's equity. `evidence`: the
    ledger that proves that the step may begin: of paper for the first, of the step before for others.
    """

    venue: str = "binance-spot"
    rest_url: str = ""
    stream_url: str = ""
    account_url: str = ""
    key: str = "env"
    adopt_spot: bool = False
    keep_candles: Candles = 2000
    cache_mb: Megabytes = 512
    enabled: bool = False
    step: Annotated[int, Meta(ge=1, le=3)] = 1
    evidence: str = ""


class Live(NamedTuple):
    """What a live market is opened with: where it is, the cycle, quote assets, what else is heard, when to end.

    With `beats` empty entries come while nothing is heard; `told` hears at the end what asking for candles came to.
    `breaker` says when an exchange that fails is asked less. Whoever takes tickers of one frame `together` says so.
    """

    settings: LiveSettings
    cycle_s: int
    quotes: tuple[str, ...]
    once: bool = False
    stopped: Callable[[], bool] = lambda: False
    beats: bool = False
    inputs: tuple[str, ...] = ()
    announcements: AnnouncementsSettings = AnnouncementsSettings()
    told: Callable[[str], None] = lambda text: None
    breaker: BreakerSettings = BREAKER
    together: bool = False


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
    stopped: Callable[[], bool] | None = None,
) -> Market:
    """Opens a recording or a store, or without a path a live market.

    Raises ConfigError or UsageError for one that is not there or cannot be read, and where `live` is not given for a
    market without a path.

    `on_bad` is told each skipped line: file, number, reason. `before_wait` runs before a read that would block, and
    `stopped` says whether to go on waiting for stdin (a live market hears it in `live`); `with_span` looks up the first
    and last time, which costs a reading of the files.
    """
    from engine.world.snapshots.snapshots import load

    if options.path:
        opened = _recorded(options, on_bad, before_wait, with_span, stopped)
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
    return Market(
        source, rules, name, options.path, options.more, opened.span, options.only(), opened.gaps, opened.broken
    )


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
        beside=beside_live(live.inputs, live.announcements, options.posts, live.once),
        told=live.told, keep_candles=live.settings.keep_candles,
        cache_mb=live.settings.cache_mb, breaker=live.breaker, together=live.together,
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
    gaps: Callable[[], Gaps] = Gaps
    broken: Sequence[str] = ()


class _File(NamedTuple):
    """A recording or a store, with the venue whose bundled rules count."""

    path: str
    source: "Recorded | Stored"
    venue: str
    span: tuple[int, int] | None


def _recorded(
    options: MarketOptions, on_bad: Callable[[str, int, str], None], before_wait: Callable[[], None] | None,
    with_span: bool, stopped: Callable[[], bool] | None,
) -> _Opened:  # fmt: skip
    """Gives the source at the paths; of several markets the first says whose bundled rules count."""
    from engine.world.several import Several
    from engine.world.store.facts import Stored

    files = [_file(path, options, on_bad, before_wait, with_span, stopped) for path in options.paths]
    first = files[0].source
    spans = [one.span for one in files if one.span is not None]
    span = (min(one for one, _ in spans), max(one for _, one in spans)) if spans else None
    if len(files) == 1 and isinstance(first, Stored):
        broken = [] if options.keep_jumps else first.broken()
        # A store whose prices never jump stays one, whose columns can be played in blocks.
        return _Opened(Unbroken(first, on_bad) if broken else first, files[0].venue, span, first.gaps, broken)
    source: Source = first if len(files) == 1 else Several([(one.path, one.source) for one in files])
    if options.keep_jumps:
        return _Opened(source, files[0].venue, span)
    unbroken = Unbroken(source, on_bad)
    return _Opened(unbroken, files[0].venue, span, unbroken.gaps)


def _file(
    path: str, options: MarketOptions, on_bad: Callable[[str, int, str], None],
    before_wait: Callable[[], None] | None, with_span: bool, stopped: Callable[[], bool] | None,
) -> _File:  # fmt: skip
    from engine.world.imports.origin import venue_of

    if options.more and (path == "-" or Path(path).is_fifo()):
        raise UsageError(f"--market {path} is a stream, which stands alone: name files, folders or stores")
    venue = venue_of(Path(path), options.venue)
    if is_store(path):
        from engine.world.store.facts import Stored

        stored = Stored(path, options.venue, options.symbols, options.since_ms, options.until_ms)
        venues = stored.venues()
        whose = venues.pop() if len(venues) == 1 else venue
        return _File(path, stored, whose, stored.span() if with_span else None)
    from engine.world.sources.recorded import Recorded
    from engine.world.sources.span import span_of

    recorded = Recorded(
        path=path, venue=options.venue, symbols=options.symbols, since_ms=options.since_ms,
        until_ms=options.until_ms, strict=options.strict, max_lateness_ms=options.max_lateness_ms,
        on_bad=lambda name, number, reason, line: on_bad(name, number, reason), before_wait=before_wait,
        stopped=stopped,
    )  # fmt: skip
    span = span_of(path, options.since_ms, options.until_ms) if with_span else None
    return _File(path, recorded, venue, span)
