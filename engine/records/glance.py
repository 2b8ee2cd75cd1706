"""Columns of numbers as texts, looked at in one go: what passes is believed, what does not is looked at one by one."""

import re
from collections.abc import Sequence

#: Below 1e15 and with as many decimals as the wire takes; a price is above zero, a rate may be negative.
_AMOUNT = r"[0-9]{1,15}+(?:\.[0-9]{1,18}+)?+,"
_AMOUNTS = re.compile(f"(?:{_AMOUNT})*+", re.ASCII)
_PRICES = re.compile(f"(?:(?=[0.]*+[1-9]){_AMOUNT})*+", re.ASCII)
_RATES = re.compile(f"(?:-?{_AMOUNT})*+", re.ASCII)


def are_prices(texts: Sequence[str]) -> bool:
    """Says whether all are plain decimals above zero."""
    return _all(_PRICES, texts)


def are_amounts(texts: Sequence[str]) -> bool:
    """Says whether all are plain decimals, none below zero."""
    return _all(_AMOUNTS, texts)


def are_rates(texts: Sequence[str]) -> bool:
    """Says whether all are plain decimals, of either sign."""
    return _all(_RATES, texts)


def _all(pattern: re.Pattern[str], texts: Sequence[str]) -> bool:
    joined = ",".join([*texts, ""])
    # One with a comma in it would pass for two.
    return pattern.fullmatch(joined) is not None and joined.count(",") == len(texts)
