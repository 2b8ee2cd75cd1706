"""Eight indicators on 600 frames, 200 symbols by three timeframes, against the bare calls of TA-Lib.

Run with: python benchmarks/analysis.py [--talib FOLDER]

TA-Lib gets an environment of its own, kept in FOLDER for next time; without it (no network) only our own figures are
printed. Both read the same made-up bars, in turn, in processes of their own. Printed are medians of processor time: of
200 bars in one go, and of one bar more on every frame, which TA-Lib has no call for: it computes all bars again.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from engine.kernels.averages import Ema, Macd, Sma
from engine.kernels.oscillators import Rsi
from engine.kernels.panel import Panel
from engine.kernels.trend import Adx, Psar
from engine.kernels.volatility import Atr, Bbands

SYMBOLS, TIMEFRAMES, BARS = 200, 3, 200
TALIB = "TA-Lib==0.8.2"
KERNELS = {
    "sma": Sma(20), "ema": Ema(20), "rsi": Rsi(14), "macd": Macd(), "bbands": Bbands(20), "atr": Atr(14),
    "adx": Adx(14), "psar": Psar(),
}  # fmt: skip

_THEIRS = """
import sys, time
import numpy as np
import talib
market = np.load(sys.argv[1])
high, low, close = market["high"], market["low"], market["close"]
def work():
    for h, l, c in zip(high, low, close):
        talib.SMA(c, 20); talib.EMA(c, 20); talib.RSI(c, 14); talib.MACD(c, 12, 26, 9)
        talib.BBANDS(c, 20, 2.0, 2.0, 0); talib.ATR(h, l, c, 14); talib.ADX(h, l, c, 14); talib.SAR(h, l, 0.02, 0.2)
work()
times = []
for _ in range(int(sys.argv[2])):
    started = time.process_time()
    work()
    times.append(time.process_time() - started)
print(sorted(times)[len(times) // 2] * 1e3)
"""


def market() -> dict[str, np.ndarray]:
    """Gives high, low and close of every frame: prices that wander by one percent a bar."""
    chance = np.random.default_rng(7)
    close = 100.0 * np.exp(np.cumsum(chance.normal(0.0, 0.01, (SYMBOLS * TIMEFRAMES, BARS)), axis=1))
    return {"high": close * 1.005, "low": close * 0.995, "close": close}


def ours(bars: dict[str, np.ndarray], rounds: int) -> tuple[float, float]:
    """Gives the median milliseconds of all bars, and of the last one."""
    last = {name: np.ascontiguousarray(table[:, -1:]) for name, table in bars.items()}
    whole, one = [], []
    for _ in range(rounds + 1):  # the first compiles
        panel = Panel(KERNELS, SYMBOLS * TIMEFRAMES)
        started = time.process_time()
        panel.advance(bars)
        whole.append(time.process_time() - started)
        panel.advance(last)
        started = time.process_time()
        panel.advance(last)
        one.append(time.process_time() - started)
    return statistics.median(whole[1:]) * 1e3, statistics.median(one[1:]) * 1e3


def talib_python(folder: Path) -> Path | None:
    """Gives a Python that has TA-Lib, in an environment of its own; None where it cannot be installed."""
    python = folder / "bin" / "python"
    if not python.exists() and subprocess.run([sys.executable, "-m", "venv", str(folder)]).returncode:
        return None
    got = subprocess.run([str(python), "-m", "pip", "install", "-q", TALIB], capture_output=True)
    return python if got.returncode == 0 else None


def theirs(python: Path, bars: dict[str, np.ndarray], rounds: int) -> float:
    """Gives TA-Lib's median milliseconds of all bars."""
    with tempfile.NamedTemporaryFile(suffix=".npz") as file:
        np.savez(file, **bars)  # type: ignore[arg-type]
        file.flush()
        words = [str(python), "-c", _THEIRS, file.name, str(rounds)]
        return float(subprocess.run(words, capture_output=True, text=True, check=True).stdout)


def main() -> None:
    """Prints both, and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--turns", type=int, default=5, help="how often both are measured, one after the other")
    parser.add_argument("--talib", type=Path, help="folder of the environment that holds TA-Lib, kept for next time")
    asked = parser.parse_args()
    bars = market()
    with tempfile.TemporaryDirectory() as scratch:
        python = talib_python(asked.talib or Path(scratch))
        found, other = [], []
        for _ in range(asked.turns):
            found.append(ours(bars, asked.rounds))
            if python is not None:
                other.append(theirs(python, bars, asked.rounds))
    whole, one = (statistics.median(column) for column in zip(*found, strict=True))
    print(f"{SYMBOLS} symbols x {TIMEFRAMES} timeframes, {len(KERNELS)} indicators, median of {asked.turns} turns")
    print(f"  {BARS} bars at once   hot {whole:7.2f} ms")
    print(f"  one bar more      hot {one:7.3f} ms   (target: under 1 ms)")
    if python is None:
        print(f"  {TALIB} could not be installed: no ratio")
        return
    talib = statistics.median(other)
    print(f"  {BARS} bars at once TA-Lib {talib:6.2f} ms   hot / TA-Lib {whole / talib:.2f}   (target: at most 2)")


if __name__ == "__main__":
    main()
