"""The checker: holds a ledger against the venue's own books, and shares no code with the client.

`check` gives what is broken, as (invariant, words). Times are ms of venue time.
"""

import json
import re
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import closing
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs

OURS = re.compile(r"h[a-z2-7]{27}", re.ASCII)
E8 = Decimal(10) ** 8
OVER = ("filled", "cancelled", "expired", "rejected", "never_executed")
PROTECTED_WITHIN_MS = 10_000
KNOWN_WITHIN_MS = 30_000
ENTRY_TTL_MS = 22_000
FILTER_CODES = (-1013, -1111, -1100, -1106, -4003, -4004, -4005, -4014, -4023, -4164)
Broken = tuple[str, str]


class Caps(NamedTuple):
    """What the governor and the rules allow at most."""

    entries_per_minute: int
    order_notional: Decimal
    positions: int


class Evidence(NamedTuple):
    """What there is to look at: the ledger's rows and the venue's story.

    `lives` are (start, end) of the trader's, and from `answers_from` on the venue answers as it should.
    """

    rows: list[tuple[int, str, str]]
    genesis: str
    reservations: list[tuple[str, str, str]]
    books: dict[str, Any]
    arrivals: list[dict[str, Any]]
    steps: dict[str, tuple[Decimal, Decimal, Decimal]]
    lives: list[tuple[int, int]]
    market: str
    answers_from: int

    def of(self, *kinds: str) -> list[dict[str, Any]]:
        return [record for record in self.records if record["kind"] in kinds]

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for _, line, _ in self.rows]

    @property
    def account(self) -> dict[str, Any]:
        return dict(self.books[self.market][0])

    @property
    def orders(self) -> list[dict[str, Any]]:
        """Gives the account's orders; those that a stop became under the stop's id."""
        stops = {one["algoId"]: one["clientAlgoId"] for one in self.account.get("algo", [])}
        return [{**one, "id": stops.get(one["algoId"], one["clientOrderId"])} for one in self.account["orders"]]


def gather(
    ledger: Path, market: str, books: bytes, requests: bytes, info: bytes, lives: Iterable[tuple[int, int]],
    answers_from: int,
) -> Evidence:  # fmt: skip
    """Reads the ledger's file, /venue/books, /venue/requests and exchangeInfo."""
    with closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)) as db:
        rows = db.execute("SELECT seq, line, hash FROM records ORDER BY seq").fetchall()
        genesis = db.execute("SELECT value FROM meta WHERE key = 'genesis'").fetchone()[0]
        reserved = db.execute("SELECT client_id, intent_key, state FROM reservations").fetchall()
    arrivals = [json.loads(line) for line in requests.splitlines()]
    return Evidence(
        rows, genesis, reserved, json.loads(books), arrivals, dict(_grids(json.loads(info))), list(lives), market,
        answers_from,
    )  # fmt: skip


def _grids(info: dict[str, Any]) -> Iterator[tuple[str, tuple[Decimal, Decimal, Decimal]]]:
    for one in info["symbols"]:
        named = {each["filterType"]: each for each in one["filters"]}
        least = named.get("NOTIONAL") or named.get("MIN_NOTIONAL") or {}
        yield one["symbol"], (
            Decimal(named["PRICE_FILTER"]["tickSize"]), Decimal(named["LOT_SIZE"]["stepSize"]),
            Decimal(least.get("minNotional") or least.get("notional") or 0),
        )  # fmt: skip


def check(seen: Evidence, caps: Caps, start: dict[str, Decimal], flat: bool = True) -> list[Broken]:
    """Gives what is broken. `start` is what was in the wallet; `flat` says that all should be closed."""
    return [
        *_chain(seen), *_intents(seen), *_arrivals(seen), *_fills(seen), *_wallet(seen, start), *_positions(seen, flat),
        *_doubts(seen, flat), *_caps(seen, caps), *_states(seen), *_protection(seen)[1], *_filters(seen),
        *_lingers(seen)[1],
    ]  # fmt: skip


def unprotected_ms(seen: Evidence) -> int:
    """Gives the longest time, within a life of the trader, for which a position was bare."""
    return _protection(seen)[0]


