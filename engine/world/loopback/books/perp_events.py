"""What perpetuals say about orders, positions and balances, in answers and user events, by the exchange's names."""

from typing import TYPE_CHECKING, Any

from engine.matching.units import E8
from engine.world.loopback.books.orders import Fill, Order
from engine.world.loopback.books.perp_margin import Position, liquidation_price, maintenance
from engine.world.loopback.market.instruments import Instrument, short8

if TYPE_CHECKING:
    from engine.world.loopback.books.perp import PerpBooks
    from engine.world.loopback.books.perp_orders import Trader


def placed(order: Order) -> dict[str, Any]:
    """Gives the answer to a placed or cancelled order; since July 2026 without its average price and cost."""
    coin = order.coin
    told: dict[str, Any] = {
        "orderId": order.order_id, "symbol": coin.symbol, "status": order.status, "clientOrderId": order.client_id,
        "price": coin.price(order.limit), "origQty": coin.qty(order.steps), "executedQty": coin.qty(order.done),
        "cumQty": coin.qty(order.done), "timeInForce": order.tif, "type": order.type, "reduceOnly": order.reduce_only,
        "closePosition": order.close_position, "side": order.side_name, "positionSide": order.position_side,
        "stopPrice": coin.price(order.stop), "workingType": "CONTRACT_PRICE", "priceProtect": False,
        "origType": order.orig_type, "priceMatch": "NONE", "selfTradePreventionMode": order.stp,
        "goodTillDate": order.good_till, "updateTime": order.updated_at,
    }  # fmt: skip
    return told


def queried(order: Order) -> dict[str, Any]:
    """Gives an order as a query tells it: with average price and cost."""
    average = short8(order.coin.average(order.quote_e8, order.done))
    return placed(order) | {"avgPrice": average, "cumQuote": short8(order.quote_e8), "time": order.at}


def own_trade(order: Order, fill: Fill) -> dict[str, Any]:
    """Gives a fill as userTrades tells it."""
    coin = order.coin
    return {
        "symbol": coin.symbol, "pair": coin.symbol, "id": fill.trade_id, "orderId": fill.order_id,
        "side": order.side_name, "price": coin.price(fill.ticks), "qty": coin.qty(fill.steps),
        "realizedPnl": short8(fill.realized_e8), "marginAsset": coin.quote, "quoteQty": short8(fill.quote_e8),
        "baseQty": coin.qty(fill.steps), "commission": short8(fill.fee_e8), "commissionAsset": fill.fee_asset,
        "time": fill.at, "positionSide": order.position_side, "buyer": order.side > 0, "maker": fill.maker,
    }  # fmt: skip


def order_update(order: Order, how: str, at: int, fill: Fill | None = None) -> dict[str, Any]:
    """Gives the user event of something that happened to an order."""
    coin = order.coin
    told: dict[str, Any] = {
        "s": coin.symbol, "c": order.client_id, "S": order.side_name, "o": order.type, "f": order.tif,
        "q": coin.qty(order.steps), "p": coin.price(order.limit),
        "ap": short8(coin.average(order.quote_e8, order.done)), "sp": coin.price(order.stop), "x": how,
        "X": order.status, "i": order.order_id, "l": coin.qty(fill.steps if fill else 0), "z": coin.qty(order.done),
        "L": coin.price(fill.ticks if fill else 0), "T": order.updated_at, "t": fill.trade_id if fill else 0,
        "b": "0", "a": "0", "m": fill.maker if fill else False, "R": order.reduce_only, "wt": "CONTRACT_PRICE",
        "ot": order.orig_type, "ps": order.position_side, "cp": order.close_position, "pP": False, "si": 0, "ss": 0,
        "rp": short8(fill.realized_e8 if fill else 0), "V": order.stp, "pm": "NONE", "gtd": order.good_till,
        "er": order.reason or "0",
    }  # fmt: skip
    if fill is not None:
        told |= {"N": fill.fee_asset, "n": short8(fill.fee_e8)}
    return {"e": "ORDER_TRADE_UPDATE", "E": at, "T": order.updated_at, "o": told}


