"""Charts as inline SVG: shapes only, stretched to the page; their words stand beside them as HTML."""

from collections.abc import Sequence

from engine.runs.reporting.text import html, moment, number
from engine.stages.report_curve import Point
from engine.stages.report_trades import Trade

#: Both sides of every drawing's own coordinates.
_SIDE = 1000.0
_MORE = 1.08


def equity_chart(points: Sequence[Point]) -> str:
    """Gives the equity curve with its drawdown below; nothing of fewer than two points."""
    if len(points) < 2:
        return '<p class="soft">No cycle yet.</p>'
    values = [float(point.equity) for point in points]
    low, high = min(values), max(values)
    pad = (high - low) * 0.08 or abs(high) * 0.01 or 1.0
    low, high = low - pad, high + pad
    across = _across([point.at for point in points])
    line = _path(across, [_down(value, low, high) for value in values])
    area = f"{line}L{_SIDE:g},{_SIDE:g}L0,{_SIDE:g}Z"
    shapes = f'<path class="under" d="{area}"/><path class="curve" d="{line}"/>'
    upper = _plot("tall", shapes, _ticks(low, high), low, high, "Equity")
    return upper + _depth_chart(points, across) + _times(points[0].at, points[-1].at)


def _depth_chart(points: Sequence[Point], across: Sequence[float]) -> str:
    deepest = min(point.drawdown_pct for point in points)
    low = deepest * _MORE or -1.0
    line = _path(across, [_down(point.drawdown_pct, low, 0.0) for point in points])
    shape = f'<path class="depth" d="M0,0{line.replace("M", "L", 1)}L{_SIDE:g},0Z"/>'
    marks = [(0.0, "0 %")] + ([(deepest, f"{number(deepest)} %")] if deepest < 0 else [])
    return _plot("low", shape, marks, low, 0.0, "Drawdown in percent")


def trades_chart(trades: Sequence[Trade]) -> str:
    """Gives the profit of each trade as a bar, oldest first."""
    if not trades:
        return '<p class="soft">No closed trade.</p>'
    values = [float(trade.pnl) for trade in trades]
    low, high = min(0.0, *values) * _MORE, max(0.0, *values) * _MORE
    if low == high:
        low, high = -1.0, 1.0
    width = _SIDE / max(len(trades), 12)
    zero = _down(0.0, low, high)
    bars = []
    for i, (trade, value) in enumerate(zip(trades, values, strict=True)):
        top, bottom = sorted((_down(value, low, high), zero))
        title = html(f"{trade.symbol}: {number(trade.pnl, sign=True)}, {', '.join(trade.reasons)}")
        bars.append(
            f'<rect class="{"up" if value >= 0 else "down"}" x="{i * width + width * 0.12:.2f}" y="{top:.2f}" '
            f'width="{width * 0.76:.2f}" height="{max(bottom - top, 2.0):.2f}"><title>{title}</title></rect>'
        )
    axis = f'<line class="zero" x1="0" x2="{_SIDE:g}" y1="{zero:.2f}" y2="{zero:.2f}"/>'
    return _plot("mid", axis + "".join(bars), _ticks(low, high), low, high, "Profit of each trade", lines=False)


def bar(value: float, low: float, high: float, style: str = "") -> str:
    """Gives a table cell's bar from zero to `value` on a scale from `low` to `high`."""
    reach = (high - low) or 1.0
    zero, end = (0.0 - low) / reach * 100.0, (value - low) / reach * 100.0
    left, right = sorted((zero, end))
    name = style or ("up" if value >= 0 else "down")
    axis = f'<line class="zero" x1="{zero:.2f}" x2="{zero:.2f}" y1="0" y2="12"/>' if low < 0 else ""
    return (
        '<svg viewBox="0 0 100 12" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="{name}" x="{left:.2f}" y="1" width="{right - left:.2f}" height="10"/>{axis}</svg>'
    )


def bars(values: Sequence[float], styles: Sequence[str], high: float) -> str:
    """Gives a table cell's bars, one below the other, from zero to `high`."""
    each = 12.0 / len(values)
    rows = [
        f'<rect class="{style}" x="0" y="{i * each + 0.4:.2f}" width="{value / high * 100.0:.2f}" '
        f'height="{each - 0.8:.2f}"/>'
        for i, (value, style) in enumerate(zip(values, styles, strict=True))
    ]
    return f'<svg viewBox="0 0 100 12" preserveAspectRatio="none" aria-hidden="true">{"".join(rows)}</svg>'


def _plot(
    size: str, shapes: str, marks: Sequence[tuple[float, str]], low: float, high: float, title: str, lines: bool = True
) -> str:
    grid, words = [], []
    for value, text in marks:
        at = _down(value, low, high)
        if lines:
            grid.append(f'<line class="grid" x1="0" x2="{_SIDE:g}" y1="{at:.2f}" y2="{at:.2f}"/>')
        words.append(f'<span class="tick" style="top:{at / _SIDE * 100:.2f}%">{html(text)}</span>')
    return (
        f'<div class="plot {size}"><svg viewBox="0 0 {_SIDE:g} {_SIDE:g}" preserveAspectRatio="none" role="img" '
        f'aria-label="{html(title)}">{"".join(grid)}{shapes}</svg>{"".join(words)}</div>'
    )


def _across(times: Sequence[int]) -> list[float]:
    first, last = times[0], times[-1]
    reach = (last - first) or 1
    return [(at - first) / reach * _SIDE for at in times]


def _down(value: float, low: float, high: float) -> float:
    return (high - value) / (high - low) * _SIDE


def _path(across: Sequence[float], down: Sequence[float]) -> str:
    return "M" + "L".join(f"{x:.1f},{y:.1f}" for x, y in zip(across, down, strict=True))


def _ticks(low: float, high: float) -> list[tuple[float, str]]:
    """Gives three to six round values between two bounds."""
    raw = (high - low) / 5
    size = 10.0 ** len(str(int(raw))) if raw >= 1 else 1.0
    while size > raw:
        size /= 10.0
    step = next(size * factor for factor in (1, 2, 5, 10) if size * factor >= raw)
    digits = 0
    while digits < 8 and abs(round(step, digits) - step) > step * 1e-6:
        digits += 1
    first = int(low // step) + 1
    values = [step * i for i in range(first, first + 8) if step * i < high]
    return [(value, number(value, digits)) for value in values]


def _times(first: int, last: int) -> str:
    style = "%Y-%m-%d %H:%M" if last - first < 14 * 86_400_000 else "%Y-%m-%d"
    words = [moment(at, style) for at in (first, (first + last) // 2, last)]
    return f'<div class="times">{"".join(f"<span>{word}</span>" for word in words)}</div>'