def doubtful_ms(seen: Evidence) -> int:
    """Gives the longest time for which an order was in doubt after a restart, or after the end of the faults."""
    return _lingers(seen)[0]


def _chain(seen: Evidence) -> Iterator[Broken]:
    last = seen.genesis
    for number, (seq, line, stored) in enumerate(seen.rows, 1):
        last = sha256(f"{last} {seq} {line}".encode()).hexdigest()
        if seq != number or last != stored:
            yield "chain", f"row {seq} does not follow from the one before it"
            return


def _own(seen: Evidence) -> list[dict[str, Any]]:
    """The venue's own orders of ours, plain and conditional, by the id that we gave them."""
    plain = [one for one in seen.account["orders"] if OURS.fullmatch(one["clientOrderId"]) and not one["algoId"]]
    algo = [{**one, "clientOrderId": one["clientAlgoId"]} for one in seen.account.get("algo", [])]
    return plain + [one for one in algo if OURS.fullmatch(one["clientOrderId"])]


def _intents(seen: Evidence) -> Iterator[Broken]:
    attempts: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for one in seen.of("order_attempt"):
        attempts[one["client_id"]].append(one)
    reserved = {client_id for client_id, _, _ in seen.reservations}
    accepted: dict[str, set[str]] = defaultdict(set)
    for order in _own(seen):
        name = order["clientOrderId"]
        if len(attempts[name]) != 1 or name not in reserved:
            yield "intent", f"order {name} has {len(attempts[name])} intents"
            continue
        meant = attempts[name][0]
        accepted[meant["intent_key"]].add(name)
        qty = Decimal(order.get("origQty") or order.get("quantity") or 0)
        whole = order.get("closePosition") is True
        if meant["symbol"] != order["symbol"] or meant["side"].upper() != order["side"]:
            yield "intent", f"order {name} is not what was meant"
        elif not whole and Decimal(meant["qty"]) != qty and not (order.get("reduceOnly") and qty > 0):
            yield "intent", f"order {name} is of {qty}, {meant['qty']} was meant"
    for key, names in accepted.items():
        if len(names) > 1:
            yield "doubled", f"intent {key[:12]} has {len(names)} accepted orders"


def _is_order(arrival: dict[str, Any]) -> bool:
    return arrival["method"] == "POST" and bool(re.search(r"/((algoO|o)rder|orderList/oco)$", arrival["path"]))


def placed(arrivals: Iterable[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], dict[str, str]]]:
    """Gives the orders that arrived, with what they asked for; those of a list one by one."""
    for arrival in arrivals:
        if _is_order(arrival):
            found = parse_qs(arrival["query"] + "&" + arrival["body"])
            asked = {name: values[0] for name, values in found.items()}
            legs = ("above", "below") if "listClientOrderId" in asked else ()
            yield from ((arrival, _leg(asked, leg)) for leg in legs)
            if not legs:
                yield arrival, asked


def _leg(asked: dict[str, str], leg: str) -> dict[str, str]:
    """An order of a list, as if it had been asked for by itself."""
    own = {name.removeprefix(leg): value for name, value in asked.items() if name.startswith(leg)}
    own = {name[:1].lower() + name[1:]: value for name, value in own.items()}
    shared = {name: asked[name] for name in ("symbol", "side", "quantity")}
    return {**shared, **own, "newClientOrderId": own["clientOrderId"]}


def _arrivals(seen: Evidence) -> Iterator[Broken]:
    counts: dict[str, int] = defaultdict(int)
    for _, asked in placed(seen.arrivals):
        counts[asked.get("newClientOrderId") or asked.get("clientAlgoId") or "?"] += 1
    for name, count in counts.items():
        if count > 1:
            yield "twice", f"client id {name} arrived {count} times"


def _executions(seen: Evidence) -> list[dict[str, Any]]:
    """Gives the fills that happened: dust that joins a position is none."""
    return [one for one in seen.of("fill") if one["reason"] != "DUST"]


