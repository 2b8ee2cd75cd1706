"""Tickers that are put aside leave the same decisions and the same memories as fact by fact."""

import random
from collections.abc import Iterator, Sequence

import msgspec
import pytest

from engine.records.base import Record
from engine.records.market import Bar, BookTop, Funding, Post, SymbolRules, Tick, Ticker, Trade, believe, check_price
from engine.records.tickers import Tickers
from engine.records.wire import COMPARED, decode, encode, recall
from engine.runs.quiet import Quiet
from engine.runs.settings import Settings, load
from engine.runs.stages import Stages
from engine.world.streams.clock import Stamp
from engine.world.streams.columns import Columns, Kernels

START, STEP_MS, MINUTE = 1_700_006_400_000, 300_000, 60_000
NAMES = ("BTCUSDT", "ETHUSDT", "XAUSDT", "XBUSDT", "币USDT")
HOT = (
    'hotcoin.timeframes=["5m"]', 'hotcoin.above_ema=["5m"]', "hotcoin.rising_ema=[]", "hotcoin.ema_bars=3",
    "hotcoin.min_heat=1", "scan.hot_heat=1", "scan.cool_heat=0", "scan.min_quote_volume_24h=1000",
    "scan.anomaly_change_pct=0.3", "scan.baseline_windows=20", "hotcoin.stop_pct=0.5", "hotcoin.hold_max_s=900",
    "precheck.price_band_pct=50",
)  # fmt: skip


def perps(facts: Iterator[Record]) -> Iterator[Record]:
    """Gives the same market as perpetuals, with a funding rate now and then."""
    told = 0
    for fact in facts:
        yield msgspec.structs.replace(fact, venue="binance-usdm") if hasattr(fact, "venue") else fact
        if fact.at >= told + 10 * MINUTE and isinstance(fact, Ticker):
            told = fact.at
            for name in NAMES:
                yield Funding(
                    at=fact.at, venue="binance-usdm", symbol=name, rate="0.0005", mark_price=None,
                    due_at=fact.at + 7 * MINUTE + 777,
                )  # fmt: skip


def market(seed: int) -> Iterator[Record]:
    """Gives a day of candles and then hours of prices: tickers most of all, some that make no sense or come late."""
    luck = random.Random(seed)
    prices = {name: 10.0 ** luck.uniform(0, 3) for name in NAMES}
    volumes = dict.fromkeys(NAMES, 1e6)
    for i in range(300):
        for name in NAMES:
            prices[name] *= 1 + luck.gauss(0.0001, 0.002)
            yield bar(name, START + i * STEP_MS, prices[name])
    at = START + 300 * STEP_MS
    for _ in range(2500):
        at += luck.choice([0, 200, 1000, 1000, 1000, 3000, 7000])
        if luck.random() < 0.004:
            at += luck.choice([70_000, 200_000, 700_000])
        for name in NAMES:
            prices[name] *= 1 + luck.gauss(0.00005, 0.0008)
            volumes[name] = max(0.0, volumes[name] + luck.uniform(-200, 900))
            if luck.random() < 0.4:
                yield ticker(luck, name, at - (luck.choice([0, 0, 500, 61_000]) if luck.random() < 0.02 else 0),
                             prices[name], volumes[name])  # fmt: skip
        yield from others(luck, at, prices)


def bar(name: str, opened: int, close: float) -> Bar:
    text = f"{close:.6f}"
    return Bar(
        at=opened + STEP_MS, venue="binance-spot", symbol=name, step_s=300, open_at=opened, open=text, high=text,
        low=text, close=text, volume="1000", quote_volume=f"{1000 * close:.2f}",
    )  # fmt: skip


