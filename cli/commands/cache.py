"""hot cache: which candles are kept on disk, and what asking for them was spared."""

from typing import Any

import typer

from cli import options
from cli.commands.trades import print_rows
from cli.show import choose, say

app = typer.Typer(add_completion=False)

ROW = (
    "venue", "step_s", "symbols", "candles", "first_at", "last_at", "asks", "hits", "asks_hit_pct", "candles_hit_pct",
    "requests", "plain_requests", "requests_spared_pct", "weight", "plain_weight",
)  # fmt: skip
_TABLE = (
    "venue", "step_s", "symbols", "candles", "asks", "asks_hit_pct", "candles_hit_pct", "requests", "plain_requests",
    "requests_spared_pct",
)  # fmt: skip


@app.command()
def cache(
    json_: options.Json = False,
    jsonl: options.Jsonl = False,
    csv_: options.Csv = False,
    table: options.Table = False,
    limit: options.Limit = None,
    columns: options.Columns = None,
) -> None:
    """List the candles that live markets keep on disk, and what that spared in the last 30 days, by venue and step.

    `asks` are stretches of candles that were asked for, `hits` those that took no request; `plain_requests` and
    `plain_weight` are what all of them would have cost without the cache. The file is candles.db in the data folder;
    it may be deleted at any time: candles are then asked for again.

    Example: hot cache --columns venue,step_s,candles,asks_hit_pct,requests_spared_pct
    """
    from engine.runs.data import data_dir
    from engine.world.candles.cache import CACHE_FILE, CandleCache

    path = data_dir() / CACHE_FILE
    if not path.exists():
        say(f"hot cache: no candles are kept yet in {path}: a live market keeps them, as hot scan without --market")
        print_rows([], ROW, _TABLE, choose(json_, jsonl, csv_, table), columns, limit)
        return
    kept = CandleCache(path)
    try:
        print_rows(_rows(kept), ROW, _TABLE, choose(json_, jsonl, csv_, table), columns, limit)
        say(f"hot cache: {path}, {kept.used_bytes() / 1e6:.1f} MB" + (f"; {kept.trouble}" if kept.trouble else ""))
    finally:
        kept.close()


def _rows(kept: Any) -> list[dict[str, Any]]:
    rows: dict[tuple[str, int], dict[str, Any]] = {}
    for of, candles, first_at, last_at in kept.contents():
        row = rows.setdefault((of.venue, of.step_s), {"symbols": 0, "candles": 0})
        row["symbols"] += 1
        row["candles"] += candles
        row["first_at"] = min(first_at, row.get("first_at", first_at))
        row["last_at"] = max(last_at, row.get("last_at", last_at))
    for key, served in kept.served().items():
        rows.setdefault(key, {"symbols": 0, "candles": 0}).update(
            asks=served.asks, hits=served.hits, asks_hit_pct=_pct(served.hits, served.asks),
            candles_hit_pct=_pct(served.kept, served.candles), requests=served.requests,
            plain_requests=served.plain_requests,
            requests_spared_pct=_pct(served.plain_requests - served.requests, served.plain_requests),
            weight=served.weight, plain_weight=served.plain_weight,
        )  # fmt: skip
    return [{"venue": venue, "step_s": step_s, **row} for (venue, step_s), row in sorted(rows.items())]


def _pct(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 1) if whole else None
