"""Verify: names the first row that is not what was written, and what happened to it."""

import random
import shutil
import sqlite3
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_lines import START, anomaly, attempt, counted, fill, fill_ledger, position, refused_as_duplicate, round_trip

from engine.errors import LedgerError
from engine.ledger import walk
from engine.ledger.chain import genesis, link
from engine.ledger.db import connect
from engine.ledger.fold import Holdings
from engine.ledger.ledger import Head, Ledger
from engine.ledger.requests import request
from engine.ledger.schema import OBJECTS
from engine.ledger.verify import verify
from engine.matching.events import Executed
from engine.matching.units import plain
from engine.records.trades import DUST, Fill
from engine.records.wire import encode
from engine.stages.desk import Book, Desk, DeskSettings

TRIGGERS = ("records_stay", "records_last", "records_follow")


class Tamperer:
    """Edits a ledger as someone with `sqlite3` would, and puts the triggers back so that they do not tell on them."""

    def __init__(self, path):
        self.path = path

    def __enter__(self):
        self.db = sqlite3.connect(self.path, isolation_level=None)
        self.triggers = [
            self.db.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (t,)).fetchone()[0] for t in TRIGGERS
        ]
        for name in TRIGGERS:
            self.db.execute(f"DROP TRIGGER {name}")
        return self.db

    def __exit__(self, *_):
        for statement in self.triggers:
            self.db.execute(statement)
        self.db.close()


@pytest.fixture
def written(path):
    """A ledger of 20 anomalies."""
    with Ledger.open(path) as ledger:
        for number in range(20):
            ledger.append(anomaly(number))
    return path


def first(path, head=None):
    verdict = verify(path, head)
    assert not verdict.ok
    return verdict.problems[0].what, verdict.problems[0].seq


def test_an_untouched_ledger_is_whole(written):
    verdict = verify(written)
    assert verdict.ok
    assert verdict.rows == 20
    assert verdict.problems == verdict.notes == ()


@pytest.mark.parametrize("seq", [1, 7, 20])
@pytest.mark.parametrize("change", ["line = line || ' '", "line = replace(line, '3.5', '3.4')", "hash = upper(hash)"])
def test_an_altered_row_is_named(written, seq, change):
    with Tamperer(written) as db:
        db.execute(f"UPDATE records SET {change} WHERE seq = {seq}")
    assert first(written) == ("altered", seq)


@pytest.mark.parametrize("seq", [1, 7, 19])
def test_a_removed_row_is_named(written, seq):
    with Tamperer(written) as db:
        db.execute(f"DELETE FROM records WHERE seq = {seq}")
    assert first(written) == ("removed", seq)


@pytest.mark.parametrize("seq", [1, 7, 18])
def test_a_removed_row_is_named_when_the_rest_was_numbered_anew(written, seq):
    with Tamperer(written) as db:
        db.execute(f"DELETE FROM records WHERE seq = {seq}")
        db.execute(f"UPDATE records SET seq = -seq WHERE seq > {seq}")
        db.execute("UPDATE records SET seq = -seq - 1 WHERE seq < 0")
    assert first(written) == ("removed", seq)


@pytest.mark.parametrize(("a", "b"), [(1, 2), (7, 8), (3, 15), (19, 20)])
@pytest.mark.parametrize("columns", [("line",), ("line", "hash")])
def test_swapped_rows_are_named(written, a, b, columns):
    with Tamperer(written) as db:
        rows = {seq: db.execute("SELECT line, hash FROM records WHERE seq = ?", (seq,)).fetchone() for seq in (a, b)}
        for column in columns:
            for here, there in ((a, b), (b, a)):
                value = rows[there][("line", "hash").index(column)]
                db.execute(f"UPDATE records SET {column} = ? WHERE seq = ?", (value, here))
    assert first(written) == ("reordered", a)


