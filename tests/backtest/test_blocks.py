"""The block path decides what the record path decides, byte for byte, on random and real markets."""

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as some

from engine.errors import DirtyInput
from engine.records.base import Record
from engine.records.market import Bar, SymbolRules
from engine.records.wire import encode
from engine.runs.backtest.backtest import playing
from engine.runs.backtest.blocks.desk import BlockDesk
from engine.runs.backtest.outcome import Mark, Marks, Result, Unfit
from engine.runs.backtest.outcome import Path as Route
from engine.runs.market import MarketOptions, open_market
from engine.runs.settings import Settings, load
from engine.world.imports.notes import Notes
from engine.world.store.importing import import_files
from engine.world.store.store import Store

pytest.importorskip("numba")

#: What both paths make records of.
KINDS = {"intent", "order_attempt", "order_result", "fill", "position", "state_change"}
STEP_S, DAY = 300, 288
HOT = (
    "scan.cycle_s=300", 'hotcoin.timeframes=["5m","15m","1h"]', 'hotcoin.above_ema=["5m"]', "hotcoin.ema_bars=5",
    "hotcoin.min_heat=20", "scan.hot_heat=25", "scan.cool_heat=20", "scan.min_quote_volume_24h=10000",
    "scan.anomaly_change_pct=1", "scan.baseline_windows=200",
)  # fmt: skip
CROSS = (
    "scan.cycle_s=300", "signal.strategy=ema_burst", "scan.pool=all", "ema_burst.timeframe=5m",
    "ema_burst.fast_bars=3", "ema_burst.slow_bars=8", "ema_burst.volume_bars=4", "ema_burst.volume_ratio=1.2",
    "scan.min_quote_volume_24h=1000", "ema_burst.hold_max_s=7200",
)  # fmt: skip


#: A trade as soon as the one before is over.
BUSY = (
    *CROSS, "ema_burst.fast_bars=2", "ema_burst.slow_bars=3", "ema_burst.volume_bars=2", "ema_burst.volume_ratio=0.01",
    "rules.max_entries_day.limit=100000",
)  # fmt: skip


