"""How a run learns that its process, or its whole worker, is to stop.

Celery tells only the worker's main process, and lets the tasks in hand come to an end. One byte of
memory, shared with the processes that the main one forks, passes it on; a run looks at it ten times
a second. A process that gets SIGTERM itself, as service managers do it, ends its run first.
"""

import mmap
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from celery import signals

_FLAG = mmap.mmap(-1, 1)


@signals.worker_shutting_down.connect
def _tell(**_: Any) -> None:
    _FLAG[0] = 1


@contextmanager
def put_off() -> Iterator[Callable[[], bool]]:
    """Let the block end in order when SIGTERM comes, and obey it then.

    Yields what says whether to stop. To be used in a process's main thread.
    """
    came = []
    before = signal.signal(signal.SIGTERM, lambda *_: came.append(True))
    try:
        yield lambda: bool(came) or is_coming()
    finally:
        signal.signal(signal.SIGTERM, before)
        if came:
            os.kill(os.getpid(), signal.SIGTERM)


def is_coming() -> bool:
    """Whether this worker is to stop."""
    return _FLAG[0] == 1
