"""Signing: the exchange's own examples, and that what is signed is what is sent."""

import hmac
from base64 import b64decode
from decimal import Decimal
from hashlib import sha256
from urllib.parse import parse_qsl

import pytest
from binance_fakes import SECRET, FakeVenue
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import Bug, KeyRefused
from engine.world.binance.client import Client
from engine.world.binance.shape import reader
from engine.world.binance.sign import frame_signature, query_of, signed_query, signer_of, text_of
from engine.world.binance.spot_orders import SpotOrders

# Keys and signatures of the exchange's manual: public, and of no account.
FUTURES_SECRET = "2b5eb11e18796d12d88f13dc27dbbd02c2cc51ff7059765ed9821957d82bb4d9"
SPOT_ORDER = {
    "symbol": "LTCBTC", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": Decimal(1),
    "price": Decimal("0.1"), "recvWindow": 5000, "timestamp": 1499827319559,
}  # fmt: skip


def test_the_manuals_spot_example_is_signed_as_the_manual_says() -> None:
    signature = "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"
    assert signed_query(SPOT_ORDER, signer_of(SECRET)).endswith(f"&timestamp=1499827319559&signature={signature}")


def test_the_manuals_example_with_a_symbol_of_wide_digits_is_encoded_first_and_signed_second() -> None:
    query = signed_query({**SPOT_ORDER, "symbol": "１２３４５６"}, signer_of(SECRET))
    assert query.startswith("symbol=%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96&side=BUY")
    assert query.endswith("&signature=e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3")


def test_the_manuals_futures_example_is_signed_as_the_manual_says() -> None:
    order = {
        "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "quantity": 1, "price": 9000, "timeInForce": "GTC",
        "recvWindow": 5000, "timestamp": 1591702613943,
    }  # fmt: skip
    query = signed_query(order, signer_of(FUTURES_SECRET))
    assert query.endswith("&signature=3c661234138461fcc7a7d8746c6558c9842d4e10870d2ecbedf7777cad694af9")


def test_a_frame_is_signed_over_sorted_raw_parameters() -> None:
    params = {"timestamp": 1, "symbol": "币安人生USDT", "apiKey": "k", "price": None}
    expected = hmac.new(SECRET.encode(), "apiKey=k&symbol=币安人生USDT&timestamp=1".encode(), sha256).hexdigest()
    assert frame_signature(params, signer_of(SECRET)) == expected


def test_an_ed25519_key_signs_what_its_public_key_verifies() -> None:
    crypto = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ed25519")
    key = crypto.Ed25519PrivateKey.generate()
    signature = _signature(signed_query(SPOT_ORDER, signer_of(_pem(key))))
    key.public_key().verify(b64decode(signature), query_of(SPOT_ORDER).encode())


def test_a_pem_whose_lines_are_joined_by_written_newlines_is_read() -> None:
    crypto = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ed25519")
    pem = _pem(crypto.Ed25519PrivateKey.generate())
    joined = pem.replace("\n", "\\n")
    assert signer_of(joined).sign(b"x") == signer_of(pem).sign(b"x")


def test_an_rsa_key_signs_what_its_public_key_verifies() -> None:
    rsa = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.rsa")
    from cryptography.hazmat.primitives.asymmetric import padding
    from cryptography.hazmat.primitives.hashes import SHA256

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    signature = _signature(signed_query(SPOT_ORDER, signer_of(_pem(key))))
    key.public_key().verify(b64decode(signature), query_of(SPOT_ORDER).encode(), padding.PKCS1v15(), SHA256())


def test_a_short_rsa_key_and_a_damaged_pem_are_refused_without_being_quoted() -> None:
    rsa = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.rsa")
    with pytest.raises(KeyRefused, match="2048 bits"):
        signer_of(_pem(rsa.generate_private_key(public_exponent=65537, key_size=1024)))
    with pytest.raises(KeyRefused) as refused:
        signer_of("-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIB\n-----END PRIVATE KEY-----")
    assert "MC4CAQ" not in str(refused.value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("1E-7"), "0.0000001"), (Decimal("1E+3"), "1000"), (True, "true"), (False, "false"), (7, "7"),
        (["BTCUSDT", "币安人生USDT"], '["BTCUSDT","币安人生USDT"]'), ("", ""),
    ],
)  # fmt: skip
def test_parameters_are_written_as_the_exchange_reads_them(value: object, text: str) -> None:
    assert text_of(value) == text  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [0.1, Decimal("NaN"), Decimal("Infinity"), Decimal("1E+1000000"), object()])
def test_what_is_no_parameter_is_a_bug_of_ours(value: object) -> None:
    with pytest.raises(Bug):
        text_of(value)  # type: ignore[arg-type]


@given(st.dictionaries(st.text(min_size=1), st.text() | st.integers() | st.booleans(), max_size=8))
def test_any_parameters_come_back_from_the_query_and_nothing_else_does(params: dict[str, str | int]) -> None:
    query = query_of(params)
    assert query.isascii()
    found = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(params))
    assert found == [(name, text_of(value)) for name, value in params.items()]


@given(st.text(min_size=1, max_size=40))
def test_no_value_can_smuggle_a_parameter_in(symbol: str) -> None:
    assert query_of({"symbol": symbol, "side": "BUY"}).count("&") == 1


def test_what_is_sent_is_what_was_signed(spot: Client, venue: FakeVenue) -> None:
    venue.then([])
    SpotOrders(spot).open_orders("币安 人生&side=SELL/USDT")
    sent = venue.requests[0].url.raw_path.decode()
    payload, _, signature = sent.partition("?")[2].rpartition("&signature=")
    assert signature == hmac.new(SECRET.encode(), payload.encode(), sha256).hexdigest()
    assert "%E5%B8%81%E5%AE%89%20%E4%BA%BA%E7%94%9F%26side%3DSELL%2FUSDT" in payload


def test_each_try_of_a_read_is_signed_anew(spot: Client, venue: FakeVenue) -> None:
    venue.then(b"", 503).then([])
    SpotOrders(spot).open_orders()
    first, second = venue.queries()
    assert first["timestamp"] != second["timestamp"]
    assert first["signature"] != second["signature"]


def test_a_reader_is_made_once_a_type() -> None:
    assert reader(dict[str, int])(b'{"a":"1"}') == {"a": 1}


def _signature(query: str) -> str:
    return dict(parse_qsl(query))["signature"]


def _pem(key: object) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()  # type: ignore[attr-defined,no-any-return]
