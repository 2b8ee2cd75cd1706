"""The daemon's schedule: jobs beside the crank, each in its own thread, with its own connection to the ledger."""

import time
from collections.abc import Callable
from datetime import UTC
from pathlib import Path
from typing import Any

from engine.errors import HotError
from engine.runs.data import report_path
from engine.runs.run_settings import DaemonSettings


class Schedule:
    """Runs the report, the care of the ledger, and the watch over the crank, until it is left."""

    def __init__(self, settings: DaemonSettings, ledger: Path, say: Callable[[str], None] | None = None) -> None:
        """`say` is told what an operator should hear."""
        self.settings, self._ledger, self._say = settings, ledger, say
        self._scheduler: Any = None
        self._worked = time.monotonic()
        self._warned = False
        self.missed: dict[str, int] = {}

    def worked(self) -> None:
        """Takes note that the crank finished a cycle."""
        self._worked = time.monotonic()
        self._warned = False

    def __enter__(self) -> "Schedule":
        from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED
        from apscheduler.schedulers.background import BackgroundScheduler

        defaults = {"coalesce": True, "max_instances": 1, "misfire_grace_time": 30}
        self._scheduler = BackgroundScheduler(timezone=UTC, job_defaults=defaults)
        jobs: tuple[tuple[str, Callable[[], None], int], ...] = (
            ("report", self._report, self.settings.report_every_s),
            ("care", self._care, self.settings.care_every_s),
            ("watch", self._watch, self.settings.heartbeat_s),
        )
        for name, job, seconds in jobs:
            self._scheduler.add_job(job, "interval", seconds=seconds, id=name, name=name)
        self._scheduler.add_listener(self._event, EVENT_JOB_ERROR | EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES)
        self._scheduler.start()
        return self

    def __exit__(self, *_: object) -> None:
        # A job that is under way is left to end: it only reads, or writes a file of its own.
        self._scheduler.shutdown(wait=True)

    def _event(self, event: Any) -> None:
        name = event.job_id
        self.missed[name] = self.missed.get(name, 0) + 1
        error = getattr(event, "exception", None)
        if self._say is None:
            return
        if error is not None:
            self._say(f"hot daemon: the job {name} failed and will be tried again: {error}")
        elif self.missed[name] == 1:
            self._say(f"hot daemon: tick_skipped: the job {name} was due while it was still at work")

    def _report(self) -> None:
        from engine.runs.reporting.page import write_page
        from engine.runs.reporting.reporting import latency_in, report_of

        write_page(report_of(self._ledger), report_path(self._ledger), latency=latency_in(self._ledger))

    def _care(self) -> None:
        from engine.ledger.ledger import Ledger

        try:
            with Ledger.read(self._ledger) as ledger:
                size = ledger.wal_bytes
        except HotError:
            return
        if size > 64 << 20 and self._say is not None:
            self._say(f"hot daemon: the write-ahead log of {self._ledger} has {size >> 20} MB: a reader holds it back")

    def _watch(self) -> None:
        silent = time.monotonic() - self._worked
        if silent > max(60, 3 * self.settings.heartbeat_s) and not self._warned and self._say is not None:
            self._warned = True
            self._say(f"hot daemon: no cycle for {silent:.0f} s: the market is quiet, or something hangs")
