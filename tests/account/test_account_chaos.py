"""An account at a venue that fails at every turn: what is believed at the end is what the venue's books say."""

import random
import time
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("websockets")

from account_opening import opened
from hearing import Hearer
from quiet_market import Quiet, order, quote

from engine.errors import HotError
from engine.world.account.account import TradeNews
from engine.world.binance.trouble import Doubtful, NotSent, Rejected
from engine.world.loopback.faults.script import Fault, seeded
from engine.world.loopback.serving import Serving, serving
from engine.world.loopback.venue import VenueOptions

ORDERS = 40


@pytest.mark.parametrize(("name", "seed"), [("binance-spot", 1), ("binance-usdm", 2)])
def test_what_is_believed_is_what_the_books_say(name: str, seed: int, tmp_path: Path) -> None:
    faults = [one for one in seeded(0.3) if one.fault not in ("delay", "cut_streams")]
    faults.append(Fault(fault="cut_streams", after_s=1.0))
    balances = {"USDT": Decimal(100_000), "ABC": Decimal(500)}
    options = VenueOptions(seed=seed, market=Quiet(), balances=balances, faults=tuple(faults), limits=False)
    with serving(options) as venue:
        account, hearer = opened(name, venue, tmp_path), Hearer()
        account.listen(hearer)
        chance = random.Random(seed)
        sent = [f"h{number}" for number in range(ORDERS) if _place(account, venue, f"h{number}", chance)]
        asked = {client_id: _insist(partial(account.order, "ABCUSDT", client_id)) for client_id in sent}
        trades = _insist(partial(account.trades, "ABCUSDT", _now(venue) - 3_600_000))
        books = venue.do(lambda one: one.books())["spot" if name == "binance-spot" else "usdm"][0]["orders"]
        account.close()
    believed = {client_id: one.filled_qty for client_id, one in asked.items() if one is not None}
    assert believed == {one["clientOrderId"]: Decimal(one["executedQty"]) for one in books}
    assert len(books) > ORDERS / 2
    told = {one.trade_id: one for one in trades}
    assert told.keys() == {str(fill["tradeId"]) for one in books for fill in one["fills"]}
    for heard in hearer.of(TradeNews):
        assert (told[heard.trade_id].qty, told[heard.trade_id].price) == (heard.qty, heard.price)


def _place(account: Any, venue: Serving, client_id: str, chance: random.Random) -> bool:
    """Places an order at random; says whether there may be one."""
    side = chance.choice(("buy", "sell"))
    quote(venue, "100", "100.1", kind="spot" if account.venue == "binance-spot" else "usdm")
    if chance.random() < 0.5:
        wanted = order(client_id, side, qty=str(chance.randint(1, 4)))
    else:
        wanted = order(client_id, side, "limit", limit_price="99.0" if side == "buy" else "101.0")
    try:
        account.place(wanted)
    except Doubtful:
        return True
    except (NotSent, Rejected):
        return False
    return True


def _insist(ask: Callable[[], Any]) -> Any:
    """Gives what the exchange answers; errors are no answers."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        with suppress(HotError):
            return ask()
    raise AssertionError("no answer within a minute")


def _now(venue: Serving) -> int:
    return venue.do(lambda one: one.clock.now())
