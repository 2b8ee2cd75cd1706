"""Announcements: only the exchange's own words open a listing, and what takes away is never one."""

import json

import pytest

from engine.world.imports.announcements import category_of, symbols_in

LISTED = [
    "AEROUSDT", "ASTERUSDT", "AVNTUSDT", "BANKUSDT", "METUSDT", "GIGGLEUSDT", "FUSDT", "PUMPUSDT", "USDEUSDT",
    "WLFIUSDT",
    "USD1USDT", "SYRUPUSDT", "KMNOUSDT", "XUSDUSDT", "1000CHEEMSUSDT", "TSTUSDT", "TRUMPUSDT", "MARSCOINUSDT", "REUSDT",
    "MEGAUSDT", "ESPUSDT", "ZAMAUSDT", "SENTUSDT", "RLUSDUSDT", "币安人生USDT", "ZKPUSDT",
]  # fmt: skip


def titles(path):
    return [json.loads(line)["title"] for line in path.read_text().splitlines()]


def test_every_listing_of_the_titles_is_found_with_its_symbols(samples):
    found = [
        symbol
        for title in titles(samples / "announcement-titles.ndjson")
        if category_of(title) == "spot_listing"
        for symbol in symbols_in(title, "spot_listing")
    ]
    assert sorted(found) == sorted(LISTED)


def test_launchpool_farming_is_a_campaign(samples):
    others = {t: category_of(t) for t in titles(samples / "announcement-titles.ndjson") if "Will List" not in t}
    assert set(others.values()) == {"campaign"}
    assert len(others) == 2


def test_of_two_months_of_posts_two_are_listings(samples, read):
    entries, bad, _ = read(samples / "announcements.ndjson")
    listings = [entry.record for entry in entries if entry.record.category == "spot_listing"]
    assert [(one.symbols, one.opens_at) for one in listings] == [
        (("UUSDT",), 1768291200000), (("FOGOUSDT",), 1768485600000),
    ]  # fmt: skip
    assert (len(entries), bad) == (32, [])
    assert not [entry for entry in entries if entry.record.category == "perp_listing"]


def test_posts_that_take_away_are_delistings_or_nothing(samples, read):
    entries, _, _ = read(samples / "announcements.ndjson")
    for title in ("Removal of Spot", "Removal of Margin"):
        assert {e.record.category for e in entries if title in e.record.title} == {"delisting"}
    for title in ("Cease Support", "Maintenance", "Collateral", "Tick Size", "Pending Orders", "Hard Fork"):
        assert {e.record.category for e in entries if title in e.record.title} == {"other"}


@pytest.mark.parametrize(
    ("title", "category", "symbols"),
    [
        ("Binance Futures Will Launch USDⓈ-Margined ZAMAUSDT Perpetual Contract With up to 50x Leverage",
         "perp_listing", ("ZAMAUSDT",)),
        ("Binance Futures Will Delist USDⓈ-M ABCUSDT and 1000XECUSDT Perpetual Contracts", "delisting",
         ("1000XECUSDT", "ABCUSDT")),
        ("Binance Will Delist ABC, DEF and XYZ on 2026-01-01", "delisting", ("ABCUSDT", "DEFUSDT", "XYZUSDT")),
        ("Binance Will Delist Foo (FOO) and List Bar (BAR)", "delisting", ("BARUSDT", "FOOUSDT")),
        ("Binance Will List New Margin Pairs (2026-01-01)", "other", ()),
        ("Binance Will List Foo (FOO) on Margin", "other", ("FOOUSDT",)),
        ("Why Binance Will List Foo (FOO) Soon", "other", ("FOOUSDT",)),
        ("Binance Will Postpone the Listing of Foo (FOO)", "other", ("FOOUSDT",)),
        ("", "other", ()),
    ],
)  # fmt: skip
def test_a_title_says_what_it_announces(title, category, symbols):
    assert category_of(title) == category
    assert symbols_in(title, category) == symbols


def test_a_moment_that_does_not_exist_opens_nothing(tmp_path, read):
    said = {
        "datetime": "2026-01-12T12:54:48+00:00",
        "title": "Binance Will List Fogo (FOGO)",
        "body": "2026-99-99 08:00 (UTC)",
    }
    (tmp_path / "a.ndjson").write_text(json.dumps(said, separators=(",", ":")))
    assert read(tmp_path / "a.ndjson")[0][0].record.opens_at is None
