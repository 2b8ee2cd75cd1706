"""The manifest of a run: settings, facts, rules, version, platform and seed, as one `run` record."""

import sys
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from engine.errors import ConfigError
from engine.records.desk import Run
from engine.runs import settings as settings_of
from engine.runs.settings import Settings
from engine.runs.version import VERSION

#: The name of a stream that was piped in.
STDIN = "stdin"
#: What stands for the market of a pipe that brought no run record.
UNNAMED = {"stream": "no run record"}


def make_run(
    settings: Settings, market: Mapping[str, Any], *, rules_snapshot: str = "", ledger_head: str = "", seed: int = 0,
    at: int = 0, mode: Literal["paper", "live"] = "paper", after_facts: int = 0,
) -> Run:  # fmt: skip
    """Gives the run record of settings and facts; the run id follows from what is run, not from when."""
    import hashlib
    import platform

    content = msgspec.json.encode([settings.hash, dict(market), ledger_head, seed, VERSION], order="sorted")
    return Run(
        at=at, mode=mode, run_id=hashlib.sha256(content).hexdigest()[:16], version=VERSION, settings_hash=settings.hash,
        settings=settings.decisive, market=dict(market), sources=settings.scan.inputs,
        rules_snapshot=rules_snapshot, platform=f"{sys.platform} {platform.machine()}", seed=seed,
        ledger_head=ledger_head, start_equity=str(settings.desk.equity), after_facts=after_facts,
    )  # fmt: skip


def settings_for(run: Run | None, settings: Settings, sets: list[str]) -> Settings:
    """Gives the settings a later stage must use: those of the run record, where one came, and its own of the rest.

    Raises ConfigError for a `--set` that would change a value the run was started with.
    """
    if run is None:
        return settings
    same = settings.under(run.settings)
    if not sets:
        return same
    changed = settings_of.load(base=run.settings, sets=sets)
    for key, value in changed.decisive.items():
        if same.decisive.get(key) != value:
            raise ConfigError(
                f"--set {key}: the run was started with {same.decisive.get(key)!r}; set it at the first stage"
            )
    return same


def same_market(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Says whether two manifests name the same facts: the same hashes in the same order."""
    first, second = one.get("files"), other.get("files")
    if first and second:
        return [f.get("sha256") for f in first] == [f.get("sha256") for f in second]
    return bool(one) and _stream(one) == _stream(other)


def _stream(market: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in market.items() if name != "only"}
