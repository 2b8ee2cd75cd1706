"""Sweep: many backtests of one market with other settings, kept in a study, judged together."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from engine.errors import Bug, ConfigError
from engine.records.base import figure
from engine.runs.backtest.account import HOUR_MS
from engine.runs.market import Market, MarketOptions
from engine.runs.settings import Settings
from engine.runs.sweep.judge import Judgement, Series, WalkForward, best_of, cut, judge, score_of, walk, windows
from engine.runs.sweep.search import make_search
from engine.runs.sweep.space import Point, Space, name_of
from engine.runs.sweep.study import Study, Trial
from engine.runs.sweep.trial import Job, Outcome, hash_of
from engine.runs.sweep.workers import Failed, Workers
from engine.runs.version import VERSION

_REFUSED = "refused: "


class Plan(NamedTuple):
    """What is asked for; `trials` bounds the search, `folds` of 0 asks for no walk-forward."""

    space: Space
    search: str
    trials: int | None
    seed: int
    objective: str
    folds: int


class Progress(NamedTuple):
    """A trial that ended: so many are done in this process; of how many, where the search tells."""

    trial: Trial
    score: float | None
    done: int
    known: int


class Judged(NamedTuple):
    """The study as it stands: its trials, the best of them (None where none has a score), and what speaks for it.

    `walked` are the trials that the walk-forward chose from, in the order in which it counts them.
    """

    trials: list[Trial]
    best: Trial | None
    judgement: Judgement | None
    walk: WalkForward | None
    walked: list[Trial]


def identity_of(plan: Plan, used: Settings, market: Market) -> dict[str, Any]:
    """Gives what makes two sweeps one study: market, settings that stand still, space, search, objective, version.

    The number of trials is not in it: a larger one goes on.
    """
    varied = {one.key for one in plan.space.dimensions}
    return {
        "market": hash_of(market), "settings": {k: v for k, v in used.decisive.items() if k not in varied},
        "space": [one.plain() for one in plan.space.dimensions], "search": plan.search, "seed": plan.seed,
        "objective": plan.objective, "folds": plan.folds, "version": VERSION,
    }  # fmt: skip


class Sweep:
    """Runs a plan: what the study has is not run again, and what ends is in the study at once."""

    def __init__(self, plan: Plan, options: MarketOptions, market_hash: str, study: Study, workers: Workers) -> None:
        """Raises UsageError and ConfigError for a search that cannot be."""
        self._plan, self._study, self._workers = plan, study, workers
        path, *more = (str(Path(one).resolve()) for one in options.paths)
        posts = options.posts
        if posts is not None:
            posts = posts._replace(path=str(Path(posts.path).resolve()))
        absolute = options._replace(path=path, more=tuple(more), posts=posts)
        self._job = Job(absolute, market_hash, {})
        self._search = make_search(plan.search, plan.space, plan.trials, plan.seed)
        self._searched: dict[str, Point] = {}
        self._done = 0
        self.complete = False

    def play(self, stopped: Callable[[], bool] = lambda: False) -> Iterator[Progress]:
        """Runs the search, then the neighbours of its best trial; gives each trial as it ends."""
        while points := self._search.ask():
            self._searched.update((name_of(point), point) for point in points)
            yield from self._run(points, stopped)
            if stopped():
                return
            self._search.tell([learned(self._found(point), self._plan) for point in points])
        best = self._best()
        if best is not None:
            yield from self._run(self._plan.space.neighbours(best.point), stopped)
        self.complete = not stopped()

    def _found(self, point: Point) -> Trial:
        trial = self._study.find(point)
        if trial is None:
            raise Bug(f"the sweep has lost its trial {name_of(point)}")
        return trial

    def _run(self, points: list[Point], stopped: Callable[[], bool]) -> Iterator[Progress]:
        """Runs the points that the study does not have; gives them as they end."""
        missing = [point for point in points if self._study.find(point) is None]
        jobs: list[Job] = []
        wanted: list[Point] = []
        known = self._done + len(missing)
        for point in missing:
            job = self._made(point)
            if isinstance(job, Failed):
                yield self._add(point, job, known)
            else:
                jobs.append(job)
                wanted.append(point)
        for index, outcome in self._workers.run(jobs, stopped):
            yield self._add(wanted[index], outcome, known)

    def _made(self, point: Point) -> Job | Failed:
        try:
            return self._job._replace(settings=self._plan.space.settings(point).decisive)
        except ConfigError as error:  # each value was tried alone; together they make no sense
            return Failed(f"{_REFUSED}{error}")

    def _add(self, point: Point, outcome: Outcome | Failed, known: int) -> Progress:
        self._study.add(point, outcome)
        self._done += 1
        trial = self._found(point)
        return Progress(trial, score(trial, self._plan.objective), self._done, known)

    def _trials(self) -> list[Trial]:
        """Gives every trial, numbered: those of the search in its order, then others; whoever ended first."""
        every = {name_of(trial.point): trial for trial in self._study.trials()}
        names = [name for name in self._searched if name in every]
        names += sorted(every.keys() - self._searched.keys())
        return [every[name]._replace(number=number) for number, name in enumerate(names, 1)]

    def _best(self) -> Trial | None:
        """Gives the best trial of the search; its neighbours only bear witness, or the chain would have no end."""
        trials = self._of_search(self._trials())
        at = best_of([score(trial, self._plan.objective) for trial in trials])
        return None if at is None else trials[at]

    def _of_search(self, trials: list[Trial]) -> list[Trial]:
        return [trial for trial in trials if name_of(trial.point) in self._searched]

    def judged(self) -> Judged:
        """Judges the study as it stands."""
        trials, best = self._trials(), self._best()
        if best is None:
            return Judged(trials, None, None, None, [])
        objective, folds = self._plan.objective, self._plan.folds
        played = {trial.number: trial.outcome for trial in trials if isinstance(trial.outcome, Outcome)}
        aligned = dict(zip(played, align(list(played.values())), strict=True))
        walked = [trial for trial in self._of_search(trials) if trial.number in played]
        forward = walk([aligned[trial.number] for trial in walked], objective, folds) if folds else None
        near = [self._study.find(point) for point in self._plan.space.neighbours(best.point)]
        made = judge(
            np.array([one.returns for one in aligned.values()]).T, list(played).index(best.number),
            n_trials=sum(not refused(trial) for trial in trials), trades=played[best.number].figures["trades"],
            score=score(best, objective) or 0.0,
            near=[score(one, objective) for one in near if one is not None and isinstance(one.outcome, Outcome)],
            oos_return=forward.oos_return if forward and forward.rounds else None, folds=folds,
        )  # fmt: skip
        return Judged(trials, best, made, forward, walked)


def refused(trial: Trial) -> bool:
    """Says whether the settings refused a trial's point: it was never made."""
    return isinstance(trial.outcome, Failed) and trial.outcome.reason.startswith(_REFUSED)


