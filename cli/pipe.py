"""The pipe: lines in, records through one stage, lines out; what a stage does not own is handed on unread."""

import os
import select
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from operator import methodcaller
from typing import Any, Protocol

from cli.show import say
from cli.terminal import for_terminal
from engine.errors import BadRecord, DirtyInput, Exit, LedgerError, Partial
from engine.records.base import Record
from engine.records.desk import End, Run
from engine.records.market import Tick
from engine.records.wire import MAX_LINE_BYTES, decode, encode, kind_of_line

_OPENING = b'{"kind":"'
_opens = methodcaller("startswith", _OPENING)
_closes = methodcaller("endswith", b"}")
_CHUNK = 1 << 18
#: So many bad lines are told one by one; the rest is counted.
_TOLD = 5
#: A stage that has something else to do is called so often while nothing comes.
BEAT_S = 0.03


class Takes(Protocol):
    """A stage, as the pipe sees it."""

    wants: frozenset[str]

    def take(self, record: Any) -> list[Record]:
        """Takes a record and gives what it says about it."""
        ...


class Output:
    """Standard output in large writes, flushed at ticks and before waiting."""

    def __init__(self, fd: int = 1) -> None:
        self._fd, self._is_shown = fd, os.isatty(fd)
        self._parts: list[bytes] = []
        self._size = 0
        self.records = 0

    def write(self, line: bytes) -> None:
        """Writes a line (without its newline)."""
        self._parts.append(line)
        self.records += 1
        self._size += len(line)
        if self._size > _CHUNK:
            self.flush()

    def write_block(self, block: bytes, lines: int) -> None:
        """Writes whole lines as they came (without the last newline)."""
        self._parts.append(block)
        self.records += lines
        self._size += len(block)
        if self._size > _CHUNK:
            self.flush()

    def flush(self) -> None:
        """Hands everything on; raises BrokenPipeError when the reader has gone, LedgerError when writing fails."""
        if not self._parts:
            return
        data = memoryview(b"\n".join(self._parts) + b"\n")
        if self._is_shown:
            data = memoryview(for_terminal(bytes(data)))
        self._parts, self._size = [], 0
        try:
            while data:
                data = data[os.write(self._fd, data) :]
        except BrokenPipeError:
            raise
        except OSError as error:
            raise LedgerError(f"cannot write the output: {error.strerror}") from None


class Rejects:
    """Counts bad lines; tells the first few, with where they stood and why."""

    def __init__(self, stage: str, strict: bool = False) -> None:
        self.stage, self.strict, self.count = stage, strict, 0

    def add(self, where: str, number: int, reason: str) -> None:
        """Takes note of a bad line, or (0) of what is wrong with many; raises DirtyInput under --strict."""
        self.count += 1
        place = f"{where}:{number}" if number else where
        if self.strict:
            raise DirtyInput(f"{place}: {reason} (--strict stops at the first bad line)")
        if self.count <= _TOLD:
            say(f"hot {self.stage}: {place}: {reason}")
        elif self.count == _TOLD + 1:
            say(f"hot {self.stage}: more bad lines follow; they are counted")

    def code(self) -> int:
        """Gives the exit code of a finished stream, telling how many lines were skipped."""
        if not self.count:
            return Exit.OK
        say(f"hot {self.stage}: skipped {self.count} bad {'line' if self.count == 1 else 'lines'}")
        return Exit.DIRTY


