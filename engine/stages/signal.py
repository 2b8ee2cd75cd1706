"""Signal: several timeframes of each ranked candidate, put before the strategy; one failing symbol stops no other."""

import traceback
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import ClassVar

import msgspec

from engine.errors import BadRecord, ConfigError
from engine.kernels.window import MICRO
from engine.plugs import Frame, Indicator, Strategy, Verdict
from engine.records.base import Record, figure, written
from engine.records.bounds import Ratio
from engine.records.ideas import CandidateSnapshot, ExitPlan, Refusal, SignalSnapshot, Tier
from engine.records.market import Bar, Tick, Ticker, check_price, figures, price
from engine.stages.candles import Candle, Candles, Feed

TIMEFRAMES_S: Mapping[str, int] = {
    "1m": 60, "3m": 180, "5m": 300, "15m": 900, "30m": 1800, "1h": 3600, "2h": 7200, "4h": 14400, "1d": 86400,
}  # fmt: skip

#: Symbols that are silent are forgotten once an hour, those that have been for an hour.
SWEEP_MS = 3_600_000
#: Timeframes and indicators are asked for when a candidate is judged; so many candles wait for it at most.
MOST_WAITING = 64


class SignalSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`strategy`: a file of engine/strategies; `stale_frames`: a frame older than so many of its steps is stale."""

    strategy: str = "hotcoin"
    stale_frames: Ratio = 2.0


_COLUMNS = ("open", "high", "low", "close", "volume")


class FrameState(msgspec.Struct, kw_only=True):
    """One timeframe of one symbol: the candle being built, and what its indicators said at the last two closes.

    `states` holds each indicator's memory. `parts` counts the source candles in the open one, `opening` is its open,
    `top` its high, `bottom` its low and `flow` its quote volume so far, in micro units. `waiting` holds open, high,
    low, close and volume of closed candles that the indicators have not seen yet.
    """

    parts: int = 0
    opening: float = 0.0
    top: float = 0.0
    bottom: float = 0.0
    flow: int = 0
    close: float = 0.0
    volume: float = 0.0
    closed_at: int = 0
    closes: int = 0
    states: dict[str, list[float]] = {}
    values: dict[str, float] = {}
    before: dict[str, float] = {}
    waiting: list[tuple[float, float, float, float, float]] = []


class SignalState(msgspec.Struct, kw_only=True):
    """Everything the signal stage remembers; `candles` are those that a symbol's timeframes have not taken yet."""

    feeds: dict[str, Feed] = {}
    frames: dict[str, dict[str, FrameState]] = {}
    candles: dict[str, list[Candle]] = {}
    candidates: list[CandidateSnapshot] = []
    failures: int = 0


