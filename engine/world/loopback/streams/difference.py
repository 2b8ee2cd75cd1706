"""What changes in a book between two tellings."""

from engine.world.loopback.books.floor import Floor
from engine.world.loopback.market.tape import LEVELS, Tape


class Difference:
    """What changed in a book since it was last told: every price that was touched in between, also for a moment."""

    def __init__(self, floor: Floor, tape: Tape) -> None:
        """Starts from an empty book, so that the first difference holds all of it."""
        self._floor, self._tape = floor, tape
        self._seen: list[dict[int, int]] = [{}, {}]
        self._touched: list[set[int]] = [set(), set()]
        self.told = tape.update_id

    def look(self) -> None:
        """Notes what is different from the last look."""
        for side, levels in enumerate(self._floor.depth(self._tape.coin.symbol, LEVELS)):
            now, before = dict(levels), self._seen[side]
            if now != before:
                self._touched[side] |= {ticks for ticks, _ in now.items() ^ before.items()}
                self._seen[side] = now

    def take(self) -> tuple[int, list[list[list[str]]]]:
        """Gives the update that was told before, and the levels of both sides that changed since; gone ones hold 0."""
        self.look()
        coin = self._tape.coin
        sides = [
            [[coin.price(ticks), coin.qty(seen.get(ticks, 0))] for ticks in sorted(touched)]
            for seen, touched in zip(self._seen, self._touched, strict=True)
        ]
        before, self.told, self._touched = self.told, self._tape.update_id, [set(), set()]
        return before, sides
