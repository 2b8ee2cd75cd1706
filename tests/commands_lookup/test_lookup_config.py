"""hot config and hot doctor: what is in force and from where, a file of defaults, and what is wrong."""

import json
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from made_session import write_ledger

from cli.commands.config import redacted
from engine.ledger import db
from engine.runs import settings


def test_every_value_tells_where_it_came_from(
    hot: Callable[..., object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hot.toml").write_text("[scan]\ncycle_s = 30\n")
    monkeypatch.setenv("HOT_RANK__TOP", "7")
    rows = json.loads(hot("config", "show", "--set", "hotcoin.stop_pct=3", "--json").out)
    told = {row["key"]: (row["value"], row["origin"]) for row in rows}
    assert told["scan.cycle_s"] == (30, "hot.toml:2")
    assert told["rank.top"] == (7, "environment HOT_RANK__TOP")
    assert told["hotcoin.stop_pct"] == (3, "--set")
    assert told["desk.equity"] == ("1000", "default")
    assert list(told) == list(settings.load(env={}).values)


def test_an_unknown_key_is_78_with_the_nearest(hot: Callable[..., object]) -> None:
    said = hot("config", "show", "--set", "hotcoin.stop_pc=3")
    assert (said.code, said.out) == (78, "")
    assert "hotcoin.stop_pct" in said.err


def test_secrets_are_not_shown() -> None:
    for name in ("venue.api_key", "notify.Secret", "x.bot_token", "y.password"):
        assert redacted(name, "hunter2") == "***"
    assert redacted("venue.api_key", "") == ""
    assert redacted("hotcoin.stop_pct", 5.0) == 5.0
    assert redacted("keys.level", 1) == 1
    assert redacted("breaker.key_run", 3) == 3


def test_one_setting_or_one_section_is_shown(hot: Callable[..., object]) -> None:
    rows = json.loads(hot("config", "show", "breaker.key_run", "--json").out)
    assert [(row["key"], row["value"]) for row in rows] == [("breaker.key_run", 3)]
    keys = [row["key"] for row in json.loads(hot("config", "show", "heat", "--json").out)]
    assert len(keys) > 1
    assert {key.partition(".")[0] for key in keys} == {"heat"}
    assert len(json.loads(hot("config", "show", "rules.max_positions", "--json").out)) == 1


def test_a_section_that_is_none_names_the_nearest(hot: Callable[..., object]) -> None:
    said = hot("config", "show", "hotcion")
    assert said.code == 2
    assert "did you mean hotcoin?" in said.err


def test_init_writes_what_loads_to_the_same_values(hot: Callable[..., object], tmp_path: Path) -> None:
    before = settings.load(env={})
    said = hot("config", "init")
    assert (said.code, said.out) == (0, "hot.toml\n")
    after = settings.load(tmp_path / "hot.toml", env={})
    assert dict(after.values) == dict(before.values)
    assert after.hash == before.hash
    assert set(after.origins.values()) != {"default"}


def test_every_default_in_the_file_has_a_comment(hot: Callable[..., object], tmp_path: Path) -> None:
    hot("config", "init", tmp_path / "all.toml")
    lines = (tmp_path / "all.toml").read_text().splitlines()
    for i, line in enumerate(lines):
        if "=" in line and not line.startswith("#"):
            assert "  # " in line or lines[i - 1].startswith("# "), line
    tables = tomllib.loads("\n".join(lines))
    assert {f"{section}.{key}" for section in ("scan", "desk", "paper") for key in tables[section]} <= set(
        settings.known_keys("hotcoin")
    )
    assert "# an older signal is stale\nsignal_ttl_s = 60" in "\n".join(lines)


def test_init_overwrites_only_by_force(hot: Callable[..., object], tmp_path: Path) -> None:
    (tmp_path / "hot.toml").write_text("# mine\n")
    said = hot("config", "init")
    assert (said.code, (tmp_path / "hot.toml").read_text()) == (2, "# mine\n")
    assert "--force" in said.err
    assert hot("config", "init", "--force").code == 0
    assert (tmp_path / "hot.toml").read_text() != "# mine\n"
    assert hot("config", "init", tmp_path / "no" / "hot.toml").code == 78


def states(out: str) -> dict[str, str]:
    return {row["check"]: row["state"] for row in json.loads(out)}


def test_doctor_finds_all_well(hot: Callable[..., object], ledger: Path, tmp_path: Path) -> None:
    (tmp_path / "bars.jsonl").write_text('{"kind":"tick","at":1}\n')
    said = hot("doctor", "--offline", "--ledger", ledger, "--market", tmp_path / "bars.jsonl", "--json")
    assert said.code == 0
    assert list(states(said.out)) == [
        "python", "packages", "sqlite", "settings", "data folder", "disk", "ledger", "market", "terminal",
    ]  # fmt: skip
    assert set(states(said.out).values()) <= {"ok", "warn"}
    assert "records (JSONL)" in said.out


def test_doctor_fails_with_78_and_the_next_command(hot: Callable[..., object], tmp_path: Path) -> None:
    (tmp_path / "hot.toml").write_text("[scan]\ncycel_s = 1\n")
    (tmp_path / "text.db").write_text("no database")
    said = hot("doctor", "--offline", "--ledger", tmp_path / "text.db", "--market", tmp_path / "none", "--json")
    assert said.code == 78
    found = states(said.out)
    assert [check for check, state in found.items() if state == "fail"] == ["settings", "ledger", "market"]
    assert all(row["next"] for row in json.loads(said.out) if row["state"] == "fail")
    assert "did you mean scan.cycle_s?" in said.out


def test_doctor_needs_no_ledger(hot: Callable[..., object]) -> None:
    said = hot("doctor", "--offline", "--json")
    assert (said.code, states(said.out)["ledger"]) == (0, "ok")
    assert "hot demo" in said.out


def test_doctor_warns_of_the_wal_reset_defect(hot: Callable[..., object], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(db, "version", lambda: (3, 40, 1))
    said = hot("doctor", "--offline", "--json")
    assert (said.code, states(said.out)["sqlite"]) == (0, "warn")
    assert "3.40.1" in said.out


def test_doctor_names_a_data_folder_that_cannot_be_made(
    hot: Callable[..., object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HOT_DATA__DIR", str(tmp_path / "file" / "data"))
    said = hot("doctor", "--offline", "--json", "--ledger", write_ledger(tmp_path / "l.db", []))
    assert (said.code, states(said.out)["data folder"]) == (78, "fail")
