"""What fails is told as what it is: a failure answers no question, and leaves no order for certain that is not."""

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("websockets")

from quiet_market import arm, order

from engine.errors import KeyRefused, VenueError
from engine.world.account.spot import BinanceSpotAccount
from engine.world.account.usdm import BinanceUsdmAccount
from engine.world.binance.trouble import Banned, Doubtful, Limited, Lost, Rejected, Sort, Unreadable
from engine.world.loopback.serving import Serving

QUESTIONS: dict[str, Callable[[Any], Any]] = {
    "order": lambda account: account.order("ABCUSDT", "h1"),
    "open_orders": lambda account: account.open_orders(),
    "trades": lambda account: account.trades("ABCUSDT", 1_795_000_000_000),
    "trades_of": lambda account: account.trades_of("ABCUSDT", "1001", 1_795_000_000_000),
    "holdings": lambda account: account.holdings(),
    "balances": lambda account: account.balances(),
}
FUTURES_QUESTIONS = QUESTIONS | {
    "stop": lambda account: account.order("ABCUSDT", "h1", conditional=True),
    "income": lambda account: account.income(1_795_000_000_000),
    "prepare": lambda account: account.prepare("ABCUSDT"),
}
#: What becomes of a question under each fault.
FAULTS: dict[str, type[Exception]] = {
    "drop": Lost, "reset": Lost, "cut": VenueError, "html": Unreadable, "empty": Unreadable, "wrong_type": Unreadable,
    "500": Rejected, "503_unavailable": Rejected, "429": Limited, "418": Banned, "451": KeyRefused,
    "403": KeyRefused, "-2015": KeyRefused, "-1007": Rejected,
}  # fmt: skip


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_failed_question_on_spot_is_never_an_answer(
    spot: BinanceSpotAccount, venue: Serving, question: str, at_once: None
) -> None:
    spot.place(order("h1"))
    for fault, error in FAULTS.items():
        fails(spot, venue, QUESTIONS[question], fault, error)


@pytest.mark.parametrize("question", FUTURES_QUESTIONS)
def test_a_failed_question_on_futures_is_never_an_answer(
    usdm: BinanceUsdmAccount, venue: Serving, question: str, at_once: None
) -> None:
    usdm.place(order("h1"))
    usdm.place(order("h1", "sell", "stop", stop_price="95"))
    for fault, error in FAULTS.items():
        fails(usdm, venue, FUTURES_QUESTIONS[question], fault, error)


@pytest.mark.parametrize(
    ("fault", "error", "sort"),
    [
        ("drop", Doubtful, None), ("reset", Doubtful, None), ("cut", Doubtful, None), ("html", Doubtful, None),
        ("empty", Doubtful, None), ("wrong_type", Doubtful, None), 
        ("drop_before", Doubtful, None), ("500", Doubtful, None), ("502", Doubtful, None), ("504", Doubtful, None),
        ("503_unknown", Doubtful, None), ("408", Doubtful, None), ("-1006", Doubtful, None), ("-1007", Doubtful, None),
        ("-1008", Rejected, Sort.WAIT), ("-2010", Rejected, Sort.STATE), ("-1021", Rejected, Sort.RESYNC),
        ("-2019", Rejected, Sort.STATE), ("429", Limited, None), ("418", Banned, None), ("451", KeyRefused, None),
        ("-2015", KeyRefused, None),
    ],
)  # fmt: skip
def test_what_becomes_of_an_order_is_certain_or_said_to_be_in_doubt(
    spot: BinanceSpotAccount, usdm: BinanceUsdmAccount, venue: Serving, fault: str, error: type[Exception], sort: Any
) -> None:
    for account, path in ((spot, "/api/v3/order"), (usdm, "/fapi/v1/order"), (usdm, "/fapi/v1/algoOrder")):
        wanted = order("h1") if not path.endswith("algoOrder") else order("h2", "sell", "stop", stop_price="95")
        _ready(account, venue)
        arm(venue, fault=fault, on=f"POST {path}", seconds=waits(fault))
        with pytest.raises(error) as failed:
            account.place(wanted)
        if isinstance(failed.value, Doubtful):
            assert failed.value.client_id == wanted.client_id
        if sort is not None:
            assert isinstance(failed.value, Rejected)
            assert failed.value.sort is sort


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Questions are asked again at once."""
    monkeypatch.setattr("engine.world.binance.client.PAUSE_S", 0.0)


def fails(account: Any, venue: Serving, ask: Callable[[Any], Any], fault: str, error: type[Exception]) -> None:
    _ready(account, venue)
    arm(venue, fault=fault, on="GET *", times=0, seconds=waits(fault))
    with pytest.raises(error):
        ask(account)


def waits(fault: str) -> float:
    """Gives the seconds that a fault speaks of."""
    return 1.0 if fault in ("429", "418") else 0.0


def _ready(account: Any, venue: Serving) -> None:
    """Ends all faults and waits and gives the whole budget back, so that each failure comes of its own fault.

    The clock is known.
    """

    def forget(one: Any) -> None:
        one.faults._requests.clear()
        for rest in one.rests.values():
            rest.meter.used = 0

    venue.do(forget)
    account._binance.budget._db.executescript("DELETE FROM hold; DELETE FROM used")
    account._client.measure()