def account_update(
    books: "PerpBooks", trader: "Trader", why: str, positions: list[Position], change: int
) -> dict[str, Any]:
    """Gives the user event of a wallet and positions that changed."""
    at = books.now()
    balance = {"a": "USDT", "wb": short8(trader.wallet_e8), "cw": short8(books.wallets.cross_wallet(trader)),
               "bc": short8(change)}  # fmt: skip
    rows = [
        {"s": one.coin.symbol, "pa": one.coin.qty(one.steps), "ep": short8(one.entry_e8), "bep": short8(one.entry_e8),
         "cr": short8(one.realized_e8), "up": short8(books.wallets.paper_profit(one)),
         "mt": "isolated" if one.coin.symbol in trader.isolated else "cross", "iw": short8(one.wallet_e8),
         "ps": one.side_name}
        for one in positions
    ]  # fmt: skip
    return {"e": "ACCOUNT_UPDATE", "E": at, "T": at, "a": {"m": why, "B": [balance], "P": rows}}


def account_config(symbol: str, leverage: int, at: int) -> dict[str, Any]:
    """Gives the user event of a new leverage."""
    return {"e": "ACCOUNT_CONFIG_UPDATE", "E": at, "T": at, "ac": {"s": symbol, "l": leverage}}


def risk_row(books: "PerpBooks", trader: "Trader", position: Position, version: int) -> dict[str, Any]:
    """Gives a position as positionRisk tells it; version 2 also tells leverage and margin type."""
    coin, mark = position.coin, books.wallets.mark(position.coin)
    isolated, notional = coin.symbol in trader.isolated, position.notional(mark)
    liquidation = liquidation_price(position, books.wallets.wallet_behind(trader, position)) if position.steps else 0
    profit = position.paper_profit(mark)
    initial = books.wallets.initial(trader, position)
    told: dict[str, Any] = {
        "symbol": coin.symbol, "positionSide": position.side_name, "positionAmt": coin.qty(position.steps),
        "entryPrice": short8(position.entry_e8), "breakEvenPrice": short8(position.entry_e8),
        "markPrice": coin.price(mark), "unRealizedProfit": short8(profit),
        "liquidationPrice": short8(int(liquidation * E8)), "notional": short8(position.side * notional),
        "isolatedWallet": short8(position.wallet_e8), "updateTime": position.updated_at,
        "isolatedMargin": short8(position.wallet_e8 + profit if isolated and position.steps else 0),
    }  # fmt: skip
    if version == 2:
        return told | {
            "leverage": str(trader.leverage(coin.symbol)), "maxNotionalValue": "1000000", "isAutoAddMargin": "false",
            "marginType": "isolated" if isolated else "cross",
        }  # fmt: skip
    held_back = books.wallets.order_margin(trader, coin.symbol)
    return told | {
        "marginAsset": coin.quote, "initialMargin": short8(initial + held_back),
        "maintMargin": short8(maintenance(notional) if notional else 0), "positionInitialMargin": short8(initial),
        "openOrderInitialMargin": short8(held_back), "adl": 1, "bidNotional": "0", "askNotional": "0",
    }  # fmt: skip


def balance_rows(books: "PerpBooks", trader: "Trader") -> list[dict[str, Any]]:
    """Gives the wallet as balance tells it."""
    available = short8(books.wallets.available(trader))
    return [
        {"accountAlias": "SgsR", "asset": "USDT", "balance": short8(trader.wallet_e8),
         "crossWalletBalance": short8(books.wallets.cross_wallet(trader)),
         "crossUnPnl": short8(books.wallets.cross_profit(trader)),
         "availableBalance": available, "maxWithdrawAmount": available, "marginAvailable": True,
         "updateTime": books.now()}
    ]  # fmt: skip


