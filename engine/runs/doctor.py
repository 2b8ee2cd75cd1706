"""What a doctor finds at the exchange: routes, clock, limits, the key's rights, and how the account trades."""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from threading import Thread

from engine.errors import ConfigError, Exit, HotError, KeyRefused, VenueError
from engine.runs.beside import ANNOUNCEMENT
from engine.runs.checks import Check, State
from engine.runs.data import data_dir
from engine.runs.lookup import VenueName, where_of
from engine.runs.settings import Settings
from engine.world.binance.articles import Articles
from engine.world.binance.binance import BUDGET_FILE, Binance
from engine.world.binance.budget import Budget
from engine.world.binance.client import Client
from engine.world.binance.clock import wall_ms
from engine.world.binance.http import Link
from engine.world.binance.keys import ENV_KEY, ENV_SECRET, Key, load_key
from engine.world.binance.rights import Use, check_rights, read_rights
from engine.world.binance.trouble import Limited
from engine.world.sources.binance_spot import BinanceSpot
from engine.world.sources.binance_usdm import BinanceUsdm
from engine.world.streams.binance_live import BinanceLive
from engine.world.streams.probe import first_event_ms
from engine.world.streams.routes import Route, fixed_routes

SOURCES: Mapping[VenueName, type[BinanceLive]] = {"binance-spot": BinanceSpot, "binance-usdm": BinanceUsdm}
#: A doctor does not wait long: nobody who is offline should.
CONNECT_S, ANSWER_S = 3.0, 5.0
#: The slowest stream, the best quotes of all perpetuals, comes every five seconds.
EVENT_S = 8.0
#: All of it together; a name lookup has no limit of its own.
PATIENCE_S = 12.0
#: So far off, orders are in danger (they must be at most 1 s ahead), and so far off every one of them fails.
SKEW_WARN_MS, SKEW_FAIL_MS = 500, 5_000
#: Reads stop at 80 percent of a budget; from here on it is worth a look who else asks.
LIMIT_WARN_PCT = 70
_UNTOLD = "without it only new symbols of the exchange tell of listings"
_NTP = "set this machine's clock (NTP); orders are stamped with the measured time meanwhile"


def venue_checks(used: Settings, venues: Sequence[VenueName], required: bool) -> list[Check]:
    """Gives what is found at the exchange within some seconds.

    What cannot be reached is a failure where it is `required`, else a warning: recorded markets need no network.
    """
    try:
        key, found = _key(used)
        budget = Budget(data_dir() / BUDGET_FILE)
    except HotError as error:
        return [Check("exchange", "fail", str(error), "mend that first", error.code)]
    link = Link(connect_s=CONNECT_S, answer_s=ANSWER_S)
    looks = {f"rest {SOURCES[venue].MARKET}": partial(_rest, used, venue, link, budget, required) for venue in venues}
    looks |= {name: partial(_stream, name, route, required) for name, route in _streams(used, venues)}
    if ANNOUNCEMENT in used.scan.inputs:
        looks["announcements"] = partial(_pages, used, link)
    checks, hanging = _together(looks, required)
    if not hanging:
        link.close()
        budget.close()
    if all(check.code is Exit.VENUE and check.state != "ok" for check in checks):
        return [_offline(checks, required), *found]
    if key is None:
        return [*checks, *found]
    try:
        return [*checks, *found, *_account(used, key, venues)]
    except HotError as error:
        return [*checks, *found, Check("account", "fail", str(error), "mend that setting first", error.code)]


def _together(looks: Mapping[str, Callable[[], list[Check]]], required: bool) -> tuple[list[Check], bool]:
    """Gives what several looks find that go on side by side, and whether one still hangs (a name lookup may)."""
    told: dict[str, list[Check]] = {}

    def look(name: str) -> None:
        told[name] = looks[name]()

    threads = [Thread(target=look, args=(name,), daemon=True) for name in looks]
    for thread in threads:
        thread.start()
    until = time.monotonic() + PATIENCE_S
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    state: State = "fail" if required else "warn"
    silent = f"nothing came of it within {PATIENCE_S:g} s"
    found = [told.get(name, [Check(name, state, silent, "look at the network", Exit.VENUE)]) for name in looks]
    return list(chain.from_iterable(found)), any(thread.is_alive() for thread in threads)


