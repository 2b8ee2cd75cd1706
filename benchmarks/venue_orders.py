"""How many orders a second `hot venue` takes from a client like ccxt: signed, over connections that stay open.

The venue is a process of its own; the client is aiohttp, which ccxt speaks through. Each order is placed when the
answer to the one before it on the same connection has come: over one connection venue and client take turns, over
several both are busy at once, and the slower of the two limits. Without aiohttp nothing can be measured.
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
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlencode

import aiohttp

TICKS = os.sysconf("SC_CLK_TCK")


def used_s(pid: int) -> float:
    """Gives the processor time of a process in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


class Client:
    """Places market orders as ccxt does."""

    def __init__(self, told: Mapping[str, str], session: aiohttp.ClientSession) -> None:
        """Speaks to the venue that told its address and key."""
        self._url, self._secret, self._session = f"{told['rest']}/api/v3/order", told["secret"].encode(), session
        self._headers = {"X-MBX-APIKEY": told["key"], "Content-Type": "application/x-www-form-urlencoded"}

    async def place(self, number: int) -> None:
        """Places an order; fails where it is not filled."""
        body = urlencode({
            "symbol": "BTCUSDT", "side": "BUY" if number % 2 else "SELL", "type": "MARKET", "quantity": "0.0002",
            "newClientOrderId": f"x-bench{number}", "newOrderRespType": "FULL", "recvWindow": 10_000,
            "timestamp": int(time.time() * 1000),
        })  # fmt: skip
        body += "&signature=" + hmac.new(self._secret, body.encode(), sha256).hexdigest()
        async with self._session.post(self._url, data=body, headers=self._headers) as answer:
            placed = json.loads(await answer.text())
        assert placed["status"] == "FILLED", placed


async def measure(told: Mapping[str, str], pid: int, orders: int, connections: int) -> tuple[float, float, float]:
    """Gives orders a second, and the milliseconds of processor time that an order costs the venue and the client."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=connections)) as session:
        client = Client(told, session)
        await client.place(1)
        numbers = iter(range(2, orders + 2))

        async def work() -> None:
            for number in numbers:
                await client.place(number)

        venue, own, started = used_s(pid), time.process_time(), time.perf_counter()
        await asyncio.gather(*(work() for _ in range(connections)))
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
        told = json.loads(venue.stdout.readline())
        found = {
            connections: [
                asyncio.run(measure(told, venue.pid, wanted.orders, connections)) for _ in range(wanted.rounds)
            ]
            for connections in wanted.connections
        }
    finally:
        venue.terminate()
        venue.wait()
    print(f"{wanted.rounds} rounds of {wanted.orders} each, load {os.getloadavg()[0]:.1f}")
    for connections, rounds in found.items():
        rates, theirs, ours = (statistics.median(column) for column in zip(*rounds, strict=True))
        print(f"  {connections} connections: {rates:.0f} orders a second (best {max(one[0] for one in rounds):.0f})")
        print(f"    processor time of an order: venue {theirs:.3f} ms, client {ours:.3f} ms")


if __name__ == "__main__":
    main()