@pytest.mark.parametrize("seq", [1, 7, 20])
def test_an_inserted_row_is_named(written, seq):
    with Tamperer(written) as db:
        db.execute(f"UPDATE records SET seq = -seq WHERE seq >= {seq}")
        db.execute("UPDATE records SET seq = -seq + 1 WHERE seq < 0")
        db.execute("INSERT INTO records VALUES (?, ?, ?)", (seq, anomaly(99).decode(), "0" * 64))
    assert first(written) == ("inserted", seq)


def test_a_row_before_the_first_is_named(written):
    with Tamperer(written) as db:
        db.execute("INSERT INTO records VALUES (0, ?, ?)", (anomaly(99).decode(), "0" * 64))
    assert first(written) == ("inserted", 0)


def test_every_row_is_shown_once_and_as_it_stands(path, monkeypatch):
    monkeypatch.setattr(walk, "_BATCH", 40)
    with Ledger.open(path) as ledger:
        fill_ledger(ledger, 100)
        ledger.commit()
        stored = list(ledger.lines(kinds=["fill", "tick"]))
        head = ledger.head
    seen = []
    with connect(path, readonly=True) as db:
        start = Head(0, genesis("paper", "binance-spot", ""))
        walked = walk.walk(db, start, None, {"fill": seen.append, "tick": seen.append})
    assert walked == (head.seq, head, []) and head.seq > 1000
    assert [(row.seq, row.line) for row in seen] == stored and stored


def test_a_line_with_an_end_of_line_in_it_is_followed_like_any_other(written):
    with Ledger.read(written) as ledger:
        head = ledger.head
    odd = '{"kind":"anomaly",\n"at":1}'
    with Tamperer(written) as db:
        hash_ = link(head.hash, head.seq + 1, odd.encode())
        db.execute("INSERT INTO records VALUES (?, ?, ?)", (head.seq + 1, odd, hash_))
    verdict = verify(written)
    assert not any(problem.seq for problem in verdict.problems)
    assert verdict.head == (head.seq + 1, hash_)


def test_a_cut_tail_is_found_with_a_known_head(written):
    head = verify(written).head
    with Tamperer(written) as db:
        db.execute("DELETE FROM records WHERE seq > 17")
    assert verify(written).ok
    for known in (head, str(head), head.hash):
        assert first(written, known) == ("cut", 17)
    assert verify(written, verify(written).head).ok


def test_an_older_head_and_the_genesis_are_heads_too(written):
    older = Ledger.read(written).stamp.genesis
    assert verify(written, f"0:{older}").ok
    with Ledger.open(written) as ledger:
        head = ledger.head
        ledger.append(anomaly(21))
    assert verify(written, head).ok


def test_a_chain_written_anew_does_not_hold_a_known_head(written):
    head = verify(written).head
    with Tamperer(written) as db:
        before = genesis("paper", "binance-spot", "")
        for seq in range(1, 21):
            line = anomaly(seq + (seq == 5) * 100)
            before = link(before, seq, line)
            db.execute("UPDATE records SET line = ?, hash = ? WHERE seq = ?", (line.decode(), before, seq))
    assert verify(written).ok
    assert first(written, head) == ("altered", 20)


def test_a_tail_cut_behind_a_checkpoint_shows_without_a_head(written):
    with Ledger.open(written) as ledger:
        ledger.save_checkpoint(START, 20, "1", b"state")
    assert verify(written).ok
    for left in (17, 0):
        with Tamperer(written) as db:
            db.execute("DELETE FROM records WHERE seq > ?", (left,))
        assert first(written) == ("cut", left)
        assert f"checkpoint stands at row 20, and the rows end at {left}" in verify(written).problems[0].text


def ordered(path, count=3):
    """A ledger of orders, each with its reservation, the last one refused as a duplicate of the first."""
    with Ledger.open(path) as ledger:
        for number in range(count):
            ledger.append(attempt(number, f"h{number}", f"key {number}"))
            ledger.reserve(f"key {number}", f"h{number}", START + number, 60_000)
            ledger.commit()
        ledger.append(attempt(count, f"h{count}", "key 0"))
        ledger.append(refused_as_duplicate(count, f"h{count}"))
    return path


def test_orders_with_their_reservations_are_whole(path):
    assert verify(ordered(path)).ok


