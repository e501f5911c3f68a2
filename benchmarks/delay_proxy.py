"""A way to a mail server that takes time: what comes in goes out later, in its order.

    python -m benchmarks.delay_proxy --to PORT [--one-way SECONDS] [--hide-pipelining]

Prints the port that it listens on. Every byte is held back for the same time in each direction, and
nothing limits how many are on their way: that adds a round trip of twice the time, and takes no
throughput. Connecting is not delayed; the greeting is.

With --hide-pipelining the server's offer of PIPELINING (RFC 2920) reads as the offer of something
that no client knows, so the same client can be measured with it and without.
"""

import argparse
import asyncio
from collections.abc import Callable
from contextlib import suppress

LARGEST_PIECE = 1 << 16  # bytes

Change = Callable[[bytes], bytes]


def without_offer() -> Change:
    """Return what hides the offer in a server's replies, fed with pieces that end anywhere."""
    unfinished = b""

    def change(piece: bytes) -> bytes:
        nonlocal unfinished
        *lines, unfinished = (unfinished + piece).split(b"\n")
        return b"".join(map(_hidden, lines))

    return change


def _hidden(line: bytes) -> bytes:
    if line.startswith(b"250") and line[4:].strip().upper() == b"PIPELINING":
        line = line[:4] + b"X-NOTHING\r"
    return line + b"\n"


async def carry(
    source: asyncio.StreamReader,
    target: asyncio.StreamWriter,
    seconds: float,
    change: Change = bytes,
) -> None:
    """Pass on what `source` says, changed, after some seconds, until it ends; then that end."""
    clock = asyncio.get_running_loop().time
    pieces: asyncio.Queue[tuple[float, bytes | None]] = asyncio.Queue()
    delivery = asyncio.create_task(_deliver(pieces, target))
    with suppress(ConnectionError):
        while piece := await source.read(LARGEST_PIECE):
            pieces.put_nowait((clock() + seconds, change(piece)))
    pieces.put_nowait((clock() + seconds, None))
    await delivery


async def _deliver(
    pieces: "asyncio.Queue[tuple[float, bytes | None]]", target: asyncio.StreamWriter
) -> None:
    clock = asyncio.get_running_loop().time
    while True:
        due, piece = await pieces.get()
        while (left := due - clock()) > 0:
            await asyncio.sleep(left)
        if piece is None:
            break
        # Without waiting until it is taken: how much is on the way is not our business.
        target.write(piece)
    if not target.is_closing():
        target.write_eof()


async def serve(port: int, seconds: float, *, hides_pipelining: bool) -> asyncio.Server:
    """Listen on a port of 127.0.0.1 that is free, and lead each connection to `port`."""

    async def lead(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        change = without_offer() if hides_pipelining else bytes
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            writer.close()
            return
        try:
            await asyncio.gather(
                carry(reader, far_writer, seconds), carry(far_reader, writer, seconds, change)
            )
        finally:
            writer.close()
            far_writer.close()

    return await asyncio.start_server(lead, "127.0.0.1", 0)


def port_of(server: asyncio.Server) -> int:
    """Return where a server listens."""
    return int(server.sockets[0].getsockname()[1])


async def _main(options: argparse.Namespace) -> None:
    server = await serve(options.to, options.one_way, hides_pipelining=options.hide_pipelining)
    print(port_of(server), flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="benchmarks.delay_proxy", description=__doc__)
    parser.add_argument("--to", type=int, required=True, help="the mail server's port")
    parser.add_argument("--one-way", type=float, default=0.01, help="seconds")
    parser.add_argument("--hide-pipelining", action="store_true")
    asyncio.run(_main(parser.parse_args()))
