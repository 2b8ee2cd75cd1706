"""What spot says about orders and balances, in answers and user events, by the exchange's names."""

from typing import Any

from engine.world.loopback.books.orders import Account, Fees, Fill, Order, OrderList
from engine.world.loopback.market.instruments import text8


def placed(order: Order, detail: str) -> dict[str, Any]:
    """Gives the answer to a placed order: ACK, RESULT or FULL."""
    told: dict[str, Any] = {
        "symbol": order.coin.symbol, "orderId": order.order_id, "orderListId": order.list_id,
        "clientOrderId": order.client_id, "transactTime": order.updated_at,
    }  # fmt: skip
    if detail == "ACK":
        return told
    told |= _state(order)
    told["workingTime"] = order.working_at
    if detail == "FULL":
        told["fills"] = [
            {"price": order.coin.price(fill.ticks), "qty": order.coin.qty(fill.steps),
             "commission": text8(fill.fee_e8), "commissionAsset": fill.fee_asset, "tradeId": fill.trade_id}
            for fill in order.fills
        ]  # fmt: skip
    return told


def cancelled(order: Order) -> dict[str, Any]:
    """Gives the answer to a cancelled order: its own id is `origClientOrderId` there."""
    return {
        "symbol": order.coin.symbol, "origClientOrderId": order.client_id, "orderId": order.order_id,
        "orderListId": order.list_id, "clientOrderId": order.cancel_id, "transactTime": order.updated_at,
        **_state(order),
    }  # fmt: skip


def queried(order: Order) -> dict[str, Any]:
    """Gives an order as a query tells it."""
    return {
        "symbol": order.coin.symbol, "orderId": order.order_id, "orderListId": order.list_id,
        "clientOrderId": order.client_id, **_state(order), "stopPrice": order.coin.price(order.stop),
        "icebergQty": text8(0), "time": order.at, "updateTime": order.updated_at, "isWorking": order.working_at > 0,
        "workingTime": order.working_at,
    }  # fmt: skip


def _state(order: Order) -> dict[str, Any]:
    coin = order.coin
    told = {
        "price": coin.price(order.limit), "origQty": coin.qty(order.steps), "executedQty": coin.qty(order.done),
        "origQuoteOrderQty": text8(order.quote_qty_e8), "cummulativeQuoteQty": text8(order.quote_e8),
        "status": order.status, "timeInForce": order.tif, "type": order.type, "side": order.side_name,
        "selfTradePreventionMode": order.stp, **order.strategy,
    }  # fmt: skip
    if order.stop:
        told["stopPrice"] = coin.price(order.stop)
    if order.trail_bips:
        told["trailingDelta"] = order.trail_bips
    if order.reason:
        told["expiryReason"] = order.reason
    return told


def own_trade(order: Order, fill: Fill) -> dict[str, Any]:
    """Gives a fill as myTrades tells it."""
    coin = order.coin
    return {
        "symbol": coin.symbol, "id": fill.trade_id, "orderId": fill.order_id, "orderListId": order.list_id,
        "price": coin.price(fill.ticks), "qty": coin.qty(fill.steps), "quoteQty": text8(fill.quote_e8),
        "commission": text8(fill.fee_e8), "commissionAsset": fill.fee_asset, "time": fill.at,
        "isBuyer": order.side > 0, "isMaker": fill.maker, "isBestMatch": True,
    }  # fmt: skip


def account_view(account: Account, fees: Fees, omit_zero: bool) -> dict[str, Any]:
    """Gives an account as GET account tells it."""
    assets = sorted(account.free.keys() | account.locked.keys())
    rates = {"maker": f"{fees.maker:.8f}", "taker": f"{fees.taker:.8f}", "buyer": text8(0), "seller": text8(0)}
    return {
        "makerCommission": int(fees.maker * 10_000), "takerCommission": int(fees.taker * 10_000),
        "buyerCommission": 0, "sellerCommission": 0, "commissionRates": rates,
        "canTrade": "trade" in account.rights, "canWithdraw": "withdraw" in account.rights, "canDeposit": True,
        "brokered": False, "requireSelfTradePrevention": False, "preventSor": False,
        "updateTime": account.updated_at, "accountType": "SPOT",
        "balances": [
            {"asset": asset, "free": text8(account.free.get(asset, 0)), "locked": text8(account.locked.get(asset, 0))}
            for asset in assets
            if not omit_zero or account.free.get(asset) or account.locked.get(asset)
        ],
        "permissions": ["SPOT"], "uid": 1,
    }  # fmt: skip