def _fills(seen: Evidence) -> Iterator[Broken]:
    booked: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for one in _executions(seen):
        if not one["trade_id"].startswith("made-"):
            booked[one["symbol"], one["trade_id"]].append(one)
        else:
            yield "fill", f"{one['symbol']}: an execution was made up"
    there = {(order["symbol"], str(fill["tradeId"])): (order, fill) for order in seen.orders for fill in order["fills"]}
    for key, (order, fill) in there.items():
        found = booked.pop(key, [])
        if len(found) != 1:
            yield "fill", f"execution {key} of {order['id']} is booked {len(found)} times"
            continue
        ours = found[0]
        theirs = (order["id"], Decimal(fill["qty"]), Decimal(fill["price"]), Decimal(fill["fee_e8"]) / E8)
        told = (ours["client_id"], Decimal(ours["qty"]), Decimal(ours["price"]), Decimal(ours["fee"]))
        if theirs != told or ours["fee_asset"] != fill["feeAsset"]:
            yield "fill", f"execution {key}: {told}, at the venue {theirs}"
    for key, found in booked.items():
        yield "fill", f"execution {key} of {found[0]['client_id']} is not the venue's"


def _wallet(seen: Evidence, start: dict[str, Decimal]) -> Iterator[Broken]:
    """Balances follow from the ledger's fills, to a unit of 1e-8 a fill."""
    fills = _executions(seen)
    if seen.market == "usdm":
        brought = sum((_signed(one) for one in fills), Decimal(0))
        fees = sum((Decimal(one["fee"]) for one in fills), Decimal(0))
        held = sum((Decimal(one["cost_e8"]) / E8 for one in seen.account["positions"]), Decimal(0))
        other = sum(
            (Decimal(str(row["income"])) for row in seen.account["income"] if row["incomeType"] == "FUNDING_FEE"),
            Decimal(0),
        )
        wallet = Decimal(seen.account["wallet_e8"]) / E8
        expected = start["USDT"] + brought - fees + held + other
        if abs(wallet - expected) > len(fills) * 2 / E8:
            yield "balance", f"USDT: {wallet} at the venue, {expected} by the fills"
        return
    sums = defaultdict(Decimal, start)
    for one in fills:
        base = one["symbol"].removesuffix("USDT")
        sums[base] += Decimal(one["qty"]) if one["side"] == "buy" else -Decimal(one["qty"])
        sums["USDT"] += _signed(one)
        sums[one["fee_asset"]] -= Decimal(one["fee"])
    account = seen.account
    for asset in sorted({*sums, *account["free_e8"], *account["locked_e8"]}):
        there = Decimal(account["free_e8"].get(asset, 0) + account["locked_e8"].get(asset, 0)) / E8
        if abs(there - sums[asset]) > len(fills) / E8:
            yield "balance", f"{asset}: {there} at the venue, {sums[asset]} by the fills"


def _signed(fill: dict[str, Any]) -> Decimal:
    notional = Decimal(fill["notional"])
    return -notional if fill["side"] == "buy" else notional


def _net(fill: dict[str, Any]) -> Decimal:
    """What a fill changes the holding by: a fee in the bought coin is not ours."""
    in_base = fill["fee_asset"] == fill["symbol"].removesuffix("USDT")
    qty = Decimal(fill["qty"])
    if fill["side"] == "buy":
        return qty - (Decimal(fill["fee"]) if in_base else 0)
    return -qty


