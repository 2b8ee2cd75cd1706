"""The wallet of the stream against REST's: what is a missed change, and what is none."""

from decimal import Decimal

from engine.world.account.heard import Amounts
from engine.world.account.wallet import Wallet


def amounts(**given: str) -> dict[str, Amounts]:
    return {asset: tuple(Decimal(one) for one in text.split()) for asset, text in given.items()}


def test_the_first_look_is_what_later_ones_start_from() -> None:
    wallet = Wallet(("USDT",))
    for _ in range(3):
        assert wallet.missed(amounts(USDT="10 0", ABC="5 0")) == []


def test_a_change_that_was_not_told_is_missed_the_second_time_it_is_seen() -> None:
    wallet = Wallet(("USDT",))
    wallet.missed(amounts(USDT="10 0"))
    assert wallet.missed(amounts(USDT="9 0")) == []
    assert wallet.missed(amounts(USDT="9 0")) == ["USDT"]


def test_a_change_that_is_told_late_is_none() -> None:
    wallet = Wallet(("USDT",))
    wallet.missed(amounts(USDT="10 0"))
    assert wallet.missed(amounts(USDT="9 0")) == []
    wallet.hear(amounts(USDT="9.0 0"))
    assert wallet.missed(amounts(USDT="9 0")) == []


def test_an_answer_that_is_older_than_the_event_is_none() -> None:
    wallet = Wallet(("USDT",))
    wallet.missed(amounts(USDT="10 0"))
    wallet.hear(amounts(USDT="9 0"))
    assert wallet.missed(amounts(USDT="10 0")) == []
    assert wallet.missed(amounts(USDT="9 0")) == []


def test_two_changes_on_their_way_are_not_one_that_was_missed() -> None:
    wallet = Wallet(("USDT",))
    wallet.missed(amounts(USDT="10 0"))
    assert wallet.missed(amounts(USDT="9 0")) == []
    wallet.hear(amounts(USDT="9 0"))
    assert wallet.missed(amounts(USDT="8 0")) == []


def test_what_savings_earn_is_not_looked_at_but_what_was_ever_told_is() -> None:
    wallet = Wallet(("USDT",))
    wallet.missed(amounts(USDT="10 0", LDUSDT="5 0"))
    for interest in ("5.1 0", "5.1 0", "5.2 0", "5.2 0"):
        assert wallet.missed(amounts(USDT="10 0", LDUSDT=interest)) == []
    wallet.hear(amounts(ABC="1 0"))
    wallet.forget()
    wallet.missed(amounts(USDT="10 0", ABC="1 0"))
    wallet.missed(amounts(USDT="10 0"))
    assert wallet.missed(amounts(USDT="10 0")) == ["ABC"]


def test_nothing_is_the_same_as_not_being_there() -> None:
    wallet = Wallet(("USDT",))
    wallet.missed(amounts(USDT="10 0"))
    wallet.hear(amounts(USDT="0 0"))
    assert wallet.missed({}) == wallet.missed({}) == []
