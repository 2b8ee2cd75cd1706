"""Divergence: why one run earned more than another, trade by trade, in shares that sum to the gap to the last digit.

The gap is the net result of B minus that of A, in quote units. A run's net result is what its sells brought, less what
its buys cost, less fees, with funding, plus what is still held at the last price that its records told. Dust is worth
nothing, and costs nothing where it joins a later trade.

A trade is a holding, from its first entry to its last exit. Two trades are the same when they share the intent of an
entry (`intent_key`, so strategy, venue, symbol, side and time of decision); exits are matched by their reason within
the trade, all fills of one reason together, since the time of an exit stands in its own key. `OPEN` (still held at the
end) and `DUST` count as reasons.

For a matched leg let n be its notional, q its coins, p = n/q, s +1 for a sale and -1 for a purchase, and m the mean of
both runs' average entry prices, rounded to 1e-8. Coins bought and coins sold (or held, or lost as dust) are equally
many in each run, so that every leg may be measured against m without changing the sum. Of
s((nB - m qB) - (nA - m qA)) are, in this order:

1. fill    s(qB - qA)((pA + pB)/2 - m): other quantities, at what a coin earned. All of it where pA = pB.
2. timing  s(rB - rA)(qA + qB)/2: how the market moved between the fills, r being the reference price at the time of a
           fill (mean by quantity); 0 where both were filled at the same times.
3. price   the rest: what was paid or got against that reference, so spread, slippage and the level of a stop.

Fill and timing are rounded half-even to 1e-8, price takes what the rounding leaves. The fees of matched trades are
`fee`, whole. Exits that only one of the two made are `signal`, at s(n - m q), and so is then the first part of its
other exits: the coins went another way out, as when another entry price moved the levels. Dust that only one of the two
was left with is `fill`.

A trade that only one of the two made is `signal` with its whole net result, its cause the code by which the other did
not enter; it is `fill` where the other sent the very same order and got nothing. `funding` is what holding a
perpetual cost or brought, whole.

The reference price of a fill is the one that its order named where it was filled at the very moment of decision (a
level that a bar touched), else the last price that either run told up to the fill's time at the venue, else the
order's. Every step treats A and B alike: B against A gives the same shares with the other sign.
"""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any, Literal, NamedTuple

import msgspec

from engine.records.trades import DUST
from engine.stages.divergence_deals import EXACT, OPEN, Coin, Deal, Deals, Leg, Told

FUNDING = "FUNDING"
SHARES = ("signal", "timing", "price", "fee", "funding", "fill")
#: Why quantities differ: the orders asked for others (a knock-on of other equity or risk), or the venue gave others.
ASKED, FILLED = "ASKED", "FILLED"
_PLACES = 8
_NOTHING = Decimal(0)
Shares = dict[str, Decimal]
References = Mapping[Coin, Mapping[int, Decimal]]


class Piece(NamedTuple):
    """A part of the gap: its share, what it comes from, and how much it is."""

    share: str
    cause: str
    amount: Decimal


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """What a share comes from: a reason code, a leg, ASKED or FILLED; over so many trades."""

    share: str
    cause: str
    trades: int
    amount: Decimal


class Split(msgspec.Struct, frozen=True, kw_only=True):
    """A trade that differs. `asked_*` is what its entries asked for, `open_*` that it is still held and valued."""

    symbol: str
    venue: str
    strategy: str
    decided_at: int
    taken_by: Literal["both", "a", "b"]
    net_a: Decimal
    net_b: Decimal
    gap: Decimal
    shares: Shares
    causes: tuple[Cause, ...]
    asked_a: Decimal | None
    asked_b: Decimal | None
    open_a: bool
    open_b: bool


class SymbolGap(msgspec.Struct, frozen=True, kw_only=True):
    """The gap of one symbol at one venue, over the trades that differ."""

    symbol: str
    venue: str
    trades: int
    gap: Decimal
    shares: Shares


class Valued(msgspec.Struct, frozen=True, kw_only=True):
    """A position that is still held at the end of a run, at the last price that its records told."""

    run: Literal["a", "b"]
    symbol: str
    venue: str
    qty: Decimal
    price: Decimal
    priced_at: int
    value: Decimal


class Total(msgspec.Struct, frozen=True, kw_only=True):
    """The net results and their gap. `intents_*` counts entry orders in both runs, and in one of them only."""

    same: bool
    quote_asset: str
    net_a: Decimal
    net_b: Decimal
    gap: Decimal
    trades_a: int
    trades_b: int
    intents_shared: int
    intents_only_a: int
    intents_only_b: int


class Divergence(msgspec.Struct, frozen=True, kw_only=True):
    """The gap between two runs: in total, by share, by cause, by symbol and by trade, the largest first.

    `settings` maps each setting that differs to its two values.
    """

    total: Total
    shares: Shares
    trades: tuple[Split, ...]
    causes: tuple[Cause, ...]
    by_symbol: tuple[SymbolGap, ...]
    open_positions: tuple[Valued, ...]
    settings: dict[str, tuple[Any, Any]]


