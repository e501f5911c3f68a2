"""The edge: answers the pictures and links of mail that lies in inboxes.

A bare RSGI application for granian, without Django's request handling. Promise: what was answered
is stored (see tracking/recorder.py), and the reader always gets the picture or the page, whichever
server is down. HEAD is answered, and stored with a mark that says so: nobody has seen anything.
Addresses of requests hold tokens, so they are never logged.

    GET /o/<token>     the picture that shows an open; also with .gif behind it
    GET /q/<token>     the picture that only a quoted mail loads, likewise
    GET /c/<token>     redirect to a link; to PUBLIC_URL when it is the link that no person sees
    GET /s/<token>     redirect from a shared link to the mail's page on PUBLIC_URL
    GET /healthz       whether this process is alive, and whether Redis takes its hits
"""

import asyncio
import gc
import json
import logging.config
import time
from base64 import b64decode
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from django.conf import settings

from tracking import facts, pages, tokens
from tracking.eager import run_at_once
from tracking.packs import Hit
from tracking.personal import Personal
from tracking.recorder import Recorder
from tracking.targets import BadTarget, Targets, TargetsAway, is_personal

logger = logging.getLogger(__name__)

# As numbers, because tracking.models must not be loaded here.
OPEN, CLICK, CANARY, SHARE, QUOTE = 1, 2, 3, 4, 5

YOUNG_OBJECTS = 50_000  # new ones after which the collector looks at them; a few megabytes

_METHODS = ("GET", "HEAD")

_PRIVATE = [
    ("cache-control", "no-store, private"),
    ("referrer-policy", "no-referrer"),
    ("x-robots-tag", "noindex, nofollow"),
    ("x-content-type-options", "nosniff"),
]
_TEXT = [*_PRIVATE, ("content-type", "text/plain; charset=utf-8")]
_PAGE = [
    *_PRIVATE,
    ("content-type", "text/html; charset=utf-8"),
    ("content-security-policy", pages.POLICY),
]


