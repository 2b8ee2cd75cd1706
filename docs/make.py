"""Writes one page a command into docs/ from the commands' own help, and the recipe that holds every default.

`--check` says whether they are up to date.
"""

import os
import subprocess
import sys
from pathlib import Path

from cli.main import COMMANDS
from engine.runs.settings_file import default_file

HERE = Path(__file__).parent

RECIPE = (
    "# HotCoin: discover hot spot coins, rank, signal, trade on paper. Every setting at its default; "
    "delete what you do not change.\n"
)

GUIDES = {
    "markets.md": "What `--market` takes, and what may stand beside prices.",
    "live.md": "Live trading: rehearsal, key, switches, steps, what stops entries.",
    "faults.md": "What goes wrong around a trader, what hot does about it, and the test that holds it.",
}


def help_of(*words: str) -> str:
    """Gives the help page of a command as 100 columns of plain text."""
    env = {**os.environ, "COLUMNS": "100", "TERMINAL_WIDTH": "100", "NO_COLOR": "1", "TYPER_USE_RICH": "0"}
    done = subprocess.run(
        [sys.executable, "-m", "cli.main", *words, "--help"], capture_output=True, text=True, env=env, cwd=HERE.parent,
        check=True,
    )  # fmt: skip
    return done.stdout.replace("python -m cli.main", "hot").strip() + "\n"


def sections(name: str) -> list[str]:
    """Gives the help of a command, and of each command under it."""
    top = help_of(name)
    made = [f"```text\n{top}```\n"]
    _, _, below = top.partition("\nCommands:\n")
    for line in below.splitlines():
        word = line.strip().split(" ")[0]
        if line.startswith("  ") and not line.startswith("   ") and word:
            made.append(f"## hot {name} {word}\n\n```text\n{help_of(name, word)}```\n")
    return made


def pages() -> dict[str, str]:
    """Gives the text of every page by file name."""
    made: dict[str, str] = {}
    rows = []
    for name, _, text in COMMANDS:
        made[f"{name}.md"] = f"# hot {name}\n\n{text}\n\n" + "\n".join(sections(name))
        rows.append(f"| [`hot {name}`]({name}.md) | {text} |")
    made["../recipes/hotcoin.toml"] = RECIPE + default_file().partition("\n")[2]
    guides = "".join(f"- [{name}]({name}): {text}\n" for name, text in GUIDES.items())
    table = "# Commands\n\n| command | what it does |\n|---|---|\n" + "\n".join(rows) + "\n"
    made["README.md"] = f"# Guides\n\n{guides}\n{table}"
    return made


def main() -> int:
    """Writes the pages, or with --check says which differ; gives the exit code."""
    stale = []
    for name, text in pages().items():
        path = HERE / name
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if "--check" not in sys.argv:
            path.write_text(text, encoding="utf-8")
    if stale and "--check" in sys.argv:
        sys.stderr.write(f"out of date: {', '.join(stale)}; run python docs/make.py\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