class Signal:
    """Takes candles and ranked candidates; on the tick gives a signal for each candidate, and refusals."""

    name: ClassVar[str] = "signal"
    wants: frozenset[str] = frozenset({"bar", "ticker", "candidate_snapshot", "tick"})

    def __init__(
        self, settings: SignalSettings, strategy: Strategy, state: SignalState | None = None,
        on_failure: Callable[[str, str], None] | None = None,
    ) -> None:  # fmt: skip
        """Starts cold, or where `state` left off. `on_failure` gets the symbol and stack of a failing strategy."""
        self.settings, self.strategy = settings, strategy
        self.state = state if state is not None else SignalState()
        self.candles = Candles(self.state.feeds)
        self._on_failure = on_failure
        self._steps = {name: _step_of(name) for name in strategy.timeframes}
        self._live: dict[str, dict[str, dict[str, Indicator]]] = {}

    def take(self, record: Record) -> list[Record]:
        """Takes a candle, a candidate or a tick."""
        if isinstance(record, Bar):
            self._bar(record)
        elif isinstance(record, Ticker):
            try:
                check_price(record)
                self.candles.ticker(record)
            except BadRecord:
                return []
        elif isinstance(record, CandidateSnapshot):
            self.state.candidates.append(record)
        elif isinstance(record, Tick):
            for candle in self.candles.minute(record.at):
                self._candle(candle)
            if record.at % SWEEP_MS == 0:
                self._sweep(record.at)
            return self._judge_all(record)
        return []

    def _sweep(self, now: int) -> None:
        """Forgets symbols that are silent: when they come back there is a hole, and they start cold anyway."""
        for symbol in self.candles.silent(now, SWEEP_MS):
            self.candles.drop(symbol)
            self._forget(symbol)

    def _forget(self, symbol: str) -> None:
        self.state.candles.pop(symbol, None)
        self.state.frames.pop(symbol, None)
        self._live.pop(symbol, None)

    def _bar(self, bar: Bar) -> None:
        try:
            check_price(bar)
            candle = self.candles.bar(bar, figures(bar))
        except BadRecord:
            return
        if candle is not None:
            self._candle(candle)

    def _candle(self, candle: Candle) -> None:
        symbol = candle.symbol
        if candle.hole:
            self._forget(symbol)
        waiting = self.state.candles.get(symbol)
        if waiting is None:
            waiting = self.state.candles[symbol] = []
        waiting.append(candle)
        if len(waiting) >= MOST_WAITING:
            self._fold(symbol)

    def _fold(self, symbol: str) -> dict[str, FrameState]:
        """Lets a symbol's timeframes take the candles that wait for them, and gives them."""
        candles = self.state.candles.pop(symbol, None)
        if candles is None:
            return self.state.frames.get(symbol, {})
        frames = self.state.frames.setdefault(symbol, {})
        for name, step_s in self._steps.items():
            taken = [one for one in candles if step_s % one.step_s == 0]
            if not taken:
                continue
            frame = frames.get(name)
            if frame is None:
                frame = frames[name] = FrameState()
            _take(frame, taken, step_s)
            if len(frame.waiting) >= MOST_WAITING:
                self._catch_up(symbol, name, frame)
        return frames

    def _catch_up(self, symbol: str, name: str, frame: FrameState) -> None:
        """Moves a frame's indicators over the candles that wait for them, in one call each."""
        if not frame.waiting:
            return
        columns = dict(zip(_COLUMNS, zip(*frame.waiting, strict=True), strict=True))
        frame.waiting = []
        values, before = {}, frame.values
        for indicator, kernel in self._kernels(symbol, name, frame).items():
            line = kernel.advance(*[columns[one] for one in kernel.inputs])
            values[indicator] = line[-1]
            if len(line) > 1:
                before = {**before, indicator: line[-2]}
            frame.states[indicator] = kernel.state
        frame.values, frame.before = values, before

    def _kernels(self, symbol: str, name: str, frame: FrameState) -> dict[str, Indicator]:
        frames = self._live.setdefault(symbol, {})
        kernels = frames.get(name)
        if kernels is None:
            kernels = frames[name] = {key: make() for key, make in self.strategy.indicators().items()}
            for key, kernel in kernels.items():
                if key in frame.states:
                    kernel.state = frame.states[key]
        return kernels

    def _judge_all(self, tick: Tick) -> list[Record]:
        candidates, self.state.candidates = self.state.candidates, []
        made: list[Record] = []
        for candidate in candidates:
            made += self.judge(candidate, tick, self._fold(candidate.symbol))
        return made

    def judge(self, candidate: CandidateSnapshot, tick: Tick, known: Mapping[str, FrameState]) -> list[Record]:
        """Gives the signal of a candidate whose timeframes stand as `known`, and the refusal when it is to wait."""
        try:
            return self._judge(candidate, tick, known)
        except Exception:
            # Whatever a strategy does wrong with one symbol, the others are judged.
            self.state.failures += 1
            if self._on_failure is not None:
                self._on_failure(candidate.symbol, traceback.format_exc())
            return [self._refusal(candidate, tick, "STRATEGY_ERROR")]

    def _judge(self, candidate: CandidateSnapshot, tick: Tick, known: Mapping[str, FrameState]) -> list[Record]:
        frames: dict[str, Frame] = {}
        for name, step_s in self._steps.items():
            state = known.get(name)
            if state is not None:
                self._catch_up(candidate.symbol, name, state)
            if state is None or not state.closes or any(v != v for v in state.values.values()):
                return self._no(candidate, tick, "FRAME_COLD", f"{name} has {state.closes if state else 0} candles")
            age_s = (tick.at - state.closed_at) / 1000
            if age_s > self.settings.stale_frames * step_s:
                return self._no(candidate, tick, "STALE_INPUT", f"{name} closed {age_s:.0f} s ago")
            frames[name] = Frame(state.close, state.volume, state.closed_at, state.closes, state.values, state.before)
        verdict = self.strategy.judge(candidate, frames)
        signal = self._signal(candidate, tick, verdict)
        if verdict.action == "wait":
            return [signal, self._refusal(candidate, tick, verdict.code or "NO_CROSS", verdict.value, verdict.limit)]
        return [signal]

    def _no(self, candidate: CandidateSnapshot, tick: Tick, code: str, reason: str) -> list[Record]:
        verdict = Verdict(action="wait", code=code, reasons=(reason,))
        return [self._signal(candidate, tick, verdict), self._refusal(candidate, tick, code)]

    def _signal(self, candidate: CandidateSnapshot, tick: Tick, verdict: Verdict) -> SignalSnapshot:
        if verdict.limit_price is not None:
            price(verdict.limit_price)
        return SignalSnapshot(
            at=tick.at, venue=candidate.venue, symbol=candidate.symbol, strategy=self.settings.strategy,
            action=verdict.action, order_type=verdict.order_type, rank=candidate.rank, heat=candidate.heat,
            side="sell" if verdict.action == "exit" else "buy",
            price=candidate.price, limit_price=verdict.limit_price, code=verdict.code, reasons=verdict.reasons,
            frames={name: {key: figure(x) for key, x in row.items()} for name, row in verdict.figures.items()},
            change_5m_pct=candidate.inputs.change_5m_pct,
            plan=self.plan if verdict.action == "enter" else None,
        )  # fmt: skip

    @cached_property
    def plan(self) -> ExitPlan:
        """The plan of every entry."""
        return _plan(self.strategy.exits())

    def _refusal(
        self, candidate: CandidateSnapshot, tick: Tick, code: str, value: float | str | None = None,
        limit: float | str | None = None,
    ) -> Refusal:  # fmt: skip
        return Refusal(
            at=tick.at, venue=candidate.venue, symbol=candidate.symbol, stage="signal", code=code, value=written(value),
            limit=written(limit),
        )  # fmt: skip