class Ran(NamedTuple):
    """A run: its deals, valued, and what it told around them."""

    deals: Deals
    told: Told


def divergence(a: Ran, b: Ran) -> Divergence:
    """Gives what B earned more than A (less, where it is negative), and in which shares."""
    with localcontext(EXACT):
        prices = _references(a, b)
        splits = sorted(
            _splits(a, b, prices), key=lambda one: (-abs(one.gap), one.decided_at, one.symbol, one.taken_by)
        )
        return Divergence(
            total=_total(a.deals, b.deals, not splits), shares=_summed(split.shares for split in splits),
            trades=tuple(splits), causes=_causes(cause for split in splits for cause in split.causes),
            by_symbol=tuple(_by_symbol(splits)), settings=_settings(a.deals, b.deals),
            open_positions=(*_valued(a.deals, "a"), *_valued(b.deals, "b")),
        )  # fmt: skip


def _references(a: Ran, b: Ran) -> References:
    """Gives the last price that either run told up to the time of each fill."""
    found: dict[Coin, dict[int, Decimal]] = {}
    for coin in {deal.coin for ran in (a, b) for deal in ran.deals.all}:
        ours, theirs = a.told.marks(coin), b.told.marks(coin)
        found[coin] = {
            at: max(marks[at] for marks in (ours, theirs) if at in marks)[1] for at in {**ours, **theirs}
        }  # fmt: skip
    return found


def _splits(a: Ran, b: Ran, prices: References) -> Iterator[Split]:
    pairs = list(_pairs(a.deals, b.deals))
    for one, other in pairs:
        pieces = [piece for piece in _pieces(one, other, prices[one.coin]) if piece.amount]
        if pieces or one.legs != other.legs or one.funding != other.funding:
            yield _split(one, other, pieces)
    paired = {id(deal) for pair in pairs for deal in pair}
    for deal in a.deals.all:
        if id(deal) not in paired:
            yield _split(deal, None, [_alone(deal, b, -deal.net)])
    for deal in b.deals.all:
        if id(deal) not in paired:
            yield _split(None, deal, [_alone(deal, a, deal.net)])


def _pairs(a: Deals, b: Deals) -> Iterator[tuple[Deal, Deal]]:
    """Joins deals by the intents of their entries, the earliest intent first, each deal once."""
    ours, theirs = ({key: deal for deal in deals.all for key in deal.keys} for deals in (a, b))
    taken: set[int] = set()
    for key in sorted(ours.keys() & theirs.keys(), key=lambda key: (a.entries[key].at, key)):
        one, other = ours[key], theirs[key]
        if id(one) not in taken and id(other) not in taken:
            taken |= {id(one), id(other)}
            yield one, other


def _alone(deal: Deal, other: Ran, amount: Decimal) -> Piece:
    sent = other.deals.entries.get(deal.keys[0])
    if sent is not None:
        return Piece("fill", sent.ended, amount)
    return Piece("signal", other.told.code(deal.decided_at, deal.symbol), amount)


def _pieces(a: Deal, b: Deal, prices: Mapping[int, Decimal]) -> Iterator[Piece]:
    mark = _mark(a, b)
    left_alike = {leg.reason for leg in a.legs.values()} ^ {leg.reason for leg in b.legs.values()} <= {DUST}
    yield Piece("funding", FUNDING, b.funding - a.funding)
    for key in {**a.legs, **b.legs}:
        one, other = a.legs.get(key), b.legs.get(key)
        if one is not None and other is not None:
            gap, fill, timing = _matched(one, other, mark, prices)
            if left_alike or one.side == "buy":
                yield Piece("fill", FILLED if a.asked == b.asked else ASKED, fill)
            else:
                yield Piece("signal", one.reason, fill)
            yield Piece("timing", one.reason, timing)
            yield Piece("price", one.reason, gap - fill - timing)
            yield Piece("fee", one.reason, one.fee - other.fee)
            continue
        for leg, sign in ((one, -1), (other, 1)):
            if leg is not None:
                share = "fill" if leg.reason == DUST else "signal"
                yield Piece(share, leg.reason, sign * leg.sign * (leg.notional - mark * leg.qty))
                yield Piece("fee", leg.reason, -sign * leg.fee)


def _matched(a: Leg, b: Leg, mark: Decimal, prices: Mapping[int, Decimal]) -> tuple[Decimal, Decimal, Decimal]:
    """Gives a leg's gap before fees, and what of it comes from other quantities and from other times."""
    gap = a.sign * ((b.notional - mark * b.qty) - (a.notional - mark * a.qty))
    qty_a, qty_b, price_a, price_b = Fraction(a.qty), Fraction(b.qty), _average(a), _average(b)
    fill = timing = _NOTHING
    if price_a == price_b:
        fill = gap
    elif qty_a != qty_b:
        fill = _rounded(a.sign * (qty_b - qty_a) * ((price_a + price_b) / 2 - Fraction(mark)))
    if a.times != b.times:
        timing = _rounded(a.sign * (_reference(b, prices) - _reference(a, prices)) * (qty_a + qty_b) / 2)
    return gap, fill, timing


