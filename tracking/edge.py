"""The edge: answers the pictures and links of mail that lies in inboxes.

A bare RSGI application for granian, without Django's request handling. Promise: what was answered
is stored (see tracking/recorder.py), and the reader always gets the picture or the page, whichever
server is down. Addresses of requests hold tokens, so they are never logged.

    GET /o/<token>     the picture that shows an open; also with .gif behind it
    GET /c/<token>     redirect to a link
    GET /healthz       whether this process is alive, and whether Redis takes its hits
"""

import asyncio
import json
import logging.config
import time
from base64 import b64decode
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from tracking import facts, pages, tokens
from tracking.packs import Hit
from tracking.recorder import Recorder
from tracking.targets import Targets, TargetsAway

# As numbers, because tracking.models must not be loaded here.
OPEN, CLICK = 1, 2

PIXEL = b64decode("R0lGODlhAQABAIABAAAAAP///yH5BAEAAAEALAAAAAABAAEAAAICTAEAOw==")

Header = tuple[str, str]
_PRIVATE: list[Header] = [
    ("cache-control", "no-store, private"),
    ("referrer-policy", "no-referrer"),
    ("x-robots-tag", "noindex, nofollow"),
    ("x-content-type-options", "nosniff"),
]
_PIXEL_HEADERS: list[Header] = [*_PRIVATE, ("content-type", "image/gif")]
_TEXT_HEADERS: list[Header] = [*_PRIVATE, ("content-type", "text/plain; charset=utf-8")]
_PAGE_HEADERS: list[Header] = [
    *_PRIVATE,
    ("content-type", "text/html; charset=utf-8"),
    ("content-security-policy", pages.POLICY),
]


class Edge:
    """The application. granian calls the methods with underscores, in each worker process."""

    def __init__(self) -> None:
        self._prefix = urlsplit(settings.TRACKING_URL).path
        self._proxies = facts.Proxies(settings.TRUSTED_PROXIES)
        self._recorder: Recorder
        self._targets: Targets

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Connect. Called before the first request, in the process that will serve it."""
        logging.config.dictConfig(settings.LOGGING)
        loop.run_until_complete(self._start())

    def __rsgi_del__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Store what was not answered yet, and disconnect."""
        loop.run_until_complete(self._stop())

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        """Answer one request."""
        path: str = scope.path
        if self._prefix and path.startswith(self._prefix):
            path = path[len(self._prefix) :]
        if scope.method not in ("GET", "HEAD"):
            protocol.response_str(
                405, [*_TEXT_HEADERS, ("allow", "GET, HEAD")], "Method not allowed."
            )
        elif path.startswith("/o/"):
            await self._open(scope, protocol, path[3:])
        elif path.startswith("/c/"):
            await self._click(scope, protocol, path[3:])
        elif path == "/healthz":
            self._health(protocol)
        elif path == "/robots.txt":
            protocol.response_str(200, _TEXT_HEADERS, "User-agent: *\nDisallow: /\n")
        else:
            protocol.response_str(404, _PAGE_HEADERS, pages.NOT_FOUND)

    async def _open(self, scope: Any, protocol: Any, token: str) -> None:
        try:
            campaign_id, subscriber_id = tokens.read_open(token.removesuffix(".gif"))
        except tokens.BadToken:
            protocol.response_str(404, _PAGE_HEADERS, pages.NOT_FOUND)
            return
        # HEAD asks whether the picture is there; nobody has seen anything.
        if scope.method == "GET":
            await self._record(scope, OPEN, campaign_id, subscriber_id, 0)
        protocol.response_bytes(200, _PIXEL_HEADERS, PIXEL)

    async def _click(self, scope: Any, protocol: Any, token: str) -> None:
        try:
            campaign_id, subscriber_id, link_id = tokens.read_click(token)
            url = self._targets.recall(link_id) or await self._targets.find(campaign_id, link_id)
        except tokens.BadToken:
            url = None
        except TargetsAway:
            protocol.response_str(503, [*_PAGE_HEADERS, ("retry-after", "5")], pages.TRY_AGAIN)
            return
        if url is None:
            protocol.response_str(404, _PAGE_HEADERS, pages.NOT_FOUND)
            return
        if scope.method == "GET":
            await self._record(scope, CLICK, campaign_id, subscriber_id, link_id)
        protocol.response_empty(302, [*_PRIVATE, ("location", url)])

    def _record(
        self, scope: Any, kind: int, campaign_id: int, subscriber_id: int, link_id: int
    ) -> asyncio.Future[None]:
        headers = scope.headers
        return self._recorder.record(
            Hit(
                kind,
                campaign_id,
                subscriber_id,
                link_id,
                time.time_ns() // 1_000_000,
                facts.network(self._proxies.client(scope.client, headers)),
                headers.get("user-agent", "")[: facts.LONGEST_AGENT],
                facts.marks(headers.items(), scope.method, scope.http_version),
            )
        )

    def _health(self, protocol: Any) -> None:
        state = {"alive": True, "stream": self._recorder.is_stream_there}
        headers = [*_PRIVATE, ("content-type", "application/json")]
        protocol.response_str(200, headers, json.dumps(state))

    async def _start(self) -> None:
        self._recorder = Recorder(settings.TRACKING_SPOOL)
        self._targets = Targets()

    async def _stop(self) -> None:
        await self._recorder.close()
        await self._targets.close()


app = Edge()