class Input:
    """Standard input as lines; says when the next read would block, and bounds every line."""

    def __init__(
        self, rejects: Rejects, before_wait: Callable[[], None], idle_timeout: float | None = None, fd: int = 0,
        beat: Callable[[], bool] | None = None,
    ) -> None:  # fmt: skip
        """`beat` is called at each read, and many times a second while there is nothing; it says whether to go on."""
        self._fd, self._rejects, self._before_wait, self._idle = fd, rejects, before_wait, idle_timeout
        self._beat, self._over = beat, False
        self.number = 0

    def chunks(self) -> Iterator[tuple[list[bytes], bytes]]:
        """Gives the lines in batches, as they come, with their bytes; `number` is that of the batch's first line."""
        rest, first, dropping = b"", 1, False
        while data := self._read():
            block = rest + data if rest else data
            lines = block.split(b"\n")
            rest = lines.pop()
            if dropping and lines:
                lines[0], dropping = b"", False
            self.number = first
            first += len(lines)
            if lines:
                yield lines, block[: len(block) - len(rest) - 1]
            if len(rest) > MAX_LINE_BYTES:
                if not dropping:
                    self._rejects.add("stdin", first, f"longer than {MAX_LINE_BYTES} bytes")
                rest, dropping = b"", True
        if rest and not dropping and not self._over:
            self.number = first
            yield [rest], rest

    def _read(self) -> bytes:
        if not self._goes_on():
            return b""
        try:
            if not self._is_ready(0):
                self._before_wait()
                if not self._wait():
                    return b""
        except ValueError:  # pragma: no cover - only where select cannot watch the descriptor
            self._before_wait()
        return os.read(self._fd, _CHUNK)

    def _is_ready(self, within_s: float | None) -> bool:
        return bool(select.select([self._fd], [], [], within_s)[0])

    def _goes_on(self) -> bool:
        self._over = self._beat is not None and not self._beat()
        return not self._over

    def _wait(self) -> bool:
        """Waits for input; False where the beat says that it is over."""
        since = time.monotonic()
        while not self._is_ready(BEAT_S if self._beat is not None else self._idle):
            if self._idle is not None and time.monotonic() - since >= self._idle:
                raise Partial(f"no input for {self._idle:g} s (--idle-timeout); what came before was handed on")
            if not self._goes_on():
                return False
        return True


def run_filter(
    name: str,
    make: Callable[[Run | None], Takes],
    wants: Iterable[str],
    *,
    strict: bool = False,
    require_end: bool = False,
    idle_timeout: float | None = None,
    keep_line: Callable[[Any, str, bytes], None] | None = None,
    quiet: bool = False,
    on_run: Callable[[Run], Run] | None = None,
    beat: Callable[[], bool] | None = None,
    at_end: Callable[[], Iterable[Record]] | None = None,
) -> int:
    """Runs one stage between stdin and stdout; gives the exit code.

    The stage is made when the first line is there: a `run` record that comes first tells its settings. `keep_line` is
    shown the run record and every passing line of the kinds that the stage `keeps` (the ledger's owner, decisions).
    `beat` is called many times a second and says whether to go on; `at_end` gives what follows the last line.
    """
    rejects, output = Rejects(name, strict), Output()
    source = Input(rejects, output.flush, idle_timeout, beat=beat)
    loop = _Loop(name, make, frozenset(wants), output, rejects, keep_line, on_run)
    for lines, block in source.chunks():
        loop.batch(lines, block, source.number)
    for record in at_end() if at_end is not None else ():
        output.write(encode(record))
    loop.finish(quiet)
    output.flush()
    if require_end and not loop.ended:
        say(f"hot {name}: the input stopped without its end record (--require-end)")
        return Exit.DIRTY
    return rejects.code()


