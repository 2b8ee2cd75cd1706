"""What the documents promise is so: help, docs, README, recipes, examples, pins."""

import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from hot_runs import HOT, ROOT
from hot_runs import env as env_of

from cli.main import COMMANDS
from engine.records.wire import decode
from engine.runs import settings


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return env_of(tmp_path, COLUMNS="100")


def hot(env: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*HOT, *words], capture_output=True, text=True, env=env, cwd=ROOT, timeout=120)


def test_the_docs_are_what_the_commands_say(env: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "docs/make.py", "--check"], capture_output=True, text=True, env=env, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr


def test_the_help_page_lists_every_command_and_exit_code(env: dict[str, str]) -> None:
    page = hot(env, "--help").stdout
    for name, _, _ in COMMANDS:
        assert f"  {name} " in page
    for code in ("65", "69", "70", "74", "75", "77", "78", "128+n"):
        assert code in page


@pytest.mark.parametrize("name", [name for name, _, _ in COMMANDS if name not in ("ledger", "config")])
def test_every_command_shows_an_example_in_its_help(name: str, env: dict[str, str]) -> None:
    assert "Example" in hot(env, name, "--help").stdout


def test_an_unknown_command_is_a_usage_error(env: dict[str, str]) -> None:
    done = hot(env, "scna")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_shell_completion_knows_the_commands(env: dict[str, str]) -> None:
    asked = {**env, "_HOT_COMPLETE": "complete_bash", "COMP_WORDS": "hot pre", "COMP_CWORD": "1"}
    script = "import sys; sys.argv=['hot']; from cli.main import main; main()"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=asked, cwd=ROOT)
    assert done.stdout.split() == ["precheck"]


def test_the_strategy_of_the_readme_works_as_told(env: dict[str, str], tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    (tmp_path / "ema_cross.py").write_text(code)
    coins = ["--symbol", "ETCUSDT", "--symbol", "DOGEUSDT", "--symbol", "CHZUSDT"]
    words = ["run", "--market", "examples/session", *coins, "--until", "2021-04-16T12:00", "-q"]
    sets = ["--set", f"signal.strategy={tmp_path / 'ema_cross.py'}", "--set", "ema_cross.stop_pct=2"]
    done = hot(env, *words, *sets, "--ledger", str(tmp_path / "x.db"))
    assert done.returncode == 0, done.stderr
    signals = [
        decode(line.encode()) for line in done.stdout.splitlines() if line.startswith('{"kind":"signal_snapshot"')
    ]
    assert {signal.code for signal in signals if signal is not None} >= {"NO_CROSS"}  # type: ignore[attr-defined]
    assert any(signal.action == "enter" for signal in signals if signal is not None)  # type: ignore[attr-defined]


def test_the_recipe_holds_every_default() -> None:
    tables = tomllib.loads((ROOT / "recipes" / "hotcoin.toml").read_text(encoding="utf-8"))
    with_recipe = settings.load(ROOT / "recipes" / "hotcoin.toml", env={})
    assert with_recipe.hash == settings.load(env={}).hash
    assert tables["hotcoin"]["stop_pct"] == 5.0
    origins = with_recipe.origins
    assert [key for key, origin in origins.items() if origin == "default"] == []


def test_the_recipes_parse() -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("bash is not installed")
    for script in (ROOT / "recipes").glob("*.sh"):
        subprocess.run([bash, "-n", str(script)], check=True)
    for line in (ROOT / "recipes" / "hotcoin.cron").read_text().splitlines():
        assert not line or line.startswith("#") or "=" in line.split(" ")[0] or len(line.split(None, 5)) == 6


def test_every_command_of_the_crontab_is_one_that_hot_takes() -> None:
    lines = (ROOT / "recipes" / "hotcoin.cron").read_text().splitlines()
    jobs = [line.split("||")[0] for line in lines if line[:1] in "*0123456789" and line]
    commands = [found for job in jobs for found in re.findall(r"hot [a-z][^>&]*", job)]
    assert [command.split()[1] for command in commands] == ["report", "ledger", "ledger", "status"]
    for command in commands:
        words = shlex.split(command)[1:]
        subprocess.run([sys.executable, "-m", "cli.main", *words, "--help"], check=True, cwd=ROOT, capture_output=True)


def test_the_example_lines_are_records() -> None:
    for path in (ROOT / "examples").glob("*.jsonl"):
        for line in path.read_bytes().splitlines():
            assert decode(line) is not None, path


def test_the_pins_hold_hashes_and_no_addresses() -> None:
    pins = (ROOT / "constraints.txt").read_text()
    assert "://" not in pins
    names = re.findall(r"^([\w.-]+)==", pins, re.MULTILINE)
    assert len(names) > 20 and pins.count("--hash=sha256:") >= len(names)
    assert not (ROOT / "uv.lock").exists() and not (ROOT / "pylock.toml").exists()


def test_the_import_contract_is_kept(env: dict[str, str]) -> None:
    lint = shutil.which("lint-imports", path=str(Path(sys.executable).parent))
    if lint is None:
        pytest.skip("import-linter is not installed")
    done = subprocess.run([lint], capture_output=True, text=True, env=env, cwd=ROOT)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("name", "kind"),
    [("rank", "candidate_snapshot"), ("signal", "signal_snapshot"), ("precheck", "intent"), ("order", "fill")],
)
def test_every_stage_has_an_example_that_runs(name: str, kind: str, env: dict[str, str]) -> None:
    lines = (ROOT / "examples" / f"{name}.jsonl").read_bytes()
    done = subprocess.run([*HOT, name, "-q"], input=lines, capture_output=True, env=env)
    assert done.returncode == 0, done.stderr
    assert f'"kind":"{kind}"'.encode() in done.stdout
