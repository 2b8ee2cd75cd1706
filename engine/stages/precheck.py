"""Precheck: the exchange's rules first, then risk; what passes becomes an intent, the rest a refusal with its name."""

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import ClassVar

import msgspec

from engine.matching.exchange import ExchangeState, PaperExchange, PaperSettings
from engine.matching.units import plain
from engine.plugs import Rule
from engine.records.base import Record, written
from engine.records.bounds import Percent, SecondsOrOff
from engine.records.desk import DeskView, Draft, No
from engine.records.ideas import Refusal, SignalSnapshot
from engine.records.ids import intent_key
from engine.records.market import SymbolRules, Tick
from engine.records.trades import Intent, Purpose
from engine.stages.account_order import LiveSetup
from engine.stages.desk import DeskSettings
from engine.stages.effects import Exchange, Made, Silent, carry_out
from engine.stages.live_order import ACCOUNT_KINDS, LiveOrder
from engine.stages.order import Order
from engine.stages.order_state import OrderState
from engine.stages.size import SizeSettings, size_entry


class PrecheckSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an entry must pass before any rule is asked.

    `signal_ttl_s`: an older signal is stale. `price_band_pct`: how far the last price may be from the average, and from
    what other sources of the venue said in the last two minutes: the middle of bid and ask, and the mark price.
    """

    signal_ttl_s: SecondsOrOff = 60
    price_band_pct: Percent = 20.0


class PrecheckState(msgspec.Struct, kw_only=True):
    """Everything precheck remembers: the shadow of the paper desk and venue, and this cycle's signals."""

    order: OrderState
    exchange: ExchangeState
    signals: list[SignalSnapshot] = []


