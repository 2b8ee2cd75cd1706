"""Answers and frames as no exchange should give them: good ones, bent at some place."""

import copy
import json
import random
from typing import Any

DEEP: Any = 0
for _ in range(40):
    DEEP = [DEEP]
LEAVES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**53 + 1, 2**63, 2**70, -(2**70), 0.5, -0.0, 1e300, "", "0", "-1", "NaN",
    "inf", "Infinity", "1e400", "1E-400", "1e5", "9" * 40, "9" * 500, "0." + "0" * 40 + "1", "0x10", " 1 ", "1_0", "１",
    "null", "true", "BTCUSDT", "bTcUsDt", "BTC USDT", "BTCUSDT&side=SELL", "[/]X", "\x00", "\x1b[31m",
    "\u202e", "\ud800",
    "币安人生USDT", "x" * 5_000, [], {}, [[]], [None], {"": None}, [1, 2, 3], {"symbol": "BTCUSDT"}, DEEP,
)  # fmt: skip


def bent(body: Any, chance: random.Random, times: int = 1) -> Any:
    """Gives a copy of a JSON value with something else at some places in it."""
    made = [copy.deepcopy(body)]
    for _ in range(times):
        _bend(made, chance)
    return made[0]


def _bend(holder: Any, chance: random.Random) -> None:
    keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
    if not keys:
        return
    key = chance.choice(keys)
    inner = holder[key]
    if isinstance(inner, dict | list) and inner and chance.random() < 0.85:
        _bend(inner, chance)
        return
    way = chance.random()
    if way < 0.75 or not isinstance(holder, dict):
        holder[key] = copy.deepcopy(chance.choice(LEAVES))
    elif way < 0.9:
        del holder[key]
    else:
        holder[chance.choice(["", "symbol", "s", "e", "E", "code", "status", "extra"])] = chance.choice(LEAVES)


def damaged(text: bytes, chance: random.Random) -> bytes:
    """Gives bytes with a few of them changed, left out, or doubled, or cut off."""
    made = bytearray(text)
    for _ in range(chance.randint(1, 4)):
        if not made:
            break
        at = chance.randrange(len(made))
        way = chance.random()
        if way < 0.4:
            made[at] = chance.randrange(256)
        elif way < 0.6:
            del made[at : at + chance.randint(1, 20)]
        elif way < 0.8:
            made[at:at] = made[at : at + chance.randint(1, 40)]
        else:
            del made[at:]
    return bytes(made)


def written(value: Any) -> bytes:
    """Gives a value as JSON text, lone surrogates as they are escaped."""
    return json.dumps(value, separators=(",", ":")).encode()
