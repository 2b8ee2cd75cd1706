"""Faults: what the venue does wrong on purpose, by a script or by a seed.

A script is a JSON list. Each fault says what (`fault`), where (`on`, a pattern over `POST /api/v3/order`, or over names
of streams, and `user`, for frames), and when: it lets `skip` chances pass, happens `times` times (0: for ever; once
unless told otherwise, for frames for ever), each with `chance`, from `after_s` seconds on, for `for_s` (0: for ever).
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from random import Random
from typing import NamedTuple

import msgspec

from engine.errors import ConfigError
from engine.world.loopback.httpd import Request


class Said(NamedTuple):
    """An error that is answered: HTTP status, the exchange's code, its words."""

    status: int
    code: int
    text: str


_TIMEOUT = "Timeout waiting for response from backend server. Send status unknown; execution status unknown."
_ALGO = "Order type not supported for this endpoint. Please use the Algo Order API endpoints instead."
#: Definite refusals: the request is not carried out.
REFUSALS = {
    "429": Said(429, -1003, "Too many requests."),
    "418": Said(418, -1003, "Way too many requests; IP banned until {until}."),
    "451": Said(451, 0, "Service unavailable from a restricted location according to 'b. Eligibility'."),
    "503_unavailable": Said(503, 0, "Service Unavailable."),
    "503_internal": Said(503, -1001, "Internal error; unable to process your request. Please try again."),
    "503_throttled": Said(503, -1008, "Request throttled by system-level protection. Reduce-only orders are exempt."),
    "-1001": Said(503, -1001, "Internal error; unable to process your request. Please try again."),
    "-1008": Said(503, -1008, "Request throttled by system-level protection. Reduce-only orders are exempt."),
    "-1015": Said(429, -1015, "Too many new orders."),
    "-1021": Said(400, -1021, "Timestamp for this request is outside of the recvWindow."),
    "-1022": Said(400, -1022, "Signature for this request is not valid."),
    "-2010": Said(400, -2010, "Account has insufficient balance for requested action."),
    "-2011": Said(400, -2011, "Unknown order sent."),
    "-2013": Said(400, -2013, "Order does not exist."),
    "-2014": Said(401, -2014, "API-key format invalid."),
    "-2015": Said(401, -2015, "Invalid API-key, IP, or permissions for action."),
    "-2019": Said(400, -2019, "Margin is insufficient."),
    "-2021": Said(400, -2021, "Order would immediately trigger."),
    "-2022": Said(400, -2022, "ReduceOnly Order is rejected."),
    "-4005": Said(400, -4005, "Quantity greater than max quantity."),
    "-4061": Said(400, -4061, "Order's position side does not match user's setting."),
    "-4116": Said(400, -4116, "ClientOrderId is duplicated."),
    "-4120": Said(400, -4120, _ALGO),
}  # fmt: skip
#: Answers that leave the outcome open: the request is carried out (unless `carried_out` is false) and then denied.
DOUBTS = {
    "500": Said(500, -1000, "An unknown error occurred while processing the request."),
    "502": Said(502, 0, ""),
    "504": Said(504, 0, ""),
    "503_unknown": Said(503, -1000, "Unknown error, please check your request or try again later."),
    "408": Said(408, -1007, _TIMEOUT),
    "-1006": Said(400, -1006, "An unexpected response was received from the message bus. Execution status unknown."),
    "-1007": Said(400, -1007, _TIMEOUT),
}  # fmt: skip
#: What happens to the transport or to the body of an answer, after the request was carried out.
BROKEN = ("drop", "reset", "cut", "delay", "html", "empty", "wrong_type", "oversized", "bomb")
#: The same before it was carried out.
UNHEARD = ("drop_before", "reset_before", "403")
#: What happens to frames of streams; pings and pongs go on.
FRAMES = ("silence", "dirty", "burst", "twice", "never", "late")
#: What happens to the venue as a whole, once each time it is due.
ACTS = (
    "hide", "cut_streams", "shutdown", "end_user_stream", "expire_listen_key", "refuse_subscriptions", "ban",
    "status", "step", "tick", "wick", "crossed", "list", "trade_by_hand", "liquidate", "adl", "clock", "dual", "rights",
    "freeze", "lose_bar", "empty_bar",
)  # fmt: skip
KINDS = (*REFUSALS, *DOUBTS, *BROKEN, *UNHEARD, *FRAMES, *ACTS)
#: What a seed chooses from.
SEEDED = (
    "drop",
    "reset",
    "reset_before",
    "cut",
    "delay",
    "html",
    "empty",
    "503_unknown",
    "-1006",
    "-1007",
    "500",
    "502",
)
MAX_SCRIPT = 1 << 20
#: A frame that is late comes after this, unless `seconds` says otherwise: others overtake it.
LATE_S = 1.0


