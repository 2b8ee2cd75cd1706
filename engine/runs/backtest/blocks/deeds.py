"""Records of what kernels played, as the stages write them; only of the kinds that somebody wants to hear."""

from collections.abc import Callable, Container, Iterable, Sequence
from decimal import Decimal
from functools import cached_property
from typing import Literal

from engine.kernels import legs
from engine.matching.units import Scale
from engine.records.base import Record
from engine.records.desk import Draft
from engine.records.ideas import Cycle
from engine.records.ids import client_id, intent_key
from engine.records.trades import Fill, Intent, OrderAttempt, OrderResult, Position, Purpose, Side
from engine.runs.backtest.blocks.asks import Said
from engine.runs.backtest.blocks.texts import MONEY, Texts
from engine.stages.precheck import Precheck, decimal


class Sent:
    """A market order that kernels sent: of which symbol, which way and why, and when it was decided.

    Its ids follow from that, and are made when they are asked for.
    """

    def __init__(self, wish: tuple[str, str, str], side: Side, purpose: Purpose, reason: str, at: int) -> None:
        """`wish` is who wants it: strategy, venue and symbol."""
        self.wish, self.side, self.purpose, self.reason, self.at = wish, side, purpose, reason, at

    @cached_property
    def key(self) -> str:
        """The key of the wish to trade."""
        leg = "entry" if self.purpose == "entry" else self.reason
        return intent_key(*self.wish, self.side, self.purpose, self.at, leg)

    @cached_property
    def client_id(self) -> str:
        """The client order id of its only attempt."""
        return client_id(self.key, 1)


class Entered:
    """An entry that passed: its order, how many steps, the average price it was measured with, and what was said."""

    def __init__(self, sent: Sent, steps: int, average: float, say: Callable[[], Said]) -> None:
        """`say` lets the strategy tell candidate and signal."""
        self.sent, self.steps, self.average, self._say = sent, steps, average, say

    @cached_property
    def said(self) -> Said:
        """The candidate, and the signal about it."""
        return self._say()


class Deeds:
    """Writes records from rows of the log of `engine.kernels.held`."""

    def __init__(self, precheck: Precheck, step_ms: int, hear: Callable[[Record], None], wants: Container[str]) -> None:
        """`hear` gets the records whose kind is in `wants`."""
        self._precheck, self._order, self._step_ms, self._hear = precheck, precheck.shadow, step_ms, hear
        self._candidates, self._signals = "candidate_snapshot" in wants, "signal_snapshot" in wants
        self._intents, self._attempts = "intent" in wants, "order_attempt" in wants
        self._results, self._fills = "order_result" in wants, "fill" in wants
        self._positions, self.cycles = "position" in wants, "cycle" in wants
        self._texts: dict[str, tuple[Scale, Texts, Texts]] = {}

    def entered(self, entered: Sequence[Entered], at: int) -> None:
        """Tells the entries of a cycle: candidates, signals, intents, and the orders at last."""
        if self._candidates:
            for one in entered:
                self._hear(one.said.candidate)
        if self._signals:
            for one in entered:
                self._hear(one.said.signal)
        if not (self._intents or self._attempts or self._results):
            return
        intents = [self.intent(one) for one in entered]
        if self._intents:
            for intent in intents:
                self._hear(intent)
        for one, intent in zip(entered, intents, strict=True):
            self._sent(one.sent, intent.qty, intent.price, at)

    def intent(self, entered: Entered) -> Intent:
        """Gives the intent of an entry."""
        signal, mean = entered.said.signal, decimal(entered.average)
        draft = Draft(
            symbol=signal.symbol, side=signal.side, order_type=signal.order_type,
            qty=self._order.scale(signal.symbol).qty(entered.steps), price=max(mean, Decimal(signal.price)),
            reference_price=mean, heat=signal.heat, decided_at=signal.at,
        )  # fmt: skip
        return self._precheck.intent(signal, signal.at, draft)

    def sold(self, sent: Sent, row: Sequence[int], at: int) -> None:
        """Tells that an exit is on its way."""
        if self._attempts or self._results:
            _, steps, ticks = self._written(sent.wish[2])
            self._sent(sent, steps.of(row[legs.STEPS]), ticks.of(row[legs.AT_TICKS]), at)

    def _sent(self, sent: Sent, qty: str, price: str, at: int) -> None:
        strategy, venue, symbol = sent.wish
        if self._attempts:
            self._hear(
                OrderAttempt(
                    at=at, venue=venue, symbol=symbol, strategy=strategy, client_id=sent.client_id,
                    intent_key=sent.key, side=sent.side, purpose=sent.purpose, reason=sent.reason,
                    order_type="market", qty=qty, reference_price=price,
                )
            )  # fmt: skip
        if self._results:
            self._result(sent, "working", "0", at)

    def _result(self, sent: Sent, status: Literal["working", "filled"], qty: str, at: int) -> None:
        _, venue, symbol = sent.wish
        self._hear(
            OrderResult(at=at, venue=venue, symbol=symbol, client_id=sent.client_id, status=status, filled_qty=qty)
        )

    def filled(self, sent: Sent, row: Sequence[int], opened_at: int, at: int) -> None:
        """Tells the fill of a whole order, what the position is after it, and that the order is over."""
        if not (self._fills or self._positions or self._results):
            return
        strategy, venue, symbol = sent.wish
        _, steps, ticks = self._written(symbol)
        if self._fills:
            fee = MONEY.of(row[legs.FEE])
            self._hear(
                Fill(
                    at=at, venue=venue, symbol=symbol, venue_at=at - self._step_ms, client_id=sent.client_id,
                    trade_id=f"{sent.client_id}-1", side=sent.side, purpose=sent.purpose, reason=sent.reason,
                    qty=steps.of(row[legs.STEPS]), price=ticks.of(row[legs.TICKS]),
                    notional=MONEY.of(row[legs.NOTIONAL]), fee=fee,
                    fee_asset=self._order.desk.state.rules[symbol].quote, fee_quote=fee, liquidity="taker",
                    ambiguous=bool(row[legs.UNSURE]),
                )
            )  # fmt: skip
        if self._positions:
            left = row[legs.QTY_AFTER]
            self._hear(
                Position(
                    at=at, venue=venue, symbol=symbol, strategy=strategy, status="open" if left else "closed",
                    qty=steps.of(left), entry_price=steps.price(row[legs.COST_AFTER], left) if left else "0",
                    opened_at=opened_at, realised_pnl=MONEY.of(row[legs.REALISED_AFTER]),
                    fees_quote=MONEY.of(row[legs.FEES_AFTER]), reason=sent.reason, dust="0",
                )
            )  # fmt: skip
        if self._results:
            self._result(sent, "filled", steps.of(row[legs.STEPS]), at)

    def cycle(self, at: int, held: Iterable[str], exited: Iterable[str], entered: Iterable[str]) -> None:
        """Closes a cycle: how it ended for each symbol."""
        ended = dict.fromkeys(sorted(held), "HELD")
        ended |= dict.fromkeys(exited, "EXITED")
        ended |= dict.fromkeys(entered, "ENTERED")
        codes: dict[str, list[str]] = {}
        for symbol in sorted(ended):
            codes.setdefault(ended[symbol], []).append(symbol)
        self._hear(Cycle(at=at, codes={code: tuple(codes[code]) for code in sorted(codes)}))

    def _written(self, symbol: str) -> tuple[Scale, Texts, Texts]:
        scale, found = self._order.scale(symbol), self._texts.get(symbol)
        if found is None or found[0] is not scale:
            found = self._texts[symbol] = scale, Texts(scale.step), Texts(scale.tick)
        return found
