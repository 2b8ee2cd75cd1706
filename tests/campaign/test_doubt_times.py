"""How the checker measures doubts: from the first word of an order to its last, while somebody lives to ask."""

import json
from typing import Any

import books_checker


def seen(records: list[dict[str, Any]], lives: list[tuple[int, int]], answers_from: int = 0) -> books_checker.Evidence:
    rows = [(number, json.dumps(one), "") for number, one in enumerate(records, 1)]
    return books_checker.Evidence(rows, "", [], {}, [], {}, lives, "spot", answers_from)


def attempt(at: int) -> dict[str, Any]:
    return {"kind": "order_attempt", "client_id": "a", "at": at}


def result(at: int, status: str) -> dict[str, Any]:
    return {"kind": "order_result", "client_id": "a", "at": at, "status": status}


def test_a_doubt_lasts_from_the_sending_to_the_answer() -> None:
    told = [attempt(1_000), result(2_000, "in_doubt"), result(3_000, "in_doubt"), result(9_000, "filled")]
    assert books_checker.doubtful_ms(seen(told, [(0, 60_000)])) == 8_000


def test_a_dead_trader_and_a_venue_with_faults_are_not_counted() -> None:
    told = [attempt(1_000), result(90_000, "never_executed")]
    assert books_checker.doubtful_ms(seen(told, [(0, 2_000), (70_000, 99_000)])) == 20_000
    assert books_checker.doubtful_ms(seen(told, [(0, 99_000)], answers_from=80_000)) == 10_000


def test_a_doubt_that_goes_on_for_more_than_half_a_minute_is_broken() -> None:
    found = books_checker._lingers(seen([attempt(1_000)], [(0, 31_001)]))
    assert [name for name, _ in found[1]] == ["lingers"]
    assert books_checker._lingers(seen([attempt(1_000)], [(0, 31_000)])) == (30_000, [])
