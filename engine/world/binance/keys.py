"""Keys: where they come from (environment, a file for its owner alone, or the keyring), and that nobody sees them."""

import os
import re
import stat
import sys
import tomllib
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import NoReturn

from engine.errors import KeyRefused
from engine.world.binance.redact import never_show
from engine.world.binance.sign import Signer, signer_of

ENV_KEY = "HOT_BINANCE_API_KEY"
ENV_SECRET = "HOT_BINANCE_API_SECRET"  # a name, no secret
KEYRING_SERVICE = "hot-binance"
_MAX_FILE_BYTES = 64 << 10
_API_KEY = re.compile(r"[A-Za-z0-9_-]{16,256}", re.ASCII)
_SHORTEST_SECRET = 16
#: What is put in a setting's place by mistake: the key, where its file should be named.
_KEY_ITSELF = re.compile(r"[A-Za-z0-9_-]{40,256}", re.ASCII)
# What manuals and templates put in a key's place. A long text of both cases and digits is never taken for one: every
# word turns up in random letters some day.
_PLACEHOLDER = re.compile(r"(?i)your|change.?me|placeholder|example|insert|replace|[.]{3}|[<>]|(.)\1{9}")
_RANDOM = re.compile(r"(?=.*[a-z])(?=.*[A-Z])(?=.*[0-9])[A-Za-z0-9]{32,}")


class Key:
    """An API key and what signs with it. Printing, formatting or pickling it shows nothing."""

    __slots__ = ("_api_key", "_signer", "mark")

    def __init__(self, api_key: str, secret: str) -> None:
        """Takes a key and its secret (HMAC text, or an RSA or Ed25519 private key as PEM).

        Raises KeyRefused for what cannot be one. `mark` tells accounts' keys apart and gives nothing away.
        """
        api_key, secret = api_key.strip(), secret.strip()
        _check(api_key, secret)
        never_show(api_key)
        never_show(secret)
        self._api_key = api_key
        self._signer = signer_of(secret)
        self.mark = sha256(b"hot mark\0" + api_key.encode()).hexdigest()[:12]

    @property
    def signer(self) -> Signer:
        """What signs with this key."""
        return self._signer

    def reveal(self) -> str:
        """Gives the API key itself, for the request header and nothing else."""
        return self._api_key

    def __repr__(self) -> str:
        return f"<Key {self.mark}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key is not pickled")


def load_key(where: str, env: Mapping[str, str] = os.environ) -> Key:
    """Gives the key that `where` names: `env`, `keyring`, or the path of a file that only its owner can read.

    Raises KeyRefused, saying what is missing and what to do; never what was found.
    """
    if where == "env":
        return _from_env(env)
    if where == "keyring":
        return _from_keyring()
    if _KEY_ITSELF.fullmatch(where):
        raise KeyRefused("live.key says where the key is (env, keyring, or a file), never the key itself")
    return _from_file(Path(where).expanduser())


def _from_env(env: Mapping[str, str]) -> Key:
    missing = [name for name in (ENV_KEY, ENV_SECRET) if not env.get(name)]
    if missing:
        raise KeyRefused(f"no key: set {' and '.join(missing)}, or name a file or keyring in the settings")
    return Key(env[ENV_KEY], env[ENV_SECRET])


def _from_keyring() -> Key:
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError:
        raise KeyRefused("the keyring needs the package keyring: pip install keyring") from None
    try:
        found = [keyring.get_password(KEYRING_SERVICE, name) for name in ("api_key", "secret")]
    except KeyringError as error:
        raise KeyRefused(f"the keyring cannot be read ({type(error).__name__}); unlock it, or use a file") from None
    if not found[0] or not found[1]:
        names = f"`keyring set {KEYRING_SERVICE} api_key` and `keyring set {KEYRING_SERVICE} secret`"
        raise KeyRefused(f"no key in the keyring: run {names}")
    return Key(found[0], found[1])


def _from_file(path: Path) -> Key:
    try:
        with path.open("rb") as file:
            # Asked of the open file, so that nothing can be put in its place between the look and the reading.
            _check_rights(path, os.fstat(file.fileno()))
            text = file.read(_MAX_FILE_BYTES).decode()
        found = tomllib.loads(text)
    except OSError as error:
        raise KeyRefused(f"{path}: the key file cannot be read ({error.strerror})") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError):
        # The parser's message quotes what it read.
        raise KeyRefused(f'{path}: write it as two lines: api_key = "..." and secret = "..."') from None
    api_key, secret = found.get("api_key"), found.get("secret")
    if not isinstance(api_key, str) or not isinstance(secret, str) or len(found) > 2:
        raise KeyRefused(f'{path}: it must hold api_key = "..." and secret = "...", and nothing else')
    return Key(api_key, secret)


def _check_rights(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise KeyRefused(f"{path}: not a file")
    if sys.platform == "win32":
        return
    if found.st_uid != os.geteuid():
        raise KeyRefused(f"{path}: the key file belongs to another user; keep it in a file of your own")
    if found.st_mode & 0o077:
        raise KeyRefused(f"{path}: others can read the key file; run chmod 600 {path}")


def _check(api_key: str, secret: str) -> None:
    for name, value in (("API key", api_key), ("secret", secret)):
        if _PLACEHOLDER.search(value) and not _RANDOM.fullmatch(value) and not value.startswith("-----BEGIN "):
            raise KeyRefused(f"the {name} is a placeholder; put the real one in")
    if not _API_KEY.fullmatch(api_key):
        raise KeyRefused("the API key must be 16 to 256 letters and digits")
    if len(secret) < _SHORTEST_SECRET:
        raise KeyRefused(f"the secret is shorter than {_SHORTEST_SECRET} characters")
