"""What a strategy reads while it thinks: a file that it opens then may tell it the future."""

import sys
from collections.abc import Callable, Mapping
from typing import Any

from engine.plugs import Frame, Indicator, Strategy, Verdict
from engine.records.ideas import CandidateSnapshot, ExitPlan

_CODE = (".py", ".pyc", ".so", ".pyd", ".dll")


class Reads:
    """Notes which files are opened while it is entered; code that is imported then is none of them.

    Python's audit hooks cannot be taken away again: this one is deaf when it is left.
    """

    def __init__(self) -> None:
        """Deaf until it is entered."""
        self.files: set[str] = set()
        self._listens = False
        sys.addaudithook(self._hear)

    def __enter__(self) -> "Reads":
        self._listens = True
        return self

    def __exit__(self, *_: object) -> None:
        self._listens = False

    def _hear(self, event: str, args: tuple[Any, ...]) -> None:
        if self._listens and event == "open" and not str(args[0]).endswith(_CODE):
            self.files.add(str(args[0]))


class Watched:
    """A strategy whose reading of files is noted."""

    def __init__(self, strategy: Strategy, reads: Reads) -> None:
        """Does what `strategy` does."""
        self._strategy, self._reads = strategy, reads
        self.timeframes = strategy.timeframes

    def indicators(self) -> Mapping[str, Callable[[], Indicator]]:
        """Gives the strategy's indicators."""
        return self._strategy.indicators()

    def judge(self, candidate: CandidateSnapshot, frames: Mapping[str, Frame]) -> Verdict:
        """Gives the strategy's verdict."""
        with self._reads:
            return self._strategy.judge(candidate, frames)

    def exits(self) -> ExitPlan:
        """Gives the strategy's plan."""
        return self._strategy.exits()
