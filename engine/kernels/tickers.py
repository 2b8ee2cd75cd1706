"""Whole-market frames of mini tickers as bytes: read into columns, and written as lines of the wire.

Plain loops that numba compiles. Frames, names and lines are columns of bytes. What is read is exactly what the general
reader of frames would read; whatever takes more care than this (escapes, other values than texts and whole numbers, a
symbol told twice, numbers of unusual length) is refused whole, and the general reader decides.
"""

from typing import Any

Bytes = Any
Ints = Any
Floats = Any

#: What a frame that is not read here gives.
REFUSED = -1
#: Columns of a row: the symbol's number, and where its texts begin and end in the frame.
SYMBOL, LAST, VOLUME, QUOTE_VOLUME, WIDTH = 0, 1, 3, 5, 7
#: What is counted: tickers that were read, events in the frame, symbols that nobody knows.
TICKERS, EVENTS, STRANGERS, COUNTS = 0, 1, 2, 3

_QUOTE, _COMMA, _DOT, _ZERO, _COLON, _OPEN, _BACKSLASH, _END, _CLOSE = 34, 44, 46, 48, 58, 123, 92, 93, 125
_S, _C, _V, _Q, _E, _T = 115, 99, 118, 113, 69, 116
_SEEN_S, _SEEN_C, _SEEN_V, _SEEN_Q, _SEEN_E, _SEEN_ST, _ALL = 1, 2, 4, 8, 16, 32, 31
#: Rows of this market (see `world/streams/frames`).
_OURS = 1
_EXACT = 9_007_199_254_740_992
_ROOM = 4_611_686_018_427_387_904
_MOST_DIGITS, _MOST_PLACES = 15, 18


def scan(
    frame: Bytes, begin: int, names: Bytes, starts: Ints, slots: Ints, wanted: Ints, told: Ints, place: Ints,
    rows: Ints, days: Floats, strangers: Ints, counts: Ints,
) -> int:  # fmt: skip
    """Reads the array that begins at `begin` (behind its bracket) and ends with the frame; 0, or `REFUSED`.

    Symbols are numbered in their order; `starts` says where each begins in `names`, and `slots` finds it. Of those that
    are `wanted` each row that is newer than what was `told` goes into `rows`, in the order of symbols, and its quote
    volume into `days`. `place` is scratch of a number a symbol, -1 between calls; `rows` and `days` have room for all
    symbols twice and one more, and are used from the middle on while reading. `strangers` gets where unknown symbols
    stand.
    """
    half = len(told)
    found = _rows(frame, begin, names, starts, slots, wanted, told, place, rows, days, strangers, counts)
    kept = 0
    for number in range(half):
        k = place[number]
        if k < 0:
            continue
        place[number] = -1
        if found != REFUSED:
            for column in range(WIDTH):
                rows[kept, column] = rows[half + k, column]
            days[kept] = days[half + k]
            told[number] = rows[half + k, WIDTH]
            kept += 1
    counts[TICKERS] = kept
    return found


