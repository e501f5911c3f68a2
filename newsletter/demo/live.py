"""The readers of the newest issue: they take their mail from the catcher and read it over HTTP.

Against the running edge and web processes, over a quarter of an hour, each when their time has
come: the picture, links, and for a few the one click by which they leave (RFC 8058).
"""

import re
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from email.message import EmailMessage
from email.utils import parseaddr
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from django.db import OperationalError, connection

from newsletter.demo.issues import PRESENT
from newsletter.demo.people import DOMAIN, number_of
from newsletter.demo.programs import Headers, programs
from newsletter.demo.readers import LEAVE, QUICK, Act, Mail, acts, reader
from newsletter.models import Campaign
from tracking.classify.verdicts import CANARY, CLICK, OPEN

TIMEOUT: Final = 10  # seconds
_LATE: Final = 5.0  # seconds; what should have been done before was left out
_PATIENCE: Final = 15.0  # seconds that an edge which is away is waited for
_PAUSE: Final = 1.0  # seconds
_LOOK: Final = 2.0  # seconds between looks whether the campaign is still there

_PICTURE = re.compile(r'src="([^"]+/o/[^"]+)"')
_LINK = re.compile(r'href="([^"]+/c/[^"]+)"( style="display:none)?')


class Request(NamedTuple):
    """What a program asks for, and when."""

    at: float  # seconds since 1970
    kind: int
    url: str
    agent: str
    headers: Headers
    address: str


class Counts(NamedTuple):
    """What was done."""

    opens: int = 0
    clicks: int = 0
    leavers: int = 0


def plan(mails: Iterable[EmailMessage], campaign: Campaign) -> list[Request]:
    """Return what becomes of the campaign's mails, in order of time; of others nothing.

    The same each time for a campaign that is sent.
    """
    assert campaign.finished_at is not None  # noqa: S101
    requests = [
        request
        for mail in mails
        if mail["Subject"] == campaign.subject and DOMAIN in str(mail["To"])
        for request in _requests(mail, campaign.finished_at)
    ]
    return sorted(requests, key=lambda request: request.at)


def read(requests: Iterable[Request], campaign: Campaign) -> Counts:
    """Do each at its time. Returns how much was done; ends when the campaign is removed.

    What should have been done while nobody did it is left out.
    """
    done = dict.fromkeys((OPEN, CLICK, CANARY, LEAVE), 0)
    looked_at = 0.0
    for request in requests:
        if request.at < time.time() - _LATE:
            continue
        while (left := request.at - time.time()) > 0:
            time.sleep(min(left, _LOOK))
            if time.monotonic() - looked_at > _LOOK:
                looked_at = time.monotonic()
                if not _is_there(campaign):
                    return Counts(done[OPEN], done[CLICK], done[LEAVE])
        done[request.kind] += _ask(request)
    return Counts(done[OPEN], done[CLICK], done[LEAVE])


def _requests(mail: EmailMessage, begin: datetime) -> Iterator[Request]:
    part = mail.get_body(("html",))
    html = part.get_content() if part else ""
    links = dict.fromkeys(_LINK.findall(html))
    seen = [url for url, is_hidden in links if not is_hidden]
    about = Mail(PRESENT.subject, len(seen), PRESENT.appeal)
    urls = {
        OPEN: _PICTURE.findall(html),
        CLICK: seen,
        CANARY: [url for url, is_hidden in links if is_hidden],
        LEAVE: [str(mail["List-Unsubscribe"]).strip().strip("<>")],
    }
    number = number_of(parseaddr(str(mail["To"]))[1])
    for act in acts(reader(number), about, QUICK, programs(begin, number)):
        for url in urls.get(act.kind, [])[act.link : act.link + 1]:
            yield _request(act, url, begin.timestamp())


def _request(act: Act, url: str, begin: float) -> Request:
    program = act.program
    headers = program.picture if act.kind == OPEN else program.page
    return Request(begin + act.after, act.kind, url, program.agent, headers, act.address)


def _is_there(campaign: Campaign) -> bool:
    try:
        return Campaign.objects.filter(pk=campaign.pk).exists()
    except OperationalError:
        connection.close()  # for another one, when the server is back
        return True


def _ask(request: Request) -> bool:
    """Ask, and again when nobody answers. Returns whether somebody did."""
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        # Each household has an address of its own, where this machine has more than one.
        for address in (request.address, None):
            with suppress(OSError, HTTPException):
                _ask_from(address, request)
                return True
        time.sleep(_PAUSE)
    return False


def _ask_from(address: str | None, request: Request) -> None:
    parts = urlsplit(request.url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    source = (address, 0) if address else None
    server = kind(parts.netloc, timeout=TIMEOUT, source_address=source)
    headers = {"User-Agent": request.agent, **request.headers}
    try:
        if request.kind == LEAVE:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            server.request("POST", parts.path, "List-Unsubscribe=One-Click", headers)
        else:
            server.request("GET", parts.path, headers=headers)
        server.getresponse().read()
    finally:
        server.close()
