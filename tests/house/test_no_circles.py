"""No two files need each other, not even for a type: what both need is a third file, lower down."""

import ast
from graphlib import CycleError, TopologicalSorter

from hot_runs import ROOT

#: A room some of whose files still name each other's types.
CIRCULAR = "engine.world.loopback."


def modules() -> dict[str, ast.Module]:
    found = {}
    for room in ("engine", "cli"):
        for path in sorted((ROOT / room).rglob("*.py")):
            found[".".join(path.relative_to(ROOT).with_suffix("").parts)] = ast.parse(path.read_text("utf-8"))
    return found


def imports(tree: ast.Module, known: dict[str, ast.Module]) -> set[str]:
    """Gives the modules of ours that a module imports anywhere, those of TYPE_CHECKING included."""
    named: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            named |= {node.module, *(f"{node.module}.{one.name}" for one in node.names)}
        elif isinstance(node, ast.Import):
            named |= {one.name for one in node.names}
    return named & set(known)


def test_no_imports_run_in_a_circle() -> None:
    known = modules()
    graph = {name: imports(tree, known) for name, tree in known.items() if not name.startswith(CIRCULAR)}
    assert len(graph) > 300
    try:
        TopologicalSorter({name: {one for one in of if one in graph} for name, of in graph.items()}).prepare()
    except CycleError as error:
        raise AssertionError(f"imports in a circle: {' <- '.join(error.args[1])}") from None
