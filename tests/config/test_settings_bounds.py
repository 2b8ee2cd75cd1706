"""Settings out of their bounds end with 78 and one line, wherever they come from; also those of a file of one's own."""

import os
import subprocess
from pathlib import Path

import pytest
from hot_runs import HOT

from engine.errors import ConfigError
from engine.runs import settings

MONEY = ("desk.equity", "rules.max_order_notional.limit_quote")
NO_MONEY = ("nan", "inf", "-inf", "1e400", "0", "-5", "1e12", "1e30", "1" * 500, "1" * 5000, "much", "true", "[1]")
WRONG = [
    *((key, value, key) for key in MONEY for value in NO_MONEY),
    ("rules.max_entries_day.limit", "-5", "rules.max_entries_day.limit"),
    ("rules.max_entries_day.limit", "1e30", "rules.max_entries_day.limit"),
    ("paper.fee_in", "recieved", "did you mean received?"),
    ("paper.fee_in", "Quote", "did you mean quote?"),
    ("paper.fee_in", "bnb", "did you mean BNB?"),
    ("paper.fee_in", "''", "fee_in ''"),
    ("desk.quote_asset", "usdt", "did you mean USDT?"),
    ("desk.quote_asset", "''", "quote_asset ''"),
    ("desk.drawdown_levels_pct", "[5,4,3,2,1]", "must ascend"),
    ("desk.day_loss_levels_pct", "[1,2,3,5,4]", "must ascend"),
    ("scan.quote_assets", "usdt", "did you mean USDT?"),
    ("hotcoin.tiers", "[[80,5],[80,10]]", "200 %"),
    ("hotcoin.tiers", "[[30,10],[30,5]]", "must ascend"),
    ("hotcoin.tiers", "[[30,5],[30,5]]", "must ascend"),
    ("hotcoin.tiers", "[[0,5]]", "hotcoin.tiers"),
    ("hotcoin.tiers", "[[nan,5]]", "hotcoin.tiers"),
    ("hotcoin.trail_share_pct", "41", "101 %"),
]  # fmt: skip
RIGHT = [
    ("desk.equity", "0.01"), ("desk.equity", "2500.5"), ("desk.equity", "1e10"), ("desk.quote_asset", "1INCH"),
    ("rules.max_order_notional.limit_quote", "500"), ("paper.fee_in", "BNB"), ("paper.fee_in", "received"),
    ("desk.drawdown_levels_pct", "[3,5,5,10,15]"), ("hotcoin.tiers", "[]"), ("hotcoin.tiers", "[[33.3,5],[26.7,6]]"),
]  # fmt: skip

IDEA = '''"""An idea."""

from dataclasses import dataclass
from decimal import Decimal

from engine.records.bounds import Money, Percent


@dataclass(frozen=True)
class MyIdea:
    """Settings."""

    stop_pct: Percent = 5.0
    budget: Money = Decimal(10)
    wild: float = 1.0
    low: int = 1
    high: int = 2

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError("low is above high")
'''


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, in which no settings stand."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("key", "value", "words"), WRONG, ids=lambda text: text[:30])
def test_a_wrong_value_is_refused_from_each_place(folder: Path, key: str, value: str, words: str) -> None:
    section, _, name = key.rpartition(".")
    quoted = value if value[:1] in "'[-0123456789nit" else f'"{value}"'
    (folder / "mine.toml").write_text(f"[{section}]\n{name} = {quoted}\n")
    places = {
        "--set": lambda: settings.load(sets=[f"{key}={value}"], env={}),
        "environment HOT_": lambda: settings.load(env={f"HOT_{key.upper().replace('.', '__')}": value}),
        "mine.toml": lambda: settings.load(Path("mine.toml"), env={}),
    }
    for place, load in places.items():
        with pytest.raises(ConfigError) as told:
            load()
        text = str(told.value)
        assert place in text
        assert words in text or "is not TOML" in text
        assert "\n" not in text
        assert len(text) < 400


@pytest.mark.parametrize(("key", "value"), RIGHT)
def test_a_right_value_is_taken(folder: Path, key: str, value: str) -> None:
    assert settings.load(sets=[f"{key}={value}"], env={}).origins[key] == "--set"


def test_config_show_and_run_say_78(folder: Path) -> None:
    for sets in ("desk.equity=nan", "hotcoin.tiers=[[80,5],[80,10]]", "paper.fee_in=recieved"):
        for words in (["config", "show"], ["run", "--market", "x.jsonl", "--paper"]):
            said = subprocess.run(
                [*HOT, *words, "--set", sets], capture_output=True, text=True,
                env={**os.environ, "HOT_DATA__DIR": str(folder)}, check=False,
            )  # fmt: skip
            assert (said.returncode, said.stdout, said.stderr.count("\n")) == (78, "", 1), said.stderr


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("stop_pct=nan", "my_idea.stop_pct"), ("stop_pct=101", "my_idea.stop_pct"), ("budget=-1", "my_idea.budget"),
        ("budget=nan", "not a finite number"), ("wild=inf", "not a finite number"), ("low=3", "low is above high"),
    ],
)  # fmt: skip
def test_a_strategy_of_ones_own_is_checked_by_its_types(folder: Path, given: str, words: str) -> None:
    (folder / "my_idea.py").write_text(IDEA)
    with pytest.raises(ConfigError, match=words):
        settings.load(sets=["signal.strategy=./my_idea.py", f"my_idea.{given}"], env={})


def test_defaults_that_do_not_fit_together_show(folder: Path) -> None:
    (folder / "my_idea.py").write_text(IDEA.replace("low: int = 1", "low: int = 5"))
    with pytest.raises(ConfigError, match=r"settings of \[my_idea\] \(default\): low is above high"):
        _ = settings.load(sets=["signal.strategy=./my_idea.py"], env={}).values
