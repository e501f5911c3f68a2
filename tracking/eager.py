"""Requests that run without a task each, and go on together when their hits are stored.

granian makes an asyncio task for each request. Making one, waking it through the loop and ending it
costs more than checking a token does, and nobody here cancels a request, waits for one or gives it
a context. So `run_at_once`, as the loop's task factory, runs granian's coroutines itself: up to
their first wait as soon as they come (as `asyncio.eager_task_factory` of Python 3.12 does), and
from there when what they wait for is done. All others become tasks as usual. Should granian name
its coroutines otherwise one day, so do requests: they are slower then, and no less right.

Inside a request `asyncio.current_task()` is None, so `asyncio.timeout` can't be used there.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Generator
from functools import partial
from typing import Any, cast

logger = logging.getLogger(__name__)

_OF_A_REQUEST = "future_watcher"  # the coroutine in which granian wraps each call of an application

_Coroutine = Coroutine[Any, Any, Any] | Generator[Any, None, Any]


class Stored(asyncio.Future[None]):
    """Done when a group of hits is stored. Requests that await it are not woken one by one."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop=loop)
        self._requests: list[_Coroutine] = []

    def keep(self, request: _Coroutine) -> None:
        """Let a request go on at `finish`, in the order of coming."""
        self._requests.append(request)

    def finish(self) -> None:
        """Let all who wait go on: requests before this returns, tasks soon after."""
        self.set_result(None)
        requests, self._requests = self._requests, []
        for request in requests:
            try:
                _go_on(request)
            except Exception:
                # granian's own, which catches what an application raises: the others go on.
                logger.exception("a request could not be ended")

    def cancel(self, msg: object = None) -> bool:
        """Do nothing: who does not want to wait any more speaks for nobody else."""
        return False


def run_at_once(
    loop: asyncio.AbstractEventLoop, coroutine: _Coroutine, /, **options: Any
) -> asyncio.Future[Any]:
    """Run a coroutine of granian up to its first wait; make a task of any other."""
    if getattr(coroutine, "__name__", "") != _OF_A_REQUEST:
        return asyncio.Task(coroutine, loop=loop, **options)
    _go_on(coroutine)
    # granian keeps what it gets here and asks nothing of it. What a request waits for keeps it.
    return cast("asyncio.Future[Any]", None)


def _go_on(request: _Coroutine, _done: object = None) -> None:
    try:
        awaited = request.send(None)
    except StopIteration:
        return
    # What a task does: it is how a future knows that it was awaited, and not yielded by mistake.
    awaited._asyncio_future_blocking = False
    if type(awaited) is Stored and not awaited.done():
        awaited.keep(request)
    else:
        awaited.add_done_callback(cast("Callable[..., Any]", partial(_go_on, request)))
