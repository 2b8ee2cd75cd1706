"""Lines out of pieces of bytes: numbered from 1, of bounded length, never gathered beyond it."""

from collections.abc import Iterable, Iterator

from engine.records.wire import MAX_LINE_BYTES

#: What some editors put before the first line: it says that the text is UTF-8, and is no part of it.
_MARK = b"\xef\xbb\xbf"


def numbered_lines(pieces: Iterable[bytes], longest: int = MAX_LINE_BYTES) -> Iterator[tuple[int, bytes | None]]:
    """Gives (number, line) without line ends, blank lines left out; None stands for a line longer than `longest`."""
    rest, number, dropping = b"", 0, False
    for piece in pieces:
        *whole, rest = (rest + piece if rest else piece).split(b"\n")
        for line in whole:
            number += 1
            if number == 1:
                line = line.removeprefix(_MARK)
            if dropping:
                dropping = False
            elif len(line) > longest:
                yield number, None
            elif line and not line.isspace():
                yield number, line.removesuffix(b"\r")
        if len(rest) > longest:
            if not dropping:
                yield number + 1, None
            dropping = True
        if dropping:
            # The rest of an overlong line is read past, not kept.
            rest = b""
    if rest and not dropping and not rest.isspace():
        yield number + 1, (rest.removeprefix(_MARK) if number == 0 else rest).removesuffix(b"\r")
