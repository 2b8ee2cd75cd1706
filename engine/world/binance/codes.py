"""The exchange's error codes: what each means in plain English, and what to do about it."""

from typing import Literal, NamedTuple

from engine.world.binance.trouble import Sort

Market = Literal["spot", "usdm"]


class Meaning(NamedTuple):
    """What a code means: its sort, the words for it, and what the operator does next."""

    sort: Sort
    text: str
    fix: str


_REQUEST = "this is a fault of ours: tell us, with the code"
_RULES = "the symbol's rules are read again before the next try"
_LATER = "try again later"
_LOOK = "look at the account: balances, positions, open orders"
_ASK = "look the order up by its client id; do not send it again"

_Table = dict[int, tuple[Sort, str, str]]

_BOTH: _Table = {
    -1000: (Sort.UNKNOWN, "an unknown error at the exchange", _ASK),
    -1001: (Sort.UNKNOWN, "the exchange lost its own connection", _ASK),
    -1002: (Sort.AUTH, "the key may not do this", "give it the right in the exchange's key settings"),
    -1003: (Sort.WAIT, "too many requests", _LATER),
    -1004: (Sort.WAIT, "the exchange's server is busy", _LATER),
    -1006: (Sort.UNKNOWN, "the exchange got an unexpected answer from its engine", _ASK),
    -1007: (Sort.UNKNOWN, "the exchange's engine did not answer in time", _ASK),
    -1008: (Sort.WAIT, "the exchange is overloaded and takes only exits", _LATER),
    -1010: (Sort.STATE, "the engine refused", _LOOK),
    -1013: (Sort.FILTER, "a filter of the symbol refused", _RULES),
    -1015: (Sort.WAIT, "too many new orders", "wait for the next window; the budget does so by itself"),
    -1016: (Sort.FIX, "this service is gone", "update hot"),
    -1020: (Sort.FIX, "the exchange does not support this", "update hot"),
    -1021: (Sort.RESYNC, "our clock is off", "set this machine's clock (NTP); the next try measures it again"),
    -1022: (Sort.AUTH, "the signature is wrong", "look whether the secret belongs to the key"),
    -1034: (Sort.WAIT, "too many connections", _LATER),
    -1099: (Sort.FIX, "not found, or not allowed", "look at the address and at the key's rights"),
    -1111: (Sort.FILTER, "too many decimals", _RULES),
    -1112: (Sort.STATE, "there are no orders on the book", "wait until someone quotes"),
    -1121: (Sort.SYMBOL, "there is no such symbol", "look whether it was delisted"),
    -1125: (Sort.STATE, "the listen key is gone", "a new one is made; then compare with the account"),
    -1191: (Sort.WAIT, "too many subscriptions", "spread them over connections"),
    -5000: (Sort.FIX, "there is no such address", "look at the host; update hot"),
    -2011: (Sort.ABSENT, "the cancel was refused", "look the order up: it may be filled"),
    -2013: (Sort.ABSENT, "there is no such order", "ask again: a new order can take seconds to show"),
    -2014: (Sort.AUTH, "the API key has the wrong form", "copy the key again, whole"),
    -2015: (
        Sort.AUTH,
        "key, address or right refused",
        "look at the key's rights, its list of IP addresses, and whether key and host belong together",
    ),
    -2016: (Sort.STATE, "there is no trading window", "wait until the market opens"),
    -2018: (Sort.STATE, "the balance is too small", _LOOK),
    -2019: (Sort.STATE, "the margin is too small", _LOOK),
}  # fmt: skip

_SPOT: _Table = {
    -2010: (Sort.STATE, "the engine refused the order", _LOOK),
    -2021: (Sort.STATE, "the cancel or the new order failed, not both", "look both up"),
    -2022: (Sort.STATE, "cancel and new order both failed", "look the order up"),
    -2026: (Sort.ABSENT, "the order is archived: it ended unfilled more than 90 days ago", "nothing"),
    -2038: (Sort.STATE, "the amendment was refused", _LOOK),
    -2043: (Sort.STATE, "the symbol has no reference price", "use the average price"),
}

