"""The readers: many at once, in one process, at a steady pace.

Each wish is asked of one of the edges; when no answer comes, of the other, as a proxy in front of
both does, and of both again after a moment, as a person does who loads the page again. A request is
in the record when it has ended. `python -m tests.chaos_tracking.readers ORDERS`
"""

import asyncio
import contextlib
import json
import random
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.chaos_tracking import hits, record
from tests.chaos_tracking.hits import Hit, World
from tests.chaos_tracking.record import NONE, RIGHT, WRONG, Line

PATIENCE = 10.0  # seconds that a reader waits for an answer
ATTEMPTS = 60
PAUSE = 0.5  # seconds before both edges are tried again
STAYS = 0.95  # of requests come on the connection of the one before
PICTURE = (b"GIF89a", b";")  # how a whole picture begins and ends


@dataclass(frozen=True)
class Orders:
    """What the readers are told."""

    seed: int
    count: int  # hits
    rate: float  # hits a second
    clients: int
    ports: list[int]  # of the edges
    world: str  # a file
    record: str  # a file

    def text(self) -> str:
        """Return it for the command line."""
        return json.dumps(asdict(self))


class Connection:
    """One connection to an edge."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.answered_at = 0.0  # seconds since 1970

    @classmethod
    async def open(cls, port: int) -> "Connection":
        """Connect. Raises OSError."""
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def ask(self, request: bytes, *, is_head: bool) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body. Raises OSError or EOFError when the edge hangs up."""
        self._writer.write(request)
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.split("\r\n")[:-2]
        headers = {
            name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)
        }
        length = 0 if is_head else int(headers.get("content-length", 0))
        body = await self._reader.readexactly(length) if length else b""
        self.answered_at = time.time()
        return int(first.split()[1]), headers, body

    def close(self) -> None:
        """Hang up."""
        with contextlib.suppress(OSError, RuntimeError):
            self._writer.close()


class Reader:
    """One of many."""

    def __init__(self, orders: Orders, number: int, out: list[str]) -> None:
        self._orders = orders
        self._dice = random.Random(f"reader {orders.seed} {number}")
        self._connections: dict[int, Connection] = {}
        self._out = out

    async def want(self, hit: Hit) -> None:
        """Ask until there is an answer."""
        edge = self._dice.randrange(len(self._orders.ports))
        path = hit.path()
        for attempt in range(ATTEMPTS):
            if attempt and attempt % len(self._orders.ports) == 0:
                await asyncio.sleep(PAUSE)
            sent = time.time()
            kept = self._connections.get(edge)
            since = kept.answered_at if kept else sent
            outcome, detail = await self._ask(edge, hit, path, attempt)
            line = Line(hit.number, attempt, edge, since, sent, time.time(), outcome, detail)
            self._out.append(str(line))
            if outcome in record.ANSWERED:
                return
            edge = (edge + 1) % len(self._orders.ports)

    async def _ask(self, edge: int, hit: Hit, path: str, attempt: int) -> tuple[str, str]:
        try:
            async with asyncio.timeout(PATIENCE):
                connection = self._connections.pop(edge, None)
                if connection is None:
                    connection = await Connection.open(self._orders.ports[edge])
                try:
                    answer = await connection.ask(
                        _request(hit, path, attempt), is_head=hit.method == "HEAD"
                    )
                except BaseException:
                    connection.close()
                    raise
        except (OSError, EOFError, TimeoutError) as error:
            return NONE, type(error).__name__
        if self._dice.random() < STAYS:
            self._connections[edge] = connection
        else:
            connection.close()
        problem = check(hit, *answer)
        return (WRONG, problem) if problem else (RIGHT, "")


def check(hit: Hit, status: int, headers: dict[str, str], body: bytes) -> str:
    """Return what is wrong with an answer; nothing when it is right."""
    right = hit.right
    if status != right.status:
        return f"{status}, not {right.status}"
    if (leads_to := headers.get("location", "")) != right.leads_to:
        return f"leads to {leads_to!r}, not {right.leads_to!r}"
    if "set-cookie" in headers:
        return "a cookie"
    if right.status == 200 and not _is_picture(hit, headers, body):
        return "no picture"
    return ""


def _is_picture(hit: Hit, headers: dict[str, str], body: bytes) -> bool:
    begins, ends = PICTURE
    is_whole = hit.method == "HEAD" or (body.startswith(begins) and body.endswith(ends))
    return is_whole and headers.get("content-type") == "image/gif"


def _request(hit: Hit, path: str, attempt: int) -> bytes:
    lines = [
        f"{hit.method} {path} HTTP/1.1",
        "Host: edge.example",
        f"User-Agent: {hit.user_agent(attempt)}",
        "Accept: image/*",
        *([f"X-Forwarded-For: {hit.forwarded}"] if hit.forwarded else []),
    ]
    return "\r\n".join([*lines, "", ""]).encode()


async def run(orders: Orders) -> None:
    """Ask for everything, and write down what came of it."""
    world = World.read(Path(orders.world))
    out: list[str] = []
    numbers = iter(range(orders.count))
    begun = time.monotonic()

    async def read(reader: Reader) -> None:
        for number in numbers:
            hit = hits.draw(orders.seed, number, world)
            early = begun + number / orders.rate - time.monotonic()
            if early > 0:
                await asyncio.sleep(early)
            await reader.want(hit)

    writing = asyncio.ensure_future(_write(Path(orders.record), out))
    await asyncio.gather(*(read(Reader(orders, n, out)) for n in range(orders.clients)))
    await asyncio.sleep(0.2)
    writing.cancel()


async def _write(path: Path, out: list[str]) -> None:
    with path.open("a") as file:
        while True:
            await asyncio.sleep(0.05)
            file.write("".join(out))
            file.flush()
            out.clear()


if __name__ == "__main__":
    asyncio.run(run(Orders(**json.loads(sys.argv[1]))))
