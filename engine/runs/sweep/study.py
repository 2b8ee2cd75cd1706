"""The study: every trial ever made of one sweep, durable in one SQLite file in the results folder."""

import json
from array import array
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from engine.errors import ConfigError, LedgerError, UsageError
from engine.ledger.trials import TrialFile, TrialRow
from engine.runs.sweep.space import Point, name_of
from engine.runs.sweep.trial import Outcome
from engine.runs.sweep.workers import Failed

STUDY = "study.db"


class Trial(NamedTuple):
    """A trial of the study: its point, what came of it, and the number by which a sweep shows it."""

    point: Point
    outcome: Outcome | Failed
    number: int = 0


class Study:
    """The trials by their points; what is there is never run again."""

    def __init__(self, folder: Path, identity: Mapping[str, Any]) -> None:
        """Opens or makes the study of a folder.

        Raises UsageError where the folder holds another study or other things, ConfigError where it cannot be made.
        """
        self._path = path = folder / STUDY
        if folder.exists() and not path.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise UsageError(f"--out {folder}: it is there and holds no sweep; name another folder")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"{folder}: the results folder cannot be made ({error.strerror})") from None
        self._file = TrialFile(path)
        try:
            self._claim(folder, identity)
            self._trials = self._read()
        except BaseException:
            self._file.close()
            raise

    def _claim(self, folder: Path, identity: Mapping[str, Any]) -> None:
        held = self._file.identity()
        wanted = {key: json.dumps(value, sort_keys=True) for key, value in identity.items()}
        if not held:
            self._file.claim(wanted)
            return
        other = [key for key in wanted if held.get(key) != wanted[key]]
        if other:
            raise UsageError(
                f"--out {folder}: the sweep there is of another {' and '.join(other)}; name another folder for this one"
            )

    def _read(self) -> dict[str, Trial]:
        try:
            return {row.point: _trial(row) for row in self._file.rows()}
        except (ValueError, TypeError) as error:
            raise LedgerError(f"{self._path}: a trial cannot be read ({error}); name another folder") from None

    def find(self, point: Point) -> Trial | None:
        """Gives the trial of a point, where it was made."""
        return self._trials.get(name_of(point))

    def add(self, point: Point, outcome: Outcome | Failed) -> None:
        """Makes a trial durable. Another sweep on the same folder found the same: the first one stays."""
        trial = Trial(point, outcome)
        self._file.add(_row(trial))
        self._trials[name_of(point)] = trial

    def trials(self) -> list[Trial]:
        """Gives all trials, in no order."""
        return list(self._trials.values())

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


def _row(trial: Trial) -> TrialRow:
    point, outcome, _ = trial
    if isinstance(outcome, Failed):
        return TrialRow(name_of(point), outcome.reason)
    return TrialRow(
        name_of(point), None, json.dumps(outcome.figures), outcome.first_hour,
        array("d", outcome.returns).tobytes(), json.dumps(outcome.trades), outcome.skipped,
    )  # fmt: skip


def _trial(row: TrialRow) -> Trial:
    if row.failed is not None:
        return Trial(json.loads(row.point), Failed(row.failed))
    hours = array("d")
    hours.frombytes(row.returns or b"")
    closed = [(int(at), float(profit)) for at, profit in json.loads(row.trades or "[]")]
    figures = json.loads(row.figures or "{}")
    return Trial(json.loads(row.point), Outcome(figures, row.first_hour or 0, list(hours), closed, row.skipped or 0))