_USDM: _Table = {
    # Documented as a definite failure, but it costs little to ask once before the next try.
    -1001: (Sort.WAIT, "an internal error at the exchange; it was not done", "ask by the client id before a new try"),
    -2010: (Sort.STATE, "the order was refused", _LOOK),
    -2020: (Sort.STATE, "the order cannot be filled", "look at the book"),
    -2021: (Sort.STATE, "the order would trigger at once", "the price is already through: decide anew"),
    -2022: (Sort.STATE, "the reduce-only order was refused", "read the position: it is flat, or orders cover it"),
    -2023: (Sort.ENTRIES, "the account is being liquidated", _LOOK),
    -2024: (Sort.STATE, "the position is too small", "read the position again"),
    -2025: (Sort.STATE, "too many open orders", "cancel some"),
    -2026: (Sort.FIX, "this order type cannot be reduce-only", _REQUEST),
    -2027: (Sort.STATE, "beyond the largest position at this leverage", "lower the leverage or the size"),
    -2028: (Sort.STATE, "the leverage is below what the position allows", "lower the position first"),
    -4015: (Sort.FIX, "the client id is not allowed", _REQUEST),
    -4016: (Sort.STATE, "the price is above the cap", "take a price nearer to the mark price"),
    -4024: (Sort.STATE, "the price is below the floor", "take a price nearer to the mark price"),
    -4028: (Sort.STATE, "the leverage is not valid", "look at the symbol's leverage brackets"),
    -4045: (Sort.STATE, "too many conditional orders", "cancel old ones"),
    -4046: (Sort.FINE, "the margin type is already so", "nothing"),
    -4047: (Sort.STATE, "open orders keep the margin type as it is", "cancel them first"),
    -4048: (Sort.STATE, "a position keeps the margin type as it is", "close it first"),
    -4059: (Sort.FINE, "the position mode is already so", "nothing"),
    -4060: (Sort.FIX, "the position side is not valid", "read the account's position mode"),
    -4061: (Sort.FIX, "the side does not fit the account's position mode", "read the account's position mode"),
    -4062: (Sort.FIX, "reduce-only does not fit here", "read the account's position mode"),
    -4067: (Sort.STATE, "open orders keep the position mode as it is", "cancel them first"),
    -4068: (Sort.STATE, "positions keep the position mode as it is", "close them first"),
    -4087: (Sort.ENTRIES, "the account may only reduce positions", "look at the exchange's messages"),
    -4088: (Sort.ENTRIES, "the account may not place orders", "look at the exchange's messages"),
    -4105: (Sort.ENTRIES, "position risk control allows no new position", _LATER),
    -4106: (Sort.ENTRIES, "position risk control allows only reducing", _LATER),
    -4107: (Sort.ENTRIES, "position risk control allows no such order", _LATER),
    -4109: (Sort.AUTH, "the futures account is not active", "transfer something into it"),
    -4116: (Sort.DUPLICATE, "this client id is open already", _ASK),
    -4117: (Sort.WAIT, "the stop is triggering", "ask again in a second"),
    -4118: (Sort.STATE, "reduce-only fails the margin check", _LOOK),
    -4120: (Sort.FIX, "conditional orders go to the algo service; a stop may be missing", _REQUEST),
    -4130: (Sort.STATE, "a closing order of this direction is open already", "cancel it first"),
    -4131: (Sort.STATE, "the best price is too far from the mark price", "split the order, or wait"),
    -4140: (Sort.SYMBOL, "the symbol's status does not allow it", "wait until it trades again"),
    -4141: (Sort.SYMBOL, "the symbol is closed", "take it out of the universe"),
    -4142: (Sort.STATE, "the order would trigger at once", "the price is already through: decide anew"),
    -4161: (Sort.STATE, "isolated leverage cannot be lowered with a position", "close it first"),
    -4164: (Sort.FILTER, "the order's value is below the minimum", _RULES),
    -4168: (Sort.STATE, "multi-assets mode allows no isolated margin", "change the account's asset mode"),
    -4192: (Sort.ENTRIES, "a cooling-off period is on", "wait until it is over"),
    -4400: (Sort.ENTRIES, "the trading rules allow only reducing", "look at the exchange's messages"),
    -4401: (Sort.ENTRIES, "compliance rules allow only reducing", "look at the exchange's messages"),
    -4402: (Sort.ENTRIES, "not available in this country", "look at the exchange's messages"),
    -4403: (Sort.ENTRIES, "this country allows less leverage", "lower the leverage"),
    -4531: (Sort.STATE, "position modes of the two futures markets differ", "set both to the same"),
    -5021: (Sort.STATE, "the order cannot be filled whole at once", "look at the book"),
    -5022: (Sort.STATE, "the post-only order would have traded", "take another price"),
    -5027: (Sort.FINE, "there is nothing to change", "nothing"),
    -5028: (Sort.RESYNC, "it came too late to the engine", "measure the clock again"),
}  # fmt: skip

# Codes that mean the same and have no line of their own.
_RANGES: tuple[tuple[range, Sort, str, str], ...] = (
    (range(-1299, -1099), Sort.FIX, "a parameter is wrong", _REQUEST),
    (range(-4014, -3999), Sort.FILTER, "price or quantity break the symbol's rules", _RULES),
    (range(-4027, -4020), Sort.FILTER, "price or quantity break the symbol's rules", _RULES),
    (range(-4172, -4166), Sort.STATE, "multi-assets mode is in the way", "change the account's asset mode"),
    (range(-4209, -4201), Sort.STATE, "this leverage is not open to the account", "lower the leverage"),
)

# What the engine says in words; the same code stands for all of them.
_SAID: tuple[tuple[str, Sort, str, str], ...] = (
    ("filter failure", Sort.FILTER, "a filter of the symbol refused", _RULES),
    ("duplicate order sent", Sort.DUPLICATE, "this client id is open already", _ASK),
    ("insufficient balance", Sort.STATE, "the balance is too small", _LOOK),
    ("market is closed", Sort.SYMBOL, "the market is closed", "wait until it opens"),
    ("would trigger immediately", Sort.STATE, "the order would trigger at once", "the price is through: decide anew"),
    ("would immediately match", Sort.STATE, "the post-only order would have traded", "take another price"),
    ("not permitted", Sort.SYMBOL, "the exchange does not permit this order here", "look at account and symbol"),
    ("not enabled", Sort.SYMBOL, "the exchange has this switched off", "look at account and symbol"),
    ("restricted", Sort.SYMBOL, "the exchange restricts this", "look at account and symbol"),
    ("disabled", Sort.SYMBOL, "the exchange has this switched off", "look at account and symbol"),
)
#: Codes that only their words tell apart.
_BY_WORDS = frozenset({-1010, -1013, -2010, -2011})


def meaning_of(market: Market, code: int, said: str = "") -> Meaning:
    """Gives what a code means on a market; one that is not known is a request of ours that is wrong."""
    if code in _BY_WORDS:
        for words, sort, text, fix in _SAID:
            if words in said.lower():
                return Meaning(sort, text, fix)
    own = _SPOT if market == "spot" else _USDM
    known = own.get(code) or _BOTH.get(code)
    if known is not None:
        return Meaning(*known)
    for codes, sort, text, fix in _RANGES:
        if code in codes:
            return Meaning(sort, text, fix)
    return Meaning(Sort.FIX, "refused", "look the code up in the exchange's manual")
