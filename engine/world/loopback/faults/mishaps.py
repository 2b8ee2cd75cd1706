"""What befalls the venue as a whole when a fault says so: streams cut, symbols halted, hands on the account."""

from contextlib import suppress
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from engine.world.loopback.books.floor import Floor
from engine.world.loopback.books.perp_orders import Trader
from engine.world.loopback.books.refusals import Refusal
from engine.world.loopback.books.wanted import Wanted
from engine.world.loopback.faults.script import Fault
from engine.world.loopback.market.instruments import Instrument
from engine.world.loopback.market.tape import Print, Tape
from engine.world.loopback.rest.routes import encode
from engine.world.loopback.streams.market_streams import MarketSession
from engine.world.loopback.streams.user_streams import UserSession
from engine.world.loopback.streams.ws_api import ApiSession

if TYPE_CHECKING:
    from engine.world.loopback.venue import Venue


def befall(venue: "Venue", fault: Fault) -> None:
    """Lets a fault of the whole venue happen; what it asks for and cannot be is no error of the venue's."""
    with suppress(Refusal):
        _ACTS[fault.fault](venue, fault)


def _hide(venue: "Venue", fault: Fault) -> None:
    venue.spot.hide_ms = venue.perp.hide_ms = int(fault.seconds * 1000)


def _cut_streams(venue: "Venue", fault: Fault) -> None:
    for talker in venue.doors.everybody():
        talker.socket.cut()


def _shutdown(venue: "Venue", fault: Fault) -> None:
    """The notice first, the end of every connection `seconds` later."""
    event = {"e": "serverShutdown", "E": venue.clock.now()}
    for talker in venue.doors.everybody():
        if isinstance(talker, MarketSession):
            talker.event("!serverShutdown", encode(event))
        else:
            talker.tell(event)
        venue.later(fault.seconds, lambda talker=talker: talker.socket.close(1001, "server shutdown"))  # type: ignore[misc]


def _end_user_stream(venue: "Venue", fault: Fault) -> None:
    for talker in venue.doors.everybody():
        if isinstance(talker, ApiSession):
            talker.terminate()
        elif isinstance(talker, UserSession):
            talker.gone()


def _expire_listen_key(venue: "Venue", fault: Fault) -> None:
    for account in venue.perp.traders.values():
        venue.listen_keys.end(account)
    for talker in venue.doors.everybody():
        if isinstance(talker, UserSession):
            talker.expire(venue.clock.now())


def _refuse_subscriptions(venue: "Venue", fault: Fault) -> None:
    venue.doors.refusing_subscriptions = int(fault.value or "5")


def _ban(venue: "Venue", fault: Fault) -> None:
    now = venue.clock.wall_ms() / 1000
    for rest in venue.rests.values():
        rest.meter.ban(now, fault.seconds)


def _status(venue: "Venue", fault: Fault) -> None:
    for coin in _coins(venue, fault):
        coin.status = fault.value or "HALT"


def _step(venue: "Venue", fault: Fault) -> None:
    _new_rules(venue, fault, step=fault.value, min_qty=fault.value)


def _tick(venue: "Venue", fault: Fault) -> None:
    _new_rules(venue, fault, tick=fault.value)


def _new_rules(venue: "Venue", fault: Fault, **changed: str) -> None:
    for coin in _coins(venue, fault):
        coin.follow(msgspec.structs.replace(coin.rules, status=coin.status, **changed))


def _wick(venue: "Venue", fault: Fault) -> None:
    for tape in _tapes(venue, fault):
        ticks = max(2, int(tape.last * Decimal(fault.value or "10")))
        venue.take(Print(venue.clock.now(), tape.coin, ticks, 1, 1, ticks - 1, 1, ticks + 1, 1, marks=False))


def _crossed(venue: "Venue", fault: Fault) -> None:
    for tape in _tapes(venue, fault):
        seen = Print(venue.clock.now(), tape.coin, tape.last, 0, 1, tape.ask + 5, 1, tape.bid, 1)
        venue.take(seen)


def _freeze(venue: "Venue", fault: Fault) -> None:
    venue.frozen_until = venue.clock.now() + int(fault.seconds * 1000)


def _lose_bar(venue: "Venue", fault: Fault) -> None:
    for tape in _tapes(venue, fault):
        tape.lose_minute(empty=fault.fault == "empty_bar")


def _list(venue: "Venue", fault: Fault) -> None:
    """A symbol appears with the rules and the price of another (`value` is its base asset)."""
    for tape in _tapes(venue, fault):
        old = tape.coin
        rules = msgspec.structs.replace(old.rules, symbol=f"{fault.value}{old.quote}", base=fault.value)
        coin = Instrument.of(old.kind, rules)
        venue.take(coin)
        seen = (tape.last, 1, 1, tape.bid, tape.bid_steps, tape.ask, tape.ask_steps)
        venue.take(Print(venue.clock.now(), coin, *seen))


def _trade_by_hand(venue: "Venue", fault: Fault) -> None:
    """The owner trades on the account by hand, with an id of the exchange's own app."""
    values = {"symbol": fault.symbol, "side": fault.side, "type": "MARKET", "quantity": fault.value}
    wanted = Wanted(values | {"newClientOrderId": f"web_{venue.clock.now()}"})
    if fault.market == "spot":
        venue.spot.place(venue.account, wanted)
    else:
        venue.perp.place(venue.trader, wanted)


def _liquidate(venue: "Venue", fault: Fault) -> None:
    _force(venue.trader, venue, fault, "autoclose-")


def _adl(venue: "Venue", fault: Fault) -> None:
    _force(venue.trader, venue, fault, "adl_autoclose_")


def _force(trader: Trader, venue: "Venue", fault: Fault, prefix: str) -> None:
    for position in trader.held():
        if position.coin.symbol == fault.symbol:
            venue.perp.liquidate(trader, position, prefix)


def _clock(venue: "Venue", fault: Fault) -> None:
    venue.clock.skew_ms = int(fault.seconds * 1000)


def _dual(venue: "Venue", fault: Fault) -> None:
    venue.trader.dual = fault.value != "false"


def _rights(venue: "Venue", fault: Fault) -> None:
    rights = frozenset(fault.value.split(",")) if fault.value else frozenset()
    venue.account.rights = venue.trader.rights = rights


def _floor(venue: "Venue", fault: Fault) -> Floor:
    return venue.spot.floor if fault.market == "spot" else venue.perp.floor


def _coins(venue: "Venue", fault: Fault) -> list[Instrument]:
    coins = _floor(venue, fault).coins
    return [coin for symbol, coin in coins.items() if fault.symbol in ("", symbol)]


def _tapes(venue: "Venue", fault: Fault) -> list[Tape]:
    tapes = _floor(venue, fault).tapes
    return [tape for symbol, tape in tapes.items() if fault.symbol in ("", symbol) and tape.last]


_ACTS = {
    "hide": _hide, "cut_streams": _cut_streams, "shutdown": _shutdown, "end_user_stream": _end_user_stream,
    "expire_listen_key": _expire_listen_key, "refuse_subscriptions": _refuse_subscriptions, "ban": _ban,
    "status": _status, "step": _step, "tick": _tick, "wick": _wick, "crossed": _crossed, "list": _list,
    "trade_by_hand": _trade_by_hand, "liquidate": _liquidate, "adl": _adl, "clock": _clock, "dual": _dual,
    "rights": _rights, "freeze": _freeze, "lose_bar": _lose_bar, "empty_bar": _lose_bar,
}  # fmt: skip
