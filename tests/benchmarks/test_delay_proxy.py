"""The delay proxy adds time and nothing else: what it says of a server has to be true."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from benchmarks.delay_proxy import port_of, serve, without_offer

ONE_WAY = 0.05  # seconds
MUCH = 3_000_000  # bytes: more than the buffers of all sockets on the way


@pytest.fixture
def echo() -> Iterator[int]:
    """A server that says what it hears, from its beginning to its end."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            peer, _ = listener.accept()
            with peer:
                while data := peer.recv(1 << 16):
                    peer.sendall(data)

        thread = threading.Thread(target=answer)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(60)


async def _through(port: int, words: bytes) -> tuple[bytes, float]:
    """Return what comes back through the proxy, and when its first byte came."""
    server = await serve(port, ONE_WAY, hides_pipelining=False)
    async with server:
        reader, writer = await asyncio.open_connection("127.0.0.1", port_of(server))
        start = time.monotonic()
        writer.write(words)
        first = await reader.read(1)
        seconds = time.monotonic() - start
        writer.write_eof()
        rest = await reader.read(-1)
        writer.close()
        return first + rest, seconds


def test_every_byte_arrives_in_its_order_and_then_the_end(echo) -> None:
    words = b"".join(b"%07d\n" % number for number in range(MUCH // 8))

    heard, _ = asyncio.run(_through(echo, words))

    assert heard == words


def test_a_word_and_its_answer_take_a_round_trip(echo) -> None:
    _, seconds = asyncio.run(_through(echo, b"NOOP\r\n"))

    assert seconds >= 2 * ONE_WAY


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_the_offer_of_pipelining_is_hidden_wherever_the_pieces_end(size) -> None:
    reply = (
        b"220 sink\r\n250-sink\r\n250-SIZE 100\r\n250-Pipelining\r\n250 DSN\r\n354 PIPELINING\r\n"
    )
    change = without_offer()

    heard = b"".join(change(reply[at : at + size]) for at in range(0, len(reply), size))

    assert heard == reply.replace(b"250-Pipelining", b"250-X-NOTHING")


def test_an_offer_in_the_last_line_is_hidden_too() -> None:
    change = without_offer()

    assert change(b"250-sink\r\n250 PIPELINING\r\n") == b"250-sink\r\n250 X-NOTHING\r\n"


def test_a_server_that_is_not_there_ends_the_connection() -> None:
    async def heard() -> bytes:
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))  # and does not listen
            server = await serve(nobody.getsockname()[1], 0, hides_pipelining=False)
            async with server:
                reader, writer = await asyncio.open_connection("127.0.0.1", port_of(server))
                words = await reader.read(-1)
                writer.close()
                return words

    assert asyncio.run(heard()) == b""