class Answer(NamedTuple):
    """What a reader gets."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


PIXEL = Answer(
    200,
    [*_PRIVATE, ("content-type", "image/gif")],
    b64decode("R0lGODlhAQABAIABAAAAAP///yH5BAEAAAEALAAAAAABAAEAAAICTAEAOw=="),
)
NOT_FOUND = Answer(404, _PAGE, pages.NOT_FOUND.encode())
NOWHERE = Answer(404, _PAGE, pages.NOWHERE.encode())
GONE = Answer(410, _PAGE, pages.NOWHERE.encode())
TRY_AGAIN = Answer(503, [*_PAGE, ("retry-after", "5")], pages.TRY_AGAIN.encode())
NOT_ALLOWED = Answer(405, [*_TEXT, ("allow", "GET, HEAD")], b"Only GET and HEAD are allowed.\n")
ROBOTS = Answer(200, _TEXT, b"User-agent: *\nDisallow: /\n")

# Kind, campaign, subscriber, forward and link of a hit; None when there is nothing to record.
_What = tuple[int, int, int, int, int] | None


class Edge:
    """The application. granian calls the methods with underscores, in each worker process."""

    _recorder: Recorder
    _targets: Targets
    _personal: Personal

    def __init__(self) -> None:
        self._prefix = urlsplit(settings.TRACKING_URL).path
        self._home = _redirect(f"{settings.PUBLIC_URL}/")
        self._proxies = facts.Proxies(settings.TRUSTED_PROXIES)

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Connect. Called before the first request, in the process that will serve it."""
        logging.config.dictConfig(settings.LOGGING)
        loop.set_task_factory(run_at_once)
        loop.run_until_complete(self._start())

    def __rsgi_del__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Store what was not answered yet, and disconnect."""
        loop.run_until_complete(self._stop())

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        """Answer one request."""
        path: str = scope.path.removeprefix(self._prefix)
        method: str = scope.method
        answer, what = NOT_ALLOWED, None
        if method in _METHODS:
            # As little as can be is a coroutine: each costs as much as looking at the headers.
            answer, what = (
                await self._follow(path[3:]) if path.startswith("/c/") else self._answer(path)
            )
        if what and (hit := self._hit(scope, method, what)):
            await self._recorder.record(hit)
        protocol.response_bytes(*answer)

    def _answer(self, path: str) -> tuple[Answer, _What]:
        route, rest = path[:3], path[3:]
        try:
            if route == "/o/":
                return PIXEL, (OPEN, *tokens.read_open(rest.removesuffix(".gif")), 0)
            if route == "/q/":
                return PIXEL, (QUOTE, *tokens.read_open(rest.removesuffix(".gif")), 0)
            if route == "/s/":
                campaign_id, forward_id = tokens.read_share(rest)
                page = _redirect(f"{settings.PUBLIC_URL}/v/{rest}")
                return page, (SHARE, campaign_id, 0, forward_id, 0)
        except tokens.BadToken:
            return NOT_FOUND, None
        return self._other(path), None

    async def _follow(self, token: str) -> tuple[Answer, _What]:
        try:
            return await self._click(*tokens.read_click(token))
        except tokens.BadToken:
            return NOT_FOUND, None
        except Exception:
            # None is known; granian would answer with a bare 500.
            logger.exception("a click could not be followed")
            return TRY_AGAIN, None

    async def _click(
        self, campaign_id: int, subscriber_id: int, forward_id: int, link_id: int
    ) -> tuple[Answer, _What]:
        reader = (campaign_id, subscriber_id, forward_id)
        if link_id == tokens.HIDDEN_LINK:
            # Like any other link: whoever tries them all learns nothing from this one.
            return self._home, (CANARY, *reader, 0)
        try:
            url = self._targets.recall(link_id) or await self._targets.find(campaign_id, link_id)
        except TargetsAway:
            return TRY_AGAIN, None
        if url is None:
            return NOT_FOUND, None
        what = (CLICK, *reader, link_id)
        if is_personal(url):
            return await self._lead_in_person(url, subscriber_id, link_id), what
        return _redirect(url), what

    async def _lead_in_person(self, template: str, subscriber_id: int, link_id: int) -> Answer:
        try:
            url = await self._personal.resolve(template, subscriber_id)
        except TargetsAway:
            return TRY_AGAIN
        except BadTarget as error:
            logger.warning("link %d leads somebody nowhere: %s", link_id, error)
            return NOWHERE
        return _redirect(url) if url else GONE

    def _other(self, path: str) -> Answer:
        if path == "/healthz":
            state = json.dumps({"alive": True, "stream": self._recorder.is_stream_there})
            return Answer(200, [*_PRIVATE, ("content-type", "application/json")], state.encode())
        return ROBOTS if path == "/robots.txt" else NOT_FOUND

    def _hit(self, scope: Any, method: str, what: tuple[int, int, int, int, int]) -> Hit | None:
        headers = scope.headers
        try:
            agent = facts.agent(headers)
            return Hit(
                *what,
                time.time_ns() // 1_000_000,
                facts.network(self._proxies.client(scope.client, headers)),
                agent or "",
                facts.marks(headers, scope.http_version, method, is_agent_foreign=agent is None),
            )
        except Exception:
            # No request that anybody can send is known to do this. Its reader gets the page.
            logger.exception("a hit of campaign %d is lost", what[1])
            return None

    async def _start(self) -> None:
        self._recorder = Recorder(settings.TRACKING_SPOOL)
        self._targets = Targets(settings.TRACKING_SPOOL.with_name("links"))
        self._personal = Personal()
        # What is here now stays for ever. Looking through all of it, as the collector does now and
        # then, would keep every reader waiting for 30 milliseconds.
        gc.collect()
        gc.freeze()
        # A burst of requests is many objects, and none of them is rubbish that only it can find.
        gc.set_threshold(YOUNG_OBJECTS)

    async def _stop(self) -> None:
        await self._recorder.close()
        await self._targets.close()
        await self._personal.close()


def _redirect(url: str) -> Answer:
    return Answer(302, [*_PRIVATE, ("location", url)], b"")


app = Edge()
