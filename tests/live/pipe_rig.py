"""A live pipe in one process: the stages one after the other, with the owner of the ledger at their end."""

from collections.abc import Callable
from itertools import chain
from types import SimpleNamespace
from typing import Any

import msgspec
from live_rig import Rig, Steps, _Kept, eager_settings

from engine.ledger.ledger import Ledger
from engine.records.base import Record
from engine.records.desk import Alert
from engine.records.wire import FACTS, encode
from engine.runs.begin_live import LiveHead, live_past
from engine.runs.live import Trading, setup_of
from engine.runs.live_owner import LiveOwner
from engine.runs.market import Market
from engine.runs.pipeline import make_precheck
from engine.runs.turn import Turn
from engine.stages.intake import Intake
from engine.stages.rank import Rank
from engine.stages.scan import Scan
from engine.stages.signal import Signal
from engine.world.way_back import Hearing, Telling


class End:
    """The owner as the last stage: it reads what it wants, and is shown what it keeps."""

    def __init__(self, owner: LiveOwner) -> None:
        self.owner, self.wants = owner, owner.wants | owner.keeps

    def take(self, record: Record) -> list[Record]:
        if record.kind in self.owner.wants:
            return self.owner.take(record)
        self.owner.keep_line(record.kind, encode(record), record.at)
        return []


class Ear(Hearing):
    """Has the owner beat whenever it is listened to, as it does by itself in a process of its own."""

    beat: Callable[[], None] | None = None

    def facts(self) -> list[Record]:
        if self.beat is not None:
            self.beat()
        return super().facts()


class PipeRig(Rig):
    """One pipe after the other on one ledger and one account."""

    alerts: list[Alert]

    def rules_now(self) -> list[Record]:
        """The rules as a market tells them that begins now."""
        self.at += 1000
        return [msgspec.structs.replace(one, at=self.at) for one in self.rules()]

    def play(self, *steps: Any, close: bool = True, settles: bool = False) -> None:
        """One life: plays, then ends in order, or without `close` as if killed. `settles` waits for what is open."""
        used, self.alerts = eager_settings(self.plan, *self.sets), []
        market = Market(Steps(steps), {}, "none")
        past = live_past(used, market, self.path)
        stage = Scan(used.scan, used.heat)
        with Ear() as hearing:
            head = LiveHead(market.source, past, hearing, stage.coins.newest_minutes).facts()
            waiting = []
            for entry in head:
                waiting.append(entry)
                if entry.record is not None and entry.record.kind in FACTS:
                    break
            assert waiting[-1].record is not None
            run = past.run(used, market, 0, waiting[-1].record.at, str(hearing.path))
            ledger = Ledger.open(self.path, mode="live", venue=self.account.venue, account="tiny")
            trading = Trading(_Kept(self.account), used, ledger)
            self.owner = owner = LiveOwner(used, run, ledger, trading, Telling(run.way_back), self.alerts.append)
            owner.keep_line("run", encode(run), run.at)
            self.session = SimpleNamespace(  # type: ignore[assignment]
                stages=SimpleNamespace(order=owner.trader.order, venue=trading.venue)
            )
            precheck = make_precheck(used, run, live=setup_of(used, self.account.venue))
            self.shadow = precheck.shadow
            stages = [stage, Rank(used.rank, used.heat), Signal(used.signal, used.strategy), precheck, End(owner)]
            turn = Turn(Intake(used.scan.cycle_s, {}), stages)
            hearing.beat = owner.beat
            try:
                for entry in chain(waiting, head):
                    if entry.record is not None:
                        turn.feed(entry.record)
                if settles:
                    list(owner.settle(lambda: False))
            finally:
                self._end(owner, trading, close)

    def _end(self, owner: LiveOwner, trading: Trading, close: bool) -> None:
        if close:
            owner.close()
            return
        recording = owner._recording
        if recording is not None and recording._file is not None:
            recording._file.close()
        trading.close()
        owner.ledger.close()
