"""Trades as `hot trades` lists them, held against those that are thought now."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from engine.errors import DirtyInput
from engine.records.base import Record
from engine.records.desk import Run
from engine.records.trades import Fill
from engine.runs.replay.compare import Difference, Tally, Wanted, first_field
from engine.runs.reporting.plain import as_plain
from engine.stages.report import Fold

Listed = tuple[int, dict[str, Any]]


class TradeCheck:
    """Hears decisions as they are thought; compares what they add up to with a list of trades or fills."""

    def __init__(self, name: str, listed: Sequence[Listed], wanted: Wanted, runs: Sequence[Run]) -> None:
        """Compares the wanted ones; the first of `runs` tells the equity they started from.

        Raises DirtyInput for rows without what tells one from another: the symbol and a time, or the trade id.
        """
        self._listed, self._wanted = listed, wanted
        self.fills = "trade_id" in listed[0][1]
        self._names = ("trade_id",) if self.fills else ("symbol", *_time_of(listed[0][1]))
        for number, row in listed:
            if any(column not in row for column in self._names):
                raise DirtyInput(f"{name}:{number}: a row without {' and '.join(self._names)}")
        self._fold = Fold()
        self._thought: list[Fill] = []
        for run in runs[:1]:
            self._fold.take(run)
        self.tally, self.others = Tally(), 0
        self.first: Difference | None = None

    def hear(self, record: Record) -> None:
        """Takes note of a decision."""
        if self.fills:
            if isinstance(record, Fill):
                self._thought.append(record)
        else:
            self._fold.take(record)

    def compare(self) -> None:
        """Compares every wanted row; what is not listed is only counted, for a list may leave out what it likes."""
        now = self._now()
        for number, row in self._listed:
            thought = now.pop(self._key(row), None)
            if _is_wanted(row, self._wanted):
                self._one(number, row, thought)
        self.others = len(now)

    def _one(self, number: int, row: dict[str, Any], now: Mapping[str, Any] | None) -> None:
        if now is None:
            self.tally.missing += 1
            self._differs("missing", number, row, {})
            return
        same = {name: now[name] for name in row if name in now}
        listed = {name: value for name, value in row.items() if name != "held"}
        if same == listed:
            self.tally.same += 1
            return
        self.tally.changed += 1
        self._differs("changed", number, listed, same)

    def _differs(self, what: Any, number: int, row: dict[str, Any], now: dict[str, Any]) -> None:
        if self.first is None:
            field, stored, thought = first_field(row, now) if now else ("", None, None)
            at = row.get("at", row.get("closed_at", row.get("opened_at", 0)))
            kind = "fill" if self.fills else "trade"
            written = json.dumps(row, ensure_ascii=False)
            self.first = Difference(
                what, number, kind, int(at), str(row.get("symbol", "")), field, stored, thought, written
            )

    def _key(self, row: Mapping[str, Any]) -> tuple[Any, ...]:
        return tuple(row[name] for name in self._names)

    def _now(self) -> dict[tuple[Any, ...], dict[str, Any]]:
        if self.fills:
            rows = [{name: getattr(fill, name) for name in fill.__struct_fields__} for fill in self._thought]
        else:
            rows = [{**row, "reasons": "+".join(row["reasons"])} for row in as_plain(self._fold.report().trades)]
        return {self._key(row): row for row in rows}


def _time_of(row: Mapping[str, Any]) -> tuple[str, ...]:
    return ("opened_at",) if "opened_at" in row else ("closed_at",)


def _is_wanted(row: Mapping[str, Any], wanted: Wanted) -> bool:
    """A trade belongs to the time at which its close was known, as `hot trades` has it."""
    if wanted.symbols and row.get("symbol") not in wanted.symbols:
        return False
    at = next((row[name] for name in ("at", "known_at", "closed_at", "opened_at") if name in row), None)
    if at is None:
        return True
    return (wanted.since is None or at >= wanted.since) and (wanted.until is None or at < wanted.until)
