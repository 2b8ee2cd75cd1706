"""Settings of a run itself: its ledger, the daemon's schedule, recordings, and what the live gate wants to see."""

import msgspec

from engine.records.bounds import Count, Megabytes, Seconds


class LedgerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`checkpoints_kept`: how many checkpoints a ledger keeps; `rotate_mb`: size of a recording's chunk."""

    checkpoints_kept: Count = 4
    rotate_mb: Count = 64


class DaemonSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The daemon's schedule, in wall-clock time.

    `heartbeat_s`: how often it says that it works. `report_every_s`: how often the report page is made anew.
    `care_every_s`: how often the ledger is looked after.
    """

    heartbeat_s: Seconds = 5
    report_every_s: Seconds = 300
    care_every_s: Seconds = 3600


class RecordSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How recordings are divided, and when they stop.

    `rotate_mb`: size of a chunk. `rotate_minutes`: no chunk holds more of the market's time. `min_free_mb`: recording
    stops in order when the disk has less space left.
    """

    rotate_mb: Count = 64
    rotate_minutes: Count = 60
    min_free_mb: Megabytes = 500


class GateSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What must have been seen before the first live order, on paper, and at each live step before the next.

    `min_days`: days (UTC) with closed cycles. `min_trades`: trades that were closed, by the strategy that goes on.
    """

    min_days: Count = 7
    min_trades: Count = 20
