"""What was seen already: ids that are remembered for a while, and never too many of them."""

from collections import OrderedDict


class Seen:
    """Ids, each forgotten so long after it was last heard of; beyond `most` the one that is silent longest goes."""

    def __init__(self, keep_ms: int, most: int) -> None:
        """Starts with none."""
        self._keep_ms, self._most = keep_ms, most
        self._heard: OrderedDict[str, int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._heard)

    def is_new(self, name: str, now_ms: int) -> bool:
        """Takes note of an id; says whether it was not known. Times do not run backwards."""
        before = self._heard.get(name)
        self._heard[name] = now_ms
        self._heard.move_to_end(name)
        while len(self._heard) > self._most or next(iter(self._heard.values())) < now_ms - self._keep_ms:
            self._heard.popitem(last=False)
        return before is None or before < now_ms - self._keep_ms