def _offline(checks: list[Check], required: bool) -> Check:
    """Gives one line in place of many that say the same."""
    state: State = "fail" if required or any(check.state == "fail" for check in checks) else "warn"
    tried = "; ".join(dict.fromkeys(check.found for check in checks))
    next_ = "look at the network; recorded markets and paper on them need none"
    return Check("exchange", state, f"offline: nothing of it was reached ({tried})", next_, Exit.VENUE)


def _rest(used: Settings, venue: VenueName, link: Link, budget: Budget, required: bool) -> list[Check]:
    source = SOURCES[venue]
    market = source.MARKET
    try:
        client = Client(market, used.live.rest_url or source.REST_URL, link=link, budget=budget)
        client.measure()
    except Limited as error:
        return [Check(f"limits {market}", "fail", str(error), "wait until then; other programs ask too", Exit.VENUE)]
    except (VenueError, KeyRefused) as error:
        state: State = "fail" if required else "warn"
        next_ = "look at the network, a firewall, or live.rest_url"
        return [Check(f"rest {market}", state, str(error), next_, Exit.VENUE)]
    except HotError as error:
        return [Check(f"rest {market}", "fail", str(error), "mend live.rest_url, or the data folder", error.code)]
    reading = client.clock.reading
    assert reading is not None
    rest = Check(f"rest {market}", "ok", f"{client.host} answers in {reading.round_trip_ms} ms")
    return [rest, _clock(market, client.host, reading.skew_ms, reading.round_trip_ms), _limits(market, client)]


def _clock(market: str, host: str, skew_ms: int, round_trip_ms: int) -> Check:
    far = f"{abs(skew_ms) / 1000:.3f} s {'ahead of' if skew_ms > 0 else 'behind'} {host}"
    found = f"this machine's clock is {far}, give or take {round_trip_ms / 2000:.3f} s"
    if abs(skew_ms) <= SKEW_WARN_MS:
        return Check(f"clock {market}", "ok", found)
    return Check(f"clock {market}", "fail" if abs(skew_ms) > SKEW_FAIL_MS else "warn", found, _NTP, Exit.VENUE)


def _limits(market: str, client: Client) -> Check:
    spent, most = client.used_weight()
    found = f"{spent} of {most} request weight used this minute, {most - spent} left"
    if 100 * spent > LIMIT_WARN_PCT * most:
        return Check(f"limits {market}", "warn", found, "other programs on this address ask much: look which")
    return Check(f"limits {market}", "ok", found)


def _streams(used: Settings, venues: Sequence[VenueName]) -> Iterator[tuple[str, Route]]:
    """Gives each route of streams by a name; a loopback venue's address serves one market."""
    for venue in venues:
        source = SOURCES[venue]
        if used.live.stream_url and venue != used.live.venue and len(venues) > 1:
            continue
        for route in fixed_routes(source.CHANNELS, used.live.stream_url or source.CHANNELS.base):
            part = route.base.rpartition("/")[2] if source.MARKET == "usdm" else ""
            yield f"stream {source.MARKET} {part}".strip(), route


def _stream(name: str, route: Route, required: bool) -> list[Check]:
    try:
        took = first_event_ms(route, CONNECT_S, EVENT_S)
    except VenueError as error:
        next_ = "look at the network, a firewall, or live.stream_url"
        return [Check(name, "fail" if required else "warn", str(error), next_, Exit.VENUE)]
    return [Check(name, "ok", f"{route.streams[0]} came after {took} ms")]


def _pages(used: Settings, link: Link) -> list[Check]:
    """Looks at the announcement pages, which are no official interface and may be hidden here."""
    url, catalogs = used.announcements.url, used.announcements.catalogs
    try:
        told = [article for catalog in catalogs for article in Articles(link, url).newest(catalog, wall_ms())]
    except HotError as error:
        state: State = "fail" if isinstance(error, ConfigError) else "warn"
        return [
            Check("announcements", state, str(error), "look at announcements.url; without it, only new symbols tell")
        ]
    if not told:
        return [Check("announcements", "warn", f"{url} lists nothing here", "without it, only new symbols tell")]
    return [Check("announcements", "ok", f"{url} lists {len(told)} articles")]