def _positions(seen: Evidence, flat: bool) -> Iterator[Broken]:
    held: dict[str, Decimal] = defaultdict(Decimal)
    left: dict[str, Decimal] = defaultdict(Decimal)
    open_: set[str] = set()
    for one in seen.of("fill", "position"):
        symbol = one["symbol"]
        if one["kind"] == "fill" and one["reason"] == "DUST":
            if Decimal(one["qty"]) != left[symbol]:
                yield "dust", f"{symbol}: {one['qty']} joins a position, {left[symbol]} was left"
            held[symbol] += left.pop(symbol, Decimal(0))
        elif one["kind"] == "fill":
            if one["side"] == "sell" and left[symbol] and seen.market == "spot":
                yield "dust", f"{symbol}: {left[symbol]} was left, and joined no position"
            held[symbol] += _net(one)
            if held[symbol] < 0:
                yield "position", f"{symbol}: more sold than held, {held[symbol]}"
        elif one["status"] == "open":
            open_.add(symbol)
            if Decimal(one["qty"]) != held[symbol]:
                yield "position", f"{symbol}: a position of {one['qty']}, {held[symbol]} by the fills"
        else:
            open_.discard(symbol)
            if Decimal(one["dust"]) != held[symbol]:
                yield "position", f"{symbol}: closed with dust {one['dust']}, {held[symbol]} by the fills"
            left[symbol] += held[symbol]
            held[symbol] = Decimal(0)
    yield from _short(seen)
    if seen.market == "usdm":
        theirs = {one["symbol"]: Decimal(one["qty"]) for one in seen.account["positions"]}
        for symbol in sorted({*theirs, *held}):
            if theirs.get(symbol, Decimal(0)) != held[symbol]:
                yield "position", f"{symbol}: {theirs.get(symbol, 0)} at the venue, {held[symbol]} in the ledger"
    if flat and open_:
        yield "position", f"still open: {sorted(open_)}"
    for order in _own(seen):
        working = order.get("status", order.get("algoStatus")) in ("NEW", "PARTIALLY_FILLED", "WORKING", "TRIGGERING")
        if working and order["symbol"] not in open_:
            yield "orphan", f"order {order['clientOrderId']} is left on {order['symbol']}, which is flat"


def _timeline(seen: Evidence) -> dict[str, list[tuple[int, int, Decimal]]]:
    """By symbol, each execution as (time, number, signed quantity), in the order of the venue."""
    moves: dict[str, list[tuple[int, int, Decimal]]] = defaultdict(list)
    for order in seen.orders:
        sign = 1 if order["side"] == "BUY" else -1
        for fill in order["fills"]:
            in_base = sign > 0 and fill["feeAsset"] == order["symbol"].removesuffix("USDT")
            qty = sign * Decimal(fill["qty"]) - (Decimal(fill["fee_e8"]) / E8 if in_base else 0)
            moves[order["symbol"]].append((fill["time"], fill["tradeId"], qty))
    return {symbol: sorted(found) for symbol, found in moves.items()}


def _short(seen: Evidence) -> Iterator[Broken]:
    for symbol, moves in _timeline(seen).items():
        held = Decimal(0)
        for _, number, qty in moves:
            held += qty
            if held < 0:
                yield "crossed", f"{symbol}: short by {-held} after execution {number}"
                break


def _doubts(seen: Evidence, flat: bool) -> Iterator[Broken]:
    last: dict[str, str] = {}
    for one in seen.of("order_attempt", "order_result"):
        last[one["client_id"]] = one.get("status", "sent")
    there = {order["clientOrderId"]: order for order in _own(seen)}
    for name, status in last.items():
        if status == "in_doubt" or status == "sent" or (flat and status not in OVER):
            yield "doubt", f"order {name} ended as {status}"
        elif status == "never_executed" and name in there:
            yield "lost", f"order {name} is at the venue, and counts as never executed"
        elif status == "rejected" and name in there and _acts(there[name]):
            yield "lost", f"order {name} is at the venue, and counts as rejected"
    for name, _, state in seen.reservations:
        if flat and state == "held":
            yield "doubt", f"the intent of order {name} is still held"


def _lingers(seen: Evidence) -> tuple[int, list[Broken]]:
    """Measures doubts while the venue answers as it should, each life for itself: who is dead asks nobody.

    An order of which the ledger says nothing yet is in doubt too.
    """
    worst, found = 0, list[Broken]()
    for name, begin, end in _doubt_times(seen):
        for born, died in seen.lives:
            since = max(begin, born, seen.answers_from)
            worst = max(worst, min(end, died) - since)
            if min(end, died) - since > KNOWN_WITHIN_MS:
                found.append(("lingers", f"order {name} was in doubt for {min(end, died) - since} ms from {since}"))
    return worst, found


