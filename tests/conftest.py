"""What all tests share: `hot` as a process and in this process, compiled kernels, a venue, large recordings."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hot_runs import ROOT, Hot, Said, run_hot
from hot_runs import env as env_of

if TYPE_CHECKING:
    from engine.world.loopback.serving import Serving


def pytest_configure() -> None:
    """Has all processes of all tests keep what they compile in one place: compiling is most of a short backtest."""
    os.environ["NUMBA_CACHE_DIR"] = str(ROOT / ".pytest_cache" / "kernels")


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """The environment of a new user, with data in a folder of the test's own."""
    return env_of(tmp_path)


@pytest.fixture
def hot(tmp_path: Path, env: dict[str, str]) -> Hot:
    """Runs `hot` in a folder of the test's own, in `env` as the test leaves it; gives what it printed and its code."""
    return lambda *words, stdin=None: run_hot(tmp_path, *words, stdin=stdin, **env)


@pytest.fixture
def hot_here(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Callable[..., Said]:
    """Runs `hot ...` in this process, in an empty folder, with a data folder of its own."""
    from cli.main import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOT_DATA__DIR", str(tmp_path / "data"))
    monkeypatch.delenv("HOT_LEDGER__PATH", raising=False)

    def call(*args: object) -> Said:
        monkeypatch.setattr(sys, "argv", ["hot", *map(str, args)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main()
        said = capsys.readouterr()
        return Said(int(left.value.code or 0), said.out, said.err)

    return call


@pytest.fixture
def venue() -> "Iterator[Serving]":
    """A venue whose prices stand still."""
    pytest.importorskip("websockets")
    from engine.world.loopback.market.generated import Generated
    from engine.world.loopback.serving import serving
    from engine.world.loopback.venue import VenueOptions

    with serving(VenueOptions(seed=7, market=Generated(7, volatility=0.0, history_minutes=30))) as served:
        yield served


@pytest.fixture
def pointed(venue: "Serving", monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> "Serving":
    """The same venue, with the environment of a user of its spot market."""
    monkeypatch.setenv("HOT_DATA__DIR", str(tmp_path / "data"))
    monkeypatch.delenv("HOT_LEDGER__PATH", raising=False)
    monkeypatch.setenv("HOT_LIVE__REST_URL", venue.rest_url)
    monkeypatch.setenv("HOT_LIVE__STREAM_URL", venue.stream_url)
    monkeypatch.setenv("HOT_BINANCE_API_KEY", venue.key)
    monkeypatch.setenv("HOT_BINANCE_API_SECRET", venue.secret)
    return venue


@pytest.fixture
def shared() -> Path:
    """The folder of large recordings, where there is one."""
    folder = Path(os.environ.get("HOT_SHARED", ROOT.parent / "shared")) / "data"
    if not (folder / "binance").is_dir():
        pytest.skip("no large recordings: name their folder in HOT_SHARED")
    return folder
