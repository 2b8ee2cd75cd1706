"""hot doctor: check the installation, the settings, the ledger and the market."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from cli import options
from cli.show import choose, show
from engine.errors import Exit, HotError
from engine.runs.checks import Check

app = typer.Typer(add_completion=False)

_COLUMNS = ("check", "state", "found", "next")
_DISTRIBUTION = "hotcoin"
_WAL_LARGE = 64 << 20
_FREE_MB = 1_024


Offline = Annotated[bool, typer.Option("--offline", help="Look at nothing beyond this machine.")]


@app.command()
def doctor(
    market: options.Market = None,
    ledger: options.LedgerThere = None,
    venue: options.VenueName = None,
    offline: Offline = False,
    config: options.Config = None,
    sets: options.Sets = None,
    json_: options.Json = False,
    jsonl: options.Jsonl = False,
    csv_: options.Csv = False,
    table: options.Table = False,
    columns: options.Columns = None,
) -> None:
    """Check what is needed, each line ok, warn or fail, with what to do: Python and packages, SQLite, the settings,
    the data folder and the disk, the ledger, with --market a recording, the terminal; then the exchange: whether REST
    and streams really bring data, how far the clock is off (0.5 s is a warning, 5 s a failure), what is left of the
    request limits, and where a key is set its rights, position mode, margin and leverage.

    It changes nothing. Without a network it says so within seconds; with --venue that is a failure, and only this
    market is looked at. Exits 78 when something here fails, else 77 for a key, else 69 for the exchange.

    Example: hot doctor --market examples/session --table
    """
    checks = [*_installation(), _settings(config, list(sets or [])), _data_folder(), _disk(), _ledger(ledger)]
    if market is not None:
        checks.append(_market(market))
    checks.append(_terminal())
    if not offline:
        checks += _exchange(config, list(sets or []), venue)
    rows = [check._asdict() for check in checks]
    show(rows, choose(json_, jsonl, csv_, table), options.column_list(columns) or _COLUMNS)
    raise typer.Exit(_code([check for check in checks if check.state == "fail"]))


def _code(failed: list[Check]) -> int:
    """Gives the exit code: what has to be mended here first."""
    codes = {check.code for check in failed}
    if codes - {Exit.KEY, Exit.VENUE}:
        return Exit.CONFIG
    return Exit.KEY if Exit.KEY in codes else Exit.VENUE if codes else Exit.OK


def _exchange(config: Path | None, sets: list[str], venue: str | None) -> list[Check]:
    from engine.runs import settings

    try:
        used = settings.load(config, sets)
    except HotError:
        return []  # said above
    from engine.runs.doctor import venue_checks
    from engine.runs.lookup import VENUES, venue_named

    try:
        venues = VENUES if venue is None else (venue_named(venue, used),)
    except HotError as error:
        return [Check("exchange", "fail", str(error), "hot doctor --venue binance-spot")]
    return venue_checks(used, venues, required=venue is not None)


def _installation() -> Iterator[Check]:
    from engine.runs.version import VERSION

    version = ".".join(map(str, sys.version_info[:3]))
    yield Check("python", "ok", f"{version}, hot {VERSION}")
    yield _packages()
    yield _sqlite()


def _packages() -> Check:
    import re
    from importlib.metadata import PackageNotFoundError, requires, version

    try:
        # Extras and what only some platforms have stand behind a semicolon.
        needed = [one for one in requires(_DISTRIBUTION) or [] if ";" not in one]
    except PackageNotFoundError:
        return Check("packages", "fail", f"{_DISTRIBUTION} is not installed", f"pip install {_DISTRIBUTION}")
    found, missing = [], []
    for name in (re.split(r"[^\w.-]", one, maxsplit=1)[0] for one in needed):
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        return Check("packages", "fail", f"missing: {', '.join(missing)}", "pip install hotcoin")
    return Check("packages", "ok", ", ".join(found))


def _sqlite() -> Check:
    from engine.ledger import db

    release = ".".join(map(str, db.version()))
    if db.has_wal_reset_defect(db.version()):
        return Check(
            "sqlite", "warn", f"{release}: its WAL can, rarely, be damaged under two writers",
            "pip install pysqlite3; until then let one run at a time write a ledger",
        )  # fmt: skip
    return Check("sqlite", "ok", release)


def _settings(config: Path | None, sets: list[str]) -> Check:
    def found() -> str:
        from engine.runs import settings

        used = settings.load(config, sets)
        changed = len([origin for origin in used.origins.values() if origin != "default"])
        return f"{len(used.values)} values, {changed} not at their default, hash {used.hash[:12]}"

    return _tried("settings", found, "hot config show")


def _data_folder() -> Check:
    def found() -> str:
        from engine.errors import ConfigError
        from engine.runs.data import data_dir

        folder = data_dir()
        if not os.access(folder, os.W_OK | os.X_OK):
            raise ConfigError(f"{folder} is not writable")
        return str(folder)

    return _tried("data folder", found, "set HOT_DATA__DIR to a folder of yours")


def _disk() -> Check:
    import shutil

    from engine.runs.data import data_dir

    try:
        free_mb = shutil.disk_usage(data_dir()).free >> 20
    except (HotError, OSError):
        return Check("disk", "warn", "not known", "mend the data folder first")
    found = f"{free_mb:,} MB are free where ledgers are kept"
    if free_mb < _FREE_MB:
        return Check("disk", "warn", found, "make room: a ledger that cannot be written ends its run")
    return Check("disk", "ok", found)


def _ledger(named: Path | None) -> Check:
    from engine.ledger.lease import lease_holder
    from engine.ledger.ledger import Ledger
    from engine.runs.data import latest_ledger

    if named is None:
        try:
            named = latest_ledger()
        except HotError:
            return Check("ledger", "ok", "none yet", "hot demo makes one")
    try:
        with Ledger.read(named) as ledger:
            rows, wal = ledger.head.seq, ledger.wal_bytes
            stamp = f"{ledger.stamp.mode}, {ledger.stamp.venue}"
    except HotError as error:
        return Check("ledger", "fail", str(error), "hot ledger verify --ledger PATH")
    holder = lease_holder(named)
    who = f"written by pid {holder.pid}" if holder is not None else "no run is alive"
    found = f"{named}: {rows} rows, {stamp}, {who}"
    if wal > _WAL_LARGE:
        return Check("ledger", "warn", f"{found}; its write-ahead log has {wal >> 20} MB", "hot ledger prune")
    return Check("ledger", "ok", found, "hot ledger verify checks every row")


def _market(path: str) -> Check:
    def found() -> str:
        from engine.errors import UsageError
        from engine.world.imports.formats import format_of
        from engine.world.imports.unpack import head
        from engine.world.store.store import Store, is_store

        root = Path(path)
        if is_store(root):
            return f"{path}: a store of {len(Store.open(root).files())} series"
        if not root.exists():
            raise UsageError(f"nothing at {path}")
        files = sorted(one for one in root.rglob("*") if one.is_file()) if root.is_dir() else [root]
        kinds: dict[str, int] = {}
        for one in files:
            form = format_of(one.name, head(one))
            if form is not None:
                kinds[form.name] = kinds.get(form.name, 0) + 1
        if not kinds:
            raise UsageError(f"{path}: no market data that hot can read")
        return f"{path}: " + ", ".join(f"{count} of {name}" for name, count in sorted(kinds.items()))

    return _tried("market", found, "name a recording, as in --market examples/session")


def _terminal() -> Check:
    encoding = (sys.stdout.encoding or "none").lower()
    if encoding.replace("-", "") == "utf8":
        return Check("terminal", "ok", encoding)
    return Check("terminal", "warn", f"{encoding}: symbols in other scripts may not print", "set PYTHONUTF8=1")


def _tried(check: str, found: Callable[[], str], next_: str) -> Check:
    try:
        return Check(check, "ok", found())
    except HotError as error:
        return Check(check, "fail", str(error), next_)
    except OSError as error:
        return Check(check, "fail", str(error.strerror or error), next_)
