"""What a fault makes of an answer."""

import gzip
from collections.abc import Callable

from engine.world.loopback.faults.script import BROKEN, DOUBTS, REFUSALS, UNHEARD, Fault, Said
from engine.world.loopback.httpd import Answer, Reply
from engine.world.loopback.rest.routes import encode

OVERSIZED = 64 << 20
_HTML = b"<html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>"
_NOTHING = Answer(200, b"")


def broken(fault: Fault, carry_out: Callable[[], Answer], now_ms: int) -> Reply:
    """Gives the reply to a request that meets a fault; `carry_out` answers it as it should be."""
    kind = fault.fault
    if kind in REFUSALS:
        return Reply(_said(REFUSALS[kind], fault, now_ms), fault.seconds if kind not in ("429", "418") else 0.0)
    if kind in UNHEARD:
        if kind == "403":
            return Reply(Answer(403, _HTML.replace(b"502 Bad Gateway", b"403 Forbidden"), content_type="text/html"))
        return Reply(_NOTHING, how=kind.removesuffix("_before"))
    answer = carry_out() if fault.carried_out else _NOTHING
    if kind in DOUBTS:
        return Reply(_said(DOUBTS[kind], fault, now_ms), fault.seconds)
    assert kind in BROKEN
    return _mangled(kind, answer, fault.seconds)


def _mangled(kind: str, answer: Answer, seconds: float) -> Reply:
    if kind in ("drop", "reset", "cut"):
        return Reply(answer, seconds, kind)
    return Reply(_with_body(kind, answer), seconds)


def _with_body(kind: str, answer: Answer) -> Answer:
    if kind == "html":
        return answer._replace(body=_HTML, content_type="text/html")
    if kind == "empty":
        return answer._replace(body=b"")
    if kind == "wrong_type":
        return answer._replace(body=b'["this","is","no","object"]')
    if kind == "oversized":
        return answer._replace(body=b'{"padding":"' + b"x" * OVERSIZED + b'"}')
    if kind == "bomb":
        packed = gzip.compress(b"\0" * OVERSIZED, 9)
        return answer._replace(body=packed, headers={**answer.headers, "Content-Encoding": "gzip"})
    return answer  # it only comes late


def _said(said: Said, fault: Fault, now_ms: int) -> Answer:
    headers = {}
    if said.status in (418, 429):
        headers["Retry-After"] = str(max(1, int(fault.seconds)))
    text = fault.value or said.text.format(until=now_ms + int(fault.seconds * 1000))
    if not text:
        return Answer(said.status, _HTML, headers, "text/html")
    return Answer(said.status, encode({"code": said.code, "msg": text}), headers)
