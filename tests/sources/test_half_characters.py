"""Text that is half a character is a bad line where it comes in: nobody could write it again."""

from pathlib import Path

import pytest

from engine.errors import BadRecord, HotError
from engine.records.wire import check_json, encode
from engine.runs.market import MarketOptions, open_market

ANNOUNCED = '{"msg_id":%d,"datetime":"2026-01-13T07:31:35+00:00","title":"Binance Will List %s (ABC)","body":"x"}\n'
BOOK = '{"t":1633998515.06,"dir":"in","frame":{"u":%d,"s":"%sUSDT","b":"1","B":"1","a":"2","A":"1","e":"bookTicker"}}\n'


@pytest.mark.parametrize("half", [r"\ud800", r"\uDBFF", r"\udfff", r"\ude00\ud83d", r"x\uD83Dx"])
@pytest.mark.parametrize(("name", "line"), [("posts.ndjson", ANNOUNCED), ("capture.ndjson", BOOK)])
def test_it_is_a_bad_line_among_good_ones(name: str, line: str, half: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(line % (1, "BTC") + line % (2, half) + line % (3, r"\u5e01\ud83d\ude00" if "msg" in line else "币"))
    bad: list[tuple[int, str]] = []
    opened = open_market(MarketOptions(path=str(path)), lambda where, number, why: bad.append((number, why)))
    records = [entry.record for entry in opened.source.facts() if entry.record is not None]
    assert len([encode(record) for record in records]) >= 2
    assert [number for number, _ in bad] == [2] and "half a character" in bad[0][1]


def test_whole_characters_pass() -> None:
    assert check_json(rb'{"a":"\ud83d\ude00"}') == {"a": "😀"}
    assert check_json(rb'{"a":"\\ud800"}') == {"a": r"\ud800"}
    with pytest.raises(BadRecord, match="half a character"):
        check_json(rb'{"\ud800":[1]}')


def test_a_document_with_half_a_character_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "exchangeInfo.json"
    path.write_text(r'{"timezone":"UTC","serverTime":1,"symbols":[{"symbol":"\ud800USDT","status":"TRADING"}]}')
    with pytest.raises(HotError):
        list(open_market(MarketOptions(path=str(path)), lambda *_: None).source.facts())
