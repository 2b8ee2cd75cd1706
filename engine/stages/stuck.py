"""Positions that are stuck: their symbol is halted, delisted or in a state that nobody knows, and cannot be left now.

They stay in the books and count for every cap; all other symbols go on. A way out is tried now and then, since what the
exchange says of a symbol may be late.
"""

from engine.records.market import SymbolRules
from engine.records.trades import StateChange
from engine.stages.protection import Protection

TRADING = "TRADING"
#: The code of an order that was refused because its symbol is not traded.
NOT_TRADED = "NOT_TRADED"
#: A way out of a stuck position, and a stop for it, are tried once in so long.
AGAIN_MS = 60_000


def told(held: Protection, rules: SymbolRules, holds: bool) -> list[StateChange]:
    """Takes what is told of a symbol's status; gives what that means for a position in it."""
    if rules.status == TRADING:
        return moves(held, rules.symbol, rules.at)
    return sticks(held, rules.symbol, rules.status, rules.at) if holds else []


def sticks(held: Protection, symbol: str, why: str, at: int) -> list[StateChange]:
    """Takes note that a position cannot be left; `why` is the symbol's status, or the code of a refusal."""
    if symbol in held.stuck:
        return []
    held.stuck[symbol] = at
    return [
        StateChange(
            at=at, scope="position", symbol=symbol, was="open", now=f"stuck({why[:40]})", reason="position_stuck"
        )
    ]


def moves(held: Protection, symbol: str, at: int) -> list[StateChange]:
    """Takes note that a symbol is traded."""
    if held.stuck.pop(symbol, None) is None:
        return []
    return [StateChange(at=at, scope="position", symbol=symbol, was="stuck", now="open", reason="recovered")]


def may_try(held: Protection, symbol: str, at: int) -> bool:
    """Says whether a way out may be tried; of a stuck position it takes note of the try."""
    last = held.stuck.get(symbol)
    if last is None:
        return True
    if at - last < AGAIN_MS:
        return False
    held.stuck[symbol] = at
    return True
