"""Rank: six-dimension heat of every candidate, hottest first, the top N kept."""

from typing import ClassVar

import msgspec

from engine.records.base import Record
from engine.records.bounds import Count
from engine.records.ideas import Candidate, CandidateSnapshot, Refusal
from engine.records.market import Tick
from engine.stages.heat import HeatSettings, WrittenHeat, heat_of


class RankSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`top`: how many candidates a cycle are kept."""

    top: Count = 10


class RankState(msgspec.Struct, kw_only=True):
    """The candidates of the cycle that is open."""

    candidates: list[Candidate] = []


class Rank:
    """Takes candidates; on the tick gives snapshots of the top N and a refusal for each of the others."""

    name: ClassVar[str] = "rank"
    wants: frozenset[str] = frozenset({"candidate", "tick"})

    def __init__(self, settings: RankSettings, heat: HeatSettings, state: RankState | None = None) -> None:
        """Starts with an empty cycle, or where `state` left off."""
        self.settings, self.heat = settings, heat
        self.state = state if state is not None else RankState()

    def take(self, record: Record) -> list[Record]:
        """Takes a candidate or a tick."""
        if isinstance(record, Candidate):
            self.state.candidates.append(record)
            return []
        if not isinstance(record, Tick):
            return []
        candidates, self.state.candidates = self.state.candidates, []
        return self._rank(record, candidates)

    def _rank(self, tick: Tick, candidates: list[Candidate]) -> list[Record]:
        made: list[Record] = []
        scored: list[tuple[float, str, Candidate, WrittenHeat]] = []
        for candidate in candidates:
            heat = heat_of(candidate.inputs, self.heat)
            if heat.heat is None:
                made.append(_refusal(tick, candidate, "NO_HEAT", None, None))
            else:
                scored.append((-heat.heat, candidate.symbol, candidate, heat))
        scored.sort(key=lambda row: row[:2])  # hottest first, ties by symbol: never by luck
        kept = scored[: self.settings.top]
        made += [_snapshot(tick, i + 1, row[2], row[3]) for i, row in enumerate(kept)]
        for minus_heat, _, candidate, _ in scored[self.settings.top :]:
            last_kept = -kept[-1][0] if kept else None
            made.append(_refusal(tick, candidate, "OUTRANKED", -minus_heat, last_kept))
        return made


def _snapshot(tick: Tick, rank: int, candidate: Candidate, heat: WrittenHeat) -> CandidateSnapshot:
    return CandidateSnapshot(
        at=tick.at, venue=candidate.venue, symbol=candidate.symbol, rank=rank, heat=heat.heat or 0,
        coverage=heat.coverage, dimensions=heat.dimensions, missing=heat.missing, status=candidate.status,
        since=candidate.since, price=candidate.price, inputs=candidate.inputs,
    )  # fmt: skip


def _refusal(tick: Tick, candidate: Candidate, code: str, value: float | None, limit: float | None) -> Refusal:
    return Refusal(
        at=tick.at, venue=candidate.venue, symbol=candidate.symbol, stage="rank", code=code, value=value, limit=limit
    )
