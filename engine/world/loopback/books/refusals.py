"""How the venue says no: the exchange's codes, its words, and the HTTP status they come with."""

import re
from collections.abc import Mapping

#: What spot lets stand in a symbol: any script, but no small Latin letter and no slash.
_SYMBOL = re.compile(r"(?:[^\Wa-z]|[-.]){1,50}")


class Refusal(Exception):
    """A request that is answered with an error: HTTP status, code, text, and headers that go with it."""

    def __init__(
        self, code: int, text: str, status: int = 400, headers: Mapping[str, str] | None = None,
        data: Mapping[str, object] | None = None,
    ) -> None:  # fmt: skip
        """Holds the answer; `data` is what a half-done cancel-replace tells beside the code."""
        super().__init__(f"{code} {text}")
        self.code, self.text, self.status = code, text, status
        self.headers = dict(headers or {})
        self.data = data

    def body(self) -> dict[str, object]:
        """Gives the answer's JSON object."""
        told: dict[str, object] = {"code": self.code, "msg": self.text}
        if self.data is not None:
            told["data"] = self.data
        return told


def missing(name: str) -> Refusal:
    """A parameter that must be there is not, or is empty."""
    return Refusal(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def empty(name: str) -> Refusal:
    """A parameter that must be there is, without a value."""
    return Refusal(-1105, f"Parameter '{name}' was empty.")


def illegal(name: str, legal: str) -> Refusal:
    """A parameter holds what it may not."""
    return Refusal(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'.")


def unneeded(name: str) -> Refusal:
    """A parameter was sent that this kind of order does not take."""
    return Refusal(-1106, f"Parameter '{name}' sent when not required.")


def filter_failure(name: str) -> Refusal:
    """A filter of the symbol refuses the order (spot)."""
    return Refusal(-1013, f"Filter failure: {name}")


def rejected(text: str) -> Refusal:
    """The matching engine refuses the order (spot)."""
    return Refusal(-2010, text)


def no_such_order() -> Refusal:
    """An order that was asked for is not there."""
    return Refusal(-2013, "Order does not exist.")


def unknown_order() -> Refusal:
    """An order that was to be cancelled is not open."""
    return Refusal(-2011, "Unknown order sent.")


def bad_symbol() -> Refusal:
    """No symbol of that name."""
    return Refusal(-1121, "Invalid symbol.")


def no_such_pair(symbol: str) -> Refusal:
    """No symbol of that name on spot, which says so in another way where it can be none."""
    if _SYMBOL.fullmatch(symbol):
        return bad_symbol()
    return illegal("symbol", r"^[\w\-._&&[^a-z]]{1,50}$")


def not_found(method: str, path: str) -> Refusal:
    """No such path, or none by that method."""
    return Refusal(-5000, f"Path {path}, Method {method} is invalid", 404)
