"""Signing: how parameters become the bytes that are signed, and the three kinds of keys that sign them."""

import hmac
from base64 import b64encode
from collections.abc import Mapping, Sequence
from decimal import Decimal
from hashlib import sha256
from typing import Protocol
from urllib.parse import quote

import msgspec

from engine.errors import Bug, KeyRefused

Value = str | int | Decimal | Sequence[str] | None
Params = Mapping[str, Value]

_PEM = "-----BEGIN "
#: Shorter RSA keys are not taken by the exchange.
_RSA_BITS = 2048


class Signer(Protocol):
    """A key that signs. Its text still has to be percent-encoded when it goes into a URL."""

    def sign(self, payload: bytes) -> str:
        """Gives the signature of a payload."""
        ...


def query_of(params: Params) -> str:
    """Gives the query string, percent-encoded as UTF-8, in the order given; what is None is left out.

    The exchange signs over encoded bytes: encode first, sign second, and send those very bytes.
    """
    return "&".join(f"{quote(name, safe='')}={quote(text_of(value), safe='')}" for name, value in _given(params))


def signed_query(params: Params, signer: Signer) -> str:
    """Gives the query string with its signature, which stands last."""
    query = query_of(params)
    return f"{query}&signature={quote(signer.sign(query.encode()), safe='')}"


def frame_signature(params: Params, signer: Signer) -> str:
    """Gives the signature of a WebSocket API request: parameters sorted by name, raw UTF-8, not percent-encoded."""
    return signer.sign("&".join(f"{name}={text_of(value)}" for name, value in sorted(_given(params))).encode())


def text_of(value: Value) -> str:
    """Gives a parameter as the exchange reads it: plain digits, `true`, `["A","B"]`; raises Bug for what is none."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case int():
            return str(value)
        case Decimal() if value.is_finite() and -30 <= value.adjusted() <= 30:
            return format(value, "f")
        case list() | tuple():
            return msgspec.json.encode(value).decode()
    raise Bug(f"not a parameter: {value!r}")


def signer_of(secret: str) -> Signer:
    """Gives the signer of a secret: a PEM private key (RSA or Ed25519), or the text of an HMAC key.

    Raises KeyRefused for a PEM that is neither.
    """
    return _pem_signer(secret) if secret.lstrip().startswith(_PEM) else _Hmac(secret)


class _Hmac:
    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def sign(self, payload: bytes) -> str:
        return hmac.new(self._secret, payload, sha256).hexdigest()


class _Asymmetric(Protocol):
    def __call__(self, payload: bytes, /) -> bytes: ...


class _Base64:
    def __init__(self, sign: _Asymmetric) -> None:
        self._sign = sign

    def sign(self, payload: bytes) -> str:
        return b64encode(self._sign(payload)).decode()


def _pem_signer(pem: str) -> Signer:
    try:
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
    except ImportError:
        raise KeyRefused("RSA and Ed25519 keys need the package cryptography: pip install 'hotcoin[live]'") from None
    try:
        # In an environment variable the lines are often joined by a written "\\n".
        key = serialization.load_pem_private_key(pem.strip().replace("\\n", "\n").encode(), password=None)
    except (ValueError, TypeError):
        # The library's own words may quote the key.
        raise KeyRefused("the private key cannot be read; give it as unencrypted PKCS#8 PEM") from None
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return _Base64(key.sign)
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= _RSA_BITS:
        private = key
        return _Base64(lambda payload: private.sign(payload, padding.PKCS1v15(), hashes.SHA256()))
    raise KeyRefused(f"the private key must be Ed25519, or RSA of at least {_RSA_BITS} bits")


def _given(params: Params) -> list[tuple[str, Value]]:
    return [(name, value) for name, value in params.items() if value is not None]
