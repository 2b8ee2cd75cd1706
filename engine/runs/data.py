"""Where things are kept when nobody says where: ledgers and reports under the user's data folder."""

import os
from pathlib import Path

from engine.errors import ConfigError, LedgerError

#: Databases of ours in the data folder that are no ledgers: request limits of the exchange, and candles of it.
_NO_LEDGERS = ("binance-limits.db", "candles.db")


def data_dir() -> Path:
    """Gives the data folder (HOT_DATA__DIR, else the platform's), made when it is not there; raises ConfigError."""
    given = os.environ.get("HOT_DATA__DIR")
    if given:
        folder = Path(given)
    else:
        import platformdirs

        folder = Path(platformdirs.user_data_dir("hot", appauthor=False))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"the data folder {folder} cannot be made ({error.strerror}); set HOT_DATA__DIR") from None
    return folder


def fresh_ledger(name: str) -> Path:
    """Gives the path of a new ledger in the data folder: the name and the first free number."""
    folder = data_dir()
    number = 1
    while (path := folder / f"{name}-{number:04d}.db").exists():
        number += 1
    return path


def latest_ledger() -> Path:
    """Gives the ledger that was written last in the data folder; raises ConfigError when there is none.

    One whose run ended before its first cycle, as of a market without prices, is passed over where another is there.
    """
    ledgers = (path for path in data_dir().glob("*.db") if path.name not in _NO_LEDGERS)
    found = sorted(ledgers, key=lambda path: (path.stat().st_mtime, path.name))
    if not found:
        raise ConfigError(f"no ledger in {data_dir()}: hot demo makes one, or name one with --ledger")
    return next((path for path in reversed(found) if _has_begun(path)), found[-1])


def _has_begun(path: Path) -> bool:
    """Says whether a run is alive on a ledger, or has closed a cycle; also of one that cannot be read, which is told
    to who reads it.
    """
    from engine.ledger.lease import lease_holder
    from engine.ledger.ledger import Ledger

    try:
        if lease_holder(path) is not None:
            return True
        with Ledger.read(path) as ledger:
            return ledger.last_tick() is not None
    except LedgerError:
        return True


def report_path(ledger: Path) -> Path:
    """Gives where the HTML report of a ledger stands: beside it."""
    return ledger.with_suffix(".html")


def close_breakers() -> None:
    """Closes the breakers of every exchange, in the file that all processes share, where there is one."""
    from engine.world.binance.binance import BUDGET_FILE
    from engine.world.binance.budget import Budget

    path = data_dir() / BUDGET_FILE
    if path.exists():
        budget = Budget(path)
        try:
            budget.resume()
        finally:
            budget.close()