@pytest.mark.parametrize(
    ("gone", "text"),
    [
        ("client_id = 'h1'", "row 2: the order attempt h1 has no reservation"),
        ("client_id <> 'h0'", "row 2: the order attempt h1 has no reservation (and 1 more)"),
        ("true", "row 1: the order attempt h0 has no reservation (and 2 more)"),
    ],
)
def test_a_forgotten_client_id_is_named(path, gone, text):
    trigger = OBJECTS["reservations_last"]
    with sqlite3.connect(ordered(path)) as db:
        db.execute("DROP TRIGGER reservations_last")
        db.execute(f"DELETE FROM reservations WHERE {gone}")
        db.execute(trigger)
    db.close()
    assert [(p.what, p.text) for p in verify(path).problems] == [("reservation", text)]


@pytest.mark.parametrize(("left", "text"), [(2, "h2 belongs to no order attempt:"), (0, "h0 belongs to no order")])
def test_orders_that_were_cut_show_by_their_reservations(path, left, text):
    with Tamperer(ordered(path)) as db:
        db.execute("DELETE FROM records WHERE seq > ?", (left,))
    problem = verify(path).problems[0]
    assert (problem.what, problem.seq) == ("reservation", None)
    assert text in problem.text


def test_an_edited_stamp_is_found(written):
    with Tamperer(written) as db:
        db.execute("UPDATE meta SET value = 'live' WHERE key = 'mode'")
    assert {"stamp", "sealed"} <= {p.what for p in verify(written).problems}


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TRIGGER records_last",
        "DROP INDEX reservations_standing",
        "CREATE TRIGGER mine AFTER INSERT ON runtime BEGIN DELETE FROM runtime; END",
    ],
)
def test_a_changed_table_index_or_trigger_is_found(written, statement):
    with sqlite3.connect(written) as db:
        db.execute(statement)
    db.close()
    assert first(written) == ("schema", None)


def test_what_others_add_beside_is_no_damage(written):
    with sqlite3.connect(written) as db:
        db.execute("CREATE TABLE notes(text)")
        db.execute("CREATE VIEW mine AS SELECT * FROM anomaly")
    db.close()
    assert verify(written).ok


def test_positions_that_their_fills_add_up_to_are_whole(path):
    with Ledger.open(path) as ledger:
        fill_ledger(ledger, 10)
    assert verify(path).ok


@pytest.mark.parametrize(
    ("row", "field", "value"),
    [
        (2, "qty", "1.9"),
        (2, "entry_price", "100.000000000001"),
        (4, "realised_pnl", "9.7"),
        (4, "fees_quote", "0.31000001"),
        (6, "realised_pnl", "0.4"),
        (6, "dust", "0.1"),
    ],
)
def test_a_position_that_says_more_than_its_fills_is_named(path, row, field, value):
    import msgspec

    records = round_trip()
    records[row - 1] = msgspec.structs.replace(records[row - 1], **{field: value})
    with Ledger.open(path) as ledger:
        for record in records:
            ledger.append(encode(record))
    assert first(path) == ("position", row)
    assert field in verify(path).problems[0].text


@pytest.mark.parametrize(
    ("records", "text"),
    [
        ([round_trip()[0], round_trip()[0]], "booked twice"),
        ([round_trip()[2]], "nothing was held"),
        ([round_trip()[1]], "without fills"),
        ([fill(1, "buy", "x", "1", "1", "1")], "cannot be read"),
        ([fill(1, "buy", "0", "1", "1", "1", fee="1", fee_asset="COIN")], "cannot be read"),
    ],
)
def test_fills_that_cannot_be_are_named(path, records, text):
    with Ledger.open(path) as ledger:
        for record in records:
            ledger.append(encode(record))
    assert text in verify(path).problems[0].text


def test_a_fee_in_the_bought_coin_leaves_less_of_it():
    holdings = Holdings()
    assert holdings.add(fill(1, "buy", "1", "100", "100", "0.1", fee="0.001", fee_asset="COIN")) is None
    assert holdings.check(position(1, "0.999", "100", "-0.1", "0.1")) is None


