"""Notes: what was skipped while reading, counted, told line by line, or stopped at once when strict."""

from collections.abc import Callable
from dataclasses import dataclass, field

from engine.errors import DirtyInput

#: Is told of each bad line: its file, its number (from 1), the reason, and the line.
OnBad = Callable[[str, int, str, bytes], None]

_SHOWN = 200


@dataclass
class Notes:
    """Counts of one reading. `skipped` are bad lines, `repeated` identical bars, `ignored` frames nobody needs."""

    on_bad: OnBad | None = None
    strict: bool = False
    skipped: int = 0
    repeated: int = 0
    ignored: int = 0
    files: list[str] = field(default_factory=list)

    def bad(self, name: str, number: int, reason: str, line: bytes = b"") -> None:
        """Counts a bad line and tells of it; raises DirtyInput when strict."""
        self.skipped += 1
        if self.on_bad is not None:
            self.on_bad(name, number, reason, bytes(line[:_SHOWN]))
        if self.strict:
            raise DirtyInput(f"{name}:{number}: {reason}")

    def repeat(self) -> None:
        """Counts a bar that was there already, alike."""
        self.repeated += 1

    def ignore(self, count: int = 1) -> None:
        """Counts entries that are no market facts here."""
        self.ignored += count

    def skip_file(self, name: str, reason: str) -> None:
        """Notes a file of a folder that is passed over as a whole."""
        self.files.append(f"{name}: {reason}")


@dataclass
class HeldNotes(Notes):
    """Notes that are kept back until it is known whether what was read is used."""

    held: list[tuple[str, int, str, bytes]] = field(default_factory=list)
    into: Notes | None = None

    def bad(self, name: str, number: int, reason: str, line: bytes = b"") -> None:
        """Keeps a bad line back, or hands it on after `release`."""
        if self.into is not None:
            self.into.bad(name, number, reason, line)
        else:
            self.held.append((name, number, reason, bytes(line[:_SHOWN])))

    def repeat(self) -> None:
        """Counts a repeated bar, here or, after `release`, where it belongs."""
        if self.into is not None:
            self.into.repeat()
        else:
            self.repeated += 1

    def ignore(self, count: int = 1) -> None:
        """Counts ignored entries, here or, after `release`, where they belong."""
        if self.into is not None:
            self.into.ignore(count)
        else:
            self.ignored += count

    def release(self, into: Notes) -> None:
        """Hands on what was kept back, and everything from now on."""
        self.into = into
        into.repeated += self.repeated
        into.ignored += self.ignored
        held, self.held = self.held, []
        for one in held:
            into.bad(*one)
