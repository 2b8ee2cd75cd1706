"""The page: everything told, nothing run, and no text from data can become markup."""

import re
import stat
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path

import pytest
from made_session import DAY, at, change, refusal, run, session

from engine.errors import ConfigError
from engine.runs.reporting.charts import trades_chart
from engine.runs.reporting.page import page, write_page
from engine.runs.reporting.text import html, length, moment, number, price
from engine.stages.report import report

HOSTILE = (
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "' onmouseover='x", "</title><script>x</script>",
    "</style><script>x</script>", "\x1b[31mRED\x1b[0m", "=cmd()", "[/]X", "\u202eevil", "a\u200bb", "&lt;b&gt;",
    "币安人生USDT", "javascript:alert(1)", "<!--", "]]>", "\x00",
)  # fmt: skip
_TAGS = {
    "html", "head", "meta", "link", "title", "style", "body", "main", "h1", "h2", "p", "section", "div", "dl", "dt",
    "dd", "small", "table", "thead", "tbody", "tr", "th", "td", "span", "svg", "path", "line", "rect", "code", "footer",
    "wbr",
}  # fmt: skip
_ATTRIBUTES = {
    "lang", "charset", "http-equiv", "content", "name", "rel", "href", "class", "style", "viewbox",
    "preserveaspectratio", "role", "aria-label", "aria-hidden", "d", "x", "y", "x1", "x2", "y1", "y2", "width",
    "height", "title",
}  # fmt: skip
_EMPTY = {"meta", "link", "wbr", "path", "line"}


class Reader(HTMLParser):
    """Collects tags, attributes and text, and checks that tags are closed in their order."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text: list[str] = []
        self.policy = ""
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if dict(attrs).get("http-equiv") == "Content-Security-Policy":
            self.policy = dict(attrs)["content"] or ""
        if tag not in _EMPTY:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")

    def close(self) -> None:
        super().close()
        assert self._open == []


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    reader.close()
    return reader


def told(text: str) -> str:
    return " ".join(read(text).text)


def test_the_page_tells_the_figures() -> None:
    words = told(page(report(session())))
    for word in (
        "+19.38", "1,024.33", "closed trades, fees 0.62", "49.45", "50.0 %", "1 won, 1 lost", "−20.35", "AUSDT",
        "TIER_1, STOP", "TIME (ambiguous bar)", "BUY_MIN_NOTIONAL", "momentum", "degraded(feed_stale)", "cd" * 32,
        "ab" * 32, "bars.csv", "0.1.0", "2024-01-10 00:01 to 2024-01-10 00:07 UTC, 7 cycles", "Paper trading",
    ):  # fmt: skip
        assert word in words, word


def test_it_needs_no_network_and_runs_no_script() -> None:
    text = page(report(session()))
    reader = read(text)
    assert reader.policy == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    assert set(reader.tags) <= _TAGS
    assert {name for name, _ in reader.attributes} <= _ATTRIBUTES
    assert [value for name, value in reader.attributes if name == "href"] == ["data:,"]
    assert not re.search(r"https?:|url\(|@import|<script|javascript:", text)


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_becomes_markup(name: str) -> None:
    records = [*session(name, name + "2", name + "3"), refusal(8, name, "precheck", name, name)]
    records += [change(8, "engine", name, name, name)]
    records[0] = run(
        run_id=name, version=name, settings_hash=name, platform=name, rules_snapshot=name, sources=(name,),
        settings={"desk.quote_asset": name},
        market={"path": name, "files": [{"path": name, "sha256": name}, {"path": 1, "sha256": None}, name]},
    )  # fmt: skip
    text = page(report(records))
    reader = read(text)
    assert set(reader.tags) <= _TAGS
    assert {attribute for attribute, _ in reader.attributes} <= _ATTRIBUTES
    assert not [c for c in text if (ord(c) < 32 and c != "\n") or c in "\x1b\u202e\u200b"]
    assert html(name) in text


def test_an_empty_report_is_a_whole_page() -> None:
    words = told(page(report([])))
    for word in ("No cycles", "No closed trade.", "No cycle yet.", "No ranked candidate.", "no run record"):
        assert word in words


def test_a_report_of_one_cycle_draws_nothing_that_cannot_be() -> None:
    assert "nan" not in page(report(session()[:8])).lower()
    assert "nan" not in page(report(session()[:12])).lower()


def test_the_same_report_gives_the_same_bytes() -> None:
    assert page(report(session())) == page(report(session()))


def test_every_trade_has_a_bar_and_a_row() -> None:
    made = report(session())
    chart = trades_chart(made.trades)
    assert (chart.count('class="up"'), chart.count('class="down"')) == (1, 1)
    assert "<title>BUSDT: +19.78, TIME</title>" in chart


def test_the_page_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "report.html"
    write_page(report(session()), target)
    assert target.read_text(encoding="utf-8") == page(report(session()))
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    assert stat.S_ISREG(target.stat().st_mode)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be written"):
        write_page(report([]), tmp_path / "no" / "report.html")
    for folder in (tmp_path, Path()):
        with pytest.raises(ConfigError, match="name a file in it"):
            write_page(report([]), folder)


def test_numbers_are_written_for_reading() -> None:
    assert [number(Decimal("-1234.567")), number(None), number(0.001, sign=True), number(2.5, 1, sign=True)] == [
        "−1,234.57", "–", "0.00", "+2.5",
    ]  # fmt: skip
    assert [price(Decimal("0.00000012345678912")), price(Decimal("52781.00")), price(Decimal(0)), price(None)] == [
        "0.00000012345679", "52781", "0", "–",
    ]  # fmt: skip
    assert [length(59), length(3660), length(190_000), length(None)] == ["0 min", "1 h 01 min", "2 d 4 h", "–"]
    assert [moment(DAY), moment(at(1)), moment(None), moment(2**53 - 1)] == [
        "2024-01-10 00:00", "2024-01-10 00:01", "–", "9007199254740991",
    ]  # fmt: skip


def test_only_the_newest_state_changes_are_listed_newest_first() -> None:
    changes = [change(i, "risk", f"W{i}", f"N{i}", "drawdown", value=3.25, limit=3.0) for i in range(60)]
    words = told(page(report(changes)))
    assert words.index("W59 → N59") < words.index("W10 → N10")
    assert "W9 → N9" not in words
    assert "3.25 against 3" in words
    assert "10 older ones are not listed" in words