def test_dust_at_the_close_counts_as_lost():
    holdings = Holdings()
    holdings.add(fill(1, "buy", "1", "100", "100", "0"))
    holdings.add(fill(2, "sell", "0.9", "100", "90", "0"))
    assert holdings.check(position(2, "0", "0", "-10", "0", status="closed", dust="0.1")) is None
    assert "without fills" in holdings.check(position(3, "0", "0", "-10", "0"))


def found(number, qty, price, notional):
    """Dust that joins a position."""
    return msgspec.structs.replace(
        fill(number, "buy", qty, price, notional, "0"), trade_id=f"dust-{number}", reason=DUST
    )


def left_dust():
    holdings = Holdings()
    holdings.add(fill(1, "buy", "1", "100", "100", "0"))
    holdings.add(fill(2, "sell", "0.9", "100", "90", "0"))
    assert holdings.check(position(2, "0", "0", "-10", "0", status="closed", dust="0.1")) is None
    return holdings


def test_dust_joins_the_next_position_at_what_it_is_worth():
    holdings = left_dust()
    holdings.add(fill(3, "buy", "1", "120", "120", "0"))
    assert holdings.add(found(4, "0.1", "120", "12")) is None
    assert holdings.check(position(4, "1.1", "120", "12", "0")) is None
    holdings.add(fill(5, "sell", "1.1", "130", "143", "0"))
    # Bought for 220, sold for 233: -10 and 23.
    assert holdings.check(position(5, "0", "0", "23", "0", status="closed")) is None


def test_no_more_dust_joins_than_was_left_and_none_without_a_position():
    assert "0.1 was left" in left_dust().add(found(3, "0.1", "120", "12"))
    holdings = left_dust()
    holdings.add(fill(3, "buy", "1", "120", "120", "0"))
    assert "0.1 was left" in holdings.add(found(4, "0.2", "120", "24"))
    assert "0 was left" in holdings.add(found(5, "0.1", "120", "12"))


MONEY = st.decimals("0.00000001", "100000", places=8)


@settings(max_examples=counted(100, 2000), deadline=None)
@given(st.lists(st.tuples(st.booleans(), MONEY, MONEY, st.sampled_from(["quote", "base", "other"])), max_size=15))
def test_the_fold_and_the_desk_add_fills_up_alike(trades):
    desk = Desk(DeskSettings())
    book = Book(symbol="COINUSDT", venue="v", strategy="s", opened_at=START, exits=None)
    holdings = Holdings()
    for number, (buys, qty, price, fee_in) in enumerate(trades, 1):
        if not buys:
            if not book.qty:
                continue
            qty = min(qty, book.qty)
        fee_base = (qty / 1000).quantize(Decimal("1e-8")) if buys and fee_in == "base" else Decimal(0)
        fee_quote = (qty * price / 1000).quantize(Decimal("1e-8"))
        asset = {"quote": "USDT", "base": "COIN" if buys else "USDT", "other": "BNB"}[fee_in]
        done = Executed(
            client_id="h", trade_id=str(number), venue_at=START, qty=qty, price=price, notional=qty * price,
            fee=fee_base or fee_quote, fee_asset=asset, fee_quote=fee_quote, fee_base=fee_base, liquidity="taker",
        )  # fmt: skip
        (desk.buy if buys else desk.sell)(book, done)
        wire = Fill(
            at=START, venue="v", symbol="COINUSDT", venue_at=START, client_id="h", trade_id=str(number),
            side="buy" if buys else "sell", purpose="entry" if buys else "exit", reason="", qty=plain(qty),
            price=plain(price), notional=plain(done.notional), fee=plain(done.fee if asset != "COIN" else fee_base),
            fee_asset=asset, fee_quote=plain(fee_quote), liquidity="taker",
        )  # fmt: skip
        assert holdings.add(wire) is None
        told = position(
            number, plain(book.qty), plain(round(book.entry_price, 12)),
            plain(Decimal(book.realised_e8).scaleb(-8)), plain(Decimal(book.fees_e8).scaleb(-8)),
        )  # fmt: skip
        assert holdings.check(told) is None


