"""How the processes of a worker learn that it is to stop.

Celery tells only the worker's main process, and lets the tasks in hand come to an end. One byte of
memory, shared with the processes that the main one forks, passes it on; a run looks at it ten times
a second.
"""

import mmap
from typing import Any

from celery import signals

_FLAG = mmap.mmap(-1, 1)


@signals.worker_shutting_down.connect
def _tell(**_: Any) -> None:
    _FLAG[0] = 1


def is_coming() -> bool:
    """Whether this worker is to stop."""
    return _FLAG[0] == 1
