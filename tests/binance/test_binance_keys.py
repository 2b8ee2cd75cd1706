"""Keys: found where they may be, refused where others can see them, and never shown."""

import copy
import logging
import os
import pickle
import sys
from pathlib import Path

import pytest
from binance_fakes import API_KEY, SECRET

from engine.errors import KeyRefused
from engine.world.binance.keys import ENV_KEY, ENV_SECRET, Key, load_key
from engine.world.binance.redact import RedactingFilter, redacted, shown

posix = pytest.mark.skipif(sys.platform == "win32", reason="no file modes there")


def key_file(tmp_path: Path, text: str, mode: int = 0o600) -> Path:
    path = tmp_path / "key.toml"
    path.write_text(text)
    path.chmod(mode)
    return path


GOOD = f'api_key = "{API_KEY}"\nsecret = "{SECRET}"\n'


def test_a_key_comes_from_the_environment() -> None:
    assert load_key("env", {ENV_KEY: API_KEY, ENV_SECRET: f"{SECRET}\n"}).reveal() == API_KEY


def test_a_key_comes_from_a_file_of_its_owner(tmp_path: Path) -> None:
    assert load_key(str(key_file(tmp_path, GOOD))).reveal() == API_KEY


def test_a_missing_key_says_where_one_is_looked_for() -> None:
    with pytest.raises(KeyRefused, match=f"{ENV_KEY} and {ENV_SECRET}"):
        load_key("env", {})


@posix
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o777])
def test_a_file_that_others_can_read_is_refused_with_the_cure(mode: int, tmp_path: Path) -> None:
    path = key_file(tmp_path, GOOD, mode)
    with pytest.raises(KeyRefused, match=f"chmod 600 {path}"):
        load_key(str(path))


@posix
def test_a_pipe_is_no_key_file(tmp_path: Path) -> None:
    with pytest.raises(KeyRefused, match="not a file"):
        load_key(os.devnull)


@pytest.mark.parametrize(
    "text",
    [
        "", "api_key = 5", f'api_key = "{API_KEY}"', f"{API_KEY}\n{SECRET}", f'{GOOD}more = "x"', f"{GOOD}\x00",
    ],
)  # fmt: skip
def test_a_file_of_another_form_is_refused_without_quoting_it(text: str, tmp_path: Path) -> None:
    with pytest.raises(KeyRefused) as refused:
        load_key(str(key_file(tmp_path, text)))
    assert API_KEY not in str(refused.value)
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    ("api_key", "secret"),
    [
        ("your_api_key_here_please", SECRET), (API_KEY, "CHANGE-ME-CHANGE-ME-CHANGE"), ("<put the key here>", SECRET),
        ("xxxxxxxxxxxxxxxxxxxxxxxx", SECRET), (API_KEY, "tiny"), ("tiny", SECRET), (f"{API_KEY}\r\nX-Evil: 1", SECRET),
        ("кл" * 20, SECRET), ("", ""),
    ],
)  # fmt: skip
def test_placeholders_and_what_cannot_be_a_key_are_refused(api_key: str, secret: str) -> None:
    with pytest.raises(KeyRefused) as refused:
        Key(api_key, secret)
    assert not secret or secret not in str(refused.value)


def test_random_letters_that_spell_a_word_are_a_key() -> None:
    Key("yourvmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91du", SECRET)


def test_a_key_shows_nothing_of_itself() -> None:
    key = Key(API_KEY, SECRET)
    for text in (
        repr(key),
        str(key),
        f"{key}",
        f"{key!r:>100}",
        repr([key]),
        repr(key.signer),
        str(vars(key.signer.__class__)),
    ):
        assert API_KEY not in text
        assert SECRET not in text
    assert key.mark not in API_KEY


def test_a_key_is_not_pickled_nor_copied() -> None:
    for act in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="not pickled"):
            act(Key(API_KEY, SECRET))


@pytest.mark.parametrize(
    "text",
    [
        f"GET https://api.binance.com/api/v3/order?symbol=A&signature={'0a' * 32}",
        f"{{'X-MBX-APIKEY': '{API_KEY}'}}", f"(b'X-MBX-APIKEY', b'{API_KEY}')", f"apiKey={API_KEY}&timestamp=1",
        f'{{"listenKey":"{API_KEY}"}}', f"wss://fstream.binance.com/private/ws/{API_KEY}", f"secret = {SECRET}",
        "signature=rTkPe%2Fsh0rt",
    ],
)  # fmt: skip
def test_secrets_are_struck_out_of_any_text(text: str) -> None:
    clean = redacted(text)
    assert "***" in clean
    assert API_KEY not in clean and SECRET not in clean and "0a0a" not in clean and "sh0rt" not in clean


def test_a_secret_at_the_edge_of_what_is_shown_is_still_struck_out() -> None:
    for before in range(140, 220):
        assert SECRET[:6] not in shown("x" * before + " " + SECRET)


def test_foreign_texts_lose_what_steers_a_terminal() -> None:
    assert shown("a\x1b[31mb\u202ec\u2066\nd\x9b\u200be") == "a [31mb c  d  e"


def test_the_log_filter_cleans_what_libraries_log() -> None:
    record = logging.LogRecord("httpx", logging.INFO, "", 0, "GET %s", (f"https://x?signature={'ab' * 32}",), None)
    assert RedactingFilter().filter(record)
    assert record.getMessage() == "GET https://x?signature=***"


def test_the_keyring_is_asked_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    keyring = pytest.importorskip("keyring")
    found = {("hot-binance", "api_key"): API_KEY, ("hot-binance", "secret"): SECRET}
    monkeypatch.setattr(keyring, "get_password", lambda service, name: found.get((service, name)))
    assert load_key("keyring").reveal() == API_KEY
    found.clear()
    with pytest.raises(KeyRefused, match="keyring set hot-binance"):
        load_key("keyring")
