"""Candles of longer timeframes over columns: what the signal stage builds candle by candle, for a block of cycles.

Plain functions that numba compiles.
"""

from typing import Any

Ints = Any
Floats = Any
#: Frames by number within a block: none yet, the last one of the block before, and from there on the new ones.
NO_FRAME, CARRIED, FIRST_NEW = 0, 1, 2


def fold(
    opens: Floats, highs: Floats, lows: Floats, closes: Floats, volumes: Ints, run: Ints, parts_whole: int, place: int,
    state: Ints, open_frame: Floats, frames: Floats, flows: Ints, ends: Ints, fresh: Ints, counts: Ints, number: Ints,
) -> int:  # fmt: skip
    """Folds one symbol's candles into those of a timeframe; gives how many closed.

    A close of NaN is no candle; `run` counts candles since a hole. A timeframe's candle is whole when `parts_whole`
    came without a hole; `place` says how many cycles before the first one the last timeframe ended, 0 if it ends there.
    `state` holds: parts, their volume, the number of the newest frame, whether a hole came since, frames since it;
    `open_frame` open, high and low of the one under construction. Writes of the k-th frame open, high, low and close
    into column k of `frames`, its volume into `flows`, the cycle it closed in into `ends`, 1 into `fresh` where a hole
    came before it, how many there are since the last hole into `counts`; and into `number` each cycle's newest frame.
    """
    parts, flow, newest = state[0], state[1], state[2]
    reset, seen = state[3], state[4]
    count = 0
    for j in range(len(closes)):
        if closes[j] == closes[j]:
            if run[j] == 1:
                parts, newest, reset, seen = 0, NO_FRAME, 1, 0
            if parts == 0:
                open_frame[0], open_frame[1], open_frame[2] = opens[j], highs[j], lows[j]
                flow = volumes[j]
            else:
                open_frame[1] = max(open_frame[1], highs[j])
                open_frame[2] = min(open_frame[2], lows[j])
                flow += volumes[j]
            parts += 1
            if place == 0:
                if parts == parts_whole:
                    frames[0, count], frames[1, count], frames[2, count] = open_frame[0], open_frame[1], open_frame[2]
                    frames[3, count] = closes[j]
                    flows[count], ends[count], fresh[count] = flow, j, reset
                    seen += 1
                    counts[count] = seen
                    newest, reset = FIRST_NEW + count, 0
                    count += 1
                parts = 0
        place = place + 1 if place + 1 < parts_whole else 0
        number[j] = newest
    state[0], state[1], state[3], state[4] = parts, flow, reset, seen
    state[2] = NO_FRAME if newest == NO_FRAME else CARRIED
    return count


def fold_even(
    first: int, closes: Floats, sums: Ints, run: Ints, parts_whole: int, place: int, state: Ints, frames: Floats,
    flows: Ints, ends: Ints, fresh: Ints, counts: Ints, number: Ints,
) -> int:  # fmt: skip
    """Does what `fold` does of closes and volumes where no candle is missing, a frame at a time.

    `first` is the first cycle, `sums` the running sum of volumes; columns in front of it go back further than a frame.
    """
    size, newest, reset, seen, count = len(number), state[2], state[3], state[4], 0
    end = (parts_whole - place) % parts_whole
    for j in range(min(end, size)):
        number[j] = newest
    while end < size:
        if run[first + end] >= parts_whole:
            frames[3, count] = closes[first + end]
            flows[count], ends[count] = sums[first + end] - sums[first + end - parts_whole], end
            fresh[count] = reset
            seen += 1
            counts[count] = seen
            newest, reset = FIRST_NEW + count, 0
            count += 1
        for j in range(end, min(end + parts_whole, size)):
            number[j] = newest
        end += parts_whole
    last = first + size - 1
    parts = min(size - 1 - (end - parts_whole), run[last])
    state[0], state[1], state[3], state[4] = parts, sums[last] - sums[last - parts], reset, seen
    state[2] = NO_FRAME if newest == NO_FRAME else CARRIED
    return count


def spread(number: Ints, values: Floats, out: Floats) -> None:
    """Gives each cycle the value of its newest frame; `values` begins with those of `NO_FRAME` and `CARRIED`."""
    for j in range(len(number)):
        out[j] = values[number[j]]
