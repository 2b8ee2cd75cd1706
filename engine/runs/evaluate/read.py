"""Where an evaluation reads from: a market thought over anew, a ledger with its facts, or a file of a pipe."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from engine.errors import BadRecord, ConfigError, DirtyInput, LedgerError, UsageError
from engine.kernels.heat import HEAT_WEIGHTS
from engine.ledger.ledger import Ledger
from engine.records.base import Record
from engine.records.wire import FACTS, decode
from engine.runs.backtest.backtest import backtest
from engine.runs.backtest.outcome import Marks
from engine.runs.evaluate.heard import DECIDED, Heard
from engine.runs.market import Market, MarketOptions, open_market
from engine.runs.progress import Progress
from engine.runs.replay.file import Found, Lines
from engine.runs.reporting.facts import facts_of
from engine.runs.settings import Settings

OnBad = Callable[[str, int, str], None]
_PRICES = frozenset({"bar", "ticker", "trade"})


class _Listener:
    """Hands on what a backtest says."""

    def __init__(self, heard: Heard) -> None:
        self.hear = heard.take

    def mark(self, marks: Marks) -> None:
        """The account is not asked for."""


def from_market(
    used: Settings, market: Market, *, show: Callable[[Progress], None] = lambda now: None,
    stopped: Callable[[], bool] = lambda: False, on_failure: Callable[[str, str], None] | None = None,
) -> Heard:  # fmt: skip
    """Plays a market through all stages in memory, as a backtest, and listens."""
    heard = Heard({name: getattr(used.heat, name) for name in HEAT_WEIGHTS})
    backtest(used, market, _Listener(heard), show=show, stopped=stopped, on_failure=on_failure)
    return _checked(heard, market.path)


def from_ledger(path: Path, market: str | None, on_bad: OnBad) -> Heard:
    """Joins a ledger with its recording or the market that its run names, or with `market` where that has moved.

    Raises LedgerError for a file that is no ledger or a row that cannot be read, ConfigError where the facts are gone.
    """
    heard = Heard()
    with Ledger.read(path) as ledger:
        for seq, line in ledger.lines(kinds=DECIDED):
            try:
                _take(heard, line)
            except (BadRecord, ArithmeticError) as error:
                raise LedgerError(f"{path}: row {seq} cannot be read ({error}); run `hot ledger verify`") from None
    for fact in _facts(path, market, on_bad):
        heard.take(fact)
    return _checked(heard, str(path))


def _facts(path: Path, market: str | None, on_bad: OnBad) -> Iterable[Record]:
    if market is None:
        try:
            lines = facts_of(path)
        except ConfigError as error:
            raise ConfigError(f"{path}: the facts of its run are not to be had; name its --market too") from error
        records: Iterable[Record | None] = (decode(line) for line in lines)
    else:
        records = (entry.record for entry in open_market(MarketOptions(market), on_bad).source.facts())
    return (record for record in records if record is not None and record.kind in _PRICES)


def from_file(path: str, on_bad: OnBad) -> Heard:
    """Reads a file (- is stdin) that a pipe wrote from hot rank on, with the facts in it; raises DirtyInput."""
    found = Found(Lines(path), on_bad)
    name = found.lines.name
    if "candidate_snapshot" not in found.kinds:
        raise DirtyInput(f"{name}: no candidate_snapshot stands in it; let hot rank write it, or name a --market")
    if not found.kinds & FACTS & _PRICES:
        raise DirtyInput(f"{name}: no prices stand in it; name the --ledger of these decisions, or their --market")
    if "tick" not in found.kinds:
        raise DirtyInput(f"{name}: no tick stands in it, so no cycle is known to be whole")
    heard = Heard()
    for number, kind, line in found.records():
        if kind in _PRICES or kind in DECIDED:
            try:
                _take(heard, line)
            except (BadRecord, ArithmeticError) as error:
                on_bad(name, number, str(error))
    return _checked(heard, name)


def _take(heard: Heard, line: bytes) -> None:
    record = decode(line)
    if record is not None:
        heard.take(record)


def _checked(heard: Heard, name: str) -> Heard:
    if not heard.ticks:
        raise DirtyInput(f"{name}: no cycle was closed in it, so nothing was ranked")
    return heard


def horizons_of(texts: Sequence[str], default: Sequence[int]) -> list[int]:
    """Gives horizons such as 90s, 30m, 4h or 2d in seconds, ascending, each once; raises UsageError for any other."""
    made = {_seconds(text) for text in texts} or set(default)
    return sorted(made)


def _seconds(text: str) -> int:
    count, unit = text[:-1], {"s": 1, "m": 60, "h": 3600, "d": 86_400}.get(text[-1:])
    if unit is None or not (count.isascii() and count.isdigit() and len(count) <= 7) or int(count) == 0:
        raise UsageError(f"--horizon {text!r} is no length of time: write 90s, 30m, 4h or 2d")
    if int(count) * unit > 30 * 86_400:
        raise UsageError(f"--horizon {text!r} is longer than 30d")
    return int(count) * unit