def _doubt_times(seen: Evidence) -> Iterator[tuple[str, int, int]]:
    """Gives (client id, from, to) of each stretch in which nobody knew what became of an order."""
    since: dict[str, int] = {}
    for one in seen.of("order_attempt", "order_result"):
        name = one["client_id"]
        if one.get("status", "in_doubt") == "in_doubt":
            since.setdefault(name, one["at"])
        elif name in since:
            yield name, since.pop(name), one["at"]
    yield from ((name, at, 1 << 60) for name, at in since.items())


def _acts(order: dict[str, Any]) -> bool:
    """Says whether an order has executed, or still may; a stop that was refused when it triggered does neither."""
    done = Decimal(order.get("executedQty") or order.get("actualQty") or 0)
    return done > 0 or order.get("status", order.get("algoStatus")) in ("NEW", "PARTIALLY_FILLED", "WORKING")


def _caps(seen: Evidence, caps: Caps) -> Iterator[Broken]:
    arrived = {asked.get("newClientOrderId") for _, asked in placed(seen.arrivals)}
    entries = [one for one in seen.of("order_attempt") if one["purpose"] == "entry" and one["client_id"] in arrived]
    times = sorted(one["at"] for one in entries)
    for number, at in enumerate(times[caps.entries_per_minute :]):
        if at - times[number] < 60_000:
            yield "caps", f"more than {caps.entries_per_minute} entries in the minute before {at}"
            break
    for one in entries:
        notional = Decimal(one["qty"]) * Decimal(one.get("limit_price") or one["reference_price"])
        if notional > caps.order_notional:
            yield "caps", f"order {one['client_id']} is worth {notional}"
    held: dict[str, Decimal] = defaultdict(Decimal)
    dust = {one: seen.steps[one][2] * 2 / _last_price(seen, one) for one in _timeline(seen)}
    moves = sorted((at, number, symbol, qty) for symbol, all_ in _timeline(seen).items() for at, number, qty in all_)
    for at, _, symbol, qty in moves:
        held[symbol] += qty
        if sum(qty > dust[one] for one, qty in held.items()) > caps.positions:
            yield "caps", f"more than {caps.positions} positions at {at}"
            return


def _states(seen: Evidence) -> Iterator[Broken]:
    """No entry arrives but from the state `tradeable`, soon after its decision.

    None arrives before this life of the trader has asked what orders and holdings there are, and has been answered.
    """
    tradeable, attempts = False, {}
    arrived = {asked.get("newClientOrderId"): arrival["at"] for arrival, asked in placed(seen.arrivals)}
    for one in seen.of("state_change", "order_attempt"):
        if one["kind"] == "state_change":
            if one["scope"] == "engine":
                tradeable = one["now"] == "tradeable"
        elif one["purpose"] == "entry" and one["client_id"] in arrived:
            attempts[one["client_id"]] = one["at"]
            if not tradeable:
                yield "state", f"entry {one['client_id']} was made while not tradeable"
    for name, decided in attempts.items():
        if arrived[name] - decided > ENTRY_TTL_MS:
            yield "state", f"entry {name} arrived {arrived[name] - decided} ms after its decision"
    for born, died in seen.lives:
        # What the life before had on its way may still arrive.
        own = [arrived[name] for name, decided in attempts.items() if decided >= born and arrived[name] <= died]
        first = min(own, default=None)
        if first is not None and not _has_looked(seen, born, first):
            yield "state", f"an entry arrived at {first} before this life had looked at orders and holdings"


def _has_looked(seen: Evidence, born: int, by: int) -> bool:
    answered = {
        arrival["path"].rpartition("/")[2]
        for arrival in seen.arrivals
        if born <= arrival["at"] <= by and arrival["method"] == "GET" and arrival["status"] == 200
    }
    return "openOrders" in answered and bool(answered & {"positionRisk", "account"})


