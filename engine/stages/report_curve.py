"""The equity curve of a report: every change counts for the drawdown, a bounded number of points is kept."""

from decimal import Decimal

import msgspec

from engine.records.base import figure


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """Equity at a time, and the deepest drawdown (percent, zero or below) since the point before."""

    at: int
    equity: Decimal
    drawdown_pct: float


class Curve:
    """Takes equity after each cycle and fill. Past `keep` points, neighbours become one: the later, with the depth."""

    def __init__(self, keep: int = 1000) -> None:
        """Starts empty."""
        self.points: list[Point] = []
        self.peak: Decimal | None = None
        self.last = Decimal(0)
        self.drawdown = Decimal(0)
        self.drawdown_pct = 0.0
        self.deepest_at: int | None = None
        self._keep = keep
        self._stride = 1
        self._pending = 0

    def add(self, at: int, equity: Decimal) -> None:
        """Adds equity at a time; the first one is the first peak."""
        self.last = equity
        if self.peak is None or equity > self.peak:
            self.peak = equity
        self.drawdown = max(self.drawdown, self.peak - equity)
        depth = self.depth_pct
        if depth < self.drawdown_pct:
            self.drawdown_pct, self.deepest_at = depth, at
        self._keep_point(Point(at=at, equity=equity, drawdown_pct=depth))

    @property
    def depth_pct(self) -> float:
        """The drawdown now, percent of the peak, zero or below; zero where nothing was at stake."""
        if self.peak is None or self.peak <= 0:
            return 0.0
        return figure(float((self.last / self.peak - 1) * 100)) or 0

    def _keep_point(self, point: Point) -> None:
        last = self.points[-1] if self.points else None
        if last == point:
            return
        # Within one stride, and at one instant, the later point takes the place of the one before; the start stays.
        if last is not None and len(self.points) > 1 and (0 < self._pending < self._stride or last.at == point.at):
            self._pending += last.at != point.at
            self.points[-1] = _joined(last, point)
            return
        self._pending = 1
        self.points.append(point)
        if len(self.points) > self._keep:
            self._thin()

    def _thin(self) -> None:
        first, *rest = self.points
        joined = [_joined(rest[i], rest[i + 1]) for i in range(0, len(rest) - 1, 2)]
        self._pending = 0
        if len(rest) % 2:
            joined.append(rest[-1])
            self._pending = self._stride
        self.points = [first, *joined]
        self._stride *= 2


def _joined(one: Point, other: Point) -> Point:
    return Point(at=other.at, equity=other.equity, drawdown_pct=min(one.drawdown_pct, other.drawdown_pct))
