"""What the order stage remembers between records: the desk, and orders that are not over."""

from decimal import Decimal

import msgspec

from engine.matching.events import Executed
from engine.records.ideas import ExitPlan
from engine.records.trades import Intent, OrderAttempt
from engine.stages.desk import DeskState
from engine.stages.protection import Protection


class Early(msgspec.Struct, kw_only=True):
    """A sale that was heard of before the purchase it comes out of. `noted` says that the exits know of it already."""

    attempt: OrderAttempt
    done: Executed
    noted: bool


class Sent(msgspec.Struct, kw_only=True):
    """An order that is not over: its attempt, what it has filled, and the plan its position will follow.

    `unseen` says that the exchange showed nothing of it (live): it is in no other order's way. `early` are sales that
    wait for the rest of an entry.
    """

    attempt: OrderAttempt
    filled: Decimal = Decimal(0)
    plan: ExitPlan | None = None
    working: bool = False
    unseen: bool = False
    early: list[Early] = []


class OrderState(msgspec.Struct, kw_only=True):
    """Everything the order stage remembers between records. `dust` is what closed positions left, by symbol (live)."""

    desk: DeskState
    sent: dict[str, Sent] = {}
    intents: list[Intent] = []
    codes: dict[str, str] = {}
    exited: list[str] = []
    dust: dict[str, Decimal] = {}
    protection: Protection = msgspec.field(default_factory=Protection)
