"""Makes the example files of this folder again from a folder of recorded data.

Usage: python examples/make_session.py DATA, where DATA holds the files named in SOURCES.
"""

import gzip
import sys
from pathlib import Path

import msgspec

from engine.records.market import SymbolRules
from engine.records.wire import encode
from engine.world.imports.exchange_info import rules
from engine.world.imports.fields import document
from engine.world.imports.notes import Notes
from engine.world.imports.origin import Origin
from engine.world.sources.recorded import Recorded

HERE = Path(__file__).parent
CANDLES = "binance/spot/klines-1m-2021-04-13_2021-04-19.csv.gz"
#: The answer nearest before the session, and the nearest after it for symbols that were listed in between.
RULES = ("binance/spot/exchangeInfo-2020-10-07.json.gz", "binance/spot/exchangeInfo-2022-12-17.json.gz")
SOURCES = (CANDLES, *RULES)

DAY_MS = 86_400_000
#: 2021-04-15 00:00 UTC: one day to fill the 24 h windows, then the hot 16th and the morning of the 17th.
SINCE = 1_618_444_800_000
UNTIL = SINCE + 5 * DAY_MS // 2
#: The forty symbols that rose most within an hour of the session, and five large ones that did not.
SYMBOLS = (  # noqa: SIM905 - a list of words reads better so
    "AAVEUSDT ADAUSDT AVAXUSDT BANDUSDT BCHUSDT BNBUSDT BTCUSDT BTGUSDT BTTUSDT CAKEUSDT CHZUSDT COMPUSDT CRVUSDT "
    "DENTUSDT DGBUSDT DOGEUSDT DOTUSDT EOSUSDT ETCUSDT ETHUSDT FILUSDT FTMUSDT HOTUSDT IOTAUSDT LINKUSDT LTCUSDT "
    "MANAUSDT MATICUSDT MKRUSDT NANOUSDT ONTUSDT RSRUSDT SCUSDT SOLUSDT THETAUSDT TKOUSDT TRBUSDT TRXUSDT UTKUSDT "
    "VETUSDT WRXUSDT XRPUSDT XTZUSDT YFIUSDT ZECUSDT"
).split()


def candles(data: Path) -> bytes:
    """Gives the session's rows of the candle file as they stand there, with its header."""
    header, *rows = gzip.decompress((data / CANDLES).read_bytes()).splitlines(keepends=True)
    wanted = {symbol.encode() for symbol in SYMBOLS}
    kept = [row for row in rows if row.split(b",", 1)[0] in wanted and SINCE <= int(row.split(b",", 2)[1]) < UNTIL]
    return header + b"".join(kept)


def symbol_rules(data: Path) -> list[SymbolRules]:
    """Gives the rules of the session's symbols, one day before it, each marked with the date it was recorded."""
    found: dict[str, SymbolRules] = {}
    for source in RULES:
        date = source.split("exchangeInfo-")[1][:10]
        origin = Origin(data / source, source, "binance-spot", Notes(strict=True))
        for one in rules(document(origin), origin):
            # BTGUSDT had left the exchange by 2022; its candles show that it traded here.
            changes = {"at": SINCE - DAY_MS, "rules": f"snapshot {date}", "status": "TRADING"}
            if one.symbol in SYMBOLS:
                found.setdefault(one.symbol, msgspec.structs.replace(one, **changes))
    return [found[symbol] for symbol in SYMBOLS]


def make(data: Path, into: Path = HERE) -> None:
    """Writes the session and the small examples."""
    session = into / "session"
    session.mkdir(exist_ok=True)
    (session / "klines-1m.csv.gz").write_bytes(gzip.compress(candles(data), 9, mtime=0))
    (session / "rules.jsonl").write_bytes(b"".join(encode(one) + b"\n" for one in symbol_rules(data)))
    hot = Recorded(str(session / "klines-1m.csv.gz"), symbols=("BTCUSDT", "ETCUSDT"), since_ms=SINCE + DAY_MS)
    bars = [entry.record for entry, _ in zip(hot.facts(), range(400), strict=False) if entry.record is not None]
    (into / "bars.jsonl").write_bytes(b"".join(encode(bar) + b"\n" for bar in bars))


if __name__ == "__main__":
    make(Path(sys.argv[1]))
