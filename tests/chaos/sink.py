"""The mail server that a campaign is sent to, in a process of its own.

Started with its habits as JSON: `python -m tests.chaos.sink '{"record": ...}'`; prints its port
when it listens. It keeps its own record (record.py), which the judge reads.
"""

import asyncio
import json
import signal
import sys

import uvloop

from tests.chaos.moods import Habits
from tests.chaos.session import Server, Session


async def serve(habits: Habits) -> None:
    """Listen until SIGTERM."""
    loop = asyncio.get_running_loop()
    shared = Server(habits)
    server = await loop.create_server(
        lambda: Session(shared), habits.host, habits.port, backlog=1024
    )
    stopping = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopping.set)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await stopping.wait()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(Habits(**json.loads(sys.argv[1]))))
