"""A conditional order of perpetuals."""

from dataclasses import dataclass

from engine.world.loopback.books.orders import Order
from engine.world.loopback.books.perp_orders import Trader
from engine.world.loopback.market.instruments import Instrument


@dataclass(slots=True, eq=False)
class AlgoOrder:
    """A conditional order. `trigger`, `limit` and `best` in ticks, `callback` in parts of 1e-9."""

    algo_id: int
    client_id: str
    trader: Trader
    coin: Instrument
    side: int
    type: str
    tif: str
    steps: int
    limit: int
    trigger: int
    at: int
    position_side: str
    reduce_only: bool
    close_position: bool
    by_mark: bool
    protect: bool
    callback: int = 0
    activate: int = 0
    best: int = 0
    status: str = "NEW"
    updated_at: int = 0
    triggered_at: int = 0
    order: Order | None = None
    refused: str = ""

    @property
    def is_open(self) -> bool:
        """Whether it can still trigger or be cancelled."""
        return self.status == "NEW"

    @property
    def rises(self) -> bool:
        """Whether it triggers when the price rises to it."""
        return self.type.startswith("STOP") == (self.side > 0)