class _Loop:
    def __init__(
        self, name: str, make: Callable[[Run | None], Takes], wants: frozenset[str], output: Output, rejects: Rejects,
        keep_line: Callable[[Any, str, bytes], None] | None, on_run: Callable[[Run], Run] | None,
    ) -> None:  # fmt: skip
        self._name, self._make, self._output, self._rejects = name, make, output, rejects
        self._keep, self._on_run = keep_line, on_run
        read = wants | {"run", "end"}
        self._wants = wants
        self._prefixes = tuple(b'{"kind":"' + kind.encode() + b'"' for kind in sorted(read))
        # Nothing is kept before the stage is there; until then every line is looked at.
        self._kept: tuple[bytes, ...] = () if keep_line is None else (_OPENING,)
        self._own = methodcaller("startswith", self._prefixes + self._kept)
        self._stage: Takes | None = None
        self._last_at = 0
        self.ended = False
        self._upstream_complete = True

    def batch(self, lines: list[bytes], block: bytes, number: int) -> None:
        """Takes lines; a batch in which nothing is to be read goes on as it came."""
        if not any(map(self._own, lines)) and _all_pass(lines):
            self._output.write_block(block, len(lines))
            return
        prefixes, write = self._prefixes, self._output.write
        for offset, line in enumerate(lines):
            if line.startswith(prefixes):
                self._read(line, line, number + offset)
            elif line.startswith(_OPENING) and line.endswith(b"}") and len(line) <= MAX_LINE_BYTES:
                if self._kept and line.startswith(self._kept):
                    self._hand_on(line, number + offset)
                else:
                    write(line)
            elif line and not line.isspace():
                self._slow(line, number + offset)

    def _hand_on(self, line: bytes, number: int) -> None:
        assert self._keep is not None
        stage = self.stage(None)
        if line.startswith(self._kept):
            try:
                self._keep(stage, kind_of_line(line) or "", line)
            except BadRecord as error:
                self._rejects.add("stdin", number, str(error))
                return
        self._output.write(line)

    def _slow(self, line: bytes, number: int) -> None:
        """A line in another form (key order, white space, CRLF): its meaning counts, and it goes on in our form."""
        try:
            record = decode(line.strip())
        except BadRecord as error:
            self._rejects.add("stdin", number, str(error))
            return
        if record is None:
            self._output.write(line.strip())
        elif record.kind in self._wants or record.kind in ("run", "end"):
            self._read(line.strip(), encode(record), number)
        elif self._keep is not None:
            self._hand_on(encode(record), number)
        else:
            self._output.write(encode(record))

    def _read(self, line: bytes, canonical: bytes, number: int) -> None:
        try:
            record = decode(line)
        except BadRecord as error:
            self._rejects.add("stdin", number, str(error))
            return
        if record is None:
            self._output.write(canonical)
            return
        if isinstance(record, End):
            self.ended, self._upstream_complete = True, record.complete
            return
        if isinstance(record, Run):
            self._run(record, canonical)
            return
        if record.at < self._last_at:
            self._rejects.add(
                "stdin",
                number,
                f"time runs backwards by {self._last_at - record.at} ms: {record.at} after {self._last_at}",
            )
            return
        self._last_at = record.at
        self._take(record, canonical)

    def _run(self, record: Run, line: bytes) -> None:
        if self._on_run is not None:
            record = self._on_run(record)
            line = encode(record)
        stage = self.stage(record)
        if self._keep is not None:
            self._keep(stage, "run", line)
        self._output.write(line)

    def stage(self, run: Run | None) -> Takes:
        """Gives the stage, made on first use."""
        if self._stage is None:
            self._stage = self._make(run)
            self._kept = tuple(
                b'{"kind":"' + kind.encode() + b'"' for kind in sorted(getattr(self._stage, "keeps", ()))
            )
            self._own = methodcaller("startswith", self._prefixes + self._kept)
        return self._stage

    def _take(self, record: Record, line: bytes) -> None:
        stage, output = self.stage(None), self._output
        made = stage.take(record) if record.kind in stage.wants else []
        if isinstance(record, Tick):
            for one in made:
                output.write(encode(one))
            output.write(line)
            output.flush()
            return
        output.write(line)
        for one in made:
            output.write(encode(one))

    def finish(self, quiet: bool) -> None:
        if not self.ended and not quiet:
            say(f"hot {self._name}: the input stopped without an end record: upstream was cut, or never wrote one")
        complete = self.ended and self._upstream_complete
        end = End(
            at=self._last_at, stage=self._name, records=self._output.records, skipped=self._rejects.count,
            complete=complete,
        )  # fmt: skip
        self._output.write(encode(end))


def _all_pass(lines: list[bytes]) -> bool:
    return all(map(_opens, lines)) and all(map(_closes, lines)) and max(map(len, lines)) <= MAX_LINE_BYTES


def stdin_is_market() -> bool:
    """True when something was piped or redirected into the command (a terminal or /dev/null is nothing)."""
    import stat

    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
    except (OSError, ValueError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode) or stat.S_ISSOCK(mode)
