"""USDT-M's accounts over REST: margin, modes, positions, income and listen keys."""

from hashlib import sha256
from typing import Any

from engine.matching.units import E8, e8
from engine.world.loopback.books import perp_settings
from engine.world.loopback.books.orders import Account
from engine.world.loopback.books.perp import PerpBooks
from engine.world.loopback.books.perp_events import (
    account_view,
    balance_rows,
    every_position,
    own_trade,
    queried,
    risk_row,
)
from engine.world.loopback.books.perp_margin import BRACKETS, most_notional
from engine.world.loopback.books.perp_orders import Trader
from engine.world.loopback.books.refusals import Refusal, missing
from engine.world.loopback.clock import VenueClock
from engine.world.loopback.market.instruments import short8
from engine.world.loopback.market.tape import DAY, MINUTE
from engine.world.loopback.rest.limits import Meter
from engine.world.loopback.rest.routes import Call, Route, Routes, by_count, page, within

LISTEN_MS = 60 * MINUTE


class ListenKeys:
    """The keys of user streams: an hour each, and an hour more with each keep-alive."""

    def __init__(self, clock: VenueClock) -> None:
        """Starts without any."""
        self._clock = clock
        self._keys: dict[str, tuple[Account, int]] = {}
        self._made = 0

    def open(self, account: Account) -> str:
        """Gives the account's key, a new one where it has none that lives."""
        for key, (owner, until) in self._keys.items():
            if owner is account and until > self._clock.wall_ms():
                self.extend(account)
                return key
        self._made += 1
        key = sha256(f"{account.key} {self._made}".encode()).hexdigest()
        self._keys[key] = account, self._clock.wall_ms() + LISTEN_MS
        return key

    def extend(self, account: Account) -> str:
        """Gives the account's key another hour; raises Refusal where it has none."""
        for key, (owner, until) in self._keys.items():
            if owner is account and until > self._clock.wall_ms():
                self._keys[key] = owner, self._clock.wall_ms() + LISTEN_MS
                return key
        raise Refusal(-1125, "This listenKey does not exist.")

    def end(self, account: Account) -> None:
        """Ends the account's keys."""
        self._keys = {key: one for key, one in self._keys.items() if one[0] is not account}

    def owner(self, key: str) -> Account | None:
        """Gives whose a key is, None where it is dead."""
        owner, until = self._keys.get(key, (None, 0))
        return owner if until > self._clock.wall_ms() else None