class Precheck:
    """Judges signals with a desk of its own, which follows the paper venue as a fold over the records that pass."""

    name: ClassVar[str] = "precheck"
    wants: frozenset[str] = (Order.wants - {"intent", "refusal"}) | {"signal_snapshot"}

    def __init__(
        self, settings: PrecheckSettings, size: SizeSettings, desk: DeskSettings, paper: PaperSettings,
        rules: Sequence[Rule], state: PrecheckState | None = None,
        on_shadow: Callable[[Sequence[Record]], None] | None = None, live: LiveSetup | None = None,
    ) -> None:  # fmt: skip
        """Starts with a fresh desk, or where `state` left off. `rules` are asked in their order, exchange first.

        `on_shadow` gets what the order stage will say, from the shadow that runs ahead of it. With `live` the shadow
        follows the account's facts in place of a paper exchange.
        """
        self.on_shadow = on_shadow
        self.settings, self.size = settings, size
        order = state.order if state is not None else None
        exchange = state.exchange if state is not None else ExchangeState()
        self.shadow = Order(desk, rules, order) if live is None else LiveOrder(desk, rules, live, order)
        self.exchange: Exchange = Silent()
        if live is None:
            self.exchange = PaperExchange(paper, exchange, self.shadow.desk)
        else:
            self.wants = Precheck.wants | ACCOUNT_KINDS
        self.state = state if state is not None else PrecheckState(order=self.shadow.state, exchange=exchange)
        self.rules = sorted(rules, key=lambda rule: ("exchange", "risk", "account").index(rule.layer))

    def take(self, record: Record) -> list[Record]:
        """Takes a signal, a fact or a tick; gives intents and refusals on the tick."""
        if isinstance(record, SignalSnapshot):
            if record.action != "wait":
                self.state.signals.append(record)
            return []
        if isinstance(record, Tick):
            signals, self.state.signals = self.state.signals, []
            return self.judge_all(record, signals)
        due = self.shadow.settle(record)
        if due != []:
            self._follow(due, record.at)
        for event in self.exchange.see(record):
            self._follow(self.shadow.answer(event, record.at), record.at)
        made = self.shadow.take(record)
        if made != []:
            self._follow(made, record.at)
        return []

    def _follow(self, made: Iterable[Made], at: int) -> None:
        records = carry_out(made, self.exchange, self.shadow.answer, at)
        if self.on_shadow is not None:
            self.on_shadow(records)

    def judge_all(self, tick: Tick, signals: Iterable[SignalSnapshot]) -> list[Record]:
        """Closes a cycle: gives a verdict on each signal; `signals` is asked for the next when one has been judged."""
        self._follow(self.shadow.open_tick(tick), tick.at)
        made: list[Record] = []
        view: DeskView | None = None
        for signal in signals:
            view = view if view is not None else self.shadow.view(tick.at)
            verdict = self.judge(signal, tick.at, view)
            made.append(verdict)
            if isinstance(verdict, Intent):
                self._follow(self.shadow.enter(verdict, tick.at), tick.at)
                view = None  # the desk has changed: the next signal is judged by what is left
        self._follow(self.shadow.close_tick(tick), tick.at)
        return made

    def judge(self, signal: SignalSnapshot, at: int, view: DeskView) -> Intent | Refusal:
        """Gives the intent of a signal, or the refusal with the code, the value and the limit."""
        desk = self.shadow.desk
        rules = desk.state.rules.get(signal.symbol)
        recent = desk.state.recent.get(signal.symbol)
        age_s = (at - signal.at) / 1000
        if not 0 <= age_s <= self.settings.signal_ttl_s:
            return _refusal(signal, at, No("STALE_SIGNAL", age_s, self.settings.signal_ttl_s))
        if rules is None:
            return _refusal(signal, at, No("NO_RULES"))
        if recent is None or recent.last <= 0.0:
            return _refusal(signal, at, No("NO_PRICE"))
        average = recent.average(at, rules.avg_price_mins)
        off_pct = max(abs(recent.last / other - 1.0) * 100.0 for other in (average, *recent.others(at)))
        if off_pct > self.settings.price_band_pct and signal.action == "enter":
            return _refusal(signal, at, No("PRICE_BAND", round(off_pct, 4), self.settings.price_band_pct))
        draft = self._draft(signal, view, rules, decimal(average), Decimal(recent.text))
        if isinstance(draft, No):
            return _refusal(signal, at, draft)
        for rule in self.rules:
            if signal.action == "exit" and rule.layer != "exchange":
                continue  # what stops entries never stops exits
            no = rule.check(draft, view, rules)
            if no is not None:
                return _refusal(signal, at, no, filtered=rule.layer == "exchange")
        return self.intent(signal, at, draft)

    def _draft(
        self, signal: SignalSnapshot, view: DeskView, rules: SymbolRules, average: Decimal, last: Decimal
    ) -> Draft | No:
        if signal.action == "enter":
            # A factor of zero is the risk rules' no to give, by its own name, not a size.
            return size_entry(self.size, signal, view, rules, self.shadow.desk.size_factor or 1.0, average, last)
        holding = view.holdings.get(signal.symbol)
        if holding is None:
            return No("NOT_HELD", "0", "0")
        scale = self.shadow.scale(signal.symbol)
        # More than one order may be is sold by the order stage with the facts that follow: never a reason to stay.
        steps = self.shadow.selling(signal.symbol, average).at_once(scale.steps(holding.qty))
        return Draft(
            symbol=signal.symbol, side="sell", order_type="market", qty=scale.qty(steps),
            price=average, reference_price=average, heat=signal.heat, decided_at=signal.at,
        )  # fmt: skip

    def intent(self, signal: SignalSnapshot, at: int, draft: Draft) -> Intent:
        """Gives the intent of a draft that passed every rule."""
        purpose: Purpose = "entry" if signal.action == "enter" else "exit"
        return Intent(
            at=at, venue=signal.venue, symbol=signal.symbol, strategy=signal.strategy, side=draft.side,
            purpose=purpose, leg=purpose, order_type=draft.order_type, qty=plain(draft.qty), price=plain(draft.price),
            limit_price=plain(draft.price) if draft.order_type == "limit" else None,
            notional=plain(round(draft.notional, 8)),
            intent_key=intent_key(signal.strategy, signal.venue, signal.symbol, draft.side, purpose, at, purpose),
            risk_level=self.shadow.desk.state.risk_level, plan=signal.plan,
        )  # fmt: skip


def _refusal(signal: SignalSnapshot, at: int, no: No, filtered: bool = False) -> Refusal:
    return Refusal(
        at=at, venue=signal.venue, symbol=signal.symbol, stage="precheck",
        code="PRECHECK_FAILED" if filtered else no.code, precheck_code=no.code if filtered else None,
        value=written(no.value), limit=written(no.limit), side="sell" if signal.action == "exit" else signal.side,
    )  # fmt: skip


def decimal(value: float) -> Decimal:
    """Gives an average price as orders are measured with it."""
    return round(Decimal(str(value)), 12)
