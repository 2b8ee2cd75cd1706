"""What libraries log, for HOT_DEBUG=1: on stderr, with secrets struck out, as in the stack of a bug."""

import logging
import sys
import traceback
from types import TracebackType

from cli.show import safe
from engine.world.binance.redact import RedactingFilter, redacted


def show_logs() -> None:
    """Shows from now on what libraries log, and the stack of a bug."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    handler.addFilter(RedactingFilter())
    logging.basicConfig(level=logging.DEBUG, handlers=[handler])
    for name in ("httpx", "httpcore"):
        # They are silent otherwise: whole URLs, signatures included, are what they log.
        logging.getLogger(name).setLevel(logging.DEBUG)
    sys.excepthook = _show_stack


def _show_stack(kind: type[BaseException], error: BaseException, stack: TracebackType | None) -> None:
    for line in redacted("".join(traceback.format_exception(kind, error, stack))).splitlines():
        sys.stderr.write(safe(line) + "\n")
