"""Verify folds margin and funding of perpetuals again, and names what does not add up."""

from typing import Any

import msgspec
import pytest
from ledger_lines import START, fill, position

from engine.ledger.ledger import Ledger
from engine.ledger.verify import verify
from engine.records.base import Record
from engine.records.desk import Run
from engine.records.trades import FundingPayment
from engine.records.wire import encode

PERP = {"venue": "binance-usdm", "symbol": "COINUSDT"}


def on(record: Record, **changes: Any) -> Record:
    return msgspec.structs.replace(record, **PERP, **changes)


def funded() -> list[Record]:
    """Three coins bought at 100 with a sixth of it as margin; they pay 3 of funding, and one is sold at 110."""
    run = Run(at=0, run_id="r", version="1", settings_hash="", settings={"desk.leverage": 6})
    paid = FundingPayment(
        at=START + 1, **PERP, due_at=START + 1, rate="0.01", price="100", qty="3", amount="-3"
    )  # fmt: skip
    return [
        run,
        on(fill(0, "buy", "3", "100", "300", "0.3")),
        on(position(0, "3", "100", "-0.3", "0.3"), margin="50", liquidation_price="85.04"),
        paid,
        on(position(1, "3", "100", "-3.3", "0.3"), margin="47", liquidation_price="86.06"),
        on(fill(2, "sell", "1", "110", "110", "0.11")),
        on(position(2, "2", "100", "6.59", "0.41"), margin="31.33333333", liquidation_price="86.06"),
    ]


def told(path: Any, records: list[Record]) -> Any:
    with Ledger.open(path) as ledger:
        for record in records:
            ledger.append(encode(record))
    return verify(path)


def test_margin_and_funding_add_up(path):
    assert told(path, funded()).ok


@pytest.mark.parametrize(
    ("row", "field", "value", "text"),
    [
        (3, "margin", None, "margin"),
        (3, "margin", "51", "margin"),
        (4, "amount", "-2.99999999", "its rate makes -3"),
        (4, "rate", "0.001", "its rate makes -0.3"),
        (4, "price", "99", "its rate makes -2.97"),
        (4, "qty", "2", "where 3 was held"),
        (4, "symbol", "OTHERUSDT", "nothing was held"),
        (4, "rate", "x", "cannot be read"),
        (5, "realised_pnl", "-0.3", "realised_pnl"),
        (5, "margin", "50", "margin"),
        (7, "margin", "31.33333334", "margin"),
    ],
)
def test_what_does_not_add_up_is_named(path, row, field, value, text):
    records = funded()
    records[row - 1] = msgspec.structs.replace(records[row - 1], **{field: value})
    verdict = told(path, records)
    assert not verdict.ok
    assert text in verdict.problems[0].text


@pytest.mark.parametrize("leverage", [0, "six", None, [6]])
def test_a_run_with_a_leverage_that_is_none_is_named(path, leverage):
    records = funded()
    records[0] = msgspec.structs.replace(records[0], settings={"desk.leverage": leverage})
    assert "cannot be read" in told(path, records).problems[0].text


def test_a_position_that_is_left_on_margin_loses_it(path):
    records = funded()[:5]
    closed = on(position(2, "0", "0", "-50.3", "0.3", status="closed", dust="3"))
    assert told(path, [*records, closed]).ok