def ticker(luck: random.Random, name: str, at: int, price: float, volume: float) -> Ticker:
    digits = luck.choice([2, 4, 4, 6, 6, 8])
    last = f"{price:.{digits}f}" if luck.random() < 0.995 else luck.choice(["0", "1e5", "-3", "", "9" * 17])
    bid, ask = (f"{price * 0.9999:.{digits}f}", f"{price * 1.0001:.{digits}f}") if luck.random() < 0.3 else (None, None)
    return Ticker(
        at=at, venue="binance-spot", symbol=name, mono_ms=at + luck.choice([0, 3]) if luck.random() < 0.5 else None,
        last=last, volume_24h=f"{volume / price:.3f}", quote_volume_24h=f"{volume:.{luck.choice([0, 2])}f}", bid=bid,
        ask=ask,
    )  # fmt: skip


def others(luck: random.Random, at: int, prices: dict[str, float]) -> Iterator[Record]:
    name = luck.choice(NAMES)
    price = prices[name]
    if luck.random() < 0.05:
        yield Trade(at=at, venue="binance-spot", symbol=name, price=f"{price:.4f}", qty="2.5", side="buy")
    if luck.random() < 0.05:
        bid, ask = f"{price * 0.999:.4f}", f"{price * 1.001:.4f}"
        yield BookTop(at=at, venue="binance-spot", symbol=name, bid=bid, bid_qty="40", ask=ask, ask_qty="40")
    if luck.random() < 0.1:
        yield bar(name, (at // STEP_MS - 1) * STEP_MS, price)
    if luck.random() < 0.01:
        yield Post(at=at, source="x", symbols=(name,))
    if luck.random() < 0.01:
        status = luck.choice(["TRADING", "TRADING", "HALT"])
        yield SymbolRules(at=at, venue="binance-spot", symbol=name, base=name[:-4], quote="USDT", tick="0.0001",
                          step="0.001", status=status)  # fmt: skip
    if luck.random() < 0.01:
        yield Tick(at=at // MINUTE * MINUTE)


class Played:
    """Stages, and what they said; facts are put aside or not."""

    def __init__(self, settings: Settings, aside: bool) -> None:
        self.said: list[bytes] = []
        self.stages = Stages(settings, {}, self.hear)
        self.quiet = Quiet(self.stages) if aside else None
        self.put_aside = 0

    def hear(self, record: Record) -> None:
        if record.kind in COMPARED:
            self.said.append(encode(record))

    def feed(self, fact: Record) -> None:
        if self.quiet is None:
            self.stages.turn.feed(fact)
        elif self.quiet.take(fact):
            self.put_aside += 1
        else:
            self.quiet.settle(fact)
            self.stages.turn.feed(fact)
            self.quiet.look(fact)

    def remembered(self) -> object:
        if self.quiet is not None:
            self.quiet.settle(None)
        return msgspec.to_builtins(self.stages.state(0))


@pytest.mark.parametrize("perpetual", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_put_aside_or_not_all_is_the_same(seed: int, perpetual: bool) -> None:
    sets = [*HOT, *random.Random(seed).sample(["scan.cycle_s=10", "paper.latency_ms=2000", "desk.feed_stale_s=5"], 1)]
    settings = load(None, sets, env={})
    plain, quiet = Played(settings, aside=False), Played(settings, aside=True)
    facts = perps(market(seed)) if perpetual else market(seed)
    for number, fact in enumerate(facts):
        plain.feed(fact)
        quiet.feed(fact)
        if number % 997 == 0:
            assert quiet.remembered() == plain.remembered(), number
        if len(plain.said) != len(quiet.said):
            break
    assert quiet.said == plain.said
    assert quiet.remembered() == plain.remembered()
    assert sum(line.startswith(b'{"kind":"fill"') for line in plain.said) > 5
    assert any(b'"kind":"funding_payment"' in line for line in plain.said) == perpetual
    assert quiet.put_aside > 500


@pytest.mark.parametrize("seed", range(4))
def test_tickers_that_came_together_are_put_aside_as_one_by_one(seed: int) -> None:
    settings = load(None, [*HOT, "paper.latency_ms=2000"], env={})
    plain, quiet = Played(settings, aside=False), Played(settings, aside=True)
    together = 0
    for number, fact in enumerate(gathered(market(seed))):
        for one in fact.records() if isinstance(fact, Tickers) else (fact,):
            plain.feed(one)
        facts: Sequence[Record] = (fact,)
        if isinstance(fact, Tickers):
            assert quiet.quiet is not None
            facts = quiet.quiet.take_together(fact)
            together += len(fact) - len(facts)
        for one in facts:
            quiet.feed(one)
        if number % 397 == 0:
            assert quiet.remembered() == plain.remembered(), number
    assert quiet.said == plain.said
    assert quiet.remembered() == plain.remembered()
    assert sum(line.startswith(b'{"kind":"fill"') for line in plain.said) > 5
    assert together > 500


def gathered(facts: Iterator[Record]) -> Iterator[Record]:
    """Gives facts, plain tickers of one instant together; none of them is one that no live market would hand on."""
    instant: dict[str, Ticker] = {}
    for fact in facts:
        if isinstance(fact, Ticker) and (not fact.last[:1].isdigit() or fact.last in ("0", "1e5", "9" * 17)):
            continue
        if isinstance(fact, Ticker):
            fact = msgspec.structs.replace(fact, bid=None, ask=None, mono_ms=None)
            if all(fact.at == one.at for one in instant.values()) and fact.symbol not in instant:
                instant[fact.symbol] = fact
                continue
        if instant:
            yield of(list(instant.values()))
            instant = {}
        yield fact


def of(tickers: list[Ticker]) -> Tickers:
    """Gives tickers as a frame of them would."""
    at, names = tickers[0].at, {one.symbol for one in tickers}
    rows = ",".join(
        f'{{"E":{at},"s":"{one.symbol}","c":"{one.last}","v":"{one.volume_24h}","q":"{one.quote_volume_24h}"}}'
        for one in tickers
    )
    frame = f'{{"stream":"!miniTicker@arr","data":[{rows}]}}'.encode()
    found = Columns("binance-spot", tuple(sorted(names)), names, {}, Kernels()).read(frame, Stamp(at, at))
    assert found is not None
    return found.tickers


def test_a_line_is_recalled_as_it_is_decoded() -> None:
    for number, fact in enumerate(market(7)):
        if number > 1500:
            line = encode(fact)
            assert recall(line) == decode(line) == fact


def believed(line: bytes) -> bool:
    """Says whether what was recalled passes without being looked at once more."""
    fact = recall(line)
    assert isinstance(fact, Ticker)
    try:
        check_price(fact)
    except ValueError:
        return False
    return True


AMOUNTS = ("1", "0.5", "0", "0.000", "000.1", "", ".5", "5.", "1e5", "-1", "+1", "9" * 15, "9" * 16, "1.0 ", "1,0",
           "0." + "0" * 17 + "1", "0." + "0" * 18 + "1", "٣", "nan", "1\\u0030")  # fmt: skip


@pytest.mark.parametrize("amount", AMOUNTS)
@pytest.mark.parametrize("field", ["last", "volume_24h", "quote_volume_24h"])
def test_what_is_told_of_a_line_at_a_glance_is_what_a_look_at_the_record_tells(amount: str, field: str) -> None:
    values = {"last": "1", "volume_24h": "2", "quote_volume_24h": "3", field: amount}
    head = '{"kind":"ticker","at":5,"venue":"binance-spot","symbol":"BTCUSDT",'
    line = (head + ",".join(f'"{name}":"{value}"' for name, value in values.items()) + "}").encode()
    fact = decode(line)
    assert isinstance(fact, Ticker)
    believe(Ticker(at=1, venue="x", symbol="y", last="1", quote_volume_24h="1"))  # forget the one before
    try:
        check_price(fact)
    except ValueError:
        assert not believed(line)
    else:
        assert believed(line)