def execution_report(order: Order, how: str, at: int, fill: Fill | None = None) -> dict[str, Any]:
    """Gives the user event of something that happened to an order."""
    coin = order.coin
    gone = how == "CANCELED"
    event = {
        "e": "executionReport", "E": at, "s": coin.symbol, "c": order.cancel_id if gone else order.client_id,
        "S": order.side_name, "o": order.type, "f": order.tif, "q": coin.qty(order.steps),
        "p": coin.price(order.limit), "P": coin.price(order.stop), "F": text8(0), "g": order.list_id,
        "C": order.client_id if gone else "", "x": how, "X": order.status, "r": "NONE", "i": order.order_id,
        "l": coin.qty(fill.steps if fill else 0), "z": coin.qty(order.done),
        "L": coin.price(fill.ticks if fill else 0), "n": text8(fill.fee_e8) if fill else "0",
        "N": fill.fee_asset if fill else None, "T": order.updated_at, "t": fill.trade_id if fill else -1,
        "I": order.order_id * 1000 + len(order.fills), "w": order.working_at > 0 and order.is_open,
        "m": fill.maker if fill else False, "M": False, "O": order.at, "Z": text8(order.quote_e8),
        "Y": text8(fill.quote_e8 if fill else 0), "Q": text8(order.quote_qty_e8), "V": order.stp,
    }  # fmt: skip
    if order.working_at > 0:
        event["W"] = order.working_at
    if order.trail_bips:
        event["d"] = order.trail_bips
    if order.reason:
        event["eR"] = order.reason
    return event


def account_position(account: Account, at: int, assets: set[str]) -> dict[str, Any]:
    """Gives the user event of balances that changed: absolute values."""
    return {
        "e": "outboundAccountPosition", "E": at, "u": at,
        "B": [
            {"a": asset, "f": text8(account.free.get(asset, 0)), "l": text8(account.locked.get(asset, 0))}
            for asset in sorted(assets)
        ],
    }  # fmt: skip


def list_view(pair: OrderList, reports: bool) -> dict[str, Any]:
    """Gives an order list, with the reports of its orders where they are wanted."""
    told: dict[str, Any] = {
        "orderListId": pair.list_id, "contingencyType": "OCO",
        "listStatusType": pair.status, "listOrderStatus": "EXECUTING" if pair.is_open else "ALL_DONE",
        "listClientOrderId": pair.client_id, "transactionTime": pair.at, "symbol": pair.orders[0].coin.symbol,
        "orders": [
            {"symbol": one.coin.symbol, "orderId": one.order_id, "clientOrderId": one.client_id} for one in pair.orders
        ],
    }  # fmt: skip
    if reports:
        told["orderReports"] = [placed(one, "RESULT") for one in pair.orders]
    return told


def cancelled_list(pair: OrderList) -> dict[str, Any]:
    """Gives the answer to a cancelled order list: each order as its own cancellation."""
    return list_view(pair, reports=False) | {"orderReports": [cancelled(one) for one in pair.orders]}


def list_status(pair: OrderList, at: int) -> dict[str, Any]:
    """Gives the user event of an order list."""
    view = list_view(pair, reports=False)
    return {
        "e": "listStatus", "E": at, "s": view["symbol"], "g": pair.list_id, "c": "OCO", "l": pair.status,
        "L": view["listOrderStatus"], "r": "NONE", "C": pair.client_id, "T": at,
        "O": [{"s": one["symbol"], "i": one["orderId"], "c": one["clientOrderId"]} for one in view["orders"]],
    }  # fmt: skip
