"""Start-up: CPU time of each filter on an empty stream against `python -c "import typer"`, in turn.

Run with: python benchmarks/startup.py [--rounds N]
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys

FILTERS = ("rank", "signal", "precheck", "order")


def cpu_s(words: list[str]) -> float:
    """Gives the CPU seconds (user and system) of one run."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True, env=env)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Prints medians and ratios; the target is at most 2.5."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    commands = {"import typer": [sys.executable, "-c", "import typer"]}
    commands |= {f"hot {name}": [sys.executable, "-m", "cli.main", name, "-q"] for name in FILTERS}
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds + 1):
        for name, words in commands.items():
            times[name].append(cpu_s(words))
    base = statistics.median(times["import typer"][1:])
    print(f"Python {sys.version.split()[0]}, median of {rounds} runs in turn, CPU time; target: at most 2.5x")
    for name, runs in times.items():
        median = statistics.median(runs[1:])
        print(f"{name:<14} {1000 * median:7.1f} ms   {median / base:5.2f}x")


if __name__ == "__main__":
    main()
