"""hot store: import, ls and check, as one types them."""

import json

from hot_runs import ROOT


def listed(said):
    return [json.loads(line) for line in said.out.splitlines()]


def test_import_says_what_it_did(hot, recorded, bar):
    path = recorded([bar(0), bar(1)])
    said = hot("store", "import", path, "--store", "market")
    assert said.code == 0
    assert "2 new facts, 0 there already, 0 replaced; 1 series written" in said.err
    assert "nothing written" in hot("store", "import", path, "--store", "market").err
    differing = recorded([bar(1, close="28.3")], "b.jsonl")
    said = hot("store", "import", differing, "--store", "market")
    assert (said.code, "--replace" in said.err) == (65, True)
    assert hot("store", "import", differing, "--store", "market", "--replace").code == 0


def test_ls_lists_every_series(hot, recorded, bar):
    hot("store", "import", recorded([bar(0), bar(1), bar(4)]), ROOT / "examples/session/rules.jsonl", "--store", "m")
    bars, rules = sorted(listed(hot("store", "ls", "--store", "m")), key=lambda row: row["kind"])
    assert {name: bars[name] for name in ("symbol", "step_s", "bars", "gaps", "missing")} == {
        "symbol": "ETCUSDT", "step_s": 60, "bars": 3, "gaps": 1, "missing": 2,
    }  # fmt: skip
    assert (rules["kind"], rules["symbol"]) == ("symbol_rules", "*")
    assert hot("store", "ls", "--store", "m", "--symbol", "ETCUSDT", "--csv", "--columns", "symbol,bars").out == (
        "symbol,bars\nETCUSDT,3\n"
    )
    assert "2021-04-16 00:00:00" in hot("store", "ls", "--store", "m", "--table").out


def test_check_lists_gaps_and_exits_well(hot, recorded, bar):
    hot("store", "import", recorded([bar(0), bar(1), bar(4), bar(5), bar(7)]), "--store", "m")
    said = hot("store", "check", "--store", "m")
    assert said.code == 0
    gaps = [(row["found"], row["symbol"], row["from_at"] // 60_000, row["missing"]) for row in listed(said)]
    first = bar(0).open_at // 60_000
    assert gaps == [("gap", "ETCUSDT", first + 2, 2), ("gap", "ETCUSDT", first + 6, 1)]


def test_jumps_of_the_price_are_counted_listed_and_no_damage(hot, recorded, bar):
    after = {"open": "0.28", "high": "0.29", "low": "0.27", "close": "0.28"}
    said = hot("store", "import", recorded([bar(0), bar(1), bar(9, **after), bar(10, **after)]), "--store", "m")
    assert "1 bars do not follow in price" in said.err
    assert [row["jumps"] for row in listed(hot("store", "ls", "--store", "m"))] == [1]
    said = hot("store", "check", "--store", "m")
    assert (said.code, [(row["found"], row["from_at"]) for row in listed(said)][1]) == (0, ("jump", bar(9).open_at))
    assert "about 100 times lower" in said.err


def test_check_finds_a_changed_byte_and_a_cut_file(hot, recorded, bar, tmp_path):
    hot("store", "import", recorded([bar(0), bar(0, symbol="BTCUSDT")]), "--store", "m")
    changed, cut = sorted((tmp_path / "m").rglob("*.series"))
    data = bytearray(changed.read_bytes())
    data[-60] ^= 1
    changed.write_bytes(data)
    cut.write_bytes(cut.read_bytes()[:-3])
    said = hot("store", "check", "--store", "m")
    assert said.code == 65
    assert [row["found"] for row in listed(said)] == ["damage", "damage"]
    assert str(cut.name) in said.err


def test_a_folder_that_is_no_store_is_said_to_be_none(hot):
    said = hot("store", "ls", "--store", "nowhere")
    assert (said.code, "no store" in said.err) == (78, True)


def test_the_doctor_knows_a_store(hot, recorded, bar):
    hot("store", "import", recorded([bar(0)]), "--store", "m")
    assert "a store of 1 series" in hot("doctor", "--offline", "--market", "m").out