def content(path):
    """Everything that a ledger says, read without its indexes; None where it cannot be read."""
    with sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True) as db:
        db.text_factory = bytes
        try:
            schema = db.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name").fetchall()
            tables = [name.decode() for kind, name, *_ in schema if kind == b"table"]
            rows = {name: db.execute(f"SELECT * FROM {name} NOT INDEXED ORDER BY 1").fetchall() for name in tables}
            marks = [db.execute(f"PRAGMA {name}").fetchone() for name in ("application_id", "user_version")]
        except sqlite3.Error:
            return None
        finally:
            db.rollback()
    db.close()
    return schema, rows, marks


def test_a_flipped_bit_is_found_or_changes_nothing_that_the_ledger_says(path, tmp_path):
    with Ledger.open(path) as ledger:
        fill_ledger(ledger, 30)
        for number in range(40):
            ledger.append(attempt(number, f"h{number:027}"))
            ledger.reserve(f"{number:064}", f"h{number:027}", START + number, 60_000)
        ledger.note("heartbeat", "12:00")
        ledger.commit()
        ledger.save_checkpoint(START, 100, "1", random.Random(1).randbytes(9000))
    request(path, "halt", "lunch", 1)
    whole, said = path.read_bytes(), content(path)
    assert not Path(f"{path}-wal").exists()
    dice = random.Random(counted(7, 8))
    flipped = tmp_path / "flipped.db"
    found = 0
    flips = counted(400, 5000)
    for _ in range(flips):
        place, bit = dice.randrange(len(whole)), 1 << dice.randrange(8)
        flipped.write_bytes(whole[:place] + bytes([whole[place] ^ bit]) + whole[place + 1 :])
        try:
            verdict = verify(flipped)
            is_found = not verdict.ok or bool(verdict.notes)
        except LedgerError:
            is_found = True
        found += is_found
        assert is_found or content(flipped) == said, f"bit {bit} of byte {place} went unseen"
        for leftover in ("-wal", "-shm"):
            Path(f"{flipped}{leftover}").unlink(missing_ok=True)
    # Most of the file is rows: what went unseen was free space.
    assert found > flips * 0.6


@pytest.mark.parametrize("keep", [0, 50, 100, 4096, 5000, 20_000])
def test_a_truncated_file_is_found(path, keep):
    with Ledger.open(path) as ledger:
        fill_ledger(ledger, 30)
    path.write_bytes(path.read_bytes()[:keep])
    with suppress(LedgerError):
        assert not verify(path).ok


def test_any_cut_of_the_log_leaves_a_prefix_of_the_commits(path, tmp_path):
    with Ledger.open(path) as ledger:
        fill_ledger(ledger, 30)
        heads = [Head(0, ledger.stamp.genesis)]
        for number in range(60):
            ledger.append(anomaly(number))
            ledger.append(anomaly(number))
            heads.append(ledger.commit())
        whole = Path(f"{path}-wal").read_bytes()
        copy = tmp_path / "copy" / "ledger.db"
        copy.parent.mkdir()
        dice = random.Random(11)
        seen = set()
        for _ in range(counted(40, 1000)):
            shutil.copy(path, copy)
            Path(f"{copy}-shm").unlink(missing_ok=True)
            cut = dice.randrange(len(whole))
            Path(f"{copy}-wal").write_bytes(whole[:cut])
            verdict = _verify_cut(copy)
            if verdict is None:
                continue
            assert verdict.ok
            seen.add(verdict.rows)
            if verdict.rows < heads[-1].seq:
                assert verify(copy, heads[-1]).problems[0].what == "cut"
            if verdict.rows > 330:
                assert verdict.head in heads
        assert len(seen) > 5


def _verify_cut(copy):
    try:
        return verify(copy)
    except LedgerError as error:
        # So early that the tables themselves were not there yet.
        assert "nothing in it yet" in str(error)
        return None
