"""A small simulated audience: takes its mail from the catcher and reads it over HTTP.

They do what mail programs and people do, against the running edge and web processes: fetch the
picture, follow links, and a few leave with one click (RFC 8058). About half open, a quarter of
those click, one in a hundred leaves.
"""

import random
import re
from collections.abc import Iterable
from email.message import EmailMessage
from http.client import HTTPConnection, HTTPSConnection
from urllib.parse import urlsplit

from django.conf import settings

OPENS, CLICKS_AFTER_OPEN, OPENS_AGAIN, LEAVES = 0.47, 0.27, 0.2, 0.01
TIMEOUT = 10  # seconds
AGENTS = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Thunderbird/145.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
    "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 Chrome/142.0.0.0 Mobile Safari",
    "Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.17928; Pro)",
)
# Not the hidden one, which no person sees.
_LINK = re.compile(r'href="([^"]+/c/[^"]+)"(?! style="display:none)')


class Browser:
    """One kept connection to one server, with a mail program's headers."""

    def __init__(self, base: str) -> None:
        parts = urlsplit(base)
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self._connection = kind(parts.netloc, timeout=TIMEOUT)

    def request(self, method: str, url: str, agent: str, body: str | None = None) -> int:
        """Ask for `url` and return the status of the answer. Raises OSError or HTTPException."""
        headers = {"User-Agent": agent, "Accept-Language": "en-GB,en;q=0.8"}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        self._connection.request(method, urlsplit(url).path, body, headers)
        response = self._connection.getresponse()
        response.read()
        return response.status

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


def read_all(mails: Iterable[EmailMessage], seed: int) -> tuple[int, int, int]:
    """Let each mail's owner do what they feel like. Returns how many opened, clicked and left.

    Raises OSError or HTTPException when the edge or the web process does not answer.
    """
    chance = random.Random(seed)  # noqa: S311  (a demonstration, not a secret)
    edge, web = Browser(settings.TRACKING_URL), Browser(settings.PUBLIC_URL)
    opened = clicked = left = 0
    try:
        for mail in mails:
            agent = chance.choice(AGENTS)
            if chance.random() < LEAVES:
                web.request("POST", _one_click(mail), agent, "List-Unsubscribe=One-Click")
                left += 1
            if chance.random() >= OPENS:
                continue
            opened += 1
            clicked += _read(mail, edge, agent, chance)
    finally:
        edge.close()
        web.close()
    return opened, clicked, left


def _read(mail: EmailMessage, edge: Browser, agent: str, chance: random.Random) -> bool:
    """Open one mail, perhaps again, and perhaps follow links. Returns whether one was followed."""
    html = _html(mail)
    pictures = re.findall(r'src="([^"]+/o/[^"]+)"', html)
    links = list(dict.fromkeys(_LINK.findall(html)))
    for picture in pictures * (1 + (chance.random() < OPENS_AGAIN)):
        edge.request("GET", picture, agent)
    if not links or chance.random() >= CLICKS_AFTER_OPEN:
        return False
    for link in chance.sample(links, k=min(len(links), chance.choice((1, 1, 2)))):
        edge.request("GET", link, agent)
    return True


def _html(mail: EmailMessage) -> str:
    part = mail.get_body(("html",))
    return part.get_content() if part else ""


def _one_click(mail: EmailMessage) -> str:
    return str(mail["List-Unsubscribe"]).strip().strip("<>")
