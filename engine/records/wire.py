"""The wire: one JSON object a line, its kind first; what a line may be, and how records become lines and back."""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from engine.errors import BadRecord
from engine.records import account, desk, ideas, market, trades
from engine.records.base import Record

KINDS: dict[str, type[Record]] = {
    cls.__struct_config__.tag: cls  # type: ignore[misc]
    for cls in (
        market.Ticker, market.Bar, market.BookTop, market.Trade, market.SymbolRules, market.OpenInterest,
        market.Funding, market.LongShort, market.TakerFlow, market.Post, market.Announcement,
        market.Tick,
        ideas.Anomaly, ideas.Candidate, ideas.CandidateSnapshot, ideas.SignalSnapshot, ideas.Refusal, ideas.Cycle,
        trades.Intent, trades.OrderAttempt, trades.OrderResult, trades.Fill, trades.Position,
        trades.FundingPayment, trades.StateChange, trades.ReconcileDiff, trades.PastTrade,
        account.OrderReport, account.Execution,
        account.AccountHolding, account.BoundCoins, account.AccountBalance, account.Condition,
        desk.Run, desk.Judged, desk.Operator, desk.Recording, desk.EmergencyClose, desk.EmergencyResult,
        desk.LiveStep, desk.Alert, desk.End,
    )
}  # fmt: skip

#: Kinds whose bytes are the same in pipe, run, daemon, replay and backtest.
COMPARED: frozenset[str] = frozenset(
    kind for kind, cls in KINDS.items() if cls.OWNER in ("scan", "rank", "signal", "precheck", "order")
) - {"judged"}

#: Facts of the market and of the account, and the tick, which is one when it comes from outside.
FACTS: frozenset[str] = frozenset(kind for kind, cls in KINDS.items() if cls.OWNER in ("market", "account"))

#: Order of kinds at one instant: rules before prices, prices before what reads them, the tick last.
KIND_RANK: dict[str, int] = {
    kind: i
    for i, kind in enumerate(
        ("run", "operator", "symbol_rules", "announcement", "post", "funding", "open_interest", "long_short",
         "taker_flow", "bar", "ticker", "book_top", "trade", "tick")
    )
}  # fmt: skip

MAX_LINE_BYTES = 1 << 20
MAX_DEPTH = 32
#: How every line begins, up to its kind.
OPENING = b'{"kind":"'
_EXPONENT = re.compile(rb'"(?:[^"\\]|\\.)*"|-?[0-9]+(?:\.[0-9]+)?[eE][+-]?[0-9]+')
#: How a number with an exponent begins; most lines hold none, and those are told apart by one quick look.
_TINY = re.compile(rb"[:,\[]-?[0-9][0-9.]*e")
#: Most lines are of kinds that hold texts and whole numbers only: no exponent can stand in them.
UNFIGURED = frozenset({market.Ticker, market.Bar, market.BookTop, market.Trade, market.Funding})

_encoder = msgspec.json.Encoder(decimal_format="string")
_decoders: dict[bytes, msgspec.json.Decoder[Any]] = {}


_written: tuple[Record | None, bytes] = (None, b"")


def encode(record: Record) -> bytes:
    """Gives a record's line, without its newline; what is kept and then handed on is made once."""
    global _written
    if _written[0] is record:
        return _written[1]
    line = _encoder.encode(record)
    if type(record) not in UNFIGURED and _TINY.search(line):
        line = _EXPONENT.sub(_without_exponent, line)
    _written = (record, line)
    return line


def encode_tickers(tickers: Iterable[market.Ticker]) -> bytes:
    """Gives the lines of tickers, each with its newline: no exponent can stand in them."""
    return _encoder.encode_lines(list(tickers))


def decode_tickers(lines: bytes) -> list[market.Ticker]:
    """Reads lines that were just written, each of a ticker."""
    return _tickers.decode_lines(lines)


def _without_exponent(match: re.Match[bytes]) -> bytes:
    token = match.group()
    return token if token.startswith(b'"') else f"{float(token):.6f}".rstrip("0").rstrip(".").encode()


def kind_of_line(line: bytes) -> str | None:
    """Gives the kind that a line opens with, or None where it does not open as the wire's lines do."""
    if not line.startswith(OPENING):
        return None
    end = line.find(b'"', len(OPENING))
    return line[len(OPENING) : end].decode("ascii", "replace") if end > 0 else None


class _Instant(msgspec.Struct):
    at: int


_instant = msgspec.json.Decoder(_Instant)


def at_of(line: bytes) -> int:
    """Gives the time of a line without reading the rest of it; raises BadRecord where it has none."""
    try:
        return _instant.decode(line).at
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRecord(f"no time: {error}") from None


def decode(line: bytes) -> Record | None:
    """Reads a line as a record of a known kind; None when its kind is not known (a newer version's).

    Any key order and white space is read. Raises BadRecord for what cannot be trusted: not JSON, not UTF-8, a wrong
    type, a number that is not finite, a key given twice, too long or too deep.
    """
    global _written
    if len(line) > MAX_LINE_BYTES:
        raise BadRecord(f"longer than {MAX_LINE_BYTES} bytes")
    if line.startswith(OPENING):
        decoder = _decoder(line[9 : line.find(b'"', 9)])
        if decoder is None:
            return None
        record = _decode_with(decoder, line)
        # A line that encodes back to itself has neither doubled keys nor unknown fields; only others are looked at
        # closer. What was read and is handed on or kept is then not encoded again.
        if _encoder.encode(record) == line and line.count(b"[") + line.count(b"{") <= MAX_DEPTH:
            _written = (record, line)
        else:
            _strict(line)
        return record
    decoder = _decoder(_kind_anywhere(line).encode("utf-8", "replace"))
    return _decode_with(decoder, line) if decoder is not None else None


