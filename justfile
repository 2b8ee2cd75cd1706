# Tests and checks.
default: test check

# The tests, on both cores.
test *ARGS:
    python -m pytest -n 4 {{ARGS}}

# Lint, format, types and the import contract.
check:
    ruff check .
    ruff format --check .
    mypy
    lint-imports

# Mend what the linter and the formatter can.
fix:
    ruff check --fix .
    ruff format .

# All benchmarks, side by side with jq and plain writes; ratios printed.
bench:
    python benchmarks/pipe.py
    python benchmarks/startup.py
    python benchmarks/stages.py
    python benchmarks/ledger_commits.py
    python benchmarks/order_path.py

# Traders that are killed, answered ambiguously, raced and left without disk, on loopback; a table at the end.
campaign *ARGS:
    python tests/campaign/campaign.py {{ARGS}}
    python tests/campaign/planted_bugs.py

# The bundled session on paper, with its report.
demo:
    hot daemon --paper --market examples/session

# Write docs/ from the commands' own help.
docs:
    python docs/make.py

# Refresh the pins: hashes, no addresses.
pins:
    uv pip compile --universal --all-extras --no-header --no-annotate --no-emit-index-url --no-emit-find-links --generate-hashes --upgrade pyproject.toml -o constraints.txt