def _take(frame: FrameState, candles: Sequence[Candle], step_s: int) -> None:
    """Builds a timeframe's candles of shorter ones that follow each other."""
    parts, opening, top, bottom, flow = frame.parts, frame.opening, frame.top, frame.bottom, frame.flow
    step_ms = 1000 * step_s
    for _, closed_at, part_s, first, high, low, close, volume, _ in candles:
        if parts == 0:
            opening, top, bottom, flow = first, high, low, volume
        else:
            top, bottom = max(top, high), min(bottom, low)
            flow += volume
        parts += 1
        if closed_at % step_ms == 0:
            # Candles come without holes, so a frame is whole when as many came as it has room for: half a first hour
            # is not an hour.
            if parts * part_s == step_s:
                frame.close, frame.closed_at, frame.volume = close, closed_at, flow / MICRO
                frame.closes += 1
                frame.waiting.append((opening, top, bottom, close, frame.volume))
            parts = 0
    frame.parts, frame.opening, frame.top, frame.bottom, frame.flow = parts, opening, top, bottom, flow


def _step_of(timeframe: str) -> int:
    if timeframe not in TIMEFRAMES_S:
        raise ConfigError(f"no timeframe {timeframe!r}: there are {', '.join(TIMEFRAMES_S)}")
    return TIMEFRAMES_S[timeframe]


def _plan(plan: ExitPlan) -> ExitPlan:
    """Gives a plan with its figures as the wire carries them, so that a pipe and one process follow the same one."""
    rounded = {
        name: figure(value)
        for name, value in msgspec.structs.asdict(plan).items()
        if isinstance(value, float) and name != "tiers"
    }
    tiers = tuple(Tier(share_pct=figure(t.share_pct) or 0, at_pct=figure(t.at_pct) or 0) for t in plan.tiers)
    return msgspec.structs.replace(plan, tiers=tiers, **rounded)
