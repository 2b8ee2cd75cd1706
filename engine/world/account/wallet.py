"""The wallet as the stream tells it, held against REST's: a stream that does not tell of a change is deaf."""

from collections.abc import Iterable, Mapping
from threading import Lock

from engine.world.account.heard import Amounts

#: What fees may be paid in, whatever is traded.
FEE_ASSET = "BNB"

_Difference = tuple[Amounts, Amounts]


class Wallet:
    """Amounts of the assets that trading moves: those given, and all that the stream ever told of.

    Others are not looked at: what savings earn may change without a word. An asset that is told nowhere is empty.
    Threads may share it.
    """

    def __init__(self, watched: Iterable[str]) -> None:
        """Knows no amounts yet; those of the first look at REST are what later ones start from."""
        self._watched = set(watched)
        self._lock = Lock()
        self.forget()

    def forget(self) -> None:
        """Forgets all amounts: a stream that was opened anew has told of nothing yet."""
        with self._lock:
            self._told: dict[str, Amounts] = {}
            self._complete = False
            self._doubts: dict[str, _Difference] = {}

    def hear(self, wallet: Mapping[str, Amounts]) -> None:
        """Takes what the stream tells."""
        with self._lock:
            self._told.update(wallet)
            self._watched.update(wallet)

    def missed(self, found: Mapping[str, Amounts]) -> list[str]:
        """Gives the assets that REST tells another amount of, the same one twice in a row: what changed was not heard.

        Once proves nothing: an event may be on its way, or the answer older than the event.
        """
        with self._lock:
            if not self._complete:
                self._told = {**found, **self._told}
                self._complete = True
            differing = {
                asset: (ours, theirs)
                for asset in self._watched
                if (ours := _amounts(self._told, asset)) != (theirs := _amounts(found, asset))
            }
            again = [asset for asset, difference in differing.items() if self._doubts.get(asset) == difference]
            self._doubts = differing
        return sorted(again)


def _amounts(wallet: Mapping[str, Amounts], asset: str) -> Amounts:
    amounts = wallet.get(asset, ())
    return amounts if any(amounts) else ()
