"""Two runs held against each other: each a ledger, a file of decisions, or the folder of a backtest's results."""

from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from engine.errors import BadRecord, DirtyInput, LedgerError, UsageError
from engine.ledger.ledger import Ledger
from engine.records.base import Record
from engine.records.wire import KINDS, decode, kind_of_line
from engine.runs.backtest.report import last_prices
from engine.runs.marks import prices_in
from engine.runs.replay.file import is_ledger
from engine.stages.divergence import Divergence, Ran, divergence
from engine.stages.divergence_deals import DEEDS, TELLING, Coin, Deals, Told
from engine.stages.report_trades import money
from engine.world.imports.lines import numbered_lines
from engine.world.imports.unpack import pieces

#: What a results folder holds its decisions in.
_DECISIONS = ("decisions.jsonl.zst", "decisions.jsonl")
#: Hands each record of some kinds to a taker, in their order; may be called again.
Reader = Callable[[Collection[str], Callable[[Record], None]], None]


def divergence_of(a: str, b: str) -> Divergence:
    """Gives what run `b` earned more than run `a`, and why.

    Raises UsageError where the two cannot be compared, DirtyInput for a file that is none of decisions, LedgerError for
    a ledger that cannot be read.
    """
    read_a, read_b = _reader(a), _reader(b)
    deals_a, deals_b = Deals(), Deals()
    read_a(DEEDS, deals_a.take)
    read_b(DEEDS, deals_b.take)
    moments = _moments(deals_a, deals_b)
    told_a, told_b = Told(moments, deals_b.entries.values()), Told(moments, deals_a.entries.values())
    read_a(TELLING, told_a.take)
    read_b(TELLING, told_b.take)
    _check_fit(a, told_a, b, told_b)
    _check_quote(a, deals_a, b, deals_b)
    _price(a, told_a)
    _price(b, told_b)
    deals_a.value(told_a)
    deals_b.value(told_b)
    return divergence(Ran(deals_a, told_a), Ran(deals_b, told_b))


def _price(name: str, told: Told) -> None:
    """Takes what a run's positions were worth in the end, where that stands beside its decisions."""
    path = Path(name)
    if path.is_dir():
        prices = last_prices(path)
    elif is_ledger(name):
        with Ledger.read(path) as ledger:
            prices = prices_in(ledger)
    else:
        return
    for coin, (price, at) in prices.items():
        if at >= told.last.get(coin, (0,))[0]:
            told.last[coin] = (at, money(price))


def _moments(a: Deals, b: Deals) -> dict[Coin, set[int]]:
    """Gives the times at which each coin was filled in either run."""
    found: dict[Coin, set[int]] = {}
    for deal in (*a.all, *b.all):
        times = found.setdefault(deal.coin, set())
        for leg in deal.legs.values():
            times.update(leg.times)
    return found


def _check_fit(a: str, ours: Told, b: str, theirs: Told) -> None:
    """Refuses runs that have nothing in common: their gap would say nothing."""
    for name, told in ((a, ours), (b, theirs)):
        if told.last_at is None:
            raise DirtyInput(f"{name}: it holds no cycle: name the ledger of a run, or what its last stage wrote")
    if ours.venues and theirs.venues and not ours.venues & theirs.venues:
        venues = [", ".join(sorted(told.venues)) for told in (ours, theirs)]
        raise UsageError(f"{a} is of {venues[0]}, {b} of {venues[1]}: they have no venue in common")
    if ours.symbols and theirs.symbols and not ours.symbols & theirs.symbols:
        raise UsageError(f"{a} and {b} have no symbol in common: they saw different markets")
    if not ours.overlaps(theirs):
        raise UsageError(f"{a} and {b} have no time in common: one ends before the other begins")


def _check_quote(a: str, ours: Deals, b: str, theirs: Deals) -> None:
    if ours.quote_asset and theirs.quote_asset and ours.quote_asset != theirs.quote_asset:
        raise UsageError(f"{a} counts in {ours.quote_asset}, {b} in {theirs.quote_asset}: there is no gap between them")


def _reader(name: str) -> Reader:
    path = Path(name)
    if path.is_dir():
        path = _results(path)
    if not path.is_file():
        raise UsageError(f"{name} is not there: name a ledger, a file of decisions, or a folder of results")
    if is_ledger(str(path)):
        return lambda kinds, take: _read_ledger(path, kinds, take)
    _check_file(path)
    return lambda kinds, take: _read_file(path, kinds, take)


def _results(folder: Path) -> Path:
    for name in _DECISIONS:
        if (folder / name).is_file():
            return folder / name
    raise UsageError(f"{folder} is a folder without {_DECISIONS[0]}: it holds no results of a backtest")


def _check_file(path: Path) -> None:
    """Looks whether a file opens as one of records does."""
    for _, line in numbered_lines(pieces(path)):
        try:
            if line is not None and (kind_of_line(line) in KINDS or decode(line) is not None):
                return
        except BadRecord:
            pass
        raise DirtyInput(f"{path}: neither a ledger nor decisions: its first line is no record")
    raise DirtyInput(f"{path}: it is empty")


def _read_ledger(path: Path, kinds: Collection[str], take: Callable[[Record], None]) -> None:
    with Ledger.read(path) as ledger:
        for seq, line in ledger.lines(kinds=kinds):
            try:
                record = decode(line)
                if record is not None:
                    take(record)
            except BadRecord as error:
                raise LedgerError(f"{path}: row {seq} ({error}); run `hot ledger verify`") from None


def _read_file(path: Path, kinds: Collection[str], take: Callable[[Record], None]) -> None:
    for number, record in _records(path, kinds):
        try:
            take(record)
        except BadRecord as error:
            raise DirtyInput(f"{path}:{number}: {error}") from None


def _records(path: Path, kinds: Collection[str]) -> Iterator[tuple[int, Record]]:
    """Gives the records of some kinds; money is compared, so that a line which cannot be read ends it."""
    for number, line in numbered_lines(pieces(path)):
        if line is None:
            raise DirtyInput(f"{path}:{number}: too long for a record")
        kind = kind_of_line(line)
        if kind is not None and kind not in kinds:
            continue
        try:
            record = decode(line)
        except BadRecord as error:
            raise DirtyInput(f"{path}:{number}: {error}") from None
        if record is not None and record.kind in kinds:
            yield number, record
