"""The paper venue: orders are filled against the facts that pass; it needs no key, no server and no account."""

from engine.matching.exchange import PaperExchange


class Paper(PaperExchange):
    """A venue of the program's own, over the same matching core as backtest and loopback."""
