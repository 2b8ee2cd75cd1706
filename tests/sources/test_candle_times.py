"""Candle files in other units of time, and Binance's own dumps without header and symbol."""

import gzip
from pathlib import Path

import pytest

from engine.errors import DirtyInput
from engine.records.market import Bar
from engine.world.sources.recorded import Recorded

HEADER = "symbol,open_time,open,high,low,close,volume,close_time,quote_volume,trades"
START = 1_735_689_600_000
#: How many of a unit a millisecond is, as numerator and denominator.
UNITS = {"s": (1, 1000), "ms": (1, 1), "us": (1000, 1)}


def times(minute: int, unit: str) -> tuple[int, int]:
    up, down = UNITS[unit]
    opened = (START + minute * 60_000) * up // down
    return opened, opened + 60_000 * up // down - 1


def row(minute: int, unit: str) -> str:
    opened, closed = times(minute, unit)
    return f"AUSDT,{opened},1,3,1,2,10,{closed},20,5"


def dump_row(minute: int, unit: str) -> str:
    opened, closed = times(minute, unit)
    return f"{opened},1.0,3.0,1.0,2.0,10.0,{closed},20.0,5,4.0,8.0,0"


def bars(path: Path, **options: object) -> list[Bar]:
    return [entry.record for entry in Recorded(str(path), **options).facts()]


@pytest.mark.parametrize("unit", UNITS)
def test_a_candle_file_is_read_in_its_unit_of_time(tmp_path: Path, unit: str) -> None:
    path = tmp_path / "c.csv"
    path.write_text("\n".join([HEADER, *(row(minute, unit) for minute in range(3))]))
    assert [(bar.symbol, bar.open_at, bar.at, bar.step_s) for bar in bars(path, strict=True)] == [
        ("AUSDT", START + minute * 60_000, START + (minute + 1) * 60_000, 60) for minute in range(3)
    ]


@pytest.mark.parametrize(("unit", "other"), [("ms", "us"), ("us", "ms"), ("s", "ms"), ("ms", "s")])
def test_a_mix_of_units_is_refused_naming_the_row(tmp_path: Path, unit: str, other: str) -> None:
    path = tmp_path / "c.csv"
    path.write_text("\n".join([HEADER, row(0, unit), row(1, unit), row(2, other)]))
    with pytest.raises(DirtyInput, match=r"c\.csv:4: its times are in "):
        bars(path)


def test_a_time_that_is_none_is_still_one_bad_line(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    cut = row(1, "us").replace("999,20", "99,20")
    path.write_text("\n".join([HEADER, row(0, "us"), cut, row(2, "us")]))
    told: list[tuple[int, str]] = []
    assert len(bars(path, on_bad=lambda name, number, reason, line: told.append((number, reason)))) == 2
    assert told == [(3, "not a time in epoch microseconds: '173568971999999'")]


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize(
    "header", ["", "open_time,open,high,low,close,volume,close_time,quote_volume,count,a,b,ignore\n"]
)
@pytest.mark.parametrize("ending", [".csv", ".csv.gz"])
def test_a_dump_of_binance_takes_its_symbol_from_its_name(tmp_path: Path, unit: str, header: str, ending: str) -> None:
    path = tmp_path / f"1INCHUSDT-1m-2025-01{ending}"
    text = header + "".join(dump_row(minute, unit) + "\n" for minute in range(3))
    path.write_bytes(gzip.compress(text.encode()) if ending.endswith("gz") else text.encode())
    found = bars(path, strict=True)
    assert [(bar.symbol, bar.open_at, bar.close, bar.quote_volume, bar.trades) for bar in found] == [
        ("1INCHUSDT", START + minute * 60_000, "2.0", "20.0", 5) for minute in range(3)
    ]


def test_a_dump_without_a_symbol_in_its_name_says_so(tmp_path: Path) -> None:
    path = tmp_path / "klines.csv"
    path.write_text(dump_row(0, "us") + "\n")
    with pytest.raises(DirtyInput, match=r"rows name no symbol.*BTCUSDT-1m-2025-01\.csv"):
        bars(path)


def test_a_bad_row_of_a_dump_is_named_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "BTCUSDT-1m-2025-01.csv"
    path.write_text(
        "\n".join([dump_row(0, "us"), "1,2,3", "", dump_row(1, "us"), dump_row(2, "us").replace("3.0", "x")])
    )
    told: list[tuple[int, str]] = []
    assert len(bars(path, on_bad=lambda name, number, reason, line: told.append((number, reason)))) == 2
    assert [number for number, _ in told] == [2, 5]
    assert told[0][1] == "3 columns instead of 12"


@pytest.mark.parametrize("unit", UNITS)
def test_a_bar_that_opens_between_two_others_is_a_bad_line_and_the_rest_goes_on(tmp_path: Path, unit: str) -> None:
    up, down = UNITS[unit]
    opened = (START + 150_000) * up // down
    askew = f"AUSDT,{opened},1,3,1,2,10,{opened + 60_000 * up // down - 1},20,5"
    path, told = tmp_path / "c.csv", []
    path.write_text("\n".join([HEADER, *(row(minute, unit) for minute in range(3)), askew, row(4, unit)]))
    found = bars(path, on_bad=lambda name, line, reason, text: told.append((line, reason)))
    assert [bar.open_at for bar in found] == [START + minute * 60_000 for minute in (0, 1, 2, 4)]
    assert told == [(5, f"a bar of 60 s does not open at {opened}")]
