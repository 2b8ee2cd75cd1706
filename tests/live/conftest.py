"""A venue on loopback, and `hot` in this process, pointed at an account of it."""

import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import pytest

from engine.world.loopback.market.generated import Generated
from engine.world.loopback.serving import Serving, serving
from engine.world.loopback.venue import VenueOptions


class Said(NamedTuple):
    """What a command gave: exit code, stdout, stderr."""

    code: int
    out: str
    err: str


Hot = Callable[..., Said]


@pytest.fixture
def venue() -> Iterator[Serving]:
    """A venue whose prices stand still."""
    market = Generated(7, volatility=0.0, history_minutes=30)
    with serving(VenueOptions(seed=7, market=market, balances={"USDT": Decimal(10_000)})) as served:
        yield served


@pytest.fixture
def pointed(venue: Serving, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Serving:
    """The same, with the environment of a user of its futures."""
    monkeypatch.setenv("HOT_DATA__DIR", str(tmp_path / "data"))
    monkeypatch.delenv("HOT_LEDGER__PATH", raising=False)
    monkeypatch.setenv("HOT_LIVE__VENUE", "binance-usdm")
    monkeypatch.setenv("HOT_LIVE__REST_URL", venue.rest_url)
    monkeypatch.setenv("HOT_LIVE__STREAM_URL", venue.futures_stream_url)
    monkeypatch.setenv("HOT_LIVE__ACCOUNT_URL", f"{venue.futures_stream_url}/private")
    monkeypatch.setenv("HOT_BINANCE_API_KEY", venue.key)
    monkeypatch.setenv("HOT_BINANCE_API_SECRET", venue.secret)
    return venue


@pytest.fixture
def hot(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Hot:
    """Runs `hot ...` in an empty folder."""
    from cli.main import main

    monkeypatch.chdir(tmp_path)

    def call(*args: object) -> Said:
        monkeypatch.setattr(sys, "argv", ["hot", *map(str, args)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main()
        said = capsys.readouterr()
        return Said(int(left.value.code or 0), said.out, said.err)

    return call
