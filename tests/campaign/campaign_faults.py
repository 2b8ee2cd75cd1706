"""What goes wrong at the venue while a life lasts: ambiguous answers, reads that fail, events that go astray."""

from random import Random
from typing import Any

#: Answers to an order that leave open what became of it; the first of each pair is the fault, then whether it was done.
AMBIGUOUS = (
    ("drop", True), ("reset", True), ("cut", True), ("html", True), ("empty", True), ("wrong_type", True),
    ("503_unknown", True), ("503_unknown", False), ("500", True), ("500", False), ("502", True), ("504", True),
    ("504", False), ("408", True), ("408", False), ("-1006", True), ("-1006", False), ("-1007", True),
    ("-1007", False), ("delay", True), ("drop_before", True), ("reset_before", True),
)  # fmt: skip
NAMES = frozenset(name for name, _ in AMBIGUOUS)
READS = ("drop", "reset", "cut", "html", "empty", "502", "reset_before")
REFUSALS = ("-2010", "-1001", "503_unavailable")


def script(random: Random, share: float, for_s: float) -> list[dict[str, Any]]:
    """Gives the faults of so many seconds; about `share` of the orders meet an ambiguous answer."""
    each = share / len(AMBIGUOUS)
    ends = {"for_s": for_s, "times": 0}
    faults: list[dict[str, Any]] = [
        {"fault": name, "on": "POST /*rder*", "chance": each * 1.3, "carried_out": done, **ends,
         "seconds": random.uniform(0.2, 1.5) if name == "delay" else 0.0}
        for name, done in AMBIGUOUS
    ]  # fmt: skip
    faults += [{"fault": name, "on": "POST /*rder*", "chance": share / 40, **ends} for name in REFUSALS]
    faults += [{"fault": name, "on": "DELETE /*rder*", "chance": each, "carried_out": done, **ends}
               for name, done in AMBIGUOUS if name != "delay"]  # fmt: skip
    for where in (
        "GET /*rder",
        "GET /*rders",
        "GET /*rderList",
        "GET /*rades",
        "GET /*account",
        "GET /*positionRisk",
        "GET /*balance",
    ):
        faults += [{"fault": name, "on": where, "chance": share / 20, **ends} for name in READS]
    faults += [
        {"fault": "never", "on": "user", "chance": share / 2, **ends},
        {"fault": "twice", "on": "user", "chance": share / 2, **ends},
        {"fault": "late", "on": "user", "chance": share / 2, "seconds": random.uniform(0.05, 3.0), **ends},
    ]
    if random.random() < 0.3:
        faults.append({"fault": random.choice(["cut_streams", "end_user_stream"]), "after_s": for_s / 2})
    if random.random() < 0.5:
        faults.append({"fault": "hide", "seconds": random.uniform(0.2, 2.5)})
        faults.append({"fault": "hide", "seconds": 0.0, "after_s": for_s})
    return faults
