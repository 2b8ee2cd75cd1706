"""What can go wrong, sorted by what the operator does about it.

HotError
├── UsageError      2   type the command differently
├── Refused         3   a rule said no to the command itself; the message carries its code
├── Partial         4   some of it was done; run it again for the rest
├── DirtyInput     65   mend the input, or live without the skipped lines
├── VenueError     69   look at the venue or the network, then try again
├── Bug            70   tell us; nothing was lost
├── LedgerError    74   look at the ledger or the disk; nothing was sent
│   ├── DiskRefused     make room, then go on
│   └── LedgerBusy      wait for whoever has it, or for a handle
├── InDoubt        75   an order's fate is unknown: look it up, never send it again
├── KeyRefused     77   mend the key or its rights
└── ConfigError    78   mend a setting
"""

from enum import IntEnum


class Exit(IntEnum):
    """The exit codes of every command."""

    OK = 0
    DIFFERS = 1
    USAGE = 2
    REFUSED = 3
    PARTIAL = 4
    DIRTY = 65
    VENUE = 69
    BUG = 70
    LEDGER = 74
    IN_DOUBT = 75
    KEY = 77
    CONFIG = 78
    SIGNAL = 128


EXIT_MEANING: dict[Exit, str] = {
    Exit.OK: "done, also when the reader closed the pipe",
    Exit.DIFFERS: "a replay or comparison found a difference",
    Exit.USAGE: "the command line is wrong",
    Exit.REFUSED: "a rule refused the command itself; its code is in the message",
    Exit.PARTIAL: "some of it was done, not all",
    Exit.DIRTY: "lines were skipped (or one stopped --strict); the rest went through",
    Exit.VENUE: "the venue or the network failed",
    Exit.BUG: "a bug in hot",
    Exit.LEDGER: "the ledger is broken, foreign, newer, held by another run, or its disk is full",
    Exit.IN_DOUBT: "an order's outcome is not known yet",
    Exit.KEY: "the key is missing, wrong, or may do too much",
    Exit.CONFIG: "a setting, or a stamp of mode or venue, is wrong",
    Exit.SIGNAL: "128+n: ended at once by signal n",
}


class HotError(Exception):
    """Anything the operator should hear about in one line; `code` is the process's exit code."""

    code: Exit = Exit.BUG


class UsageError(HotError):
    """The command line asks for something that cannot be; type it differently."""

    code = Exit.USAGE


class Refused(HotError):
    """A rule refused the command itself (refusals of trades are records, not errors)."""

    code = Exit.REFUSED


class Partial(HotError):
    """Some of the work was done; what is left is in the message."""

    code = Exit.PARTIAL


class DirtyInput(HotError):
    """Input that cannot be read as what it should be."""

    code = Exit.DIRTY


class VenueError(HotError):
    """The venue, or the way to it, failed."""

    code = Exit.VENUE


class Bug(HotError):
    """Something that cannot happen did."""

    code = Exit.BUG


class LedgerError(HotError):
    """The ledger cannot be trusted or written; nothing was sent."""

    code = Exit.LEDGER


class DiskRefused(LedgerError):
    """The disk is full, over its quota, or failing: nothing was written, and nothing was sent."""


class LedgerBusy(LedgerError):
    """Another process is writing, or no handle is left to open the ledger with: nothing was written or sent."""


class InDoubt(HotError):
    """An order's outcome is unknown; only the venue's answer ends the doubt."""

    code = Exit.IN_DOUBT


class KeyRefused(HotError):
    """A key is missing, wrong, or has rights that it must not have."""

    code = Exit.KEY


class ConfigError(HotError):
    """A setting or a stamp is wrong."""

    code = Exit.CONFIG


class BadRecord(ValueError):
    """One line or record that is not what it says; the stream skips and counts it."""