def score(trial: Trial, objective: str) -> float | None:
    """Gives a trial's objective over the whole market, as `hot backtest` has it."""
    if isinstance(trial.outcome, Failed):
        return None
    value = trial.outcome.figures[objective]
    return None if value is None else float(value)


def learned(trial: Trial, plan: Plan) -> float | None:
    """Gives what a search may learn of a trial: with folds only what came before the first of their tests."""
    if isinstance(trial.outcome, Failed) or not plan.folds:
        return score(trial, plan.objective)
    (whole,) = align([trial.outcome])
    rounds = windows(len(whole.returns), plan.folds)
    return score_of(plan.objective, cut(whole, 0, rounds[0].train[1])) if rounds else None


def align(outcomes: list[Outcome]) -> list[Series]:
    """Gives the trials over the same hours; before its first tick, and after a total loss, a trial stands still."""
    first = min((one.first_hour for one in outcomes), default=0)
    last = max((one.first_hour + len(one.returns) for one in outcomes), default=0)
    made = []
    for one in outcomes:
        before = one.first_hour - first
        hours = [*[0.0] * before, *one.returns, *[0.0] * (last - first - before - len(one.returns))]
        made.append(Series(hours, [(at // HOUR_MS - first, profit) for at, profit in one.trades]))
    return made


def winner_toml(settings: Settings) -> str:
    """Gives settings as a file for --config: every value that is not the default, so that no other file is needed."""
    plain = settings.decisive
    default = Settings({"signal.strategy": (settings.signal.strategy, "default")}).decisive
    tables: dict[str, list[str]] = {}
    for key, value in plain.items():
        if value is not None and value != default.get(key):
            table, _, name = key.rpartition(".")
            # A TOML string, number, truth or array of them is written as in JSON.
            tables.setdefault(table, []).append(f"{name} = {json.dumps(value, ensure_ascii=False)}")
    return "\n".join(f"[{table}]\n" + "\n".join(lines) + "\n" for table, lines in tables.items())


def plain_trial(trial: Trial, objective: str) -> dict[str, Any]:
    """Gives a trial as a plain JSON object."""
    outcome = trial.outcome
    failed = outcome.reason if isinstance(outcome, Failed) else None
    value = score(trial, objective)
    figures: Mapping[str, Any] = {} if isinstance(outcome, Failed) else outcome.figures
    return {
        "trial": trial.number, **trial.point, "score": None if value is None else figure(value), "failed": failed,
        **figures,
    }  # fmt: skip
