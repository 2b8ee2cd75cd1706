"""New symbols of exchangeInfo are listings; what was halted, or is old, is none."""

import msgspec

from engine.records.market import SymbolRules
from engine.world.streams.newcomers import FRESH_MS, Newcomers

NOW = 1_790_000_000_000


def rules(symbol: str, onboard_at: int | None = None) -> SymbolRules:
    return SymbolRules(
        at=NOW, venue="binance-spot", symbol=symbol, base=symbol[:-4], quote="USDT", tick="1", step="1",
        onboard_at=onboard_at,
    )  # fmt: skip


def test_the_first_list_is_no_news_but_for_what_is_young() -> None:
    newcomers = Newcomers("perp_listing")
    told = newcomers.opened(
        [rules("AUSDT"), rules("BUSDT", NOW - FRESH_MS), rules("CUSDT", NOW - FRESH_MS + 1)],
        ["AUSDT", "BUSDT", "CUSDT"], {"AUSDT", "BUSDT", "CUSDT"}, NOW,
    )  # fmt: skip
    assert [(one.symbols, one.category, one.opens_at) for one in told] == [
        (("CUSDT",), "perp_listing", NOW - FRESH_MS + 1),
    ]  # fmt: skip


def test_a_symbol_that_was_not_listed_before_is_told_once() -> None:
    newcomers = Newcomers("spot_listing")
    newcomers.opened([rules("AUSDT")], ["AUSDT"], {"AUSDT", "RESTSUSDT"}, NOW)
    (news,) = newcomers.opened([rules("NEWUSDT")], ["NEWUSDT"], {"AUSDT", "RESTSUSDT", "NEWUSDT"}, NOW + 1)
    assert (news.symbols, news.at, news.opens_at, news.source) == (("NEWUSDT",), NOW + 1, NOW + 1, "exchangeInfo")
    assert newcomers.opened([rules("NEWUSDT")], ["NEWUSDT"], {"NEWUSDT"}, NOW + 2) == []
    assert newcomers.aged(rules("NEWUSDT", NOW), NOW + 3) == []


def test_what_rested_is_new_only_when_its_first_day_says_so() -> None:
    newcomers = Newcomers("spot_listing")
    newcomers.opened([rules("AUSDT")], ["AUSDT"], {"AUSDT", "OLDUSDT", "SOONUSDT"}, NOW)
    known = {"AUSDT", "OLDUSDT", "SOONUSDT"}
    both = [rules("OLDUSDT"), rules("SOONUSDT")]
    assert newcomers.opened(both, ["OLDUSDT", "SOONUSDT"], known, NOW + 1) == []
    assert newcomers.aged(rules("OLDUSDT", NOW - 10 * FRESH_MS), NOW + 2) == []
    (news,) = newcomers.aged(rules("SOONUSDT", NOW - 3_600_000), NOW + 2)
    assert (news.symbols, news.opens_at) == (("SOONUSDT",), NOW - 3_600_000)


def test_a_halt_and_its_end_are_no_listing() -> None:
    newcomers = Newcomers("spot_listing")
    newcomers.opened([rules("AUSDT")], ["AUSDT"], {"AUSDT"}, NOW)
    again = msgspec.structs.replace(rules("AUSDT"), at=NOW + 9)
    assert newcomers.opened([again], ["AUSDT"], {"AUSDT"}, NOW + 9) == []
