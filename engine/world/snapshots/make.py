"""Makes the bundled snapshots again from recorded exchangeInfo answers."""

import sys
from pathlib import Path

from engine.world.imports.exchange_info import rules
from engine.world.imports.fields import document
from engine.world.imports.notes import Notes
from engine.world.imports.origin import Origin
from engine.world.snapshots.snapshots import pack

_QUOTES = ("USDT", "USDC", "FDUSD")
_MADE = (
    ("spot", "binance-spot", "binance/spot/exchangeInfo-2024-09-08.json.gz"),
    ("usdm", "binance-usdm", "binance/usdm/exchangeInfo-2025-11-26.json.gz"),
)


def make(data: Path, into: Path) -> list[Path]:
    """Writes the snapshot files from a folder of recorded data; gives their paths."""
    written = []
    for name, venue, source in _MADE:
        date = source.split("exchangeInfo-")[1][:10]
        origin = Origin(data / source, source, venue, Notes(strict=True))
        kept = [one for one in rules(document(origin), origin) if one.status == "TRADING" and one.quote in _QUOTES]
        path = into / f"{name}-{date}.jsonl.gz"
        path.write_bytes(pack(kept, date))
        written.append(path)
    return written


if __name__ == "__main__":
    make(Path(sys.argv[1]), Path(__file__).parent)
