"""Whatever is ordered in whatever order: nothing is lost, nothing comes from nowhere, nobody owes."""

from contextlib import suppress
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from venue_market import Perp, Spot

from engine.world.loopback.books.orders import Account
from engine.world.loopback.books.refusals import Refusal
from engine.world.loopback.books.wanted import Wanted

STEPS = 300


@pytest.mark.parametrize("seed", range(12))
def test_spot_books_add_up(seed: int) -> None:
    random, spot = Random(seed), Spot()
    other = spot.open("other", USDT="3000", ABC="20", BNB="0.5")
    other.burns = True
    start = {account.name: dict(account.free) for account in spot.books.accounts.values()}
    middle = 1000
    for _ in range(STEPS):
        account = random.choice([spot.account, other])
        if random.random() < 0.4:
            middle = max(600, middle + random.randint(-12, 12))
            spot.quote(_price(middle), _price(middle + 2), steps=random.choice([1, 50, 3000, 20_000]))
        else:
            _try(lambda account=account, middle=middle: _act_on_spot(random, spot, account, middle))
        for one in (spot.account, other):
            _check_account(spot, one, start[one.name])


@pytest.mark.parametrize("seed", range(12))
def test_books_of_perpetuals_add_up(seed: int) -> None:
    random = Random(seed)
    perp = Perp(random.choice(["50", "1000", "100000"]))
    perp.trader.dual = seed % 3 == 0
    if seed % 2:
        perp.trader.isolated.add("ABCUSDT")
    perp.trader.leverages["ABCUSDT"] = random.choice([1, 5, 20, 100])
    start, middle = perp.trader.wallet_e8, 1000
    for _ in range(STEPS):
        if random.random() < 0.4:
            middle = max(300, middle + random.randint(-25, 25))
            perp.quote(_price(middle), _price(middle + 2), steps=random.choice([1, 50, 3000, 20_000]))
        else:
            _try(lambda middle=middle: _act_on_perp(random, perp, middle))
        _check_trader(perp, start)


def _act_on_spot(random: Random, spot: Spot, account: Account, middle: int) -> None:
    if random.random() < 0.2 and account.open:
        order = random.choice(list(account.open.values()))
        spot.books.cancel(account, Wanted({"symbol": "ABCUSDT", "orderId": str(order.order_id)}))
        return
    kinds = ["LIMIT", "LIMIT", "MARKET", "LIMIT_MAKER", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT"]
    kind = random.choice(kinds)
    values = {"quantity": _qty(random)}
    if "LIMIT" in kind:
        values["price"] = _price(middle + random.randint(-30, 30))
    if kind in ("LIMIT", "STOP_LOSS_LIMIT"):
        values["timeInForce"] = random.choice(["GTC", "GTC", "IOC", "FOK"])
    if kind.startswith(("STOP", "TAKE")):
        values["stopPrice"] = _price(middle + random.randint(-30, 30))
    values["selfTradePreventionMode"] = random.choice(["NONE", "EXPIRE_MAKER", "EXPIRE_TAKER", "EXPIRE_BOTH"])
    spot.place(random.choice(["BUY", "SELL"]), kind, account, **values)


def _act_on_perp(random: Random, perp: Perp, middle: int) -> None:
    choice, side = random.random(), random.choice(["BUY", "SELL"])
    values = {"quantity": _qty(random)}
    if perp.trader.dual:
        values["positionSide"] = random.choice(["LONG", "SHORT"])
    elif random.random() < 0.4:
        values["reduceOnly"] = "true"
    if choice < 0.2:
        kind = random.choice(["STOP_MARKET", "TAKE_PROFIT_MARKET"])
        perp.stop(side, kind, triggerPrice=_price(middle + random.randint(-30, 30)), **values)
    elif choice < 0.25:
        perp.clock.at += 8 * 3_600_000
        perp.books.fund()
    elif choice < 0.6:
        perp.place(side, "MARKET", **values)
    else:
        times = random.choice(["GTC", "GTC", "IOC", "FOK", "GTX"])
        perp.place(side, "LIMIT", price=_price(middle + random.randint(-30, 30)), timeInForce=times, **values)


def _check_account(spot: Spot, account: Account, start: dict[str, int]) -> None:
    held, locked = dict(start), {"USDT": 0, "ABC": 0}
    for order in account.orders.values():
        assert sum(fill.steps for fill in order.fills) == order.done <= order.steps
        assert order.is_open == (order.order_id in account.open)
        locked["USDT" if order.side > 0 else "ABC"] += order.locked_e8
        for fill in order.fills:
            held["ABC"] = held.get("ABC", 0) + order.side * fill.steps * spot.coin.step_e8
            held["USDT"] -= order.side * fill.quote_e8
            held[fill.fee_asset] = held.get(fill.fee_asset, 0) - fill.fee_e8
    for asset in locked:
        assert account.locked.get(asset, 0) == locked[asset]
    for asset, units in held.items():
        assert account.free.get(asset, 0) + account.locked.get(asset, 0) == units
        assert account.free.get(asset, 0) >= 0


def _check_trader(perp: Perp, start: int) -> None:
    trader = perp.trader
    assert trader.wallet_e8 == start + sum(row["income"] for row in trader.income)
    assert trader.wallet_e8 >= 0 or trader.held()
    for position in trader.positions.values():
        orders = [order for order in trader.orders.values() if order.position_side == position.side_name]
        assert position.steps == sum(order.side * fill.steps for order in orders for fill in order.fills)
        if not position.steps:
            assert (position.cost_e8, position.wallet_e8) == (0, 0)
        for order in orders:
            if order.is_open and order.reduce_only:
                assert position.side == -order.side
                assert order.left <= abs(position.steps)


def _try(work: Any) -> None:
    with suppress(Refusal):  # the venue said no, which is an answer
        work()


def _price(ticks: int) -> str:
    return str(Decimal(ticks) / 10)


def _qty(random: Random) -> str:
    return str(Decimal(random.randint(1, 40_000)) / 1000)
