"""Reservations: each intent once, each client id once, and an honest retry at once."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from ledger_lines import START, anomaly, counted

from engine.errors import Exit
from engine.ledger.ledger import DuplicateIntent, Ledger
from engine.ledger.reservations import Reservation
from engine.ledger.verify import verify

WINDOW = 60_000


@pytest.fixture
def ledger(path):
    with Ledger.open(path) as opened:
        yield opened


def test_an_intent_is_taken_once_and_the_loser_hears_by_whom(ledger):
    ledger.reserve("key", "h1", START, WINDOW)
    ledger.commit()
    with pytest.raises(DuplicateIntent, match="DUPLICATE: the intent is taken by h1") as caught:
        ledger.reserve("key", "h2", START, WINDOW)
    assert caught.value.holder == Reservation("h1", "key", START, WINDOW, "held")
    assert caught.value.code == Exit.REFUSED


def test_a_client_id_is_used_once_for_ever(ledger):
    ledger.reserve("key", "h1", START, WINDOW)
    ledger.release("key")
    ledger.commit()
    with pytest.raises(DuplicateIntent, match="the client id was used before"):
        ledger.reserve("key", "h1", START + 10 * WINDOW, WINDOW)
    with pytest.raises(DuplicateIntent):
        ledger.reserve("other", "h1", START + 10 * WINDOW, WINDOW)


def test_after_a_definite_failure_a_retry_under_a_new_id_passes_at_once(ledger):
    ledger.reserve("key", "h1", START, WINDOW)
    ledger.commit()
    assert ledger.release("key")
    ledger.reserve("key", "h2", START, WINDOW)
    ledger.commit()
    assert ledger.reservation("key").client_id == "h2"
    assert not ledger.release("other")


def test_an_open_outcome_keeps_others_out_whatever_the_time(ledger):
    ledger.reserve("key", "h1", START, WINDOW)
    ledger.commit()
    with pytest.raises(DuplicateIntent):
        ledger.reserve("key", "h2", START + 100 * WINDOW, WINDOW)
    assert [r.client_id for r in ledger.unresolved()] == ["h1"]


def test_a_known_outcome_keeps_others_out_for_its_window_of_record_time(ledger):
    ledger.reserve("key", "h1", START, WINDOW)
    assert ledger.resolve("key")
    ledger.commit()
    with pytest.raises(DuplicateIntent, match="settled"):
        ledger.reserve("key", "h2", START + WINDOW - 1, WINDOW)
    ledger.reserve("key", "h2", START + WINDOW, WINDOW)
    ledger.commit()
    assert [r.client_id for r in ledger.unresolved()] == ["h2"]
    assert not ledger.release("nobody's")


def test_a_reservation_stands_or_falls_with_its_commit(ledger):
    ledger.append(anomaly(1))
    ledger.reserve("key", "h1", START, WINDOW)
    ledger.rollback()
    assert ledger.reservation("key") is None
    ledger.reserve("key", "h1", START, WINDOW)
    ledger.commit()


def test_a_refused_reservation_keeps_the_lines_and_frees_the_lock(ledger):
    ledger.reserve("key", "h1", START, WINDOW)
    ledger.commit()
    ledger.append(anomaly(1))
    with pytest.raises(DuplicateIntent):
        ledger.reserve("key", "h2", START, WINDOW)
    with Ledger.open(ledger.path, lease=False) as other:
        other.reserve("second", "h3", START, WINDOW)
    assert ledger.commit().seq == 1


RACE = """
import sys
from engine.ledger.ledger import DuplicateIntent, Ledger
from engine.records.ids import client_id
path, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
ledger = Ledger.open(path, lease=False)
print("ready", flush=True)
sys.stdin.readline()
won = []
for number in range(count):
    try:
        made = client_id(f"intent {number}", 1 + int(name))
        ledger.append(b'{"kind":"order_attempt","at":%d,"client_id":"%s"}' % (number, made.encode()))
        ledger.reserve(f"intent {number}", made, number, 60_000)
        ledger.commit()
        won.append(str(number))
    except DuplicateIntent:
        ledger.rollback()
print(" ".join(won), flush=True)
"""


def test_of_processes_racing_for_intents_each_intent_has_one_winner(path, spawn):
    intents, racers = counted(60, 200), counted(4, 16)
    Ledger.open(path).close()
    runs = [spawn(RACE, path, number, intents) for number in range(racers)]
    for run in runs:
        assert run.stdout.readline() == "ready\n"
    for run in runs:
        run.stdin.write("\n")
        run.stdin.flush()
    won = [int(number) for run in runs for number in run.communicate()[0].split()]
    assert sorted(won) == list(range(intents))
    verdict = verify(path)
    assert verdict.ok
    assert verdict.rows == intents


class Desk(RuleBasedStateMachine):
    """Reservations against a plain model of them."""

    def __init__(self):
        super().__init__()
        import tempfile
        from pathlib import Path

        self.folder = tempfile.TemporaryDirectory()
        self.ledger = Ledger.open(Path(self.folder.name) / "l.db")
        self.standing, self.ids, self.now = {}, set(), 0

    @rule(ms=st.integers(0, 200))
    def time_passes(self, ms):
        self.now += ms

    @rule(key=st.sampled_from("abc"), number=st.integers(0, 12))
    def reserve(self, key, number):
        standing = self.standing.get(key)
        taken = standing is not None and (standing[0] == "held" or self.now < standing[1] + 100)
        try:
            self.ledger.reserve(key, f"h{number}", self.now, 100)
            assert not taken and number not in self.ids
            self.standing[key] = ("held", self.now)
            self.ids.add(number)
            self.ledger.commit()
        except DuplicateIntent:
            assert taken or number in self.ids

    @rule(key=st.sampled_from("abc"), frees=st.booleans())
    def end(self, key, frees):
        was_held = self.standing.get(key, ("",))[0] == "held"
        ended = self.ledger.release(key) if frees else self.ledger.resolve(key)
        assert ended == was_held
        if was_held and frees:
            del self.standing[key]
        elif was_held:
            self.standing[key] = ("settled", self.standing[key][1])
        self.ledger.commit()

    @invariant()
    def the_open_ones_are_known(self):
        held = sorted(key for key, (state, _) in self.standing.items() if state == "held")
        assert sorted(r.intent_key for r in self.ledger.unresolved()) == held

    def teardown(self):
        self.ledger.close()
        self.folder.cleanup()


TestDesk = Desk.TestCase
TestDesk.settings = settings(max_examples=counted(15, 200), stateful_step_count=25, deadline=None)
