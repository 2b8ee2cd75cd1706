"""The words of a live pipe: each end says what the other one lacks, before anything is asked of an exchange."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.records.desk import Run
from engine.records.wire import encode

Hot = Callable[..., subprocess.CompletedProcess[bytes]]


def run_line(mode: str, way_back: str = "") -> bytes:
    return encode(
        Run(at=1, run_id="r", version="0", settings_hash="", settings={}, market={"stream": "binance-spot"},
            mode=mode, way_back=way_back)  # type: ignore[arg-type]
    ) + b"\n"  # fmt: skip


@pytest.mark.parametrize(
    ("words", "stdin", "told"),
    [
        (("scan", "--live"), b"", b"--ledger live.db"),
        (("scan", "--live", "--ledger", "l.db", "--market", "none"), b"", b"leave out --market"),
        (("order", "--live"), b"", b"--ledger live.db"),
        (("order", "--skip-step", "why not"), b"", b"--skip-step belongs to --live"),
        (("order", "--live", "--ledger", "l.db"), run_line("paper"), b"hot scan --live --ledger l.db"),
        (("order", "--live", "--ledger", "l.db"), run_line("live", "gone"), b"first stage of this pipe is gone"),
        (("order", "--ledger", "l.db"), run_line("live", "gone"), b"hot order --live"),
    ],
)
def test_a_live_pipe_has_two_ends(hot: Hot, tmp_path: Path, words: tuple[str, ...], stdin: bytes, told: bytes) -> None:
    done = hot(*words, stdin=stdin)
    assert done.returncode == 2, done.stderr
    assert told in done.stderr
    assert not (tmp_path / "l.db").exists()
