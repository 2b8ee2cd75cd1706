"""Several markets as one: in order, each fact once, and a clear no where two of them say different things."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from engine.errors import ConfigError, DirtyInput, UsageError
from engine.records.market import Bar, Funding, SymbolRules, Trade
from engine.records.wire import encode
from engine.runs.market import MarketOptions, open_market, paths_of

START = 1_618_531_200_000
MINUTE = 60_000


def bar(i, symbol="AUSDT", **fields):
    opened = START + i * MINUTE
    told = {
        "at": opened + MINUTE, "venue": "binance-spot", "symbol": symbol, "step_s": 60, "open_at": opened, "open": "2",
        "high": "2", "low": "2", "close": "2", "volume": "1",
    }  # fmt: skip
    return Bar(**(told | fields))


def funding(i, rate="0.0001"):
    return Funding(at=START + i * MINUTE, venue="binance-usdm", symbol="AUSDT", rate=rate)


@pytest.fixture
def joined(tmp_path):
    """Gives what several markets hold together; each is a list of records, in files a.jsonl, b.jsonl and so on."""

    def read(*markets, **wanted):
        for name, records in zip("abc", markets, strict=False):
            (tmp_path / f"{name}.jsonl").write_bytes(b"".join(encode(one) + b"\n" for one in records))
        first, *more = (str(tmp_path / f"{name}.jsonl") for name, _ in zip("abc", markets, strict=False))
        opened = open_market(MarketOptions(first, more=tuple(more), **wanted), lambda *_: None)
        return [entry.record for entry in opened.source.facts()], opened

    return read


def test_facts_of_one_instant_stand_by_kind_venue_and_symbol(joined):
    a = [bar(0), bar(0, "CUSDT"), bar(1)]
    b = [funding(1), bar(0, "BUSDT"), funding(2)]
    found, _ = joined(a, sorted(b, key=lambda one: one.at))
    assert [(one.at, one.kind, one.symbol) for one in found] == [
        (START + MINUTE, "funding", "AUSDT"), (START + MINUTE, "bar", "AUSDT"), (START + MINUTE, "bar", "BUSDT"),
        (START + MINUTE, "bar", "CUSDT"), (START + 2 * MINUTE, "funding", "AUSDT"),
        (START + 2 * MINUTE, "bar", "AUSDT"),
    ]  # fmt: skip


def test_what_stands_in_both_is_given_once(joined):
    trade = Trade(at=START + 3 * MINUTE, venue="v", symbol="A", price="1", qty="1", side="buy", trade_id=7)
    whole = [bar(0), funding(2), bar(1), trade]
    assert joined(whole, whole[1:], whole[:3])[0] == whole


def test_facts_that_are_alike_within_one_market_stay(joined):
    trade = Trade(at=START, venue="v", symbol="A", price="1", qty="1", side="buy")
    assert joined([trade, trade], [bar(0)])[0] == [trade, trade, bar(0)]


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        (bar(0), bar(0, volume="3"), "the same bar of AUSDT at 2021-04-16T00:01:00Z with another volume (1 and 3)"),
        (funding(0), funding(0, "0.2"), "the same funding of AUSDT"),
        (
            SymbolRules(at=START, venue="v", symbol="A", base="A", quote="USDT", tick="0.1", step="1"),
            SymbolRules(at=START, venue="v", symbol="A", base="A", quote="USDT", tick="0.2", step="1"),
            "another tick (0.1 and 0.2)",
        ),
    ],
)
def test_markets_that_say_different_things_are_refused(joined, one, other, said):
    with pytest.raises(DirtyInput) as told:
        joined([one], [other])
    assert said in str(told.value) and "a.jsonl and " in str(told.value)


def test_the_manifest_names_every_file_with_its_market(joined, tmp_path):
    for name in ("x", "y"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "bars.jsonl").write_bytes(encode(bar(0, f"{name.upper()}USDT")) + b"\n")
    paths = [str(tmp_path / "x"), str(tmp_path / "y" / "bars.jsonl")]
    manifest = open_market(MarketOptions(paths[0], more=(paths[1],)), lambda *_: None).manifest()
    assert paths_of(manifest) == paths
    assert [one["path"] for one in manifest["files"]] == [str(tmp_path / "x" / "bars.jsonl"), paths[1]]
    assert MarketOptions.of(manifest) == MarketOptions(paths[0], more=(paths[1],))


def test_a_stream_stands_alone(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(encode(bar(0)) + b"\n")
    with pytest.raises(UsageError, match="stands alone"):
        open_market(MarketOptions(str(tmp_path / "a.jsonl"), more=("-",)), lambda *_: None)


def test_a_market_that_is_not_there_is_named(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(encode(bar(0)) + b"\n")
    with pytest.raises((UsageError, ConfigError), match=r"b\.jsonl"):
        open_market(MarketOptions(str(tmp_path / "a.jsonl"), more=(str(tmp_path / "b.jsonl"),)), lambda *_: None)


@given(st.lists(st.tuples(st.integers(0, 9), st.sampled_from("ABC"), st.integers(0, 2)), max_size=40))
def test_however_a_market_is_divided_it_is_the_same(tmp_path_factory, placed):
    """Bars are dealt out to three markets; some to two of them."""
    folder = tmp_path_factory.mktemp("dealt")
    assume({where for _, _, where in placed} == {0, 1, 2})
    bars = {(i, symbol): bar(i, symbol) for i, symbol, _ in placed}
    dealt = [{}, {}, {}]
    for i, symbol, where in placed:
        dealt[where][i, symbol] = bars[i, symbol]
    paths = [folder / name for name in ("whole.jsonl", "0.jsonl", "1.jsonl", "2.jsonl")]
    for path, one in zip(paths, (bars, *dealt), strict=True):
        lines = sorted(one.values(), key=lambda bar: (bar.at, bar.symbol))
        path.write_bytes(b"".join(encode(line) + b"\n" for line in lines))
    wanted = MarketOptions(str(paths[0])), MarketOptions(str(paths[1]), more=tuple(map(str, paths[2:])))
    whole, parts = ([entry.record for entry in open_market(one, lambda *_: None).source.facts()] for one in wanted)
    assert whole == parts
