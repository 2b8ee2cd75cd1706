"""Rows: what is appended stays, in order, and is found again by kind, time and symbol."""

import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ledger_lines import START, anomaly, cycle, fill, fill_ledger, tick

from engine.errors import BadRecord, LedgerError
from engine.ledger.chain import genesis, link
from engine.ledger.db import connect
from engine.ledger.ledger import Head, Ledger
from engine.records.wire import encode, kind_of_line

PAYLOADS = [
    "'; DROP TABLE records; --",
    "' OR '1'='1",
    'x" UNION SELECT * FROM meta --',
    "a'); DELETE FROM records; --",
    "%' ESCAPE '\\",
    "币安人生",
    "\u202eTDSU",
]


def test_a_new_ledger_ends_in_its_genesis(path):
    with Ledger.open(path) as ledger:
        assert ledger.head == Head(0, genesis("paper", "binance-spot", ""))
        assert ledger.last_tick() is None
        assert list(ledger.lines()) == []


def test_what_was_committed_is_read_back_byte_for_byte(path):
    lines = [anomaly(1), anomaly(2, "币安人生USDT"), b'{"kind":"unheard_of","at":5, "x" : [1, 2.50]}', tick(1)]
    with Ledger.open(path) as ledger:
        for line in lines:
            ledger.append(line)
        head = ledger.commit()
    with Ledger.read(path) as ledger:
        assert [line for _, line in ledger.lines()] == lines
        assert ledger.head == head == Head(4, head.hash)


def test_the_hash_covers_the_row_before_the_number_and_the_line(path):
    with Ledger.open(path) as ledger:
        ledger.append(anomaly(1))
        first = ledger.commit()
        ledger.append(anomaly(2))
        second = ledger.commit()
    assert first.hash == link(genesis("paper", "binance-spot", ""), 1, anomaly(1))
    assert second.hash == link(first.hash, 2, anomaly(2))
    assert str(second) == f"2:{second.hash}"


def test_nothing_is_seen_before_the_commit_and_nothing_after_a_rollback(path):
    with Ledger.open(path) as ledger, Ledger.read(path) as reader:
        ledger.append(anomaly(1))
        assert list(reader.lines()) == []
        ledger.rollback()
        assert ledger.commit() == reader.head == Head(0, ledger.stamp.genesis)


def test_leaving_the_block_commits_and_an_error_does_not(path):
    with Ledger.open(path) as ledger:
        ledger.append(anomaly(1))
    with pytest.raises(ZeroDivisionError), Ledger.open(path) as ledger:
        ledger.append(anomaly(2))
        _ = 1 // 0
    with Ledger.read(path) as ledger:
        assert ledger.head.seq == 1


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"text",
        b"{}",
        b'{"at":1}',
        b'{"kind":"tick"}',
        b'{"kind":"tick","at":-1}',
        b'{"kind":"tick","at":9007199254740993}',
        b'{"kind":"tick","at":1.5}',
        b'{"kind":"tick","at":1',
        b'{"kind":"tick",\n"at":1}',
        b'{"kind":"tick","at":1}\0',
        b'{"kind":"tick","at":1,"x":"\xff"}',
        b'{"kind":"tick","at":1,"x":"' + b"y" * (1 << 20) + b'"}',
    ],
)
def test_what_is_not_one_line_of_the_wire_is_refused_and_the_rest_goes_on(path, line):
    with Ledger.open(path) as ledger:
        ledger.append(anomaly(1))
        with pytest.raises(BadRecord):
            ledger.append(line)
        assert ledger.commit().seq == 1


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE records SET line = '{}' WHERE seq = 1",
        "DELETE FROM records WHERE seq = 1",
        'INSERT OR REPLACE INTO records VALUES (1, \'{"kind":"tick","at":1}\', \'x\')',
        'INSERT INTO records VALUES (9, \'{"kind":"tick","at":1}\', \'x\')',
        "DELETE FROM reservations",
    ],
)
def test_the_file_itself_refuses_to_change_what_was_written(path, statement):
    with Ledger.open(path) as ledger:
        ledger.append(anomaly(1))
        ledger.reserve("key", "h1", START, 60_000)
    with connect(path) as db, pytest.raises(LedgerError, match=r"never|one after the other"):
        db.run(statement)


