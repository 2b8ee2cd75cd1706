"""The rounding of figures as the wire carries them, in plain arithmetic that numba compiles.

`engine.records.base.figure` rounds by way of decimal digits, correctly and half to even. A column cannot do that, so
the same result is found from the exact product of a value and its power of ten (Dekker 1971: the product of two
doubles as the sum of two).
"""

import math

NAN = float("nan")
#: Largest integer that every JSON reader keeps exactly.
MOST = 9007199254740991.0
_SPLIT = 134217729.0
#: A product loses at most half such a share of it: 2 to the -52.
_ROUNDING = 2.220446049250313e-16


def figure_of(x: float) -> float:
    """Gives what `figure` gives, as a float: six decimals, four below 1e-4; NaN for what is not finite."""
    if not math.isfinite(x):
        return NAN
    if x > MOST:
        return MOST
    if x < -MOST:
        return -MOST
    if x >= 1e-4 or x <= -1e-4:
        return rounded(x, 1e6)
    return rounded(x, 1e4)


def rounded(x: float, scale: float) -> float:
    """Rounds to a power of ten, half to even, as decimal digits would; `scale` is 10 to the number of decimals."""
    size = abs(x)
    product = size * scale
    if product >= MOST:
        return x  # its neighbours are further apart than the decimals asked for
    whole = round(product)
    if abs(product - whole) >= 0.5 - product * _ROUNDING:
        whole = nearest(size, scale, product)
    found = whole / scale
    return -found if x < 0.0 else found + 0.0


def nearest(x: float, y: float, product: float) -> int:
    """Gives the whole number nearest to x * y, half to even: so near to the middle, what `product` lost decides."""
    whole = math.floor(product)
    past = (product - whole - 0.5) + lost_of(x, y, product)
    return whole + 1 if past > 0.0 or (past == 0.0 and whole % 2 == 1) else whole


def lost_of(x: float, y: float, product: float) -> float:
    """Gives what the rounding of a product lost: x * y - product, exactly."""
    big = _SPLIT * x
    x_high = big - (big - x)
    x_low = x - x_high
    big = _SPLIT * y
    y_high = big - (big - y)
    y_low = y - y_high
    return ((x_high * y_high - product) + x_high * y_low + x_low * y_high) + x_low * y_low
