"""The kernels keep to the rules that make their bytes the same everywhere, and start fast."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import engine.kernels

FILES = sorted(Path(engine.kernels.__path__[0]).glob("*.py"))
every_file = pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)


@every_file
def test_no_sum_no_power_and_no_set_in_a_kernel(file: Path) -> None:
    nodes = list(ast.walk(ast.parse(file.read_text())))
    called = {node.func.id for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert not called & {"sum", "set", "frozenset"}
    assert not [node for node in nodes if isinstance(node, ast.Pow | ast.Set | ast.SetComp)]


@every_file
def test_a_kernel_file_opens_with_a_sentence_and_stays_short(file: Path) -> None:
    text = file.read_text()
    assert (ast.get_docstring(ast.parse(text)) or "").split("\n")[0].endswith(".")
    assert text.count("\n") <= 300


def test_importing_every_kernel_loads_nothing_heavy() -> None:
    names = ",".join(f"engine.kernels.{file.stem}" for file in FILES if file.stem != "__init__")
    program = f"import sys, {names}; print(*(sys.modules.keys() & {{'numpy', 'pandas', 'talib', 'numba'}}))"
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    assert found.stdout.split() == []
