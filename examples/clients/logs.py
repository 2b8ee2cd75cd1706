"""Runs every program beside it against a venue whose prices stand still, and writes docs/clients.md with their logs."""

import importlib
from pathlib import Path

from engine.world.loopback.market.generated import Generated
from engine.world.loopback.serving import Serving, serving
from engine.world.loopback.venue import Venue, VenueOptions

PAGE = Path(__file__).parents[2] / "docs" / "clients.md"
PROGRAMS = ("ccxt_spot", "ccxt_usdm", "python_binance", "official_spot", "official_usdm")
_OPENING = """# Clients of others on `hot venue`

Programs in [examples/clients](../examples/clients) trade on a loopback venue with clients that other people wrote,
unmodified but for their addresses: `hot venue --seed 7 > venue.json &`, then
`python examples/clients/ccxt_spot.py < venue.json`. What each of them said is below, with what arrived at the venue and
what stands in its books afterwards, which share no code with any client. Prices stood still while these logs were
recorded (seed 7); `python examples/clients/logs.py` records them again, and a test holds them.
"""


def run(name: str, served: Serving) -> list[str]:
    """Gives what a program says, then what the venue has seen of it."""
    said: list[str] = []
    importlib.import_module(name).trade(served.told(), said.append)
    return [*said, *served.do(_seen)]


def _seen(venue: Venue) -> list[str]:
    asked = {f"venue: {one.method} {one.path} -> {one.status}" for one in venue.journal.arrivals}
    books = venue.books()
    [spot], [perps] = books["spot"], books["usdm"]
    orders = [
        f"{one['symbol']} {one['side']} {one['type']} {one['status']}" for one in spot["orders"] + perps["orders"]
    ]
    held = [f"{one['symbol']} {one['qty']}" for one in perps["positions"]]
    return [*sorted(asked), f"venue: orders {orders}", f"venue: positions {held}"]


def record(name: str) -> list[str]:
    """Gives the log of a program on a venue of its own."""
    market = Generated(7, volatility=0.0, history_minutes=30)
    with serving(VenueOptions(seed=7, market=market)) as served:
        return run(name, served)


def section(name: str, log: list[str]) -> str:
    """Gives a program's part of the page."""
    about = (importlib.import_module(name).__doc__ or "").strip()
    return f"## {name}.py\n\n{about}\n\n```text\n" + "\n".join(log) + "\n```\n"


def main() -> None:
    """Writes the page."""
    PAGE.write_text("\n".join([_OPENING, *(section(name, record(name)) for name in PROGRAMS)]))


if __name__ == "__main__":
    main()
