"""How many orders a second `hot venue` takes from a client like ccxt: signed, over connections that stay open.

The venue is a process of its own; the client is aiohttp, which ccxt speaks through when it is asynchronous, and for
comparison http.client, the least that Python brings along. Each order is placed when the answer to the one before it on
the same connection has come: over one connection venue and client take turns, over several both are busy at once, and
the slower of the two limits. Without aiohttp nothing can be measured.
"""

import argparse
import asyncio
import hmac
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from hashlib import sha256
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

import aiohttp

PATH = "/api/v3/order"


def used_s(pid: int) -> float:
    """Gives the processor time of a process's main thread in seconds; /proc/PID/stat would count in hundredths."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


class Signer:
    """Writes market orders as ccxt does."""

    def __init__(self, told: Mapping[str, str]) -> None:
        """Signs for the venue that told its key."""
        self.rest, self._secret = told["rest"], told["secret"].encode()
        self.headers = {"X-MBX-APIKEY": told["key"], "Content-Type": "application/x-www-form-urlencoded"}

    def order(self, number: int) -> str:
        """Gives the body of an order."""
        body = urlencode({
            "symbol": "BTCUSDT", "side": "BUY" if number % 2 else "SELL", "type": "MARKET", "quantity": "0.0002",
            "newClientOrderId": f"x-bench{number}", "newOrderRespType": "FULL", "recvWindow": 10_000,
            "timestamp": int(time.time() * 1000),
        })  # fmt: skip
        return body + "&signature=" + hmac.new(self._secret, body.encode(), sha256).hexdigest()


def check(answer: str | bytes) -> None:
    """Fails where an order is not filled."""
    placed = json.loads(answer)
    assert placed["status"] == "FILLED", placed


async def by_aiohttp(signer: Signer, orders: int, connections: int) -> None:
    """Places orders over so many connections at once."""
    numbers = iter(range(orders))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=connections)) as session:

        async def work() -> None:
            for number in numbers:
                async with session.post(
                    f"{signer.rest}{PATH}", data=signer.order(number), headers=signer.headers
                ) as it:
                    check(await it.text())

        await asyncio.gather(*(work() for _ in range(connections)))


def by_http_client(signer: Signer, orders: int) -> None:
    """Places orders over one connection."""
    connection = HTTPConnection(signer.rest.removeprefix("http://"))
    for number in range(orders):
        connection.request("POST", PATH, signer.order(number), signer.headers)
        check(connection.getresponse().read())
    connection.close()


def run(signer: Signer, orders: int, connections: int) -> None:
    """Places orders from a loop of its own."""
    asyncio.run(by_aiohttp(signer, orders, connections))


def measure(work: Callable[[], None], pid: int, orders: int) -> tuple[float, float, float]:
    """Gives orders a second, and the milliseconds of processor time that an order costs the venue and the client."""
    venue, own, started = used_s(pid), time.process_time(), time.perf_counter()
    work()
    seconds = time.perf_counter() - started
    return orders / seconds, (used_s(pid) - venue) / orders * 1e3, (time.process_time() - own) / orders * 1e3


def main() -> None:
    """Serves a venue and measures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=3000)
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--rounds", type=int, default=5)
    wanted = parser.parse_args()
    words = ("venue", "--seed", "1", "--port", "0", "--no-limits", "--balance", "USDT=1000000", "--balance", "BTC=10")
    venue = subprocess.Popen([sys.executable, "-m", "cli.main", *words], stdout=subprocess.PIPE)
    try:
        assert venue.stdout is not None
        signer = Signer(json.loads(venue.stdout.readline()))
        ways: dict[str, Callable[[], None]] = {
            "http.client, 1 connection": lambda: by_http_client(signer, wanted.orders)
        }
        for connections in wanted.connections:
            ways[f"aiohttp, {connections} connections"] = partial(run, signer, wanted.orders, connections)
        found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in ways}
        for _ in range(wanted.rounds):
            for name, way in ways.items():
                found[name].append(measure(way, venue.pid, wanted.orders))
    finally:
        venue.terminate()
        venue.wait()
    print(f"{wanted.rounds} rounds of {wanted.orders} each, load {os.getloadavg()[0]:.1f}")
    for name, rounds in found.items():
        rates, theirs, ours = (statistics.median(column) for column in zip(*rounds, strict=True))
        print(f"  {name}: {rates:.0f} orders a second (best {max(one[0] for one in rounds):.0f})")
        print(f"    processor time of an order: venue {theirs:.3f} ms, client {ours:.3f} ms")


if __name__ == "__main__":
    main()