def _rows(
    frame: Bytes, begin: int, names: Bytes, starts: Ints, slots: Ints, wanted: Ints, told: Ints, place: Ints,
    rows: Ints, days: Floats, strangers: Ints, counts: Ints,
) -> int:  # fmt: skip
    """Reads all rows; leaves those that count behind the middle of `rows`, and in `place` which is whose."""
    i, limit, half = begin, len(frame) - 2, len(told)
    read = events = unknown = 0
    while i < limit and frame[i] == _OPEN:
        row = half + read
        name_at = name_end = said = 0
        ours, seen, more = _OURS, 0, True
        while more:
            i += 1
            if i >= limit or frame[i] != _QUOTE:
                return REFUSED
            key_at = i + 1
            i = _text_end(frame, key_at, limit)
            if i < 0 or frame[i + 1] != _COLON:
                return REFUSED
            key, tail, size = frame[key_at], frame[key_at + 1], i - key_at
            i += 2
            at = value = 0
            is_text = frame[i] == _QUOTE
            if is_text:
                at = i + 1
                end = _text_end(frame, at, limit)
                if end < 0:
                    return REFUSED
                i = end + 1
            else:
                at, end = i, _whole_end(frame, i, limit)
                if end < 0:
                    return REFUSED
                value = _whole(frame, at, end)
                i = end
            bit = 0
            if size == 1:
                if key == _S:
                    bit, name_at, name_end = _SEEN_S, at, end
                elif key == _C:
                    bit, rows[row, LAST], rows[row, LAST + 1] = _SEEN_C, at, end
                elif key == _V:
                    bit, rows[row, VOLUME], rows[row, VOLUME + 1] = _SEEN_V, at, end
                elif key == _Q:
                    bit, rows[row, QUOTE_VOLUME], rows[row, QUOTE_VOLUME + 1] = _SEEN_Q, at, end
                elif key == _E:
                    bit, said = _SEEN_E, value
            elif size == 2 and key == _S and tail == _T:
                bit, ours = _SEEN_ST, value
            if bit and (seen & bit or is_text != (bit < _SEEN_E)):
                return REFUSED
            seen |= bit
            more = frame[i] == _COMMA
        if frame[i] != _CLOSE or seen & _ALL != _ALL:
            return REFUSED
        i += 1
        events += 1
        if ours == _OURS:
            number = _number_of(frame, name_at, name_end, names, starts, slots)
            if number < 0:
                if unknown >= len(strangers):
                    return REFUSED
                strangers[unknown, 0], strangers[unknown, 1] = name_at, name_end
                unknown += 1
            elif wanted[number] and told[number] < said:
                if place[number] >= 0 or not _is_believed(frame, rows, row, days):
                    return REFUSED
                rows[row, SYMBOL], rows[row, WIDTH] = number, said
                place[number] = read
                read += 1
        if frame[i] == _END:
            counts[EVENTS], counts[STRANGERS] = events, unknown
            return 0 if i == limit and frame[i + 1] == _CLOSE else REFUSED
        if frame[i] != _COMMA:
            return REFUSED
        i += 1
    return REFUSED


def _is_believed(frame: Bytes, rows: Ints, row: int, days: Floats) -> bool:
    """Says whether a row's numbers are plain decimals, its price above zero; notes the quote volume."""
    days[row] = decimal(frame, rows[row, QUOTE_VOLUME], rows[row, QUOTE_VOLUME + 1])
    return bool(
        days[row] >= 0.0
        and decimal(frame, rows[row, LAST], rows[row, LAST + 1]) > 0.0
        and decimal(frame, rows[row, VOLUME], rows[row, VOLUME + 1]) >= 0.0
    )


def _text_end(frame: Bytes, i: int, limit: int) -> int:
    """Gives where the quote stands that ends a text; -1 for an escape, a control character or no end."""
    if i < 0:
        return -1  # as in `_put`
    while i < limit:
        c = frame[i]
        if c == _QUOTE:
            return i
        if c < 32 or c == _BACKSLASH:
            return -1
        i += 1
    return -1


def _whole_end(frame: Bytes, at: int, limit: int) -> int:
    """Gives where a whole number ends; -1 for anything else, or one that begins with a zero or is too long."""
    i = at
    while i < limit and 0 <= int(frame[i]) - _ZERO <= 9:
        i += 1
    if i == at or i - at > _MOST_DIGITS or (frame[at] == _ZERO and i - at > 1):
        return -1
    return i


def _whole(frame: Bytes, at: int, end: int) -> int:
    value = 0
    for i in range(at, end):
        value = value * 10 + (int(frame[i]) - _ZERO)
    return value


