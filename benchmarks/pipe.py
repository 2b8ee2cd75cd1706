"""The pipe against jq: records that a stage hands on, and records of its own, on the same lines, in turn.

Run with: python benchmarks/pipe.py [--lines N] [--rounds N]
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

STAGES = ("rank", "signal", "precheck", "order")
#: A kind that no stage reads, about 200 bytes long.
FOREIGN = (
    '{{"kind":"liquidation","at":{at},"venue":"binance-usdm","symbol":"S{n}USDT","side":"sell","qty":"{n}5123.4455",'
    '"price":"98765.{n}","note":"handed on by every stage and never parsed, two hundred bytes or so in all"}}\n'
)
OWN = {
    "rank": (
        '{{"kind":"candidate","at":{at},"venue":"binance-spot","symbol":"S{n}USDT","status":"hot","since":{at},'
        '"status_since":{at},"price":"29.5","inputs":{{"change_1h_pct":3.5,"volume_surge":4.25,'
        '"quote_volume_24h":84064949.3,"spread_bps":5}}}}\n'
    ),
    "signal": (
        '{{"kind":"bar","at":{at},"venue":"binance-spot","symbol":"S{n}USDT","step_s":60,"open_at":{opened},'
        '"open":"29.5","high":"29.6","low":"29.4","close":"29.5","volume":"100","quote_volume":"2950"}}\n'
    ),
}


def write_lines(path: Path, line: str, count: int) -> None:
    """Writes so many lines, a minute of 60 symbols after the other; own kinds get a tick after each minute."""
    with path.open("w") as file:
        for i in range(count):
            at = 1_618_531_500_000 + i // 60 * 60_000
            file.write(line.format(at=at, opened=at - 60_000, n=i % 60))
            if "candidate" in line and i % 60 == 59:
                file.write(f'{{"kind":"tick","at":{at}}}\n')


def seconds(words: list[str], path: Path) -> float:
    """Gives the wall seconds of a filter over a file, its output thrown away."""
    env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryDirectory() as folder, path.open("rb") as lines:
        env["HOT_DATA__DIR"] = folder
        started = time.perf_counter()
        subprocess.run(words, stdin=lines, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True, env=env)
        return time.perf_counter() - started


def echo() -> None:
    """Reads records from stdin and writes them again: what decoding and encoding an own kind costs, with start-up."""
    from engine.records.wire import decode, encode

    out = []
    for line in sys.stdin.buffer:
        record = decode(line.rstrip(b"\n"))
        if record is not None:
            out.append(encode(record))
        if len(out) >= 4096:
            sys.stdout.buffer.write(b"\n".join(out) + b"\n")
            out.clear()
    sys.stdout.buffer.write(b"\n".join(out) + b"\n")


def compare(title: str, path: Path, count: int, others: dict[str, list[str]], rounds: int, target: float) -> None:
    """Runs jq and the others in turn and prints rates and ratios."""
    commands = {"jq -c .": [shutil.which("jq") or "jq", "-c", "."], **others}
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, words in commands.items():
            times[name].append(seconds(words, path))
    base = statistics.median(times["jq -c ."])
    print(f"\n{title}: {count} lines of {path.stat().st_size // count} bytes; target at least {target:g}x")
    for name, runs in times.items():
        median = statistics.median(runs)
        print(f"{name:<14} {count / median:12,.0f} records/s   {base / median:6.1f}x jq")


def main() -> None:
    """Prints both comparisons."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--echo", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.echo:
        echo()
        return
    jq = shutil.which("jq")
    if jq is None:
        sys.exit("jq is not installed: there is nothing to compare with")
    version = subprocess.run([jq, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    print(
        f"{version}, Python {sys.version.split()[0]}, {os.cpu_count()} cores, median of {options.rounds} runs in turn"
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lines.jsonl"
        write_lines(path, FOREIGN, options.lines)
        stages = {f"hot {name}": [sys.executable, "-m", "cli.main", name, "-q"] for name in STAGES}
        compare("handed on", path, options.lines, stages, options.rounds, 8)
        own_lines = options.lines // 5
        for stage, line in OWN.items():
            write_lines(path, line, own_lines)
            kind = line.split('"')[3]
            others = {
                "decode, encode": [sys.executable, __file__, "--echo"],
                f"hot {stage}": stages[f"hot {stage}"],
            }
            compare(f"{kind}, an own kind of {stage}", path, own_lines, others, options.rounds, 3)


if __name__ == "__main__":
    main()
