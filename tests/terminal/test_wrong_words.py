"""Words that are nearly right: the command line names what was meant, in the words of people."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hot_runs import Said

from cli import options
from engine.errors import ConfigError
from engine.records.bounds import in_words
from engine.runs import settings
from engine.world.imports.lines import numbered_lines

BAR = (
    '{"kind":"bar","at":1618531320000,"venue":"binance-spot","symbol":"BTCUSDT","step_s":60,"open_at":1618531260000,'
    '"open":"63274.77","high":"63310.6","low":"63212.89","close":"63225.67","volume":"42.36"}\n'
)


def test_a_command_that_is_none_names_the_nearest(hot_here: Callable[..., Said]) -> None:
    said = hot_here("scna")
    assert (said.code, said.out) == (2, "")
    assert "No such command 'scna': did you mean scan?" in said.err
    assert "hot -h lists all" in hot_here("qqqq").err


def test_a_speed_that_is_none_is_a_wrong_command_line(hot_here: Callable[..., Said], tmp_path: Path) -> None:
    (tmp_path / "b.jsonl").write_text(BAR)
    said = hot_here("run", "--market", tmp_path / "b.jsonl", "--speed", "fast")
    assert said.code == 2
    assert "--speed 'fast' is no speed" in said.err


def test_symbols_are_asked_for_in_any_case(hot_here: Callable[..., Said], tmp_path: Path) -> None:
    (tmp_path / "b.jsonl").write_text(BAR)
    assert options.named(["btcusdt", "ETHUSDT"]) == ("BTCUSDT", "ETHUSDT")
    assert options.named(None) == ()
    said = hot_here("run", "--market", tmp_path / "b.jsonl", "--symbol", "btcusdt", "--ledger", tmp_path / "l.db")
    assert "1 facts" in said.err
    assert "no prices of" not in said.err


def test_a_symbol_that_the_market_does_not_have_is_told(hot_here: Callable[..., Said], tmp_path: Path) -> None:
    (tmp_path / "b.jsonl").write_text(BAR)
    words = ("--market", tmp_path / "b.jsonl", "--symbol", "BTCUSDT", "--symbol", "XBTUSDT", "--ledger")
    said = hot_here("run", *words, tmp_path / "l.db")
    assert "hot run: the market has no prices of XBTUSDT, which --symbol names\n" in said.err


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        ("Expected `float`, got `str`", "it must be a number"),
        ("Expected `float` >= 0.0", "it must be a number of at least 0"),
        ("Expected `float` > 0.0", "it must be a number above 0"),
        ("Expected `int` <= 604800", "it must be a whole number of at most 604,800"),
        ("Expected `array` of length 2, got 1 - at `$[0]`", "item 1 must be a list of 2 items"),
        ("Expected `float`, got `str` - at `$[0][1]`", "item 2 of item 1 must be a number"),
        ("Expected `bool`, got `str`", "it must be true or false"),
        ("levels must ascend", "levels must ascend"),
        ("Expected `strange`", "Expected `strange`"),
    ],
)
def test_a_refused_value_is_told_in_words(refusal: str, words: str) -> None:
    assert in_words(refusal) == words


@pytest.mark.parametrize("value", ["abc", "-3", "[1]", "true"])
def test_no_setting_is_refused_in_the_words_of_a_library(value: str) -> None:
    with pytest.raises(ConfigError) as told:
        settings.load(sets=[f"hotcoin.stop_pct={value}"], env={})
    assert "`" not in str(told.value)


def test_a_settings_file_that_is_none_says_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="it is no text in UTF-8"):
        settings.load(tmp_path / "bytes.toml", env={})
    with pytest.raises(ConfigError, match="is a folder"):
        settings.load(tmp_path, env={})


@pytest.mark.parametrize("pieces", [[b"\xef\xbb\xbfa\nb\n"], [b"\xef\xbb\xbfa", b"\nb"], [b"\xef\xbb\xbfa\r\nb"]])
def test_the_mark_of_an_editor_before_the_first_line_is_passed_over(pieces: list[bytes]) -> None:
    assert list(numbered_lines(pieces)) == [(1, b"a"), (2, b"b")]


def test_the_mark_is_passed_over_in_a_file_of_one_line() -> None:
    assert list(numbered_lines([b"\xef\xbb\xbfa"])) == [(1, b"a")]
    assert list(numbered_lines([b"x\n\xef\xbb\xbfa"])) == [(1, b"x"), (2, b"\xef\xbb\xbfa")]
