"""What a sweep leaves behind: its results as JSON, its trials as JSONL, a page, and the winner's settings."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.errors import ConfigError
from engine.records.base import figure
from engine.runs.backtest.account import HOUR_MS
from engine.runs.settings import Settings
from engine.runs.sweep.judge import HOURS_A_YEAR, HOURS_FOR_A_YEAR, WalkForward
from engine.runs.sweep.study import Trial
from engine.runs.sweep.sweep import Judged, Plan, plain_trial, refused, winner_toml
from engine.runs.sweep.trial import Outcome
from engine.runs.sweep.workers import Failed

RESULTS, TRIALS, PAGE, BEST, WINNER = "sweep.json", "trials.jsonl", "sweep.html", "best.toml", "winner.toml"


def results_of(plan: Plan, identity: Mapping[str, Any], judged: Judged, complete: bool) -> dict[str, Any]:
    """Gives the results as plain JSON values; `recommends` is the winner's number, or None with the reasons why."""
    best, made = judged.best, judged.judgement
    recommended = made is not None and made.recommended and complete
    reasons = list(made.reasons) if made is not None else [_no_score(plan.objective)]
    if not complete:
        reasons.append("the sweep is not complete")
    return {
        "kind": "sweep", "complete": complete, "objective": plan.objective, "search": plan.search, "seed": plan.seed,
        "space": identity["space"], "market": identity["market"], "version": identity["version"],
        "settings": identity["settings"], "trials": len(judged.trials), "failed": len(failed_of(judged)),
        "refused": sum(map(refused, judged.trials)), "skipped_lines": skipped_of(judged),
        "best": plain_trial(best, plan.objective) if best is not None else None,
        "recommends": best.number if best is not None and recommended else None,
        "reasons": reasons, "judgement": _judgement(judged),
        "walk_forward": _walk(judged.walk, judged.walked) if judged.walk else None,
        "all": [plain_trial(trial, plan.objective) for trial in judged.trials],
    }  # fmt: skip


def _no_score(objective: str) -> str:
    short = ": less than 30 days have no Calmar, take another --objective" if objective == "calmar" else ""
    return f"no trial has a score{short}"


def failed_of(judged: Judged) -> list[Trial]:
    """Gives the trials that were run and failed."""
    return [trial for trial in judged.trials if isinstance(trial.outcome, Failed) and not refused(trial)]


def skipped_of(judged: Judged) -> int:
    """Gives the number of the market's bad lines, which every trial passed over."""
    return max((trial.outcome.skipped for trial in judged.trials if isinstance(trial.outcome, Outcome)), default=0)


def _judgement(judged: Judged) -> dict[str, Any] | None:
    if judged.judgement is None:
        return None
    made = judged.judgement._asdict()
    return {
        name: figure(value) if isinstance(value, float) else value
        for name, value in made.items() if name not in ("recommended", "reasons")
    } | {"sharpe_a_year_by_luck": _a_year(judged.judgement.sr0)}  # fmt: skip


def _a_year(sr: float | None) -> float | None:
    return None if sr is None else figure(sr * HOURS_A_YEAR**0.5)


def _walk(walked: WalkForward, trials: list[Trial]) -> dict[str, Any]:
    first = min((trial.outcome.first_hour for trial in trials if isinstance(trial.outcome, Outcome)), default=0)
    rows = [
        {
            "trained_from": (first + one.window.train[0]) * HOUR_MS,
            "tested_from": (first + one.window.test[0]) * HOUR_MS,
            "tested_to": (first + one.window.test[1]) * HOUR_MS,
            "trial": trials[one.picked].number if one.picked is not None else None,
            "trained_pct": _pct(one.trained), "tested_pct": _pct(one.tested),
            "trained_a_year_pct": _yearly(one.trained_an_hour, one.window.train),
            "tested_a_year_pct": _yearly(one.tested_an_hour, one.window.test),
        }
        for one in walked.rounds
    ]  # fmt: skip
    share = walked.efficiency.oos_positive_share
    return {
        "folds": rows, "oos_return_pct": _pct(walked.oos_return),
        "efficiency": figure(walked.efficiency.efficiency), "oos_positive_pct": None if share is None else _pct(share),
    }  # fmt: skip


def _yearly(an_hour: float, hours: tuple[int, int]) -> float | None:
    """Gives a mean return an hour as one a year, in percent; None of a window that is too short to tell."""
    return _pct(an_hour * HOURS_A_YEAR) if hours[1] - hours[0] >= HOURS_FOR_A_YEAR else None


def _pct(share: float) -> float | None:
    return figure(share * 100.0)


def write_results(folder: Path, results: Mapping[str, Any], best: Settings | None) -> None:
    """Writes everything anew; `winner.toml` stands only where a winner is recommended, `best.toml` always."""
    from engine.runs.sweep.page import page

    lines = "".join(json.dumps(one, ensure_ascii=False, separators=(",", ":")) + "\n" for one in results["all"])
    texts = {RESULTS: json.dumps(results, ensure_ascii=False, indent=2) + "\n", TRIALS: lines, PAGE: page(results)}
    if best is not None:
        texts[BEST] = winner_toml(best)
        if results["recommends"] is not None:
            texts[WINNER] = texts[BEST]
    try:
        for name in (BEST, WINNER):
            (folder / name).unlink(missing_ok=True)
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{folder}: the results cannot be written ({error.strerror})") from None
