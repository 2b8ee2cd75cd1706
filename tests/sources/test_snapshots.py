"""Bundled rules: dated, small, and made again from their source byte for byte."""

from decimal import Decimal
from pathlib import Path

import pytest

from engine.world.snapshots import make, snapshots

FOLDER = Path(snapshots.__file__).parent


@pytest.mark.parametrize(
    ("venue", "date", "count"), [("binance-spot", "2024-09-08", 549), ("binance-usdm", "2025-11-26", 554)]
)
def test_a_venue_has_a_dated_snapshot_of_usable_rules(venue, date, count):
    snapshot = snapshots.load(venue)
    assert (snapshot.venue, snapshot.date, len(snapshot.rules)) == (venue, date, count)
    for symbol, rules in snapshot.rules.items():
        assert (rules.symbol, rules.venue, rules.status, rules.rules) == (symbol, venue, "TRADING", f"snapshot {date}")
        assert min(map(Decimal, (rules.tick, rules.step, rules.min_notional))) > 0
        assert rules.quote in ("USDT", "USDC", "FDUSD")


def test_a_venue_without_a_snapshot_has_no_rules():
    assert snapshots.load("bybit-linear") == snapshots.Snapshot("bybit-linear", "none", {})


def test_the_snapshots_are_small():
    assert sum(path.stat().st_size for path in FOLDER.glob("*.gz")) < 150_000


def test_the_snapshots_are_made_again_byte_for_byte(shared, tmp_path):
    for path in make.make(shared, tmp_path):
        assert path.read_bytes() == (FOLDER / path.name).read_bytes()