class Passed(NamedTuple):
    """A frame that goes out, so many seconds late."""

    frame: bytes
    after_s: float = 0.0


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One fault of a script. `seconds`, `symbol`, `value`, `market` and `side` mean what the kind of fault needs."""

    fault: str
    on: str = "*"
    skip: int = 0
    times: int | None = None
    chance: float = 1.0
    after_s: float = 0.0
    for_s: float = 0.0
    seconds: float = 0.0
    carried_out: bool = True
    symbol: str = ""
    value: str = ""
    market: str = "spot"
    side: str = "BUY"

    def __post_init__(self) -> None:
        """Raises ValueError for a fault that there is not."""
        if self.fault not in KINDS:
            raise ValueError(f"no fault {self.fault!r}; there are {', '.join(KINDS)}")

    @property
    def most(self) -> int:
        """How often it happens at most, 0 for ever."""
        if self.times is None:
            return 0 if self.fault in FRAMES else 1
        return self.times


class _Armed:
    """A fault with its own chance and its counts."""

    def __init__(self, fault: Fault, random: Random) -> None:
        self.fault, self._random = fault, random
        self.seen = self.fired = 0

    def fires(self, now_s: float) -> bool:
        """Says whether it happens now; each call is one chance."""
        fault = self.fault
        if now_s < fault.after_s or (fault.for_s and now_s >= fault.after_s + fault.for_s):
            return False
        self.seen += 1
        if self.seen <= fault.skip or (fault.most and self.fired >= fault.most):
            return False
        if fault.chance < 1.0 and self._random.random() >= fault.chance:
            return False
        self.fired += 1
        return True


class FaultPlan:
    """The faults of a venue, and which of them happens when: the same for the same seed and the same chances."""

    def __init__(self, faults: Iterable[Fault], seed: int) -> None:
        """Arms the faults."""
        self._seed = seed
        self._requests: list[_Armed] = []
        self._frames: list[_Armed] = []
        self._acts: list[_Armed] = []
        self.count = 0
        for fault in faults:
            self.add(fault)

    def add(self, fault: Fault) -> None:
        """Arms one more."""
        self.count += 1
        armed = _Armed(fault, Random(f"{self._seed}/fault/{self.count}"))
        kinds = self._acts if fault.fault in ACTS else self._frames if fault.fault in FRAMES else self._requests
        kinds.append(armed)

    def of_request(self, request: Request, now_s: float) -> Fault | None:
        """Gives the fault that a request meets."""
        if not self._requests:
            return None
        name = f"{request.method} {request.path}"
        for armed in self._requests:
            if not fnmatchcase(name, armed.fault.on) or (_throttles(armed.fault) and _is_exit(request)):
                continue
            if armed.fires(now_s):
                return armed.fault
        return None

    def of_frame(self, stream: str, frame: bytes, now_s: float) -> list[Passed]:
        """Gives what becomes of a frame."""
        frames = [Passed(frame)]
        for armed in self._frames:
            fault = armed.fault
            if fnmatchcase(stream, fault.on) and armed.fires(now_s):
                if fault.fault in ("silence", "never"):
                    return []
                if fault.fault == "twice":
                    frames += frames
                elif fault.fault == "burst":
                    frames *= int(fault.value or "10")
                elif fault.fault == "late":
                    frames = [one._replace(after_s=fault.seconds or LATE_S) for one in frames]
                else:
                    frames = [Passed(dirty(frame, armed.fired))]
        return frames

    def due(self, now_s: float) -> list[Fault]:
        """Gives the faults of the whole venue whose time has come; each call is a chance."""
        return [one.fault for one in self._acts if one.fires(now_s)]


def read_script(path: Path) -> list[Fault]:
    """Reads a script of faults; raises ConfigError for what is none."""
    try:
        if path.stat().st_size > MAX_SCRIPT:
            raise ConfigError(f"{path}: a script of faults is a JSON list of at most a megabyte")
        return msgspec.json.decode(path.read_bytes(), type=list[Fault])
    except (msgspec.DecodeError, OSError) as error:
        raise ConfigError(f"{path}: {error}") from None


def seeded(rate: float) -> list[Fault]:
    """Gives faults that together meet such a share of the order requests, and fewer of everything else.

    Reads fail a third as often, user events go astray as often, frames are dirty a tenth as often, and every
    connection is cut now and then.
    """
    each = rate / len(SEEDED)
    orders = [_on(kind, "POST /*order*", each) for kind in SEEDED]
    reads = [_on(kind, "GET /*", each / 3) for kind in SEEDED]
    users = [Fault(fault=kind, on="user", chance=rate / 2) for kind in ("never", "twice")]
    frames = [Fault(fault="dirty", on="*@*", chance=rate / 10)]
    return [*orders, *reads, *users, *frames, Fault(fault="cut_streams", times=0, chance=rate / 100)]


def _on(kind: str, where: str, chance: float) -> Fault:
    return Fault(fault=kind, on=where, times=0, chance=chance, seconds=1.5 if kind == "delay" else 0.0)


def dirty(frame: bytes, number: int) -> bytes:
    """Gives a frame with something wrong about it, another thing each time."""
    ways = (
        frame[: len(frame) // 2], b"not json at all", frame.replace(b'":"', b'":"x', 1), frame.replace(b'"E"', b'"_"'),
        frame.replace(b'"c":"', b'"c":"NaN', 1), b"[]", b'{"e":"unheardOf"}', frame.replace(b'"p":"', b'"p":"-', 1),
    )  # fmt: skip
    return ways[number % len(ways)]


def _throttles(fault: Fault) -> bool:
    return fault.fault in ("503_throttled", "-1008")


def _is_exit(request: Request) -> bool:
    """Cancels, and orders that only reduce, pass where the exchange throttles."""
    text = request.query.encode() + b"&" + request.body
    return request.method == "DELETE" or b"reduceOnly=true" in text or b"closePosition=true" in text