def decimal(frame: Bytes, at: int, end: int) -> float:
    """Reads a plain decimal as the very float that Python makes of it; -1.0 for what is none, or takes more care."""
    whole, part, power, i = 0, 0, 1, at
    while i < end and frame[i] != _DOT:
        digit = int(frame[i]) - _ZERO
        if digit < 0 or digit > 9:
            return -1.0
        whole = whole * 10 + digit
        i += 1
        if i - at > _MOST_DIGITS:
            return -1.0
    if i == at:
        return -1.0
    if i < end:
        i += 1
        if i == end or end - i > _MOST_PLACES:
            return -1.0
        while i < end:
            digit = int(frame[i]) - _ZERO
            if digit < 0 or digit > 9:
                return -1.0
            part = part * 10 + digit
            power *= 10
            i += 1
    return _nearest(whole, part, power)


def _nearest(whole: int, part: int, power: int) -> float:
    """Gives the float nearest to `whole + part / power`, ties to even; -1.0 where 64 bits have no room for the way.

    While both sides of the fraction fit 53 bits one division rounds right (Clinger 1990). Beyond, `whole` is moved up
    to 53 bits, and the part that follows is rounded by its remainder.
    """
    if (whole + 1) <= _EXACT // power:
        return (whole * power + part) / power
    while power > 1 and part % 10 == 0:
        part //= 10
        power //= 10
    if (whole + 1) <= _EXACT // power:
        return (whole * power + part) / power
    if whole == 0:
        return -1.0
    scale = 1
    while whole * scale * 2 < _EXACT:
        scale *= 2
    if part >= _ROOM // scale:
        return -1.0
    below = part * scale // power
    rest = part * scale - below * power
    mantissa = whole * scale + below
    if rest > power - rest or (rest == power - rest and mantissa % 2 == 1):
        mantissa += 1
    return mantissa / scale


def slot_of(name: Bytes, at: int, end: int, mask: int) -> int:
    """Gives the slot in which a name is looked for first (FNV-1a, 32 bits)."""
    found = 2_166_136_261
    for i in range(at, end):
        found = ((found ^ int(name[i])) * 16_777_619) & 0xFFFF_FFFF
    return found & mask


def _number_of(frame: Bytes, at: int, end: int, names: Bytes, starts: Ints, slots: Ints) -> int:
    """Gives a symbol's number, -1 where it is unknown. At least one slot is free."""
    mask = len(slots) - 1
    slot = slot_of(frame, at, end, mask)
    while slots[slot] >= 0:
        number = int(slots[slot])
        if starts[number + 1] - starts[number] == end - at and _is_same(frame, at, names, starts[number], end - at):
            return number
        slot = (slot + 1) & mask
    return -1


def _is_same(one: Bytes, at: int, other: Bytes, other_at: int, size: int) -> bool:
    k = 0
    while k < size and one[at + k] == other[other_at + k]:
        k += 1
    return k == size


def write(
    frame: Bytes, rows: Ints, names: Bytes, starts: Ints, opening: Bytes, last: Bytes, volume: Bytes,
    quote_volume: Bytes, closing: Bytes, out: Bytes,
) -> int:  # fmt: skip
    """Writes a line of each row into `out`; gives how long all are. What stands between the texts is given."""
    i = 0
    for k in range(len(rows)):
        number = rows[k, SYMBOL]
        i = _put(opening, 0, len(opening), out, i)
        i = _put(names, starts[number], starts[number + 1], out, i)
        i = _put(last, 0, len(last), out, i)
        i = _put(frame, rows[k, LAST], rows[k, LAST + 1], out, i)
        i = _put(volume, 0, len(volume), out, i)
        i = _put(frame, rows[k, VOLUME], rows[k, VOLUME + 1], out, i)
        i = _put(quote_volume, 0, len(quote_volume), out, i)
        i = _put(frame, rows[k, QUOTE_VOLUME], rows[k, QUOTE_VOLUME + 1], out, i)
        i = _put(closing, 0, len(closing), out, i)
    return i


def _put(text: Bytes, at: int, end: int, out: Bytes, i: int) -> int:
    if at < 0 or i < 0:
        return i  # it never is; a place below zero counts from the end, which is not asked again at each byte
    for k in range(end - at):
        out[i + k] = text[at + k]
    return i + end - at
