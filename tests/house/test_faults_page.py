"""The page of faults names a test for each of its rows, and each test that it names is one."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest
from hot_runs import ROOT

PAGE = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
_NAMED = re.compile(r"`(tests/[^`:]+\.py)::(test_\w+)`", re.ASCII)


def rows(page: str) -> list[list[str]]:
    """Gives the cells of each row of the tables of a page, without heads and rules."""
    lines = [line for line in page.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in cells if row[0] != "what happens" and set(row[0]) != {"-"}]


@cache
def named_in(path: Path) -> frozenset[str]:
    """Gives the tests of a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(one.name for one in ast.walk(tree) if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef))


def missing(page: str) -> list[str]:
    """Gives what is wrong with a page: rows without a test, and tests that are not there."""
    wrong = []
    for row in rows(page):
        named = _NAMED.findall(row[-1]) if len(row) == 3 else []
        if not named or _NAMED.sub("", row[-1]).strip(" ,"):
            wrong.append(f"no test for: {row[0]}")
        wrong += [f"{path}::{name}" for path, name in named if not _is_there(ROOT / path, name)]
    return wrong


def _is_there(path: Path, name: str) -> bool:
    return path.is_file() and name in named_in(path)


def test_every_row_names_tests_that_are_there() -> None:
    assert len(rows(PAGE)) > 70
    assert missing(PAGE) == []


@pytest.mark.parametrize(
    "row",
    [
        "| a fault | what becomes of it | `tests/house/test_faults_page.py::test_that_is_not_there` |",
        "| a fault | what becomes of it | `tests/house/no_such_file.py::test_every_row_names_tests_that_are_there` |",
        "| a fault | what becomes of it | somebody will see |",
        "| a fault | what becomes of it | |",
        "| a fault | what becomes of it |",
    ],
)
def test_a_row_without_a_test_is_found(row: str) -> None:
    assert missing(f"{PAGE}\n{row}\n") != []
