"""A filter starts light and stays small."""

import subprocess
import sys
from pathlib import Path

import pytest
from hot_runs import ROOT

HEAVY = ("pandas", "rich", "httpx", "sqlite_utils", "numpy", "numba", "zstandard", "apscheduler", "platformdirs")


def bar(opened: int, symbol: int) -> str:
    return (
        f'{{"kind":"bar","at":{opened + 60_000},"venue":"binance-spot","symbol":"S{symbol}USDT","step_s":60,'
        f'"open_at":{opened},"open":"29.5","high":"29.6","low":"29.4","close":"29.5","volume":"100"}}\n'
    )


@pytest.mark.parametrize("name", ["scan", "rank", "signal", "precheck", "order"])
def test_no_filter_imports_what_it_does_not_need(name: str, env: dict[str, str], tmp_path: Path) -> None:
    stdin = bar(1618531440000, 1)
    words = [name, "--market", "-"] if name == "scan" else [name]
    script = (
        f"import sys; sys.argv = ['hot', *{words!r}]\n"
        "from cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        f"print(sorted(set({HEAVY!r}) & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], input=stdin, text=True, capture_output=True, env=env, cwd=tmp_path
    )
    # The scan reads candle files as columns; the order stage keeps a stream's facts beside its ledger, compressed.
    allowed = {"scan": {"numpy"}, "order": {"platformdirs", "zstandard"}}.get(name, set())
    loaded = set(eval(done.stderr.splitlines()[-1]))
    assert loaded <= allowed, done.stderr


@pytest.mark.parametrize("name", ["scan", "rank", "signal", "precheck", "order"])
def test_memory_is_flat_on_a_long_stream(name: str, env: dict[str, str], tmp_path: Path) -> None:
    words = [name, "--market", "-"] if name == "scan" else [name]
    small, large = (peak_kb(words, minutes, env, tmp_path / str(minutes)) for minutes in (1_500, 6_000))
    # Four times the stream: windows are full after a day, nothing else may grow.
    assert large - small < 6_000, f"{small} KB, then {large} KB"


@pytest.mark.parametrize("name", ["scan", "rank", "signal", "precheck", "order"])
def test_thousands_of_symbols_that_nobody_knows_cost_little_each(
    name: str, env: dict[str, str], tmp_path: Path
) -> None:
    words = [name, "--market", "-"] if name == "scan" else [name]
    few, many = (peak_kb(words, 3, env, tmp_path / str(symbols), symbols) for symbols in (4, 5_000))
    assert many - few < 120_000, f"{few} KB, then {many} KB"


def peak_kb(words: list[str], minutes: int, env: dict[str, str], folder: Path, symbols: int = 4) -> int:
    folder.mkdir()
    script = (
        "import resource, sys\n"
        f"sys.argv = ['hot', *{words!r}, '-q']\n"
        "from cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)\n"
    )
    stream = folder / "stream.jsonl"
    with stream.open("w") as file:
        for minute in range(minutes):
            opened = 1618531440000 + minute * 60_000
            file.writelines(bar(opened, symbol) for symbol in range(symbols))
            if words[0] != "scan":
                file.write(f'{{"kind":"tick","at":{opened + 60_000}}}\n')
    with stream.open("rb") as file:
        done = subprocess.run(
            [sys.executable, "-c", script], stdin=file, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            env={**env, "HOT_DATA__DIR": str(folder)}, cwd=ROOT,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return int(done.stderr.splitlines()[-1])
