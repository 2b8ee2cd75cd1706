"""The page of a sweep: verdict, heat map of two settings, every trial; one file without network or script."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from engine.runs.reporting.text import Cell, amount, cell, document, html, moment, number, section, table

#: A range without steps is drawn in so many bins; the best and the newest trials of a large sweep are listed.
_BINS, _LISTED = 8, 500
#: Figures of a trial, with how many digits they are read.
_FIGURES = {"trades": 0, "net_profit": 2, "max_drawdown_pct": 2, "sharpe": 3, "calmar": 3, "profit_factor": 3}
#: What a window of a walk-forward made.
_RATES = {
    "trained_pct": "trained, %", "tested_pct": "tested, %", "trained_a_year_pct": "trained, % a year",
    "tested_a_year_pct": "tested, % a year",
}  # fmt: skip


def page(results: Mapping[str, Any]) -> str:
    """Gives the results as one HTML document; the same results give the same bytes."""
    body = _verdict(results) + _judgement(results) + _map(results) + _walk(results["walk_forward"]) + _trials(results)
    head = f"{results['trials']} trials by {results['search']}, by {results['objective']}, seed {results['seed']}"
    return document("hot sweep", (
        f'<h1>Sweep</h1><p class="soft">{html(head)}</p>{body}<footer>hot {html(results["version"])}. Times are UTC. '
        "Past results say nothing of future ones.</footer>"
    ))  # fmt: skip


def _verdict(results: Mapping[str, Any]) -> str:
    best = results["best"]
    if results["recommends"] is not None:
        return section("Recommended", f"<p>Trial {html(best['trial'])}: {html(_point(results, best))}</p>")
    reasons = "".join(f"<li>{html(one)}</li>" for one in results["reasons"])
    told = f"<p>The best, trial {html(best['trial'])} ({html(_point(results, best))}):</p>" if best else ""
    return section("Nothing is recommended", f"{told}<ul>{reasons}</ul>")


def _point(results: Mapping[str, Any], trial: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} = {trial[key]}" for key in _keys(results))


def _keys(results: Mapping[str, Any]) -> list[str]:
    return [one["key"] for one in results["space"]]


def _judgement(results: Mapping[str, Any]) -> str:
    made = results["judgement"]
    if made is None:
        return ""
    facts = [
        ("Trades of the best", number(made["trades"], 0)),
        ("Deflated Sharpe ratio", f"{number(made['dsr'], 4)} after {made['n_trials']} trials"),
        ("Sharpe ratio by luck, a year", number(made["sharpe_a_year_by_luck"])),
        ("Probability of overfitting", f"{number(made['pbo'], 4)} ({made['pbo_blocks'] or 0} blocks)"),
        ("Its neighbours lose", _percent(made["degradation"])),
        ("Neighbours on its plateau", _percent(made["plateau"])),
        ("Trials that failed", number(results["failed"], 0)),
    ]  # fmt: skip
    rows = "".join(f"<dt>{html(name)}</dt><dd>{html(value)}</dd>" for name, value in facts)
    note = "Judged on hourly returns; every trial of the study counts."
    return section("What speaks for it", f'<dl class="facts">{rows}</dl>', note)


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{number(share * 100, 1)} %"


def _map(results: Mapping[str, Any]) -> str:
    """Gives the best score of each pair of values of the first two settings."""
    across, *more = results["space"]
    down = more[0] if more else None
    columns, rows = _marks(across), _marks(down) if down else [""]
    scores: dict[tuple[int, int], float] = {}
    for trial in results["all"]:
        if trial["score"] is not None:
            at = (_place(down, trial) if down else 0, _place(across, trial))
            scores[at] = max(scores.get(at, trial["score"]), trial["score"])
    if not scores:
        return ""
    low, high = min(scores.values()), max(scores.values())
    body = [
        [cell(name, "name"), *(_tile(scores.get((r, c)), low, high) for c in range(len(columns)))]
        for r, name in enumerate(rows)
    ]
    heads = [f"{down['key']} \\ {across['key']}" if down else across["key"], *columns]
    note = "The best score over all other settings; deeper is higher." if len(more) > 1 else "Deeper is higher."
    return section(f"Map of {results['objective']}", table(heads, body, range(1, len(heads))), note)


def _marks(one: Mapping[str, Any]) -> list[str]:
    if one["span"] is None:
        return [str(value) for value in one["values"]]
    low, high = one["span"]
    step = (high - low) / _BINS
    return [f"{low + i * step:.4g} to {low + (i + 1) * step:.4g}" for i in range(_BINS)]


def _place(one: Mapping[str, Any], trial: Mapping[str, Any]) -> int:
    value = trial[one["key"]]
    if one["span"] is None:
        found: int = one["values"].index(value)
        return found
    low, high = one["span"]
    return min(int((value - low) / (high - low) * _BINS), _BINS - 1)


def _tile(score: float | None, low: float, high: float) -> Cell:
    if score is None:
        return cell("–", "n")
    depth = 100.0 * (score - low) / (high - low) if high > low else 50.0
    shade = f"background: color-mix(in srgb, var(--tone) {0.7 * depth:.0f}%, transparent)"
    return Cell(f'<span style="display:block;padding:4px 6px;{shade}">{html(number(score, 3))}</span>', "n")


def _walk(walked: Mapping[str, Any] | None) -> str:
    if walked is None:
        return ""
    figures = {name: head for name, head in _RATES.items() if any(one[name] is not None for one in walked["folds"])}
    rows = [
        (*(cell(moment(one[name]), "t") for name in ("trained_from", "tested_from", "tested_to")),
         cell("–" if one["trial"] is None else one["trial"], "n"),
         *(amount(one[name], 2, sign=True) for name in figures))
        for one in walked["folds"]
    ]  # fmt: skip
    heads = ("trained from", "tested from", "to", "picked", *figures.values())
    note = (
        f"Out of sample {number(walked['oos_return_pct'], 3)} % in all, efficiency {number(walked['efficiency'])}. "
        "A window of less than 30 days has no rate a year."
    )
    return section("Walk-forward", table(heads, rows, range(3, len(heads))), note)


def _trials(results: Mapping[str, Any]) -> str:
    every: Sequence[Mapping[str, Any]] = results["all"]
    ranked = sorted(every, key=lambda one: (one["score"] is None, -(one["score"] or 0.0), one["trial"]))[:_LISTED]
    keys = _keys(results)
    figures = {name: digits for name, digits in _FIGURES.items() if name != results["objective"]}
    rows = [
        [cell(one["trial"], "n"), *(cell(one[key], "n") for key in keys), cell(number(one["score"], 3), "n"),
         *(_figure(one.get(name), digits) for name, digits in figures.items()), cell(one["failed"] or "")]
        for one in ranked
    ]  # fmt: skip
    titles = (name.replace("_pct", ", %").replace("_", " ") for name in (results["objective"], *figures))
    heads = ["trial", *keys, *titles, ""]
    left_out = len(every) - len(ranked)
    note = f"The best {_LISTED}; trials.jsonl has all." if left_out else "The best first."
    if all(one.get("calmar") is None for one in every):
        note += " Less than 30 days have no Calmar, which is a rate a year."
    return section("Trials", table(heads, rows, range(len(heads) - 1)), note)


def _figure(value: float | str | None, digits: int) -> Cell:
    return cell(number(None if value is None else Decimal(value), digits), "n")
