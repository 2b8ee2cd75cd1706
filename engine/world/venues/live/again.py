"""A request of which not a byte left may be made again; one that may have arrived never is."""

import threading
from collections.abc import Callable
from typing import TypeVar

from engine.world.binance.trouble import TURNED_AWAY, Banned, NotSent

T = TypeVar("T")
#: So often, after these pauses.
SEND_AGAIN_S = (0.1, 0.4, 1.0)


def again(request: Callable[[], T], stopping: threading.Event) -> T:
    """Makes a request, and once more where not a byte of it left. Raises what the last one raised."""
    for pause in SEND_AGAIN_S:
        try:
            return request()
        except Banned:
            raise
        except NotSent as error:
            if error.phase == TURNED_AWAY or stopping.wait(pause):
                raise  # what has arrived once is never sent again under its id
    return request()