def account_view(books: "PerpBooks", trader: "Trader", version: int) -> dict[str, Any]:
    """Gives an account of perpetuals: sums, the USDT wallet, and positions (all of them in version 2)."""
    held = trader.held()
    profit = sum(books.wallets.paper_profit(one) for one in held)
    position_margin = sum(books.wallets.initial(trader, one) for one in held)
    order_margin, available = books.wallets.order_margin(trader), short8(books.wallets.available(trader))
    needs = sum(maintenance(one.notional(books.wallets.mark(one.coin))) for one in held)
    sums = {
        "totalInitialMargin": short8(position_margin + order_margin), "totalMaintMargin": short8(needs),
        "totalWalletBalance": short8(trader.wallet_e8), "totalUnrealizedProfit": short8(profit),
        "totalMarginBalance": short8(trader.wallet_e8 + profit),
        "totalPositionInitialMargin": short8(position_margin), "totalOpenOrderInitialMargin": short8(order_margin),
        "totalCrossWalletBalance": short8(books.wallets.cross_wallet(trader)),
        "totalCrossUnPnl": short8(books.wallets.cross_profit(trader)), "availableBalance": available,
        "maxWithdrawAmount": available,
    }  # fmt: skip
    asset = {
        "asset": "USDT", "walletBalance": short8(trader.wallet_e8), "unrealizedProfit": short8(profit),
        "marginBalance": short8(trader.wallet_e8 + profit), "maintMargin": short8(needs),
        "initialMargin": sums["totalInitialMargin"], "positionInitialMargin": short8(position_margin),
        "openOrderInitialMargin": short8(order_margin), "crossWalletBalance": sums["totalCrossWalletBalance"],
        "crossUnPnl": sums["totalCrossUnPnl"], "availableBalance": sums["availableBalance"],
        "maxWithdrawAmount": sums["availableBalance"], "marginAvailable": True, "updateTime": books.now(),
    }  # fmt: skip
    positions = held if version == 3 else every_position(books, trader)
    told: dict[str, Any] = {
        "assets": [asset],
        "positions": [_in_account(books, trader, one, version) for one in positions],
    }
    if version == 2:
        told |= {"feeTier": 0, "canTrade": True, "canDeposit": True, "canWithdraw": "withdraw" in trader.rights,
                 "updateTime": 0, "multiAssetsMargin": False, "tradeGroupId": -1}  # fmt: skip
    return told | sums


def every_position(books: "PerpBooks", trader: "Trader") -> list[Position]:
    """Gives the positions of all symbols, flat ones too."""
    names = ("LONG", "SHORT") if trader.dual else ("BOTH",)
    return [
        trader.position(coin, name)
        for coin in books.floor.coins.values()
        if books.floor.tapes[coin.symbol].last
        for name in names
    ]


def _in_account(books: "PerpBooks", trader: "Trader", position: Position, version: int) -> dict[str, Any]:
    row = risk_row(books, trader, position, 3)
    coin = position.coin
    told = {
        name: row[name]
        for name in ("symbol", "positionSide", "positionAmt", "isolatedMargin", "notional", "isolatedWallet",
                     "initialMargin", "maintMargin", "updateTime")
    }  # fmt: skip
    told["unrealizedProfit"] = row["unRealizedProfit"]
    if version == 2:
        told |= {
            "positionInitialMargin": row["positionInitialMargin"], "entryPrice": row["entryPrice"],
            "breakEvenPrice": row["breakEvenPrice"], "openOrderInitialMargin": row["openOrderInitialMargin"],
            "leverage": str(trader.leverage(coin.symbol)), "isolated": coin.symbol in trader.isolated,
            "maxNotional": "1000000", "bidNotional": "0", "askNotional": "0",
        }  # fmt: skip
    return told


def liquidation_event(order: Order) -> dict[str, Any]:
    """Gives the public event of a forced order."""
    coin: Instrument = order.coin
    return {
        "e": "forceOrder", "E": order.updated_at,
        "o": {"s": coin.symbol, "S": order.side_name, "o": order.type, "f": order.tif, "q": coin.qty(order.steps),
              "p": coin.price(order.limit), "ap": short8(coin.average(order.quote_e8, order.done)), "X": order.status,
              "l": coin.qty(order.done), "z": coin.qty(order.done), "T": order.updated_at},
    }  # fmt: skip
