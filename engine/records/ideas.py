"""Ideas: what the scan noticed, how hot it is, what the strategy says, and each refusal with its code."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import msgspec

from engine.records.base import Figure, Moment, Record, Unsigned, Whole
from engine.records.market import Plain

PoolStatus = Literal["new", "watching", "hot", "cooling", "dropped"]


class Idea(Record, frozen=True, kw_only=True):
    """Something thought about one symbol at one venue."""

    venue: str
    symbol: str


class Anomaly(Idea, frozen=True, kw_only=True):
    """A price or volume anomaly, at most one a symbol and cool-down.

    `trigger` says which: `price` (the change over the window), `volume` (against its own baseline), or both.
    """

    OWNER: ClassVar[str] = "scan"

    trigger: Literal["price", "volume", "price+volume"]
    change_pct: Figure | None = None
    volume_surge: Figure | None = None
    window_s: Whole


class HeatInputs(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What the six dimensions of heat are computed from; an absent value is an unknown one.

    Percentages are price moves; `spread_bps` is 1e-4 of the mid; `mentions_*` count posts an hour.
    """

    announcement: Literal["spot_listing", "perp_listing", "campaign", "none"] | None = None
    announcement_hours: Figure | None = None
    mentions_1h: Whole | None = None
    mentions_baseline_1h: Figure | None = None
    sentiment: Figure | None = None
    sentiment_samples: Whole | None = None
    change_1h_pct: Figure | None = None
    change_5m_pct: Figure | None = None
    volume_surge: Figure | None = None
    quote_volume_24h: Figure | None = None
    spread_bps: Figure | None = None
    age_days: Figure | None = None
    funding_pct: Figure | None = None


class Candidate(Idea, frozen=True, kw_only=True):
    """A member of the pool at one tick, with the inputs of its heat.

    `since` is when it entered the pool, `status_since` when its status last changed.
    """

    OWNER: ClassVar[str] = "scan"

    status: PoolStatus
    since: Moment
    status_since: Moment
    price: str
    inputs: HeatInputs


class CandidateSnapshot(Idea, frozen=True, kw_only=True):
    """A ranked candidate: its heat, 0 to 100, each dimension beside the inputs it came from.

    `coverage` is the share of the weights whose dimensions had an input, `missing` the terms that had none.
    """

    OWNER: ClassVar[str] = "rank"

    rank: Whole
    heat: Figure
    coverage: Figure
    dimensions: dict[str, Figure]
    missing: tuple[str, ...] = ()
    status: PoolStatus
    since: Moment
    price: str
    inputs: HeatInputs


class Tier(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One step of a tiered take-profit: sell `share_pct` of the position once price is up `at_pct`."""

    share_pct: Unsigned
    at_pct: Unsigned


class ExitPlan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """How a position is left. Percentages are moves of price against the entry; 0 switches a part off.

    Tiers are market orders sent when price gets there, or, with `resting_tiers`, limit orders that wait on the book.
    The trailing leg closes only its own share: it arms at `trail_arm_pct` and sells when price has come back by
    `trail_callback_pct` of the best price since; with `resting_trail` an account's exchange trails it as well.
    A gain of `break_even_at_pct` moves the stop up to `break_even_over_pct` over the entry, which is for the fees.
    """

    stop_pct: Unsigned = 0
    tiers: tuple[Tier, ...] = ()
    resting_tiers: bool = False
    trail_share_pct: Unsigned = 0
    trail_arm_pct: Unsigned = 0
    trail_callback_pct: Unsigned = 0
    resting_trail: bool = False
    break_even_at_pct: Unsigned = 0
    break_even_over_pct: Unsigned = 0
    hold_max_s: Moment = 0
    black_swan_pct: Unsigned = 0


def tiers_of(pairs: Sequence[tuple[float, float]]) -> tuple[Tier, ...]:
    """Gives tiers of (share sold, at which gain), both in percent."""
    return tuple(Tier(share_pct=share, at_pct=at) for share, at in pairs)


def check_tiers(pairs: Sequence[tuple[float, float]], trail_share_pct: float) -> None:
    """Raises ValueError for tiers that make no plan: gains that do not ascend, or more sold than there is."""
    gains = [gain for _, gain in pairs]
    if gains != sorted(set(gains)):
        raise ValueError(f"the gains of tiers {gains} must ascend")
    sold = round(sum(share for share, _ in pairs) + trail_share_pct, 6)
    if sold > 100:
        raise ValueError(f"tiers and trail_share_pct together sell {sold:g} % of a position; 100 is all of it")


def check_break_even(at_pct: float, over_pct: float) -> None:
    """Raises ValueError for a stop that would move to where price is not yet."""
    if at_pct and over_pct >= at_pct:
        raise ValueError(f"break_even_over_pct {over_pct:g} must be less than break_even_at_pct {at_pct:g}")


class SignalSnapshot(Idea, frozen=True, kw_only=True):
    """What a strategy says of one ranked candidate, with its reasons and the figures it looked at.

    `frames` maps a timeframe to its figures. On `enter`, `plan` says how the position will be left; `exit` asks to
    close what is held.
    """

    OWNER: ClassVar[str] = "signal"

    strategy: str
    action: Literal["enter", "exit", "wait"]
    side: Literal["buy", "sell"]
    order_type: Literal["market", "limit"]
    rank: Whole
    heat: Figure
    price: str
    limit_price: Plain | None = None
    code: str | None = None
    reasons: tuple[str, ...] = ()
    frames: dict[str, dict[str, Figure | None]] = {}
    change_5m_pct: Figure | None = None
    plan: ExitPlan | None = None


class Refusal(Idea, frozen=True, kw_only=True):
    """A no, with its name: the code, the value that was looked at and the limit it broke.

    `stage` is where the way ended; `precheck_code` names the exchange filter when `code` is PRECHECK_FAILED.
    """

    OWNER: ClassVar[str] = "precheck"

    stage: Literal["rank", "signal", "precheck", "order"]
    code: str
    precheck_code: str | None = None
    value: Figure | str | None = None
    limit: Figure | str | None = None
    side: Literal["buy", "sell"] | None = None


class Cycle(Record, frozen=True, kw_only=True):
    """How the cycle ended for each scanned symbol: a reason code to its sorted symbols, each symbol exactly once."""

    OWNER: ClassVar[str] = "order"

    codes: dict[str, tuple[str, ...]]


def plain(record: Record) -> dict[str, Any]:
    """Gives a record as the dict that its JSON line holds."""
    out: dict[str, Any] = msgspec.to_builtins(record)
    return out
