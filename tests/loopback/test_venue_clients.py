"""Clients that other people wrote trade on the venue as their documented logs say."""

import importlib
import re
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("websockets")

ROOT = Path(__file__).parents[2]
LIBRARIES = {
    "ccxt_spot": "ccxt", "ccxt_usdm": "ccxt", "python_binance": "binance", "official_spot": "binance_sdk_spot",
    "official_usdm": "binance_sdk_derivatives_trading_usds_futures",
}  # fmt: skip
# Their own warnings are theirs.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def logs(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module that runs the example programs and gives their logs."""
    monkeypatch.syspath_prepend(str(ROOT / "examples" / "clients"))
    return importlib.import_module("logs")


def documented(name: str) -> list[str]:
    """Gives a program's log as docs/clients.md has it."""
    found = re.search(rf"## {name}\.py\n.*?```text\n(.*?)```", (ROOT / "docs" / "clients.md").read_text(), re.S)
    assert found is not None
    return found.group(1).splitlines()


def kept(log: list[str]) -> list[str]:
    """Gives a log without what was only read: a client's next version may look at other things."""
    return [line for line in log if not line.startswith("venue: GET")]


@pytest.mark.parametrize("name", LIBRARIES)
def test_a_client_trades_as_its_documented_log_says(name: str, logs: Any) -> None:
    pytest.importorskip(LIBRARIES[name], reason=f"the client {LIBRARIES[name]} is not installed")
    assert kept(logs.record(name)) == kept(documented(name))


def test_every_program_has_its_log(logs: Any) -> None:
    assert set(logs.PROGRAMS) == set(LIBRARIES)
    programs = {path.stem for path in (ROOT / "examples" / "clients").glob("*.py")}
    assert programs == set(LIBRARIES) | {"logs", "session"}