_AMOUNT = rb'"[0-9]{1,15}(?:\.[0-9]{1,18})?"'
#: The line of a ticker that makes sense, told without reading it: most lines of a recording are such.
_GOOD_TICKER = re.compile(
    rb'\{"kind":"ticker","at":[0-9]{1,15},"venue":"[a-z0-9-]{1,40}","symbol":"[A-Z0-9]{1,40}"'
    rb'(?:,"mono_ms":[0-9]{1,15})?,"last":(?="[0.]*[1-9])'
    + _AMOUNT + rb'(?:,"volume_24h":' + _AMOUNT + rb')?,"quote_volume_24h":' + _AMOUNT + rb"\}"
)  # fmt: skip
_tickers = msgspec.json.Decoder(market.Ticker)


def recall(line: bytes) -> Record | None:
    """Reads a line that was read before it was kept, as `decode` did then, without holding it against its bytes again.

    Raises BadRecord for a line that is no record all the same.
    """
    if _GOOD_TICKER.fullmatch(line):
        ticker = _tickers.decode(line)
        market.believe(ticker)
        return ticker
    decoder = _decoders.get(line[9 : line.find(b'"', 9)]) if line.startswith(OPENING) else None
    return _decode_with(decoder, line) if decoder is not None else decode(line)


def recall_each(lines: Iterable[bytes]) -> Iterator[Record]:
    """Reads lines as `recall` does, and passes over those of no known kind."""
    is_good, read, believe = _GOOD_TICKER.fullmatch, _tickers.decode, market.believe
    for line in lines:
        if is_good(line):
            ticker = read(line)
            believe(ticker)
            yield ticker
            continue
        record = recall(line)
        if record is not None:
            yield record


def _decoder(kind: bytes) -> "msgspec.json.Decoder[Any] | None":
    decoder = _decoders.get(kind)
    if decoder is None:
        cls = KINDS.get(kind.decode("ascii", "replace"))
        if cls is None:
            return None
        decoder = _decoders[kind] = msgspec.json.Decoder(cls)
    return decoder


_PATTERN = re.compile(r"Expected `str` matching regex '.*'")


def _decode_with(decoder: "msgspec.json.Decoder[Any]", line: bytes) -> Record:
    try:
        record: Record = decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRecord(_PATTERN.sub("Expected a plain decimal number", str(error))) from None
    except RecursionError:
        raise BadRecord(f"nested deeper than {MAX_DEPTH}") from None
    return record


def _kind_anywhere(line: bytes) -> str:
    value = _strict(line)
    if not isinstance(value, dict) or not isinstance(value.get("kind"), str):
        raise BadRecord("not an object with a kind")
    return str(value["kind"])


def check_json(line: bytes) -> Any:
    """Reads what comes from outside as strict JSON: UTF-8, finite numbers, no doubled keys, bounded depth.

    Raises BadRecord, also for an escape that is half a character: its text could never be written again.
    """
    found = _strict(line)
    if b"\\ud" in line or b"\\uD" in line:
        try:
            json.dumps(found, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise BadRecord("half a character: a surrogate without its other half") from None
    return found


def _strict(line: bytes) -> Any:
    if line.count(b"[") + line.count(b"{") > MAX_DEPTH and _is_deep(line):
        raise BadRecord(f"nested deeper than {MAX_DEPTH}")
    try:
        return json.loads(
            line.decode("utf-8"), object_pairs_hook=_single_keys, parse_constant=_no_constant, parse_float=_finite,
            parse_int=_bounded,
        )  # fmt: skip
    except UnicodeDecodeError:
        raise BadRecord("not UTF-8") from None
    except json.JSONDecodeError as error:
        raise BadRecord(f"not JSON: {error.msg} (byte {error.pos})") from None
    except RecursionError:
        raise BadRecord(f"nested deeper than {MAX_DEPTH}") from None


def _is_deep(line: bytes) -> bool:
    """Says whether a line is nested deeper than `MAX_DEPTH`; of a bomb it reads no more than that."""
    depth = 0
    # A text that never ends is taken whole: looking for its end again from each quote would take hours.
    for found in re.finditer(rb'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', line):
        token = found.group()
        if token in (b"[", b"{"):
            depth += 1
            if depth > MAX_DEPTH:
                return True
        elif token in (b"]", b"}"):
            depth -= 1
    return False


def _single_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise BadRecord(f"key given twice: {twice[:40]!r}")
    return out


def _no_constant(name: str) -> Any:
    raise BadRecord(f"not a finite number: {name}")


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise BadRecord(f"not a finite number: {text[:40]}")
    return value


def _bounded(text: str) -> int:
    if len(text) > 20:
        raise BadRecord(f"an integer of {len(text)} digits")
    return int(text)


def schema(kind: str) -> dict[str, Any]:
    """Gives the JSON Schema (2020-12) of a kind; raises KeyError for an unknown one."""
    cls = KINDS[kind]
    (_,), components = msgspec.json.schema_components((cls,), ref_template="#/$defs/{name}")
    body = components.pop(cls.__name__)
    body["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    body["title"] = kind
    if components:
        body["$defs"] = components
    return dict(body)
