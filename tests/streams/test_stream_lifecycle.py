"""The life of symbols, and what is counted of a stream's dirt."""

import msgspec
from tiny_exchange import rules

from engine.world.streams.dirt import Dirt
from engine.world.streams.lifecycle import GONE, Symbols
from engine.world.streams.rest import Listing

NOW = 1_700_000_000_000


def listing(symbol: str, status: str = "TRADING", ours: bool = True, delisted_at: int | None = None) -> Listing:
    return Listing(rules(symbol, 1, status=status), ours, delisted_at)


def test_the_first_list_is_no_news_and_tells_all_rules() -> None:
    symbols = Symbols(("USDT",))
    changes = symbols.update([listing("BUSDT"), listing("AUSDT"), listing("CUSDT", "BREAK")], NOW)
    assert changes.opened == ["BUSDT", "AUSDT"]
    assert [(one.symbol, one.at) for one in changes.rules] == [("BUSDT", NOW), ("AUSDT", NOW)]
    assert changes.alerts == []
    assert symbols.known == {"AUSDT", "BUSDT", "CUSDT"}


def test_an_unchanged_list_tells_nothing() -> None:
    symbols = Symbols(("USDT",))
    symbols.update([listing("AUSDT")], NOW)
    assert symbols.update([listing("AUSDT")], NOW + 1) == ([], [], [], [])


def test_other_quotes_other_markets_and_unnamed_symbols_are_not_followed() -> None:
    euro = Listing(msgspec.structs.replace(rules("AEUR", 1), quote="EUR"), True)
    assert Symbols(("USDT",)).update([euro, listing("XUSDT", ours=False)], NOW).opened == []
    assert Symbols(("USDT",), only=("BUSDT",)).update([listing("AUSDT"), listing("BUSDT")], NOW).opened == ["BUSDT"]


def test_a_halt_and_its_end_are_told() -> None:
    symbols = Symbols(("USDT",))
    symbols.update([listing("AUSDT"), listing("BUSDT")], NOW)
    halted = symbols.update([listing("AUSDT", "HALT"), listing("BUSDT")], NOW + 1)
    assert (halted.opened, halted.closed) == ([], ["AUSDT"])
    assert [(one.code, one.level) for one in halted.alerts] == [("SYMBOL_STATUS", "warning")]
    back = symbols.update([listing("AUSDT"), listing("BUSDT")], NOW + 2)
    assert (back.opened, back.closed) == (["AUSDT"], [])
    assert symbols.trading() == ["AUSDT", "BUSDT"]


def test_a_symbol_that_is_gone_from_the_list_is_told_once() -> None:
    symbols = Symbols(("USDT",))
    symbols.update([listing("AUSDT"), listing("BUSDT")], NOW)
    gone = symbols.update([listing("BUSDT")], NOW + 1)
    assert [(one.symbol, one.status) for one in gone.rules] == [("AUSDT", GONE)]
    assert gone.closed == ["AUSDT"]
    assert symbols.update([listing("BUSDT")], NOW + 2).rules == []


def test_a_delisting_is_told_when_it_is_announced() -> None:
    symbols = Symbols(("USDT",))
    symbols.update([listing("AUSDT")], NOW)
    told = symbols.update([listing("AUSDT", delisted_at=NOW + 9)], NOW + 1)
    assert [one.code for one in told.alerts] == ["SYMBOL_DELISTING"]
    assert symbols.update([listing("AUSDT", delisted_at=NOW + 9)], NOW + 2).alerts == []


def test_an_age_that_was_learned_stays_with_the_rules() -> None:
    symbols = Symbols(("USDT",))
    symbols.update([listing("AUSDT")], NOW)
    assert symbols.ageless() == ["AUSDT"]
    aged = symbols.aged("AUSDT", 5)
    assert aged is not None and aged.onboard_at == 5
    assert symbols.update([listing("AUSDT")], NOW + 2).rules == []
    assert symbols.ageless() == []


def test_bad_events_are_told_once_a_minute_and_too_many_are_an_error() -> None:
    dirt = Dirt()
    dirt.minute(60_000)
    dirt.count(100, 4, "x is no number")
    assert dirt.minute(60_500) is None
    few = dirt.minute(120_000)
    assert few is not None and (few.dirty, few.example, few.too_dirty) == (4, "x is no number", False)
    dirt.count(100, 6)
    many = dirt.minute(180_000)
    assert many is not None and many.too_dirty