def _mark(a: Deal, b: Deal) -> Decimal:
    """Gives the mean of both average entry prices."""
    entries = [leg for deal in (a, b) for leg in deal.legs.values() if leg.side == "buy" and leg.reason != DUST]
    return _rounded(sum((_average(leg) for leg in entries), Fraction(0)) / len(entries))


def _average(leg: Leg) -> Fraction:
    return Fraction(leg.notional) / Fraction(leg.qty)


def _reference(leg: Leg, prices: Mapping[int, Decimal]) -> Fraction:
    worth = Fraction(0)
    for one in leg.executions:
        price = one.reference if one.at_once else prices.get(one.venue_at, one.reference)
        worth += Fraction(one.qty) * Fraction(price)
    return worth / Fraction(leg.qty)


def _rounded(value: Fraction) -> Decimal:
    return Decimal(round(value * 10**_PLACES)).scaleb(-_PLACES)


def _split(a: Deal | None, b: Deal | None, pieces: list[Piece]) -> Split:
    deal = a or b
    assert deal is not None  # a trade is somebody's
    net_a, net_b = (one.net if one is not None else _NOTHING for one in (a, b))
    causes = _causes(Cause(share=one.share, cause=one.cause, trades=1, amount=one.amount) for one in pieces)
    return Split(
        symbol=deal.symbol, venue=deal.venue, strategy=deal.strategy, decided_at=deal.decided_at,
        taken_by="both" if a and b else "a" if a else "b", net_a=net_a, net_b=net_b, gap=net_b - net_a,
        shares=_summed({one.share: one.amount} for one in pieces),
        causes=tuple(msgspec.structs.replace(cause, trades=1) for cause in causes),
        asked_a=a.asked if a else None, asked_b=b.asked if b else None, open_a=_is_open(a), open_b=_is_open(b),
    )  # fmt: skip


def _is_open(deal: Deal | None) -> bool:
    return deal is not None and ("sell", OPEN) in deal.legs


def _summed(parts: Iterable[Mapping[str, Decimal]]) -> Shares:
    sums = dict.fromkeys(SHARES, _NOTHING)
    for part in parts:
        for share, amount in part.items():
            sums[share] += amount
    return sums


def _causes(causes: Iterable[Cause]) -> tuple[Cause, ...]:
    """Sums causes of one name, the largest first."""
    sums: dict[tuple[str, str], Cause] = {}
    for one in causes:
        before = sums.get((one.share, one.cause))
        if before is not None:
            one = Cause(
                share=one.share, cause=one.cause, trades=before.trades + one.trades, amount=before.amount + one.amount
            )
        sums[one.share, one.cause] = one
    return tuple(sorted(sums.values(), key=lambda one: (-abs(one.amount), one.share, one.cause)))


def _by_symbol(splits: Iterable[Split]) -> list[SymbolGap]:
    groups: dict[Coin, list[Split]] = {}
    for split in splits:
        groups.setdefault((split.venue, split.symbol), []).append(split)
    found = [
        SymbolGap(
            symbol=symbol, venue=venue, trades=len(group), gap=sum((one.gap for one in group), _NOTHING),
            shares=_summed(one.shares for one in group),
        )
        for (venue, symbol), group in groups.items()
    ]  # fmt: skip
    return sorted(found, key=lambda one: (-abs(one.gap), one.symbol, one.venue))


def _total(a: Deals, b: Deals, no_splits: bool) -> Total:
    net_a, net_b = (sum((deal.net for deal in deals.all), _NOTHING) for deals in (a, b))
    only_a, only_b = a.entries.keys() - b.entries.keys(), b.entries.keys() - a.entries.keys()
    return Total(
        same=no_splits and not only_a and not only_b, quote_asset=a.quote_asset or b.quote_asset, net_a=net_a,
        net_b=net_b, gap=net_b - net_a, trades_a=len(a.all), trades_b=len(b.all), intents_only_a=len(only_a),
        intents_only_b=len(only_b), intents_shared=len(a.entries.keys() & b.entries.keys()),
    )  # fmt: skip


def _valued(deals: Deals, run: Literal["a", "b"]) -> Iterator[Valued]:
    for deal in sorted(deals.open.values(), key=lambda deal: deal.coin):
        leg = deal.legs.get(("sell", OPEN))
        if leg is not None:
            yield Valued(
                run=run, symbol=deal.symbol, venue=deal.venue, qty=leg.qty, price=deal.last_price,
                priced_at=deal.last_at, value=leg.notional,
            )  # fmt: skip


def _settings(a: Deals, b: Deals) -> dict[str, tuple[Any, Any]]:
    if a.run is None or b.run is None:
        return {}
    ours, theirs = a.run.settings, b.run.settings
    keys = sorted(ours.keys() | theirs.keys())
    return {key: (ours.get(key), theirs.get(key)) for key in keys if ours.get(key) != theirs.get(key)}
