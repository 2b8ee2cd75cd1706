"""How a pipe begins: the run record that its first stage writes."""

from pathlib import Path

import msgspec

from engine.records.desk import Run
from engine.runs.manifest import make_run
from engine.runs.market import Market
from engine.runs.settings import Settings


def start_run(settings: Settings, market: Market, seed: int, ledger: Path | None, first_at: int) -> Run:
    """Gives the run record of a pipe's first stage; with a ledger that is there it names its head and its desk.

    `first_at` is the time of the market's first price.

    Raises ConfigError when the ledger's last run over the same facts had other settings.
    """
    manifest = market.manifest()
    if ledger is None or not ledger.exists():
        return make_run(settings, manifest, rules_snapshot=market.snapshot_name, seed=seed, at=first_at)
    from engine.ledger.ledger import Ledger
    from engine.runs.history import start_of

    with Ledger.read(ledger) as opened:
        head = f"{opened.head.seq}:{opened.head.hash}"
        run = make_run(
            settings, manifest, rules_snapshot=market.snapshot_name, seed=seed, ledger_head=head, at=first_at
        )
        return msgspec.structs.replace(run, **start_of(opened, manifest, settings, first_at))
