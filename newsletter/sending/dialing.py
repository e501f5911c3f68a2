"""How a socket to a mail server comes about: its name, the quickest of its addresses, its TLS."""

import asyncio
import os
import socket
import ssl
from functools import lru_cache
from itertools import chain, zip_longest

from newsletter.sending.servers import Endpoint

HEAD_START = 0.25  # seconds that an address has before the next is tried too (RFC 8305, 5)

Address = tuple[int, tuple[object, ...]]  # a family, and what connect() takes in it


async def dial(server: Endpoint) -> socket.socket:
    """Return a socket to the server, by the first of its addresses that answers. Raises OSError.

    IPv6 and IPv4 are tried in turn, so that one of them that leads nowhere costs no more than the
    head start (RFC 8305). uvloop has no such thing of its own.
    """
    waiting = _interleaved(await _addresses(server))[::-1]
    under_way: set[asyncio.Task[socket.socket]] = set()
    failure = OSError("its name has no address")
    try:
        while waiting or under_way:
            if waiting:
                under_way.add(asyncio.create_task(_connected(waiting.pop())))
            done, under_way = await asyncio.wait(
                under_way,
                timeout=HEAD_START if waiting else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            for attempt in done:
                error = attempt.exception()
                if error is None:
                    under_way |= done - {attempt}
                    return attempt.result()
                if not isinstance(error, OSError):
                    raise error
                failure = error
    finally:
        for attempt in under_way:
            attempt.add_done_callback(_hang_up)
            attempt.cancel()
    raise failure


def tls_context(server: Endpoint) -> ssl.SSLContext:
    """Return how to encrypt: only to who has a certificate for its name, or to whoever it is."""
    return _context(server.requires_tls, *ssl.get_default_verify_paths())


@lru_cache(maxsize=8)
def _context(is_checked: bool, *authorities: str | None) -> ssl.SSLContext:
    # Kept, because reading all authorities costs more than a hundred mails.
    context = ssl.create_default_context()
    if not is_checked:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


async def _addresses(server: Endpoint) -> list[Address]:
    try:
        name = server.network_name
    except ValueError as error:
        raise OSError(str(error)) from error
    found = await asyncio.get_running_loop().getaddrinfo(name, server.port, type=socket.SOCK_STREAM)
    return [(family, address) for family, _, _, _, address in found]


def _interleaved(found: list[Address]) -> list[Address]:
    """Let the families take turns, beginning with the one that the system prefers."""
    first = [each for each in found if each[0] == found[0][0]]
    others = [each for each in found if each[0] != found[0][0]]
    return [each for each in chain(*zip_longest(first, others)) if each is not None]


async def _connected(address: Address) -> socket.socket:
    family, where = address
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setblocking(False)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(made, where)
    except OSError as error:
        made.close()
        # The event loops put the address into the text, which the endpoint has already.
        text = os.strerror(error.errno) if error.errno else str(error)
        raise OSError(error.errno, text) from error
    except BaseException:
        made.close()
        raise
    return made


def _hang_up(attempt: asyncio.Task[socket.socket]) -> None:
    """Close the socket of an attempt that came in late."""
    if not attempt.cancelled() and attempt.exception() is None:
        attempt.result().close()
