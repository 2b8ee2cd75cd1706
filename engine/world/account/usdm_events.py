"""Frames of the futures' user stream: orders, executions, stops, positions and money as news."""

import time
from collections.abc import Callable
from decimal import Decimal

import msgspec

from engine.records.base import Moment
from engine.world.account.account import BalanceNews, HeldNews, News, OrderNews, Status
from engine.world.account.became import Became, Stop
from engine.world.account.heard import NOTHING, Heard, event_of
from engine.world.account.order_report import OrderReport, news_of
from engine.world.account.words import CONDITIONAL, FINISHED, PLAIN, code_of, number_told, side_of, status_of
from engine.world.binance.answers import decode
from engine.world.binance.shape import Shape, reader

#: News of a plain order may come before the news that a stop became it: it is kept back so long at most.
PATIENCE_S = 2.0


class _Report(OrderReport, frozen=True, kw_only=True, rename={"expired": "er"}):
    """What ORDER_TRADE_UPDATE says of an order."""

    expired: str | int | None = None


class _StopReport(
    Shape, frozen=True, kw_only=True,
    rename={
        "client_id": "caid", "algo_id": "aid", "symbol": "s", "side": "S", "qty": "q", "status": "X", "became": "ai",
        "filled_qty": "aq", "closes": "cp", "refused": "rm",
    },
):  # fmt: skip
    """What ALGO_UPDATE says of a conditional order."""

    client_id: str
    algo_id: int
    symbol: str
    side: str
    qty: Decimal
    status: str
    became: str | int | None = None
    filled_qty: Decimal | None = None
    closes: bool = False
    refused: str | None = None


class _Amount(Shape, frozen=True, kw_only=True, rename={"asset": "a", "balance": "wb", "cross": "cw"}):
    asset: str
    balance: Decimal
    cross: Decimal


class _Position(Shape, frozen=True, kw_only=True, rename={"symbol": "s", "qty": "pa", "entry": "ep", "side": "ps"}):
    symbol: str
    qty: Decimal
    entry: Decimal
    side: str


class _Wallet(Shape, frozen=True, kw_only=True, rename={"amounts": "B", "positions": "P"}):
    amounts: list[_Amount] = []
    positions: list[_Position] = []


class _OrderEvent(msgspec.Struct, rename={"order": "o"}):
    order: _Report


class _StopEvent(msgspec.Struct, rename={"venue_at": "T", "order": "o"}):
    venue_at: Moment
    order: _StopReport


class _WalletEvent(msgspec.Struct, rename={"wallet": "a"}):
    wallet: _Wallet


class UsdmEvents:
    """Reads one account's frames, those of several connections too. It remembers what stops became."""

    def __init__(self, became: Became, clock: Callable[[], float] = time.monotonic) -> None:
        """`became` is shared with whoever asks by REST."""
        self._became, self._clock = became, clock
        #: Stops that trigger and have not told yet what they became, by client id.
        self._triggering: dict[str, _StopReport] = {}
        self._kept_back: list[tuple[float, _Report]] = []

    def read(self, frame: bytes) -> Heard:
        """Gives what a frame says; raises Unreadable for one that is not what it should be.

        Events that tell nothing that others do not tell as well are passed over.
        """
        found = event_of(frame)
        if found is None:
            return NOTHING
        kind, event = found
        match kind:
            case "ORDER_TRADE_UPDATE":
                return Heard(self._order(decode(event, reader(_OrderEvent), strict=False).order))
            case "ALGO_UPDATE":
                told = decode(event, reader(_StopEvent), strict=False)
                return Heard(self._stop(told.order, told.venue_at))
            case "ACCOUNT_UPDATE":
                return _wallet(decode(event, reader(_WalletEvent), strict=False).wallet)
            case "listenKeyExpired":
                return Heard(ended="the listen key expired")
            case "serverShutdown":
                return Heard(leaving=True)
        return NOTHING

    def late(self) -> tuple[News, ...]:
        """Gives what was kept back long enough, as it came: no stop has told that it became that order."""
        if not self._kept_back or self._clock() < self._kept_back[0][0]:
            return ()
        self._triggering.clear()
        return self._let_go()

    def _order(self, report: _Report) -> tuple[News, ...]:
        told = self._told(report)
        if self._became.stop_of(str(report.order_id)) is not None:
            return told
        same = self._triggering.get(report.client_id)
        if same is not None:
            self._became.learn(str(report.order_id), Stop(same.client_id, str(same.algo_id)))
            return self._told(report)
        if any((one.symbol, one.side) == (report.symbol, report.side) for one in self._triggering.values()):
            self._kept_back.append((self._clock() + PATIENCE_S, report))
            return ()
        return told

    def _stop(self, stop: _StopReport, at: int) -> tuple[News, ...]:
        became = number_told(stop.became)
        if became is not None:
            self._became.learn(became, Stop(stop.client_id, str(stop.algo_id)))
        if stop.status == "TRIGGERING":
            self._triggering[stop.client_id] = stop
        elif self._triggering.pop(stop.client_id, None) is not None and self._kept_back:
            return (*self._let_go(), _stop_news(stop, became, at))
        return (_stop_news(stop, became, at),)

    def _let_go(self) -> tuple[News, ...]:
        reports, self._kept_back = [report for _, report in self._kept_back], []
        return tuple(news for report in reports for news in self._told(report))

    def _told(self, report: _Report) -> tuple[News, ...]:
        """Gives an order's news, under the ids of the stop that it came of where it came of one."""
        number = str(report.order_id)
        stop = self._became.stop_of(number)
        order = OrderNews(
            symbol=report.symbol, client_id=stop.client_id if stop else report.client_id,
            order_id=stop.algo_id if stop else number, status=status_of(PLAIN, report.status),
            filled_qty=report.filled_qty, venue_at=report.venue_at, side=side_of(report.side),
            conditional=stop is not None, became=number if stop else None,
            code=code_of(report.status, _text(report.expired)),
        )  # fmt: skip
        executed = report.what == "TRADE" or report.last_qty != 0
        return news_of(report, order, executed, first_trade_id=1)


def _stop_news(stop: _StopReport, became: str | None, at: int) -> OrderNews:
    filled = stop.filled_qty or Decimal(0)
    if stop.status == FINISHED:
        # A stop that closes a position has no quantity of its own.
        status: Status = "filled" if filled and (filled >= stop.qty or stop.closes) else "expired"
    else:
        status = status_of(CONDITIONAL, stop.status)
    return OrderNews(
        symbol=stop.symbol, client_id=stop.client_id, order_id=str(stop.algo_id), status=status, filled_qty=filled,
        venue_at=at, side=side_of(stop.side), conditional=True, became=became, code=code_of(stop.status, stop.refused),
    )  # fmt: skip


def _wallet(wallet: _Wallet) -> Heard:
    news: list[News] = [
        BalanceNews(asset=one.asset, free=one.cross, locked=max(Decimal(0), one.balance - one.cross))
        for one in wallet.amounts
    ]
    news += [
        HeldNews(symbol=one.symbol, qty=one.qty, free=one.qty, entry_price=one.entry)
        for one in wallet.positions
        if one.side == "BOTH"
    ]
    return Heard(tuple(news), {one.asset: (one.balance,) for one in wallet.amounts})


def _text(reason: str | int | None) -> str | None:
    return None if reason is None else str(reason)
