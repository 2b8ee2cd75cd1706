"""What a run record names, held against what is there now: settings, desk, and the bytes of the market."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from engine.errors import ConfigError, DirtyInput
from engine.records.desk import Run
from engine.runs import settings as settings_of
from engine.runs.market import Market, MarketOptions, open_market
from engine.runs.pipeline import PipelineState, exchange_of
from engine.runs.settings import Settings
from engine.stages.order_state import OrderState

#: Told what a person should know.
Tell = Callable[[str], None]


def settings_in_force(run: Run, sets: Sequence[str], tell: Tell) -> Settings:
    """Gives the settings of a run record with `sets` over them, and tells what that changes; raises ConfigError."""
    known = settings_of.known_keys(str(run.settings.get("signal.strategy", "hotcoin")))
    gone = sorted(key for key in run.settings if key not in known)
    if gone:
        tell(f"settings of the run that this version does not know: {', '.join(gone)}")
    base = {key: value for key, value in run.settings.items() if key in known}
    was, used = settings_of.load(base=base), settings_of.load(base=base, sets=sets)
    if not gone and was.hash != run.settings_hash:
        tell("the run record's settings are not what its hash says, or this version has other ones by default")
    for key in sorted({*was.decisive, *used.decisive}):
        before, now = was.decisive.get(key), used.decisive.get(key)
        if before != now:
            tell(f"setting {key}: the run has {before!r}, now {now!r}")
    return used


def desk_of(run: Run) -> PipelineState | None:
    """Gives the desk and venue that a pipe's run record starts from; None for a fresh start."""
    if not run.desk:
        return None
    return PipelineState(order=msgspec.convert(run.desk, OrderState), venue=exchange_of(run))


def market_of(run: Run, name: str, tell: Tell, on_bad: Callable[[str, int, str], None]) -> Market:
    """Opens the market of files that a run names, as it was; raises ConfigError or DirtyInput where it is not.

    `name` is the file that is joined with it, `on_bad` is told each line that is skipped.
    """
    options = MarketOptions.of(run.market)
    gone = next((path for path in options.paths if not Path(path).exists()), None)
    if gone is not None:
        raise ConfigError(f"{name}: its market {gone} is not there: name it with --market PATH")
    opened = open_market(options, on_bad)
    changed = other_bytes(run.market, opened.manifest())
    if changed:
        raise DirtyInput(f"{changed}; --market thinks it over all the same")
    tell(f"{name} is joined with its market {' and '.join(options.paths)} and its own settings")
    return opened


def other_bytes(market: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    """Says which file of a market is not what it was, with both hashes; empty where all are."""
    was = {str(one["path"]): str(one["sha256"]) for one in market.get("files", ())}
    now = {str(one["path"]): str(one["sha256"]) for one in found.get("files", ())}
    if list(was.values()) == list(now.values()):
        return ""
    if len(was) == len(now) == 1:
        now = dict(zip(was, now.values(), strict=True))  # one file under another name
    for path in sorted({*was, *now}):
        before, after = was.get(path), now.get(path)
        if before != after:
            return (
                f"{path} of the market is not what the run saw: its sha256 was {(before or 'none')[:16]}, "
                f"is {(after or 'none')[:16]}"
            )
    return "the files of the market stand in another order"
