"""What `hot order` is fed by others: intents that nobody judged, rules that make no sense, a stream without a run."""

import json
from pathlib import Path
from typing import Any

import pytest
from hot_runs import ROOT, Hot

EXAMPLE = (ROOT / "examples" / "order.jsonl").read_bytes().splitlines()


def changed(kind: str, **fields: Any) -> bytes:
    """The example with some fields of every record of a kind changed."""
    lines = []
    for line in EXAMPLE:
        record = json.loads(line)
        lines.append(
            json.dumps({**record, **fields}, separators=(",", ":")) if record["kind"] == kind else line.decode()
        )
    return "\n".join(lines).encode() + b"\n"


def refused(hot: Hot, fed: bytes) -> tuple[list[tuple[str, str | None]], list[str]]:
    """Gives (code, precheck code) of what `order` refused, and the kinds it made; the ledger verifies."""
    done = hot("order", "--paper", "-q", "--ledger", "l.db", stdin=fed)
    assert done.returncode == 0, done.stderr
    assert hot("ledger", "verify", "--ledger", "l.db").returncode == 0
    made = [json.loads(line) for line in done.stdout.splitlines()]
    said = [(r["code"], r.get("precheck_code")) for r in made if r["kind"] == "refusal" and r["stage"] == "order"]
    return said, [r["kind"] for r in made]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"side": "sell"}, ("ACCOUNT_CHANGED", "NOT_HELD")),
        ({"side": "buy", "purpose": "exit"}, ("ACCOUNT_CHANGED", "NOT_HELD")),
        ({"at": 1}, ("STALE_SIGNAL", None)),
        ({"venue": "okx"}, ("NO_RULES", None)),
        ({"symbol": "NOPEUSDT"}, ("NO_RULES", None)),
    ],
    ids=["sell of nothing", "exit that buys", "stale", "foreign venue", "unknown symbol"],
)
def test_an_intent_that_cannot_be_traded_is_refused_by_name(
    fields: dict[str, Any], code: tuple[str, str | None], hot: Hot
) -> None:
    if "at" in fields:
        # Only the time of the intent is old: it stands where it stood.
        lines = [json.loads(line) for line in EXAMPLE]
        fed = b"\n".join(
            json.dumps({**r, "at": r["at"] - 60_000} if r["kind"] == "intent" else r).encode() for r in lines
        )
        done = hot("order", "--paper", "-q", "--ledger", "l.db", stdin=fed)
        assert done.returncode == 65
        assert b"time runs backwards" in done.stderr
        assert b'"kind":"fill"' not in done.stdout
        return
    said, kinds = refused(hot, changed("intent", **fields))
    assert said and set(said) == {code}
    assert "fill" not in kinds


@pytest.mark.parametrize("bad", ["NaN", "", "-1", "Infinity", "1e-308", "0.0"])
@pytest.mark.parametrize("name", ["order", "precheck"])
def test_rules_that_make_no_grid_are_skipped_and_counted(name: str, bad: str, hot: Hot) -> None:
    done = hot(name, "-q", stdin=changed("symbol_rules", step=bad))
    assert done.returncode == 65
    assert b"plain decimal number" in done.stderr
    assert b'"kind":"fill"' not in done.stdout


@pytest.mark.parametrize("field", ["qty", "price", "limit_price", "notional"])
def test_an_intent_with_a_number_that_is_none_is_skipped_and_counted(field: str, hot: Hot) -> None:
    done = hot("order", "--paper", "-q", stdin=changed("intent", **{field: "NaN"}))
    assert done.returncode == 65
    assert b'"kind":"fill"' not in done.stdout


def test_time_that_runs_backwards_is_skipped_and_counted(hot: Hot) -> None:
    twice = b"\n".join(EXAMPLE * 2)
    once = hot("order", "--paper", "-q", "--ledger", "once.db", stdin=b"\n".join(EXAMPLE))
    done = hot("order", "--paper", "-q", "--ledger", "twice.db", stdin=twice)
    assert done.returncode == 65
    assert b"time runs backwards" in done.stderr
    assert done.stdout.count(b'"kind":"fill"') == once.stdout.count(b'"kind":"fill"')


def test_a_pipe_without_a_run_record_still_says_what_it_started_with(hot: Hot, tmp_path: Path) -> None:
    fed = b"\n".join(EXAMPLE)
    assert hot("order", "--paper", "-q", "--ledger", "l.db", stdin=fed).returncode == 0
    report = json.loads(hot("report", "--ledger", "l.db", "--json").stdout)
    assert "from 1,000.00" in hot("report", "--ledger", "l.db", "--table").stdout.decode()
    assert report
    rows = hot("ledger", "export", "--ledger", "l.db").stdout
    again = hot("order", "--paper", "-q", "--ledger", "l.db", stdin=fed)
    assert again.returncode == 0
    assert hot("ledger", "export", "--ledger", "l.db").stdout == rows
    replayed = hot("replay", "l.db")
    assert replayed.returncode == 74
    assert b"without a run record" in replayed.stderr
