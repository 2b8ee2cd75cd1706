"""One comparison of a live ledger with the account's books: the recovery that every start makes, by itself."""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import NamedTuple

from engine.errors import Bug, InDoubt, VenueError
from engine.records.base import Record
from engine.records.desk import Alert
from engine.records.trades import PastTrade, StateChange
from engine.runs.backfill import backfill
from engine.runs.live import open_trading
from engine.runs.market import Live, Market, MarketOptions, open_market
from engine.runs.session import Session
from engine.runs.settings import Settings
from engine.world.streams.binance_live import BinanceLive
from engine.world.streams.rules_only import RulesOnly

#: What a comparison says that was not known.
NEWS = frozenset({"reconcile_diff", "order_result", "fill", "position"})


class Synced(NamedTuple):
    """What came of a comparison: the records that are new, the orders that are still open, the past, and the dust."""

    news: list[Record]
    open_orders: int
    past: list[PastTrade]
    dust: tuple[str, ...]


def sync(
    settings: Settings, venue: str, path: Path, within_s: float, stopped: Callable[[], bool],
    say: Callable[[str], None], history: Sequence[str] | None = None,
    opening: AbstractContextManager[None] | None = None,
) -> Synced:  # fmt: skip
    """Looks up every order that is not over, compares holdings and open orders, and books what differs.

    With `history` it then keeps what was traded elsewhere in the past days, of these symbols and of those that the
    account names. `opening` is around the first questions, before anything is booked: a stop may break them off.

    Raises LedgerError while a run holds the ledger, which compares by itself; VenueError where the account could not be
    compared within the time, InDoubt where an order's outcome is still unknown.
    """
    with opening or nullcontext():
        ledger, trading = open_trading(settings, venue, path, say)
    news: list[Record] = []
    until = time.monotonic() + within_s

    def done() -> bool:
        known = trading.venue.idle and not trading.venue.unanswered
        return known or stopped() or time.monotonic() > until

    def tell(news: Alert | StateChange) -> None:
        if isinstance(news, Alert):
            say(f"{news.level}: {news.code}: {news.text}")

    def hear(record: Record) -> None:
        if record.kind in NEWS and not session.keeper.catching_up:
            news.append(record)

    try:
        market = _rules_of(settings, venue, done, stopped)
        session = Session(settings, market, ledger, sink=hear, tell=tell, trading=trading)
        for _ in session.play(stopped):
            pass
        recovered, doubts = trading.venue.syncing.recovered, trading.venue.doubts
        past: list[PastTrade] = []
        if history is not None and recovered and not doubts:
            past = backfill(trading.venue.account, ledger, history, settings.desk.quote_asset)
        session.close()
    finally:
        trading.close()
        ledger.close()
    if doubts:
        raise InDoubt(f"{len(doubts)} orders are still in doubt: {', '.join(doubts[:5])}; run hot sync again")
    if not recovered:
        raise VenueError(f"the account could not be compared within {within_s:g} s; run hot sync again")
    return Synced(news, len(session.stages.order.state.sent), past, trading.dust)


def _rules_of(settings: Settings, venue: str, done: Callable[[], bool], stopped: Callable[[], bool]) -> Market:
    live = Live(
        settings.live, settings.scan.cycle_s, settings.scan.quote_assets, stopped=stopped, breaker=settings.breaker
    )
    opened = open_market(MarketOptions(path="", venue=venue), lambda *_: None, live=live)
    if not isinstance(opened.source, BinanceLive):
        raise Bug(f"{venue} has no rules to tell")
    return opened._replace(source=RulesOnly(opened.source, done))
