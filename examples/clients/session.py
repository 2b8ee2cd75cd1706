"""What the programs beside it share: the line that `hot venue` prints says where it is, and who may trade there."""

import json
import sys
from collections.abc import Callable

Told = dict[str, str]
Say = Callable[[str], None]


def begin(trade: Callable[[Told, Say], None]) -> None:
    """Runs a program against the venue that is told on stdin."""
    line = sys.stdin.readline()
    if not line.startswith("{"):
        sys.exit("give the line that hot venue prints on stdin: hot venue --seed 7 > venue.json")
    trade(json.loads(line), print)
