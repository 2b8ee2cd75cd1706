"""What a live run leaves in its ledger about its account, for `hot status`."""

import msgspec

#: The note of a live ledger that holds an `AccountNow`.
ACCOUNT_NOTE = "account"


class AccountNow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How an account stood when its run committed last: what keeps entries back beside market and risk, the orders of
    which nobody knows what became, the positions without a working stop at the exchange, those that cannot be left
    because their symbol is not traded, the symbols of which the program alone watches tiers or the trail, since the
    exchange takes no such orders, the coins of positions that sell orders of others have, and what closed positions
    left.
    """

    conditions: tuple[str, ...] = ()
    in_doubt: tuple[str, ...] = ()
    unprotected: tuple[str, ...] = ()
    stuck: tuple[str, ...] = ()
    by_program: tuple[str, ...] = ()
    bound: tuple[str, ...] = ()
    dust: tuple[str, ...] = ()
