"""Claims: what of an account an emergency close may touch. On spot other coins of the same sort may lie beside ours."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Protocol

from engine.errors import BadRecord, HotError, LedgerError
from engine.ledger.ledger import Ledger
from engine.records.trades import DUST, Fill, OrderAttempt, OrderResult, Position
from engine.records.wire import decode
from engine.world.account.account import HeldNews

_NOTHING = Decimal(0)
_KINDS = ("order_attempt", "order_result", "fill", "position")
_OPEN = ("working", "part_filled", "in_doubt")


class Claim(Protocol):
    """Says which symbols are meant, and what of their holdings."""

    def wants(self, symbol: str) -> bool:
        """Says whether the orders of a symbol are to go."""

    def of(self, held: Sequence[HeldNews]) -> list[HeldNews]:
        """Gives what is to be closed of what is held now."""


class Everything:
    """All that is held, of all symbols or of the named ones."""

    def __init__(self, symbols: Sequence[str] = ()) -> None:
        """Without symbols all are meant."""
        self._named = frozenset(symbols)

    def wants(self, symbol: str) -> bool:
        """Says whether a symbol is meant."""
        return not self._named or symbol in self._named

    def of(self, held: Sequence[HeldNews]) -> list[HeldNews]:
        """Gives the holdings of what is meant."""
        return [one for one in held if one.qty and self.wants(one.symbol)]


class LedgersCoins:
    """The coins that a ledger's orders bought. Of a symbol no more is given than what was there when it was first met
    less what was not the ledger's then: those coins stay, whatever is bought or sold meanwhile.

    A purchase of which nobody knows the end counts as made, so that nothing of ours stays for it.
    """

    def __init__(self, read: Callable[[], Mapping[str, Decimal]], symbols: Sequence[str] = ()) -> None:
        """`read` gives how many coins of each symbol are the ledger's; raises LedgerError where nobody can say."""
        self._read, self._named = read, frozenset(symbols)
        self._before = read()
        self._others: dict[str, Decimal] = {}

    def wants(self, symbol: str) -> bool:
        """Says whether a symbol is one of the ledger's, and meant."""
        return symbol in self._others or (symbol in self._before and self._is_meant(symbol))

    def of(self, held: Sequence[HeldNews]) -> list[HeldNews]:
        """Gives what is the ledger's of what was held after the reading before, and before the one that follows."""
        now = self._again()
        for one in held:
            # What was booked between the two readings is in one of them at its most.
            ours = max(self._before.get(one.symbol, _NOTHING), now.get(one.symbol, _NOTHING))
            if ours and self._is_meant(one.symbol):
                self._others.setdefault(one.symbol, max(_NOTHING, one.qty - ours))
        self._before = now
        return [
            HeldNews(symbol=one.symbol, qty=one.qty - others, free=min(one.free, one.qty - others))
            for one in held
            if (others := self._others.get(one.symbol)) is not None and one.qty > others
        ]

    def _again(self) -> Mapping[str, Decimal]:
        try:
            return self._read()
        except HotError:
            return self._before

    def _is_meant(self, symbol: str) -> bool:
        return not self._named or symbol in self._named


class Coins:
    """How many coins of each symbol a ledger's orders have, and may have: read again, it reads what is new."""

    def __init__(self, path: Path) -> None:
        """Nothing is read yet."""
        self._path, self._seq = path, 0
        self._held: dict[str, Decimal] = {}
        self._bought: dict[str, OrderAttempt] = {}
        self._filled: dict[str, Decimal] = {}

    def __call__(self) -> Mapping[str, Decimal]:
        """Gives the coins of each symbol with any. Raises LedgerError."""
        with Ledger.read(self._path) as ledger:
            for seq, line in ledger.lines(kinds=_KINDS, after_seq=self._seq):
                try:
                    self._take(decode(line))
                except (BadRecord, ArithmeticError) as error:
                    raise LedgerError(f"{self._path}: row {seq} cannot be read ({error})") from None
                self._seq = seq
        coins = {symbol: qty for symbol, qty in self._held.items() if qty}
        for client_id, attempt in self._bought.items():
            open_qty = Decimal(attempt.qty) - self._filled.get(client_id, _NOTHING)
            coins[attempt.symbol] = coins.get(attempt.symbol, _NOTHING) + open_qty
        return coins

    def _take(self, record: object) -> None:
        match record:
            case OrderAttempt(side="buy"):
                self._bought[record.client_id] = record
            case OrderResult() if record.status not in _OPEN:
                self._bought.pop(record.client_id, None)
                self._filled.pop(record.client_id, None)
            case Fill() if record.client_id in self._bought and record.reason != DUST:
                self._filled[record.client_id] = self._filled.get(record.client_id, _NOTHING) + Decimal(record.qty)
            case Position():
                self._held[record.symbol] = Decimal(record.qty) if record.status == "open" else _NOTHING


def claim_of(venue: str, path: Path, symbols: Sequence[str], everything: bool, say: Callable[[str], None]) -> Claim:
    """Gives what is meant: of futures all, on spot the ledger's coins or, with `everything`, all coins.

    Where the ledger cannot say which coins are its own, all of the named symbols are meant, which is told; raises
    LedgerError where none is named.
    """
    if everything or venue.endswith("usdm"):
        return Everything(symbols)
    try:
        return LedgersCoins(Coins(path), symbols)
    except LedgerError as error:
        if not symbols:
            raise LedgerError(f"{error}; say what to close: --symbol, or --all for every coin of the account") from None
        say(f"hot flatten: {error}; closing all of {', '.join(symbols)}")
        return Everything(symbols)
