"""hot venue lists announcements: those of a file, and those that are posted while it runs."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from typing import Any
from urllib.request import Request, urlopen

import pytest
from hot_runs import HOT, ROOT

from engine.world.binance.articles import PATH


@pytest.fixture
def url() -> Iterator[str]:
    """The address of a venue in a process of its own, with two months of recorded announcements."""
    posts = ROOT / "tests" / "data" / "announcements.ndjson"
    words = [*HOT, "venue", "--port", "0", "--seed", "3", "--announcements", str(posts)]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env) as process:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["rest"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def ask(url: str, path: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(url + path, data=data), timeout=10) as answer:
        return json.load(answer)


def page(url: str, catalog: int, size: int = 20) -> list[dict[str, Any]]:
    told = ask(url, f"{PATH}?type=1&catalogId={catalog}&pageNo=1&pageSize={size}")
    assert (told["code"], told["success"]) == ("000000", True)
    rows: list[dict[str, Any]] = told["data"]["catalogs"][0]["articles"]
    return rows


def test_recorded_announcements_stand_in_their_catalogs(url: str) -> None:
    assert [row["title"].split("(")[1].split(")")[0] for row in page(url, 48)] == ["FOGO", "U"]
    assert all("Remov" in row["title"] or "Delist" in row["title"] for row in page(url, 161))
    released = [row["releaseDate"] for row in page(url, 93, 50)]
    assert released == sorted(released, reverse=True) and len(released) > 20


def test_what_is_posted_is_listed_at_once_and_nonsense_is_refused(url: str) -> None:
    assert ask(url, "/venue/articles", [{"title": "Binance Will List X (XYZ)"}]) == {"published": 1}
    assert page(url, 48)[0]["title"] == "Binance Will List X (XYZ)"
    with pytest.raises(OSError, match="400"):
        ask(url, "/venue/articles", [{"titel": "x"}])