def _protection(seen: Evidence) -> tuple[int, list[Broken]]:
    """Measures how long positions were bare, each life of the trader for itself: who is dead protects nothing."""
    worst, found = 0, list[Broken]()
    covers = _covers(seen)
    for symbol, moves in _timeline(seen).items():
        _, step, least = seen.steps.get(symbol, (Decimal(0), Decimal(0), Decimal(0)))
        price = _last_price(seen, symbol)
        for begin, end, qty in _holdings(moves):
            if qty < step or qty * price < least * 2:
                continue  # dust, which nobody can sell
            for bare_from, bare_to in _without(begin, end, covers.get(symbol, [])):
                for born, died in seen.lives:
                    bare = min(bare_to, died) - max(bare_from, born)
                    worst = max(worst, bare)
                    if bare > PROTECTED_WITHIN_MS:
                        found.append(("protection", f"{symbol} was bare for {bare} ms from {max(bare_from, born)}"))
    return worst, found


def _last_price(seen: Evidence, symbol: str) -> Decimal:
    prices = [Decimal(fill["price"]) for one in seen.orders if one["symbol"] == symbol for fill in one["fills"]]
    return prices[-1] if prices else Decimal(0)


def _covers(seen: Evidence) -> dict[str, list[tuple[int, int]]]:
    """By symbol, when a stop rested there, and when it was being closed.

    That is while a sale works, and while the venue leaves open what became of one: sending another without proof
    would be worse.
    """
    covers: dict[str, list[tuple[int, int]]] = defaultdict(list)
    known = {one["client_id"]: one["at"] for one in reversed(seen.of("order_result")) if one["status"] != "in_doubt"}
    for arrival, asked in placed(seen.arrivals):
        if asked.get("side") == "SELL" and arrival.get("fault"):
            name = asked.get("newClientOrderId") or asked.get("clientAlgoId") or ""
            covers[asked["symbol"]].append((arrival["at"], max(known.get(name, 0), arrival["at"])))
    for order in seen.account.get("algo", []):
        ended = order["algoStatus"] not in ("NEW", "WORKING", "TRIGGERING")
        until = order["triggerTime"] or order["updateTime"]
        covers[order["symbol"]].append((order["createTime"], until if ended else 1 << 60))
    for order in seen.account["orders"]:
        if order["side"] != "SELL" or (order["type"] in ("LIMIT", "LIMIT_MAKER") and not order["algoId"]):
            continue  # a take-profit protects nothing
        ended = order["status"] not in ("NEW", "PARTIALLY_FILLED")
        covers[order["symbol"]].append((order["time"], order["updateTime"] if ended else 1 << 60))
    return {symbol: sorted(all_) for symbol, all_ in covers.items()}


def _holdings(moves: list[tuple[int, int, Decimal]]) -> Iterator[tuple[int, int, Decimal]]:
    """Stretches in which something is held: (from, to, least quantity)."""
    held = Decimal(0)
    for (at, _, qty), after in zip(moves, [*moves[1:], (1 << 60, 0, Decimal(0))], strict=True):
        held += qty
        if held > 0 and after[0] > at:
            yield at, after[0], held


def _without(begin: int, end: int, covers: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    for first, last in covers:
        if last < begin or first > end:
            continue
        if first > begin:
            yield begin, min(first, end)
        begin = max(begin, last)
        if begin >= end:
            return
    if begin < end:
        yield begin, end


def _filters(seen: Evidence) -> Iterator[Broken]:
    for arrival, asked in placed(seen.arrivals):
        grid = seen.steps.get(asked.get("symbol", ""))
        if grid is None:
            yield "filters", f"an order of the unknown symbol {asked.get('symbol')}"
            continue
        tick, step, least = grid
        qty = Decimal(asked.get("quantity", "0"))
        prices = [Decimal(asked[name]) for name in ("price", "stopPrice", "triggerPrice") if name in asked]
        if qty % step or any(price % tick for price in prices):
            yield "filters", f"{asked['symbol']}: {qty} at {prices} is off the grid"
        if prices and "quantity" in asked and qty * min(prices) < least:
            yield "filters", f"{asked['symbol']}: {qty} at {prices} is worth less than {least}"
        if not arrival.get("fault") and _code(arrival["answer"]) in FILTER_CODES:
            yield "filters", f"{asked['symbol']}: refused with {arrival['answer'][:100]}"


def _code(answer: str) -> int | None:
    try:
        told = json.loads(answer)
    except ValueError:
        return None
    return told.get("code") if isinstance(told, dict) else None
