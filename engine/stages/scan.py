"""Scan: rolling windows over the whole market, anomalies with a cool-down, filters, and the pool of candidates."""

from typing import ClassVar, Literal

import msgspec

from engine.kernels.window import Window
from engine.records.base import Record, figure
from engine.records.bounds import (
    Amount,
    Bars,
    Bps,
    Count,
    Days,
    Heat,
    Percent,
    Ratio,
    Seconds,
    SecondsOrOff,
    check_asset,
)
from engine.records.ideas import Anomaly, Candidate, HeatInputs
from engine.records.market import (
    Tick,
)
from engine.stages.chatter import Chatter
from engine.stages.coins import Coin, Coins, CoinsState
from engine.stages.heat import HeatSettings, heat_of
from engine.stages.pool import Member, join, move

DAY_MS = 86_400_000
#: Silent symbols and old chatter are looked for once a minute.
SWEEP_MS = 60_000


class ScanSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is looked at and what counts as unusual.

    `cycle_s`: a tick each so many seconds. `quote_assets`: only symbols quoted in these. `exclude`: never these.
    `inputs`: extra sources that count for heat: announcement, social, sentiment. `window_s`: the short change and the
    volume surge are over this. `hour_s`: the slow change is over this. `baseline_windows`: the surge is against a mean
    of so many windows before. `anomaly_change_pct`: a short change this large, either way, is an anomaly.
    `anomaly_surge`: so is this many times the usual volume. `anomaly_cooldown_s`: one anomaly a symbol in this time.
    `min_quote_volume_24h`: thinner symbols are passed over (quote units a day). `new_listing_share_pct`: a new listing
    needs only this share of it. `new_listing_days`: how long a listing is new. `silent_s`: a symbol silent for long is
    forgotten. `bar_spread_bps`: the spread taken for markets that show none. `hot_heat`: a candidate becomes hot here.
    `cool_heat`: and cools below this. `cooling_max_s`: a cooling candidate is dropped after this. `min_mentions`: posts
    an hour that bring a symbol into the pool. `pool`: which symbols become candidates: those that did something unusual
    (`anomaly`), or all that pass the filters, without a life cycle (`all`).
    """

    cycle_s: Seconds = 60
    quote_assets: tuple[str, ...] = ("USDT",)
    exclude: tuple[str, ...] = (
        "USDCUSDT", "BUSDUSDT", "TUSDUSDT", "FDUSDUSDT", "USDPUSDT", "DAIUSDT", "PAXUSDT", "USDSUSDT", "SUSDUSDT",
        "EURUSDT", "GBPUSDT", "AUDUSDT", "AEURUSDT", "USTCUSDT", "XUSDUSDT", "USD1USDT", "BFUSDUSDT",
    )  # fmt: skip
    inputs: tuple[str, ...] = ()
    window_s: Seconds = 300
    hour_s: Seconds = 3600
    baseline_windows: Bars = 288
    anomaly_change_pct: Percent = 3.0
    anomaly_surge: Ratio = 3.0
    anomaly_cooldown_s: SecondsOrOff = 300
    min_quote_volume_24h: Amount = 1_000_000.0
    new_listing_share_pct: Percent = 10.0
    new_listing_days: Days = 7.0
    silent_s: Seconds = 600
    bar_spread_bps: Bps = 5.0
    hot_heat: Heat = 50.0
    cool_heat: Heat = 40.0
    cooling_max_s: SecondsOrOff = 1800
    min_mentions: Count = 5
    pool: Literal["anomaly", "all"] = "anomaly"

    def __post_init__(self) -> None:
        """Raises ValueError for a quote asset that is none: nothing would be looked at."""
        for asset in self.quote_assets:
            check_asset("quote_assets", asset)


class ScanState(msgspec.Struct, kw_only=True):
    """Everything the scan remembers: what it heard, and the pool of candidates."""

    market: CoinsState = msgspec.field(default_factory=CoinsState)
    pool: dict[str, Member] = {}


class Scan:
    """Takes facts of the whole market; on the tick gives anomalies, candidates, and the tick with the other codes."""

    name: ClassVar[str] = "scan"
    wants: frozenset[str] = frozenset(
        {"bar", "ticker", "book_top", "trade", "symbol_rules", "funding", "post", "announcement", "tick"}
    )

    def __init__(self, settings: ScanSettings, heat: HeatSettings, state: ScanState | None = None) -> None:
        """Starts with an empty market, or where `state` left off."""
        self.settings, self.heat = settings, heat
        self._state = state if state is not None else ScanState()
        self._excluded = frozenset(settings.exclude)
        self._youth_ms = (settings.new_listing_days + 1.0) * DAY_MS
        self.coins = Coins(self._state.market, self._new_window)

    @property
    def state(self) -> ScanState:
        """What it remembers, with every fact taken."""
        self.coins.settle()
        return self._state

    def _new_window(self, step_s: int) -> Window | None:
        settings = self.settings
        return Window.of(step_s, settings.window_s, settings.hour_s, settings.baseline_windows)

    def take(self, record: Record) -> list[Record]:
        """Takes a fact or a tick."""
        if isinstance(record, Tick):
            return self._decide(record)
        self.coins.hear(record)
        return []

    def _decide(self, tick: Tick) -> list[Record]:
        if tick.codes:
            return [tick]  # it was scanned before: what was said about it stands in the stream already
        now, mono = tick.at, tick.mono_ms if tick.mono_ms is not None else tick.at
        self.coins.minute(now)
        made: list[Record] = []
        candidates: list[Record] = []
        codes: dict[str, list[str]] = {}
        for symbol in sorted(self._state.market.coins):
            coin = self._state.market.coins[symbol]
            if coin.heard_at < 0:
                continue  # only its rules are known: it is not being scanned
            code = self._unfit(coin, now, mono)
            if code is None:
                code = self._look(coin, now, made, candidates)
            else:
                self._state.pool.pop(symbol, None)
            if code is not None:
                codes.setdefault(code, []).append(symbol)
        if now % SWEEP_MS == 0:
            for symbol in self.coins.sweep(now, mono, 1000 * self.settings.silent_s):
                self._state.pool.pop(symbol, None)
        sorted_codes = {code: tuple(codes[code]) for code in sorted(codes)}
        return [*made, *candidates, Tick(at=now, codes=sorted_codes, mono_ms=tick.mono_ms)]

    def _unfit(self, coin: Coin, now: int, mono: int) -> str | None:
        """Gives the code of the first filter that a symbol does not pass."""
        settings = self.settings
        if coin.symbol in self._excluded or (coin.quote and coin.quote not in settings.quote_assets):
            return "EXCLUDED"
        if not coin.trading:
            return "NOT_TRADING"
        if coin.bad:
            return "BAD_DATA"
        if mono - coin.heard_at > (2000 * coin.step_s if coin.step_s else 1000 * settings.silent_s):
            return "SILENT"
        window = coin.window
        if window is None or window.count < window.day or (coin.step_s and self._is_behind(coin, now)):
            return "COLD"
        return None

    def _is_behind(self, coin: Coin, now: int) -> bool:
        """Says whether a symbol's prices go on while its candles do not: its windows then tell of the past."""
        feed = self._state.market.feeds.get(coin.symbol)
        return feed is not None and now - feed.opened_at > 3000 * coin.step_s

    def _look(self, coin: Coin, now: int, made: list[Record], candidates: list[Record]) -> str | None:
        """Looks at a fit symbol: its anomaly and its place in the pool; gives its code unless it is a candidate."""
        settings, window, symbol = self.settings, coin.window, coin.symbol
        assert window is not None
        volume = coin.ticker_volume_24h if coin.ticker_volume_24h is not None else window.day_volume
        if volume < self._floor(coin, now):
            self._state.pool.pop(symbol, None)
            return "LOW_VOLUME"
        member = self._state.pool.get(symbol)
        if member is None and window.is_calm(settings.anomaly_change_pct, settings.anomaly_surge):
            member = self._join(coin, now, False)
            if member is None:
                return "QUIET"  # most symbols most of the time
        change, surge = figure(window.change_pct), figure(window.surge)
        trigger = self._trigger(change, surge)
        if trigger is not None and now >= coin.cooldown_until:
            coin.cooldown_until = now + settings.anomaly_cooldown_s * 1000
            made.append(
                Anomaly(
                    at=now, venue=coin.venue, symbol=symbol, trigger=trigger,  # type: ignore[arg-type]
                    change_pct=change, volume_surge=surge, window_s=settings.window_s,
                )
            )  # fmt: skip
        if member is None:
            member = self._join(coin, now, trigger is not None)
            if member is None:
                return "QUIET"
        inputs = self._inputs(coin, now, change, surge, volume)
        if settings.pool == "anomaly":
            heat = heat_of(inputs, self.heat).heat or 0.0
            move(
                member, now, heat, trigger is not None, settings.hot_heat, settings.cool_heat,
                settings.cooling_max_s * 1000,
            )  # fmt: skip
        if member.status == "dropped":
            del self._state.pool[symbol]
            return "DROPPED"
        candidates.append(
            Candidate(
                at=now, venue=coin.venue, symbol=symbol, status=member.status, since=member.since,
                status_since=member.status_since, price=coin.text, inputs=inputs,
            )
        )  # fmt: skip
        return None

    def _floor(self, coin: Coin, now: int) -> float:
        """Gives the volume of 24 h below which a symbol is passed over."""
        floor = self.settings.min_quote_volume_24h
        return floor * (self.settings.new_listing_share_pct / 100.0) if self._newly_listed(coin, now) else floor

    def _trigger(self, change: float | None, surge: float | None) -> str | None:
        moved = change is not None and abs(change) >= self.settings.anomaly_change_pct
        surged = surge is not None and surge >= self.settings.anomaly_surge
        if moved and surged:
            return "price+volume"
        return "price" if moved else "volume" if surged else None

    def _join(self, coin: Coin, now: int, anomaly: bool) -> Member | None:
        chatter = self._state.market.chatter.get(coin.symbol)
        talked_of = chatter is not None and (
            ("announcement" in self.settings.inputs and chatter.announced is not None)
            or ("social" in self.settings.inputs and chatter.mentions(now) >= self.settings.min_mentions)
        )
        if anomaly or self.settings.pool == "all":
            member = join("watching", now)
        elif talked_of or self._newly_listed(coin, now):
            member = join("new", now)
        else:
            return None
        self._state.pool[coin.symbol] = member
        return member

    def _age_days(self, coin: Coin, now: int) -> float | None:
        """Age from the exchange's onboard date, else from the first candle, if the recording saw it come."""
        if coin.onboard_at is not None:
            return figure((now - coin.onboard_at) / DAY_MS)
        if self._state.market.first_at is not None and coin.first_at > self._state.market.first_at + DAY_MS // 24:
            return figure((now - coin.first_at) / DAY_MS)
        return None

    def _newly_listed(self, coin: Coin, now: int) -> bool:
        if coin.onboard_at is not None and now - coin.onboard_at > self._youth_ms:
            return False  # old enough without a figure that is rounded
        age = self._age_days(coin, now)
        return age is not None and 0.0 <= age < self.settings.new_listing_days

    def _inputs(self, coin: Coin, now: int, change: float | None, surge: float | None, volume: float) -> HeatInputs:
        window = coin.window
        assert window is not None
        spread = coin.spread_bps if coin.spread_bps is not None else self.settings.bar_spread_bps
        inputs = HeatInputs(
            change_1h_pct=figure(window.change_long_pct), change_5m_pct=change, volume_surge=surge,
            quote_volume_24h=figure(volume), spread_bps=figure(spread), age_days=self._age_days(coin, now),
            funding_pct=coin.funding_pct,
        )  # fmt: skip
        if not self.settings.inputs:
            return inputs
        chatter = self._state.market.chatter.get(coin.symbol, Chatter())
        return chatter.inputs(now, self.settings.inputs, inputs)