class Heard:
    """Keeps decisions as lines, and the account."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.candidates: set[bytes] = set()
        self.rows: list[Mark] = []

    def hear(self, record: Record) -> None:
        if record.kind in KINDS:
            self.lines.append(encode(record))
        elif record.kind == "candidate_snapshot":
            self.candidates.add(encode(record))

    def mark(self, marks: Marks) -> None:
        self.rows += marks.rows()


def play(used: Settings, folder: Path, path: Route, **wanted: object) -> tuple[Heard, Result]:
    heard = Heard()
    market = open_market(MarketOptions(str(folder), **wanted), lambda *_: None)
    under_way = playing(used, market, heard, path)
    for _ in under_way.play():
        pass
    return heard, under_way.result()


def same(used: Settings, folder: Path, **wanted: object) -> Heard:
    records, recorded = play(used, folder, "records", **wanted)
    blocks, found = play(used, folder, "blocks", **wanted)
    for number, (one, other) in enumerate(zip(records.lines, blocks.lines, strict=False)):
        assert one == other, f"decision {number}"
    assert len(records.lines) == len(blocks.lines)
    # Blocks tell only of those that asked for something.
    assert blocks.candidates <= records.candidates
    assert changed(records.rows) == changed(blocks.rows)
    assert recorded == found
    return records


def changed(rows: Sequence[Mark]) -> list[Mark]:
    """Gives the marks that changed something, and the last."""
    return [row for i, row in enumerate(rows) if i in (0, len(rows) - 1) or row[1:] != rows[i - 1][1:]]


def stored(folder: Path, facts: Sequence[Record]) -> Path:
    file = folder / "facts.jsonl"
    ordered = sorted(facts, key=lambda one: (one.at, one.kind == "bar", getattr(one, "symbol", "")))
    file.write_bytes(b"".join(encode(one) + b"\n" for one in ordered))
    import_files(Store.create(folder / "store"), [str(file)], Notes())
    return folder / "store"


def walk(seed: int, symbols: int, bars: int) -> Iterator[Record]:
    """Gives coins that wander, leap, fall silent, are listed late, halt, and are on coarse or unknown grids."""
    luck = random.Random(seed)
    start = 1_700_006_400_000
    quoted = 0.999 if random.Random(seed + 1).random() < 0.8 else 0.0
    names = luck.sample(["BTCUSDT", "ETHUSDT", "XAUSDT", "XBUSDT", "XCUSDT", "币USDT"], symbols)
    for name in names:
        digits = luck.choice([1, 2, 4])
        price, calm = 10.0 ** luck.uniform(0, 3), luck.uniform(0.001, 0.012)
        listed = luck.choice([0, 0, 0, luck.randrange(bars)])
        holes = {luck.randrange(bars) for _ in range(luck.choice([0, 0, 3, 30]))}
        if luck.random() < 0.3:
            silent = luck.randrange(bars)
            holes |= set(range(silent, silent + luck.choice([2, 3, 4, 20])))
        if luck.random() < 0.4:
            for status, bar in zip(("TRADING", "HALT", "TRADING"), luck.sample(range(bars), 3), strict=True):
                at = start + bar * STEP_S * 1000 + luck.choice([0, 1, 77_000])
                tick = f"{10.0**-digits:.{digits}f}"
                yield SymbolRules(
                    at=at, venue="binance-spot", symbol=name, base=name[:-4], quote="USDT", tick=tick,
                    step=luck.choice(["0.001", "1", "0.05"]), min_notional="5", status=status,
                )  # fmt: skip
        for i in range(listed, bars):
            leap = luck.uniform(0.95, 1.08) if luck.random() < 0.01 else 1.0
            opened = price
            price = max(price * leap * (1 + luck.gauss(0.0001, calm)), 0.5)
            if i in holes:
                continue
            high = max(opened, price) * (1 + abs(luck.gauss(0, calm)))
            low = min(opened, price) * (1 - abs(luck.gauss(0, calm)))
            volume = luck.lognormvariate(6, 1) * (8 if luck.random() < 0.05 else 1) * luck.choice([1, 1, 1, 0])
            o, h, c, least = (f"{x:.{digits}f}" for x in (opened, high, price, low))
            h, least = max((o, h, c), key=float), min((o, least, c), key=float)
            if float(least) <= 0.0:
                continue
            open_at = start + i * STEP_S * 1000
            yield Bar(
                at=open_at + STEP_S * 1000, venue="binance-spot", symbol=name, step_s=STEP_S, open_at=open_at, open=o,
                high=h, low=least, close=c, volume=f"{volume:.3f}",
                quote_volume=f"{volume * price:.2f}" if luck.random() < quoted else None,
            )  # fmt: skip


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=some.integers(0, 2**32), symbols=some.integers(1, 5), cross=some.booleans(), most=some.sampled_from([1, 5]))
@example(seed=10930834, symbols=1, cross=False, most=1)  # bought after the last tick
@example(seed=1, symbols=5, cross=False, most=1)
@example(seed=2, symbols=5, cross=True, most=5)
@example(seed=1053, symbols=4, cross=False, most=5)  # a peak before the fees of a fill
def test_random_markets(tmp_path_factory, seed, symbols, cross, most):
    folder = tmp_path_factory.mktemp("market")
    luck = random.Random(seed)
    sets = [*(CROSS if cross else HOT), f"rules.max_positions.limit={most}"]
    sets += luck.sample(
        [
            "paper.latency_ms=60000", "paper.participation=0.01", "paper.fee_in=received", "rank.top=2",
            "paper.market_ttl_s=600", "desk.drawdown_levels_pct=[0.1,0.2,0.3,0.4,0.5]", "size.equity_share_pct=40",
            f"hotcoin.black_swan_pct={'2' if not cross else '10'}",
        ],
        luck.randrange(4),
    )  # fmt: skip
    store = stored(folder, list(walk(seed, symbols, DAY + luck.randrange(300))))
    same(load(None, sets, env={}), store)


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=some.integers(0, 2**32), symbols=some.integers(1, 5))
@example(seed=4, symbols=5)
@example(seed=14, symbols=3)  # without quote volumes
@example(seed=2318, symbols=3)  # a best price of the last bar
def test_random_markets_of_many_trades(tmp_path_factory, seed, symbols):
    folder = tmp_path_factory.mktemp("market")
    luck = random.Random(seed)
    sets = luck.sample(
        [
            "paper.participation=0.01", "desk.drawdown_levels_pct=[0.5,1,2,3,4]", "size.equity_share_pct=30",
            "paper.slippage_bps=20", "paper.taker_fee_rate=0.00075", "ema_burst.hold_max_s=1500",
            "ema_burst.trail_share_pct=0", "ema_burst.tiers=[[10,0.3],[10,0.6],[20,0.9],[20,1.5]]",
            "ema_burst.trail_callback_pct=0.2", "ema_burst.stop_pct=0.7", "desk.equity=50", "desk.equity=1000000",
            "desk.day_loss_levels_pct=[0.2,0.4,0.6,0.8,1]", "rules.max_positions.limit=2", "paper.bar_spread_bps=0",
            "ema_burst.break_even_at_pct=0.4", "ema_burst.resting_tiers=true",
        ],
        luck.randrange(6),
    )  # fmt: skip
    store = stored(folder, list(walk(seed, symbols, DAY + luck.randrange(100, 400))))
    same(load(None, [*BUSY, *sets], env={}), store)


@pytest.mark.parametrize(
    ("seed", "symbols", "bars", "why"),
    [
        (50, 4, 1097, "dust is closed at a tick"),
        (55, 1, 1145, "a new grid moves a stop into the bar that comes with it"),
    ],
)
def test_what_is_held_where_it_is_odd(tmp_path, seed, symbols, bars, why):
    sets = ("paper.participation=0.01", *(["hotcoin.black_swan_pct=2"] if seed == 50 else []))
    assert same(load(None, [*HOT, *sets], env={}), stored(tmp_path, list(walk(seed, symbols, bars)))).lines, why


def test_stops_at_break_even_and_resting_tiers(tmp_path):
    sets = (
        "ema_burst.break_even_at_pct=0.8", "ema_burst.break_even_over_pct=0.1", "ema_burst.resting_tiers=true",
        "ema_burst.tiers=[[30,0.5],[30,1.2]]",
    )  # fmt: skip
    heard = same(load(None, [*BUSY, *sets], env={}), stored(tmp_path, list(walk(8, 3, DAY + 300))))
    assert sum(b'"reason":"BREAK_EVEN"' in line for line in heard.lines) > 3
    assert sum(b'"order_type":"limit"' in line for line in heard.lines) > 3


def test_common_trades_are_played_by_kernels_alone(tmp_path, monkeypatch):
    seen = []
    feed = BlockDesk._feed
    monkeypatch.setattr(BlockDesk, "_feed", lambda desk, s, cycle: (seen.append(cycle), feed(desk, s, cycle)))
    used = load(None, [*BUSY, "paper.participation=1", "size.equity_share_pct=5"], env={})
    heard, _ = play(used, stored(tmp_path, list(walk(8, 3, DAY + 300))), "blocks")
    fills = sum(b'"kind":"fill"' in line for line in heard.lines)
    assert fills > 20
    assert len(seen) < fills / 2  # bars without any volume are for the stages


def test_the_examples_are_not_empty(tmp_path):
    for sets, seed in ((HOT, 1), (CROSS, 2)):
        folder = tmp_path / str(seed)
        folder.mkdir()
        heard = same(load(None, sets, env={}), stored(folder, list(walk(seed, 5, DAY + 250))))
        assert sum(b'"kind":"fill"' in line for line in heard.lines) > 5


def test_the_bundled_session(tmp_path):
    store = Store.create(tmp_path / "store")
    import_files(store, [str(Path(__file__).parents[2] / "examples" / "session")], Notes())
    heard = same(load(None, [], env={}), tmp_path / "store", until_ms=1_618_570_800_000)
    assert sum(b'"kind":"fill"' in line for line in heard.lines) > 20


def test_a_market_that_is_no_store_is_for_the_record_path():
    market = open_market(MarketOptions(str(Path(__file__).parents[2] / "examples" / "session")), lambda *_: None)
    with pytest.raises(Unfit, match="hot store import"):
        playing(load(None, [], env={}), market, Heard(), "blocks")


def test_a_changed_bit_of_a_store_is_noticed_on_either_path(tmp_path):
    store = stored(tmp_path, list(walk(1, 2, 300)))
    series = max(store.rglob("*.series"), key=lambda path: path.stat().st_size)
    data = bytearray(series.read_bytes())
    data[-100] ^= 1
    series.write_bytes(data)
    for path in ("blocks", "records"):
        with pytest.raises(DirtyInput, match="not what was written"):
            play(load(None, HOT, env={}), store, path)
