"""An emergency close from settings: whose account, which symbols, and the halt that goes before."""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from engine.errors import HotError, LedgerError, VenueError
from engine.ledger.requests import request
from engine.records.market import SymbolRules
from engine.runs.claims import claim_of
from engine.runs.data import data_dir
from engine.runs.emergency_journal import journal_of
from engine.runs.flattener import Flat, Flattener
from engine.runs.live import desk_account
from engine.runs.lookup import where_of
from engine.runs.market import Live, MarketOptions, open_market
from engine.runs.settings import Settings
from engine.world.account.opening import open_account
from engine.world.binance.keys import load_key
from engine.world.streams.binance_live import BinanceLive
from engine.world.streams.lifecycle import Symbols


def flatten_account(
    settings: Settings, venue: str, path: Path, symbols: tuple[str, ...], everything: bool, within_s: float,
    say: Callable[[str], None],
) -> Flat:  # fmt: skip
    """Halts the runs on a ledger, then closes its account.

    Raises ConfigError for a ledger of another account, KeyRefused, and VenueError where nobody knows what is held.
    """
    key = load_key(settings.live.key)
    with journal_of(path, venue, key.mark, say) as journal:
        try:
            request(path, "halt", "flatten", time.time_ns() // 1_000_000)
        except LedgerError as error:
            say(f"hot flatten: no halt could be left ({error}); going on")
        account = open_account(
            venue, where_of(settings), data_dir(), key, desk_account(settings), breaker=settings.breaker, urgent=True
        )
        try:
            claim = claim_of(venue, path, symbols, everything, say)
            return Flattener(account, journal, _rules(settings, venue), claim).flatten(within_s)
        finally:
            account.close()


def _rules(settings: Settings, venue: str) -> Mapping[str, SymbolRules]:
    """Gives the exchange's rules; without them quantities go out as they are held."""
    live = Live(settings.live, settings.scan.cycle_s, settings.scan.quote_assets, breaker=settings.breaker)
    opened = open_market(MarketOptions(path="", venue=venue), lambda *_: None, live=live)
    found: dict[str, SymbolRules] = {}
    with suppress(VenueError, HotError):
        if isinstance(opened.source, BinanceLive):
            with opened.source.opened() as (rest, clock):
                changes = Symbols(settings.scan.quote_assets).update(rest.listings(), clock().at)
                found = {rules.symbol: rules for rules in changes.rules}
    return found