def _key(used: Settings) -> tuple[Key | None, list[Check]]:
    """Gives the key and what there is to say of it; None where none is set, which paper does not need."""
    where = used.live.key
    if where == "env" and not os.environ.get(ENV_KEY) and not os.environ.get(ENV_SECRET):
        return None, [Check("key", "ok", "none is set: market data and paper need none")]
    try:
        key = load_key(where)
    except KeyRefused as error:
        return None, [Check("key", "fail", str(error), "hot config show tells where live.key was set", Exit.KEY)]
    return key, [Check("key", "ok", f"from {where if where in ('env', 'keyring') else 'a file'}, mark {key.mark}")]


def _account(used: Settings, key: Key, venues: Sequence[VenueName]) -> Iterator[Check]:
    """Looks at the account behind the key: its rights, and for perpetuals how it trades."""
    link = Link(connect_s=CONNECT_S, answer_s=ANSWER_S)
    with Binance(where_of(used), data_dir(), key=key, link=link, breaker=used.breaker) as binance:
        for venue in venues:
            use: Use = "spot" if venue == "binance-spot" else "usdm"
            wanted = len(venues) == 1 or venue == used.live.venue
            yield from _told(f"rights {use}", partial(_rights, binance, use), wanted)
        if "binance-usdm" in venues:
            wanted = len(venues) == 1 or used.live.venue == "binance-usdm"
            yield from _told("account usdm", partial(_usdm, used, binance), wanted)


def _told(name: str, look: Callable[[], list[Check]], wanted: bool) -> list[Check]:
    """Gives what a look finds; of a market that is not traded on a refusal is only worth a warning."""
    try:
        return look()
    except (KeyRefused, VenueError) as error:
        next_ = "mend the key's rights at the exchange" if isinstance(error, KeyRefused) else "try again in a minute"
        return [Check(name, "fail" if wanted else "warn", str(error), next_, error.code)]


def _rights(binance: Binance, use: Use) -> list[Check]:
    name, rights = f"rights {use}", read_rights(binance.spot)
    if rights is None:
        return [Check(name, "ok", f"{binance.spot.host} is a test venue: no money is there, and it tells no rights")]
    found = check_rights(rights, use)
    if not found:
        return [Check(name, "ok", f"reads, trades {use}, cannot withdraw, bound to an address")]
    return [Check(name, "warn", text, "mend the key's rights at the exchange") for text in found]


def _usdm(used: Settings, binance: Binance) -> list[Check]:
    config = binance.usdm_account.config()
    checks = [Check("position mode", "ok", "one-way")]
    if config.dual_side_position:
        next_ = "choose one-way mode at the exchange, with no position and no order open"
        checks = [Check("position mode", "fail", "hedge mode: long and short are held apart", next_)]
    if config.multi_assets_margin:
        next_ = "choose single-asset mode at the exchange"
        checks.append(Check("margin mode", "fail", "multi-assets mode allows no isolated margin", next_))
    return [*checks, _leverage(used, binance)]


def _leverage(used: Settings, binance: Binance) -> Check:
    """Holds each symbol's leverage and margin type against the settings; what is held counts first."""
    leverage, account = used.desk.leverage, binance.usdm_account
    held = {one.symbol for one in account.positions() if one.position_amt}
    configs = account.symbol_configs()
    others = [one for one in configs if (one.margin_type, one.leverage) != ("ISOLATED", leverage)]
    wanted = f"isolated margin at {leverage}x"
    wrong = sorted(f"{one.symbol} {one.margin_type.lower()} {one.leverage}x" for one in others if one.symbol in held)
    if wrong:
        return Check("leverage", "warn", f"positions that are not on {wanted}: {', '.join(wrong)}", "close them first")
    if others:
        found = f"{len(others)} of {len(configs)} symbols are not on {wanted}; each is set before its first order"
        return Check("leverage", "ok", found)
    return Check("leverage", "ok", f"every symbol is on {wanted}")
