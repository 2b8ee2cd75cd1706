"""Words and numbers of the page: everything from data is escaped here, and nothing of it can steer a reader's eye."""

import unicodedata
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from html import escape
from pathlib import Path
from typing import NamedTuple

from engine.matching.units import plain

#: The end of the year 9999, where calendars end.
LAST_MS = 253_402_300_799_999
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


class Cell(NamedTuple):
    """A table cell: its markup, already escaped, and its class."""

    markup: str
    style: str = ""


def html(text: object) -> str:
    """Gives text as HTML, also for attributes; control, bidi and zero-width characters are written as escapes."""
    return escape("".join(_shown(char) for char in str(text)))


def _shown(char: str) -> str:
    hidden = unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")
    return f"\\u{ord(char):04x}" if hidden else char


def number(value: Decimal | float | None, digits: int = 2, sign: bool = False) -> str:
    """Gives a number with thousands separated, rounded for reading; a dash for None."""
    if value is None:
        return "–"
    text = f"{abs(value):,.{digits}f}"
    if not any(digit in text for digit in "123456789"):
        return text
    return f"−{text}" if value < 0 else f"+{text}" if sign else text


def price(value: Decimal | None) -> str:
    """Gives a price with eight significant digits at most."""
    if value is None:
        return "–"
    return plain(Decimal(f"{value:.8g}"))


def moment(at: int | None, style: str = "%Y-%m-%d %H:%M") -> str:
    """Gives epoch ms as `2021-04-16 07:00`, UTC, or in another style; a time beyond the calendar as it stands."""
    if at is None:
        return "–"
    return datetime.fromtimestamp(at / 1000, UTC).strftime(style) if at <= LAST_MS else str(at)


def length(seconds: float | None) -> str:
    """Gives a length of time as `3 h 05 min`."""
    if seconds is None:
        return "–"
    minutes = int(seconds) // 60
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    return f"{minutes // 1440} d {minutes % 1440 // 60} h"


def tone(value: Decimal | float | None) -> str:
    """Gives the class of a gain or a loss."""
    if not value:
        return ""
    return "gain" if value > 0 else "loss"


def cell(value: object, style: str = "") -> Cell:
    """Gives a cell of text."""
    return Cell(html(value), style)


def amount(value: Decimal | float | None, digits: int = 2, sign: bool = False) -> Cell:
    """Gives a cell of a number; one with a sign takes the colour of gain or loss."""
    return Cell(html(number(value, digits, sign)), f"n {tone(value)}".strip() if sign else "n")


def table(heads: Sequence[str], rows: Iterable[Sequence[Cell]], numbers: Iterable[int] = ()) -> str:
    """Gives a table; `numbers` are the columns whose heads stand to the right."""
    right = set(numbers)
    head = "".join(f"<th{' class=n' if i in right else ''}>{html(text)}</th>" for i, text in enumerate(heads))
    body = "".join(f"<tr>{''.join(_td(one) for one in row)}</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _td(one: Cell) -> str:
    return f'<td class="{one.style}">{one.markup}</td>' if one.style else f"<td>{one.markup}</td>"


def section(title: str, body: str, note: str = "") -> str:
    """Gives a section of the page; `body` is markup, title and note are text."""
    small = f'<p class="note">{html(note)}</p>' if note else ""
    return f"<section><h2>{html(title)}</h2>{body}{small}</section>"


def document(title: str, main: str) -> str:
    """Gives one HTML document that needs no network and runs no script: `title` is escaped, `main` is markup."""
    style = (Path(__file__).parent / "page.css").read_text(encoding="utf-8")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">'
        f"<title>{html(title)}</title><style>{style}</style></head><body><main>{main}</main></body></html>\n"
    )
