"""The chain of a ledger, checked before anything is told of it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from engine.errors import LedgerError


@contextmanager
def checked(path: Path, processes: int) -> Iterator[Callable[[], None]]:
    """Begins to check every row of a ledger, and gives who waits for that.

    It raises LedgerError naming the first row that is not what was written.
    """
    from engine.ledger.verify import verifying

    with verifying(path, processes) as verdict:
        found = cache(verdict)

        def check() -> None:
            if not found().ok:
                raise LedgerError(
                    f"{path}: {found().problems[0].text}; replay compares only what was written: see hot ledger verify"
                )

        yield check