class PerpAccount:
    """What an account of perpetuals is asked about itself, and told to be."""

    def __init__(self, books: PerpBooks, clock: VenueClock, meter: Meter, keys: ListenKeys) -> None:
        """Speaks for these books."""
        self.books, self.clock, self.meter, self.keys = books, clock, meter, keys

    def routes(self) -> Routes:
        """Gives every path with its answer."""
        settings = {
            ("POST", "v1/leverage"): Route(self.set_leverage, 1, "signed"),
            ("POST", "v1/marginType"): Route(self.set_margin_type, 1, "signed"),
            ("POST", "v1/positionMargin"): Route(self.move_margin, 1, "signed"),
            ("GET", "v1/positionSide/dual"): Route(
                lambda call: {"dualSidePosition": trader_of(call).dual}, 30, "signed"
            ),
            ("POST", "v1/positionSide/dual"): Route(self.set_dual, 1, "signed"),
            ("GET", "v1/multiAssetsMargin"): Route(lambda call: {"multiAssetsMargin": False}, 30, "signed"),
            ("GET", "v1/feeBurn"): Route(lambda call: {"feeBurn": False}, 30, "signed"),
            ("GET", "v1/adlQuantile"): Route(self.queues, 5, "signed"),
            ("GET", "v1/apiTradingStatus"): Route(
                lambda call: {"indicators": {}, "updateTime": self.clock.now()}, by_count(1, 10), "signed"
            ),
            ("GET", "v1/symbolConfig"): Route(self.symbol_config, 5, "signed"),
            ("GET", "v1/accountConfig"): Route(self.account_config, 5, "signed"),
            ("GET", "v1/leverageBracket"): Route(self.brackets, 1, "signed"),
            ("GET", "v1/commissionRate"): Route(self.commission, 20, "signed"),
            ("GET", "v2/account"): Route(lambda call: account_view(self.books, trader_of(call), 2), 5, "signed"),
            ("GET", "v3/account"): Route(lambda call: account_view(self.books, trader_of(call), 3), 5, "signed"),
            ("GET", "v2/balance"): Route(lambda call: balance_rows(self.books, trader_of(call)), 5, "signed"),
            ("GET", "v3/balance"): Route(lambda call: balance_rows(self.books, trader_of(call)), 5, "signed"),
            ("GET", "v2/positionRisk"): Route(lambda call: self.positions(call, 2), 5, "signed"),
            ("GET", "v3/positionRisk"): Route(lambda call: self.positions(call, 3), 5, "signed"),
            ("GET", "v1/rateLimit/order"): Route(self.order_limits, 1, "signed"),
            ("GET", "v1/userTrades"): Route(self.own_trades, 5, "signed"),
            ("GET", "v1/income"): Route(self.income, 30, "signed"),
            ("GET", "v1/forceOrders"): Route(self.forced, by_count(20, 50), "signed"),
            ("POST", "v1/listenKey"): Route(lambda call: {"listenKey": self.keys.open(call.account)}, 1, "key"),
            ("PUT", "v1/listenKey"): Route(lambda call: {"listenKey": self.keys.extend(call.account)}, 1, "key"),
            ("DELETE", "v1/listenKey"): Route(self.end_listening, 1, "key"),
        }
        return {(method, f"/fapi/{path}"): route for (method, path), route in settings.items()}

    def set_leverage(self, call: Call) -> Any:
        """Sets the leverage of a symbol."""
        symbol, leverage = call.wanted.must("symbol"), call.wanted.whole("leverage")
        if leverage is None:
            raise missing("leverage")
        perp_settings.set_leverage(self.books, trader_of(call), symbol, leverage)
        return {"leverage": leverage, "maxNotionalValue": short8(most_notional(leverage)), "symbol": symbol}

    def set_margin_type(self, call: Call) -> Any:
        """Sets a symbol's positions isolated or crossed."""
        kinds = ("ISOLATED", "CROSSED")
        kind = call.wanted.one_of("marginType", kinds, -1130, "Data sent for parameter 'marginType' is not valid.")
        perp_settings.set_isolated(self.books, trader_of(call), call.wanted.must("symbol"), kind == "ISOLATED")
        return {"code": 200, "msg": "success"}

    def move_margin(self, call: Call) -> Any:
        """Adds to an isolated margin (type 1) or takes from it (type 2)."""
        wanted, trader = call.wanted, trader_of(call)
        amount, kind = wanted.number("amount"), wanted.one_of("type", ("1", "2"), -1130, "Invalid type.")
        if amount is None:
            raise missing("amount")
        coin = self.books.floor.coin(wanted.must("symbol"))
        position = trader.position(coin, wanted.text("positionSide") or "BOTH")
        perp_settings.move_margin(self.books, trader, position, e8(amount) if kind == "1" else -e8(amount))
        return {"amount": float(amount), "code": 200, "msg": "Successfully modify position margin.", "type": int(kind)}

    def set_dual(self, call: Call) -> Any:
        """Sets hedge mode or one-way mode."""
        call.wanted.must("dualSidePosition")
        perp_settings.set_dual(self.books, trader_of(call), call.wanted.flag("dualSidePosition"))
        return {"code": 200, "msg": "success"}

    def symbol_config(self, call: Call) -> Any:
        """Tells margin type and leverage of each symbol."""
        trader, wanted = trader_of(call), self.books.floor.listed(call.wanted.text("symbol"))
        return [
            {"symbol": symbol, "marginType": "ISOLATED" if symbol in trader.isolated else "CROSSED",
             "isAutoAddMargin": False, "leverage": trader.leverage(symbol),
             "maxNotionalValue": short8(most_notional(trader.leverage(symbol)))}
            for symbol in self.books.floor.coins
            if wanted is None or symbol == wanted
        ]  # fmt: skip

    def account_config(self, call: Call) -> Any:
        """Tells the modes of the account."""
        trader = trader_of(call)
        return {
            "feeTier": 0, "canTrade": "trade" in trader.rights, "canDeposit": True,
            "canWithdraw": "withdraw" in trader.rights, "dualSidePosition": trader.dual, "updateTime": 0,
            "multiAssetsMargin": False, "tradeGroupId": -1,
        }  # fmt: skip

    def brackets(self, call: Call) -> Any:
        """Tells the maintenance brackets: the same for every symbol here."""
        rows = [
            {"bracket": i, "initialLeverage": one.leverage, "notionalCap": one.cap // E8,
             "notionalFloor": one.floor // E8, "maintMarginRatio": one.rate / 10**9, "cum": one.cum / E8}
            for i, one in enumerate(BRACKETS, 1)
        ]  # fmt: skip
        wanted = self.books.floor.listed(call.wanted.text("symbol"))
        return [{"symbol": name, "brackets": rows} for name in self.books.floor.coins if wanted in (None, name)]

    def commission(self, call: Call) -> Any:
        """Tells the fee rates of a symbol."""
        fees = self.books.fees
        symbol = self.books.floor.coin(call.wanted.must("symbol")).symbol
        return {"symbol": symbol, "makerCommissionRate": f"{fees.maker:f}", "takerCommissionRate": f"{fees.taker:f}",
                "rpiCommissionRate": "0"}  # fmt: skip

    def positions(self, call: Call, version: int) -> Any:
        """Tells the positions: in version 3 only where there is one or an open order, in version 2 all."""
        trader, wanted = trader_of(call), self.books.floor.listed(call.wanted.text("symbol"))
        rows = []
        for one in every_position(self.books, trader):
            symbol = one.coin.symbol
            live = bool(one.steps) or bool(trader.open_of(symbol))
            if (wanted is None or symbol == wanted) and (version == 2 or live):
                rows.append(risk_row(self.books, trader, one, version))
        return rows

    def queues(self, call: Call) -> Any:
        """Tells how near positions are to being reduced for the bankruptcy of others: not at all."""
        trader, wanted = trader_of(call), self.books.floor.listed(call.wanted.text("symbol"))
        names = dict.fromkeys(one.coin.symbol for one in trader.held() if wanted in (None, one.coin.symbol))
        sides = ("LONG", "SHORT", "HEDGE") if trader.dual else ("LONG", "SHORT", "BOTH")
        return [{"symbol": name, "adlQuantile": dict.fromkeys(sides, 0)} for name in names]

    def order_limits(self, call: Call) -> Any:
        """Tells what the account used of its order limits."""
        return self.meter.counts(call.account.key, self.clock.wall_ms() / 1000)

    def own_trades(self, call: Call) -> Any:
        """Tells the account's fills of a symbol: by number, or within a week."""
        wanted, symbol = call.wanted, self.books.floor.coin(call.wanted.must("symbol")).symbol
        order_id, first = wanted.whole("orderId"), wanted.whole("fromId")
        since, until = wanted.whole("startTime"), wanted.whole("endTime")
        check_week(since, until)
        if first is not None and (since is not None or until is not None):
            raise Refusal(-1128, "Combination of optional parameters invalid.")
        found = [
            (order, fill)
            for order in call.account.orders.values()
            if order.coin.symbol == symbol and (order_id is None or order.order_id == order_id)
            for fill in order.fills
            if (first is None or fill.trade_id >= first) and within(fill.at, since, until)
        ]
        found.sort(key=lambda one: one[1].trade_id)
        return [own_trade(order, fill) for order, fill in page(found, wanted, first is not None or since is not None)]

    def income(self, call: Call) -> Any:
        """Tells what came into the wallet and went out of it."""
        wanted = call.wanted
        if wanted.text("page"):
            raise Refusal(-1104, "Not all sent parameters were read; 'page' was removed.")
        symbol, kind = wanted.text("symbol"), wanted.text("incomeType")
        since, until = wanted.whole("startTime"), wanted.whole("endTime")
        found = [
            row | {"income": short8(row["income"])}
            for row in trader_of(call).income
            if (symbol is None or row["symbol"] == symbol)
            and (kind is None or row["incomeType"] == kind)
            and within(row["time"], since, until)
        ]
        limit = wanted.limit(100, 1000)
        return found[:limit] if since is not None else found[-limit:]

    def forced(self, call: Call) -> Any:
        """Tells the account's liquidations."""
        symbol = self.books.floor.listed(call.wanted.text("symbol"))
        return [
            queried(order)
            for order in call.account.orders.values()
            if order.orig_type == "LIQUIDATION" and (symbol is None or order.coin.symbol == symbol)
        ]

    def end_listening(self, call: Call) -> Any:
        """Ends the account's listen key."""
        self.keys.end(call.account)
        return {}


def trader_of(call: Call) -> Trader:
    """Gives the account of a call to USDT-M."""
    assert isinstance(call.account, Trader)
    return call.account


def check_week(since: int | None, until: int | None) -> None:
    """Refuses a span of more than seven days."""
    if since is not None and until is not None and not 0 <= until - since <= 7 * DAY:
        raise Refusal(-4165, "Invalid time interval.")