def test_lines_are_chosen_by_kind_time_symbol_and_row(path):
    with Ledger.open(path) as ledger:
        fill_ledger(ledger, 5)
        everything = list(ledger.lines())
        assert [seq for seq, _ in everything] == list(range(1, 56))
        assert len(list(ledger.lines(kinds={"tick"}))) == 5
        assert len(list(ledger.lines(kinds={"tick", "anomaly"}))) == 20
        assert [seq for seq, _ in ledger.lines(kinds={"tick"}, after_seq=20)] == [21, 32, 43, 54]
        assert len(list(ledger.lines(symbol="币安人生USDT"))) == 5
        assert len(list(ledger.lines(since=START + 60_000, until=START + 120_000, kinds=["tick"]))) == 1
        assert list(ledger.lines(after_seq=50)) == everything[50:]
        assert list(ledger.lines(kinds=[])) == []
        assert ledger.last_tick() == (54, START + 4 * 60_000)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(st.sampled_from(["tick", "anomaly", "cycle"]), st.integers(0, 50)), max_size=60),
    since=st.none() | st.integers(START, START + 60),
    until=st.none() | st.integers(START, START + 60),
    symbol=st.none() | st.sampled_from(["AUSDT", "BUSDT"]),
    kinds=st.none() | st.sets(st.sampled_from(["tick", "anomaly", "none"])),
    after=st.integers(0, 60),
)
def test_a_filter_gives_what_looking_at_each_line_gives(tmp_path_factory, rows, since, until, symbol, kinds, after):
    made = []
    for kind, number in rows:
        text = f'{{"kind":"{kind}","at":{START + number}'
        made.append((text + (f',"symbol":"{"AB"[number % 2]}USDT"}}' if kind == "anomaly" else "}")).encode())

    def fits(line: bytes) -> bool:
        at = int(line.split(b'"at":')[1].split(b",")[0].rstrip(b"}"))
        return (
            (since is None or at >= since) and (until is None or at < until)
            and (symbol is None or f'"symbol":"{symbol}"'.encode() in line)
            and (kinds is None or kind_of_line(line) in kinds)
        )  # fmt: skip

    with Ledger.open(tmp_path_factory.mktemp("filter") / "l.db") as ledger:
        for line in made:
            ledger.append(line)
        ledger.commit()
        found = list(ledger.lines(kinds=kinds, since=since, until=until, symbol=symbol, after_seq=after))
    assert found == [(seq, line) for seq, line in enumerate(made, 1) if seq > after and fits(line)]


def test_reading_rows_goes_on_while_others_are_written(path):
    with Ledger.open(path) as ledger:
        fill_ledger(ledger, 100)
        reading = ledger.lines()
        first = next(reading)
        fill_ledger(ledger, 1)
        assert first[0] == 1
        assert sum(1 for _ in reading) == 1099


@pytest.mark.parametrize(
    "where",
    [
        "kind='fill'",
        "kind='fill' AND at>=5",
        "kind='fill' AND at>=5 AND at<9 AND symbol='X'",
        "kind='fill' AND symbol='X'",
    ],
)
def test_queries_by_kind_time_and_symbol_use_the_index(path, where):
    Ledger.open(path).close()
    for name in ("kind", "at", "symbol"):
        where = where.replace(name, f"json_extract(line,'$.{name}')")
    with connect(path, readonly=True) as db:
        plan = str(db.rows(f"EXPLAIN QUERY PLAN SELECT seq FROM records WHERE {where}"))
        assert "USING COVERING INDEX records_by_kind" in plan or "USING INDEX records_by_kind" in plan
        assert "SCAN" not in plan
        through_view = str(db.rows("EXPLAIN QUERY PLAN SELECT price FROM fill WHERE at > 5"))
        assert "SEARCH records USING INDEX records_by_kind" in through_view


@pytest.mark.parametrize("symbol", PAYLOADS)
def test_sql_in_a_symbol_is_a_symbol(path, symbol):
    with Ledger.open(path) as ledger:
        before = connect(path, readonly=True).rows("SELECT sql FROM sqlite_schema")
        ledger.append(anomaly(1, symbol))
        ledger.append(cycle(1))
        ledger.reserve(symbol, symbol, START, 1)
        ledger.note(symbol, symbol)
        ledger.commit()
        assert [seq for seq, _ in ledger.lines(symbol=symbol, kinds=["anomaly", symbol])] == [1]
        assert ledger.reservation(symbol).client_id == symbol
        assert ledger.notes()[symbol] == symbol
        with connect(path, readonly=True) as db:
            assert db.rows("SELECT sql FROM sqlite_schema") == before
            assert db.row("SELECT symbol FROM anomaly") == (symbol,)


def test_importing_the_ledger_loads_nothing_heavy():
    heavy = ("pandas", "sqlite_utils", "zstandard", "numpy", "engine.ledger.verify", "engine.world.recording")
    code = f"import sys, engine.ledger.ledger; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_many_lines_are_read_in_flat_memory(path):
    with Ledger.open(path) as ledger:
        for number in range(20_000):
            ledger.append(anomaly(number, f"S{number % 300}USDT"))
        ledger.commit()
    code = (
        "import sys, resource\nfrom engine.ledger.ledger import Ledger\n"
        "ledger = Ledger.read(sys.argv[1])\nlist(ledger.lines(after_seq=19_000))\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "n = sum(1 for _ in ledger.lines()) + sum(1 for _ in ledger.lines(kinds=['anomaly']))\n"
        "print(n, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 3_000)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout == "40000 True\n"


def test_every_write_connection_syncs_fully_and_waits_five_seconds(path):
    Ledger.open(path).close()
    with connect(path) as db:
        assert db.row("PRAGMA synchronous") == (2,)
        assert db.row("PRAGMA journal_mode") == ("wal",)
        assert db.row("PRAGMA foreign_keys") == (1,)
        assert db.row("PRAGMA busy_timeout") == (5000,)


def test_encode_of_a_record_is_what_a_view_shows(path):
    record = fill(1, "buy", "0.10", "100.50", "10.05", "0.01005")
    with Ledger.open(path) as ledger:
        ledger.append(encode(record))
    with connect(path, readonly=True) as db:
        assert db.row("SELECT qty, price, notional, side, ambiguous FROM fill") == ("0.10", "100.50", "10.05", "buy", 0)
