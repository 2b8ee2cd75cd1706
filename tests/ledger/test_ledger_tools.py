"""Other tools: a ledger opens in sqlite3, sqlite-utils and datasette as it is."""

import asyncio
import json
import shutil
import subprocess

import pytest
from ledger_lines import fill_ledger

from engine.ledger.ledger import Ledger
from engine.ledger.verify import verify
from engine.ledger.views import view_statements
from engine.records.wire import FACTS, KINDS

# These tools are others' code, with their own warnings.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def written(path):
    with Ledger.open(path) as ledger:
        fill_ledger(ledger, 3)
    return path


def test_every_stored_kind_has_a_view_with_its_fields():
    assert set(view_statements()) == set(KINDS) - FACTS
    assert 'AS "limit"' in view_statements()["refusal"]


def test_every_view_can_be_read(written):
    import sqlite_utils

    db = sqlite_utils.Database(written)
    for kind in view_statements():
        columns = [column.name for column in db[kind].columns]
        assert columns[:2] == ["seq", "at"]
        assert set(KINDS[kind].__struct_fields__) <= set(columns)
        list(db[kind].rows)
    db.close()


@pytest.mark.skipif(shutil.which("sqlite3") is None, reason="no sqlite3 command here")
def test_the_sqlite3_command_shows_named_columns(written):
    def ask(sql):
        done = subprocess.run(["sqlite3", "-readonly", str(written), sql], capture_output=True, text=True, check=True)
        return done.stdout.splitlines()

    assert ask("SELECT symbol, side, qty, price, fee FROM fill LIMIT 2") == [
        "COINUSDT|buy|2|100|0.2", "COINUSDT|sell|1|110|0.11",
    ]  # fmt: skip
    assert ask('SELECT count(*) FROM "cycle"') == ["3"]
    assert ask("SELECT symbol FROM anomaly WHERE seq = 3") == ["币安人生USDT"]
    assert ask("PRAGMA integrity_check") == ["ok"]
    assert verify(written).ok


def test_sqlite_utils_shows_rows_and_views(written):
    import sqlite_utils

    db = sqlite_utils.Database(written)
    assert "fill" in db.view_names()
    assert db["records"].count == 33
    rows = list(db["position"].rows)
    assert [(r["status"], r["realised_pnl"]) for r in rows[:3]] == [
        ("open", "-0.2"),
        ("open", "9.69"),
        ("closed", "-0.4"),
    ]
    db.close()


def test_datasette_shows_rows_and_views(written):
    from datasette.app import Datasette

    async def ask():
        datasette = Datasette([str(written)])
        await datasette.invoke_startup()
        tables = await datasette.client.get("/ledger.json")
        fills = await datasette.client.get("/ledger/fill.json?_shape=array&side=sell&_size=2")
        page = await datasette.client.get("/ledger/records")
        return tables, fills, page

    tables, fills, page = asyncio.run(ask())
    told = json.loads(tables.text)
    assert {"fill", "position", "cycle"} <= {view["name"] for view in told["views"]}
    assert [row["price"] for row in json.loads(fills.text)] == ["110", "90"]
    assert page.status_code == 200
