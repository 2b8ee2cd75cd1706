"""Ballast: a file beside a live ledger that is given up when the disk is full, so that ways out are written down still.

Without it there is not as much as an entry, nor is it made again before there is room for it twice.
"""

import os
import shutil
from pathlib import Path

#: Enough for the ways out of every position, and for hours of what a market of some hundred symbols tells meanwhile.
SIZE = 16 << 20


class Ballast:
    """The ballast of one ledger."""

    def __init__(self, ledger: Path) -> None:
        """Stands for the file beside this ledger, there or not."""
        self.path = Path(f"{ledger}.ballast")

    def keep(self) -> bool:
        """Makes it where it is missing and the disk has room; says whether it is there."""
        try:
            if self._is_whole():
                return True
            if shutil.disk_usage(self.path.parent).free < 2 * SIZE:
                return False
            with self.path.open("wb") as file:
                file.write(os.urandom(SIZE))  # zeros take no room on a disk that compresses
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            self.give_up()
            return False
        return True

    def give_up(self) -> bool:
        """Makes room; says whether there was any to make."""
        try:
            self.path.unlink()
        except OSError:
            return False
        return True

    def _is_whole(self) -> bool:
        return self.path.exists() and self.path.stat().st_size == SIZE
