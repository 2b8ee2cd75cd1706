"""Backtest: a market played fact by fact or over columns; what is decided is handed on as it is said."""

from collections.abc import Callable

from engine.runs.backtest.outcome import Listener, Path, Playing, Result, Unfit
from engine.runs.backtest.record_path import Backtest
from engine.runs.market import Market
from engine.runs.progress import Progress
from engine.runs.settings import Settings


def playing(
    settings: Settings, market: Market, listener: Listener, path: Path = "records",
    on_failure: Callable[[str, str], None] | None = None,
) -> Playing:  # fmt: skip
    """Gives a backtest that is to be played: fact by fact (`records`), or over columns (`blocks`).

    Both decide the same. Blocks make records of entries asked for and what became of them only, and need a store and
    numba; raises Unfit where they cannot play this market with these settings.
    """
    if path == "records":
        return Backtest(settings, market, listener, on_failure=on_failure)
    if market.more:
        raise Unfit("there are several markets: hot store import makes one store of them")
    if market.broken:
        raise Unfit(f"prices of {', '.join(market.broken)} jump between two candles")
    if market.only.get("posts"):
        raise Unfit("posts are heard beside it")
    from engine.runs.backtest.blocks.play import BlockBacktest

    return BlockBacktest(settings, market, listener, on_failure)


def fastest(
    settings: Settings, market: Market, listener: Listener, on_failure: Callable[[str, str], None] | None = None
) -> tuple[Playing, str | None]:
    """Gives a backtest over columns where that can be, else fact by fact, with why."""
    try:
        return playing(settings, market, listener, "blocks", on_failure), None
    except Unfit as why:
        return playing(settings, market, listener, "records", on_failure), str(why)


def backtest(
    settings: Settings, market: Market, listener: Listener, *, path: Path = "records",
    show: Callable[[Progress], None] = lambda now: None, stopped: Callable[[], bool] = lambda: False,
    on_failure: Callable[[str, str], None] | None = None,
) -> Result:  # fmt: skip
    """Plays a market from its first fact, telling `listener` what is decided; gives how far it came.

    `show` is told where it is, `on_failure` of a strategy that failed on a symbol. Raises what the market's source
    raises, and Unfit.
    """
    under_way = playing(settings, market, listener, path, on_failure)
    for now in under_way.play(stopped):
        show(now)
    return under_way.result()
