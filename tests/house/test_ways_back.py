"""Whatever stops entries has a way back that `hot status` tells."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from hot_runs import ROOT

from engine.runs.reporting.ways_back import OTHERWISE, way_back

#: What tells that entries stop, and which of its arguments is the reason.
TELLS = {"tell_condition": 2, "ails": 0}
FILES = sorted(
    path for path in (ROOT / "engine").rglob("*.py") if any(f"{name}(" in path.read_text() for name in TELLS)
)


def reasons(path: Path) -> Iterator[str]:
    """Gives the reasons that a file tells; of one that is put together, its beginning."""
    tree = ast.parse(path.read_text())
    named = {
        target.id: node.value for node in tree.body if isinstance(node, ast.Assign)
        for target in node.targets if isinstance(target, ast.Name)
    }  # fmt: skip
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in TELLS:
            told = node.args[TELLS[node.func.attr]]
            told = named.get(told.id, told) if isinstance(told, ast.Name) else told
            first = told.values[0] if isinstance(told, ast.JoinedStr) else told
            if isinstance(first, ast.Constant):
                yield str(first.value)


def test_the_files_that_stop_entries_are_known() -> None:
    assert len({reason for path in FILES for reason in reasons(path)}) >= 15


@pytest.mark.parametrize("reason", sorted({reason for path in FILES for reason in reasons(path)} - {"resumed"}))
def test_what_stops_entries_has_a_way_back(reason: str) -> None:
    assert way_back(reason) != OTHERWISE


@pytest.mark.parametrize("reason", ["operator", "risk_L5", "feed_stale", "feed_dirty"])
def test_what_the_desk_says_itself_has_one_too(reason: str) -> None:
    assert way_back(reason) != OTHERWISE


def test_what_nobody_knows_is_said_to_be_looked_into() -> None:
    assert way_back("hologram") == OTHERWISE
