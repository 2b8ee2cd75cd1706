"""The wallet as the stream tells it, held against REST's: a stream that does not tell of a change is deaf."""

from collections.abc import Mapping
from threading import Lock

from engine.world.account.heard import Amounts

_Difference = tuple[Amounts, Amounts]


class Wallet:
    """Amounts by asset. An asset that is told nowhere is empty. Threads may share it."""

    def __init__(self) -> None:
        """Knows nothing yet; the first look at REST is what later ones start from."""
        self._told: dict[str, Amounts] = {}
        self._complete = False
        self._doubts: dict[str, _Difference] = {}
        self._lock = Lock()

    def hear(self, wallet: Mapping[str, Amounts]) -> None:
        """Takes what the stream tells."""
        with self._lock:
            self._told.update(wallet)

    def missed(self, found: Mapping[str, Amounts]) -> list[str]:
        """Gives the assets that REST tells another amount of, the same one twice in a row: what changed was not heard.

        Once proves nothing: an event may be on its way, or the answer older than the event.
        """
        with self._lock:
            if not self._complete:
                self._told = {**found, **self._told}
                self._complete = True
            told = dict(self._told)
        differing = {
            asset: (ours, theirs)
            for asset in told.keys() | found.keys()
            if (ours := _amounts(told, asset)) != (theirs := _amounts(found, asset))
        }
        again = [asset for asset, difference in differing.items() if self._doubts.get(asset) == difference]
        self._doubts = differing
        return sorted(again)


def _amounts(wallet: Mapping[str, Amounts], asset: str) -> Amounts:
    amounts = wallet.get(asset, ())
    return amounts if any(amounts) else ()
