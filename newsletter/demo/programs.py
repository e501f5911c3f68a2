"""The programs of the demonstration's readers: how they name themselves, and what they send. Pure.

Each sends what the real one does, since verdicts go by that (docs/verdicts.md).
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Final, NamedTuple

Headers = Mapping[str, str]

# Chromium's version 141 came on that day, and one in four weeks since: an old one looks odd.
_CHROMIUM: Final = (141, datetime(2025, 10, 1, tzinfo=UTC), timedelta(weeks=4))

_APPLE: Final = ("18.6", "18.5", "17.6", "18.3")
_ENCODINGS: Final = "gzip, deflate, br, zstd"
_PAGE: Final = {
    "accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8",
    "accept-encoding": _ENCODINGS,
    "upgrade-insecure-requests": "1",
    "sec-fetch-site": "none",
    "sec-fetch-mode": "navigate",
    "sec-fetch-dest": "document",
}
_PICTURE: Final = {
    "accept": "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8",
    "accept-encoding": _ENCODINGS,
    "sec-fetch-site": "cross-site",
    "sec-fetch-mode": "no-cors",
    "sec-fetch-dest": "image",
}
_FEW: Final = {"accept": "*/*", "accept-encoding": "gzip, deflate"}


class Program(NamedTuple):
    """A program, and the headers with which it loads a picture and follows a link."""

    agent: str
    picture: Headers
    page: Headers


class Programs(NamedTuple):
    """All of them, as they are at some time."""

    gmail: Program
    yahoo: Program
    apple_prefetch: Program
    apple_mail: Program
    outlook: Program
    thunderbird: Program
    samsung_mail: Program
    chrome: Program
    chrome_android: Program
    edge: Program
    firefox: Program
    safari: Program
    iphone: Program
    gateway: Program
    chat: Program


def programs(at: datetime, person: int) -> Programs:
    """Return the programs that a person has at a time: not everybody has the newest."""
    first, since, each = _CHROMIUM
    age = person % 4
    return _programs(first + (at - since) // each - age, _APPLE[age])


@cache
def _programs(version: int, apple: str) -> Programs:
    windows, android = "Windows NT 10.0; Win64; x64", "Linux; Android 10; K"
    mac = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)"
    chrome = _chromium(windows, version, "Google Chrome")
    phone = _chromium(android, version, "Google Chrome")
    samsung = phone.agent.replace(android, "Linux; Android 15; SM-S921B Build/AP3A; wv")
    gecko = version - 1  # Firefox is numbered nearly alike
    firefox = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:{0}.0) Gecko/20100101 {1}/{0}.0"
    return Programs(
        gmail=_loader(
            "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 "
            "(via ggpht.com GoogleImageProxy)"
        ),
        yahoo=_loader("YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html"),
        apple_prefetch=_loader("Mozilla/5.0"),
        apple_mail=_loader(mac),
        outlook=_loader(
            "Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.17928; Pro)"
        ),
        thunderbird=_loader(firefox.format(140, "Thunderbird")),
        samsung_mail=Program(
            samsung.replace("Chrome/", "Version/4.0 Chrome/"),
            {**phone.picture, "x-requested-with": "com.samsung.android.email.provider"},
            phone.page,
        ),
        chrome=chrome,
        chrome_android=phone,
        edge=_chromium(windows, version, "Microsoft Edge", f" Edg/{version}.0.0.0"),
        firefox=_browser(firefox.format(gecko, "Firefox")),
        safari=_browser(f"{mac} Version/{apple} Safari/605.1.15"),
        iphone=_browser(
            f"Mozilla/5.0 (iPhone; CPU iPhone OS {apple.replace('.', '_')} like Mac OS X) "
            f"AppleWebKit/605.1.15 (KHTML, like Gecko) Version/{apple} Mobile/15E148 Safari/604.1"
        ),
        # A gateway borrows a browser's name, seldom what that says besides.
        gateway=_loader(_chromium(windows, version - 30, "Google Chrome").agent),
        chat=_loader("WhatsApp/2.23.20.0 A"),
    )


def _chromium(system: str, version: int, brand: str, also: str = "") -> Program:
    is_phone = "Android" in system
    mobile = "Mobile " if is_phone else ""
    return _browser(
        f"Mozilla/5.0 ({system}) AppleWebKit/537.36 (KHTML, like Gecko) "
        f"Chrome/{version}.0.0.0 {mobile}Safari/537.36{also}",
        {
            "sec-ch-ua": f'"Chromium";v="{version}", "{brand}";v="{version}"',
            "sec-ch-ua-mobile": "?1" if is_phone else "?0",
            "sec-ch-ua-platform": '"Android"' if is_phone else '"Windows"',
        },
    )


def _browser(agent: str, headers: Headers | None = None) -> Program:
    own = {"accept-language": "en-GB,en;q=0.9", **(headers or {})}
    # Of all browsers only Safari does not say that somebody asked for the page.
    asked = {} if "Safari/60" in agent else {"sec-fetch-user": "?1"}
    return Program(agent, {**_PICTURE, **own}, {**_PAGE, **own, **asked})


def _loader(agent: str) -> Program:
    """Return a program that sends hardly more than its name."""
    return Program(agent, _FEW, _FEW)
