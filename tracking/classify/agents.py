"""What a program says of itself in its user agent. Pure.

The robots come from crawler-user-agents (MIT). Mail services that load a picture because a person
opened the mail stand in that list too: they are taken out here, or every Gmail reader would be a
robot. Names of services that show what lies behind a link are told from all other robots.
"""

import re
from collections.abc import Iterable
from enum import IntEnum
from functools import cache, lru_cache
from typing import Any, NamedTuple


class Role(IntEnum):
    """What kind of program it says it is."""

    NONE = 0  # says nothing
    BROWSER = 1  # shows pages to a person
    MAIL = 2  # shows mail to a person, loading its pictures itself
    PROXY = 3  # loads pictures for a mail service when a person opens the mail
    PREFETCH = 4  # loads pictures for a mail service in any case
    PREVIEW = 5  # shows in a chat what lies behind a link
    ROBOT = 6  # a crawler, scanner, checker or library
    OTHER = 7  # something unheard of


class Agent(NamedTuple):
    """What a user agent says."""

    role: Role
    name: str  # a short code, for reasons
    system: str = ""  # windows, mac, ios, android, cros, linux; empty: not said
    engine: str = ""  # of browsers: chromium, gecko, webkit, text
    version: float = 0.0  # of the browser, or of iOS, where it decides which headers are sent
    is_mobile: bool = False


# A name in other letters than ASCII, which the server does not see (the mark `"agent": "foreign"`).
FOREIGN = Agent(Role.OTHER, "foreign")

# Mail services whose entry in the list of crawlers is not about a robot: a person has opened a
# mail. Apple's prefetcher needs no entry, since it says `Mozilla/5.0` and nothing else.
MAIL_PROXIES = {
    "GoogleImageProxy": "google-proxy",
    "YahooMailProxy": "yahoo-proxy",
    "FastmailUA": "fastmail-proxy",
    "Shortwave Image Fetcher": "shortwave-proxy",
}
# Gmail's proxy under the name of a browser that nobody has had since 2015: Edge 12 never ended
# in a second `Mozilla/5.0`.
_FROZEN_EDGE = re.compile(r"Edge/12\.246 Mozilla/5\.0$")
_UNLISTED_PROXY = re.compile(r"(?:mail|outlook|inbox)[\w .-]{0,20}proxy", re.IGNORECASE)
_PREVIEW_WORDS = re.compile(r"preview|unfurl|link.?expan|snippet|skype-url", re.IGNORECASE)
# Cubot makes telephones.
_ROBOT_WORDS = re.compile(
    r"(?<!cu)bot\b|bot[/;_-]|crawl|spider|slurp|scanner|scrap|headless|phantomjs|selenium|puppeteer"
    r"|playwright|webdriver|link.?check|url.?check|validator|monitor|uptime|safe.?link|sandbox|content-sampling"
    r"|https?://|@[\w-]+\.",
    re.IGNORECASE,
)
_LIBRARIES = re.compile(
    r"^(?:[\w.-]*(?:curl|wget|python|java|perl|ruby|php|node|axios|got|okhttp|requests|urllib|guzzle"
    r"|libwww|http.?client|fetch|undici|aiohttp|httpx|powershell|postman|insomnia)[\w.-]*)",
    re.IGNORECASE,
)
_MAIL_PROGRAMS = re.compile(
    r"Outlook|ms-office|MSOffice|Microsoft Office|Thunderbird|Lotus.?Notes|HCL.?Notes|eM ?Client"
    r"|Postbox|Betterbird|The Bat!|Airmail|MailMate|Mailspring|BlueMail|Spark/|Canary Mail"
    r"|YahooMobileMail|SamsungEmail|Zimbra|Evolution/|KMail|Geary|K-9 Mail|FairEmail"
    r"|(?:^|\W)(?:Mail|MobileMail)/[\d.]+ CFNetwork",
    re.IGNORECASE,
)
# What Apple's Mail says when it loads pictures itself: a WebKit without the name of a browser.
_APPLE_MAIL = re.compile(
    r"^Mozilla/5\.0 \((?:Macintosh|iPhone|iPad)[^)]*\) AppleWebKit/[\d.]+ \(KHTML, like Gecko\)"
    r"(?: Mobile/\w+)?$"
)
_BROWSER = re.compile(r"^(?:Mozilla/[45]\.0 \(|Opera/)")
_TEXT_BROWSER = re.compile(r"^(?:Lynx/|w3m/|E?Links[ /(])")
_ENGINES = (
    ("gecko", re.compile(r"\bFirefox/(\d+)")),
    ("chromium", re.compile(r"\bChrom(?:e|ium)/(\d+)")),
    ("webkit", re.compile(r"\bVersion/(\d+(?:\.\d+)?)[\w./ ]* Safari/")),
    ("trident", re.compile(r"\b(?:MSIE |Trident/.*rv:)(\d+)")),
)
# Every browser of an iPhone is WebKit, of the version of the system.
_IOS = re.compile(r"\((?:iPhone|iPad|iPod)[^)]*? OS (\d+)_(\d+)")
_SYSTEMS = (
    ("ios", ("iPhone", "iPad", "iPod")),
    ("android", ("Android",)),
    ("windows", ("Windows",)),
    ("cros", ("CrOS",)),
    ("mac", ("Macintosh", "Mac OS X")),
    ("linux", ("Linux", "X11")),
)


@lru_cache(maxsize=16_384)
def read(user_agent: str) -> Agent:
    """Return what a user agent says. Microseconds when it was seen before, else some ten."""
    text = user_agent.strip()
    if text in ("", "-"):
        return Agent(Role.NONE, "none")
    if text == "Mozilla/5.0":
        return Agent(Role.PREFETCH, "apple-prefetch")
    return _proxy(text) or _robot(text) or _mail_program(text) or _browser(text)


def _proxy(text: str) -> Agent | None:
    if _FROZEN_EDGE.search(text):
        return Agent(Role.PROXY, "google-proxy")
    for name, code in MAIL_PROXIES.items():
        if name in text:
            return Agent(Role.PROXY, code)
    return None


def _robot(text: str) -> Agent | None:
    tags = _crawlers().tags(text)
    if tags is not None:
        # Some crawlers do both; they come without anybody having shared a link.
        is_preview = "social-preview" in tags and "ai-crawler" not in tags
        return Agent(Role.PREVIEW, "preview") if is_preview else Agent(Role.ROBOT, "known-crawler")
    if _UNLISTED_PROXY.search(text):
        return Agent(Role.PROXY, "mail-proxy")
    if _PREVIEW_WORDS.search(text):
        return Agent(Role.PREVIEW, "preview")
    if _ROBOT_WORDS.search(text):
        return Agent(Role.ROBOT, "robot-word")
    if _LIBRARIES.search(text):
        return Agent(Role.ROBOT, "library")
    return None


def _mail_program(text: str) -> Agent | None:
    if _MAIL_PROGRAMS.search(text) or _APPLE_MAIL.search(text):
        return Agent(Role.MAIL, "mail-program", _system(text))
    return None


def _browser(text: str) -> Agent:
    if _TEXT_BROWSER.search(text):
        return Agent(Role.BROWSER, "browser", _system(text), "text")
    if not _BROWSER.search(text):
        return Agent(Role.OTHER, "no-browser")
    system = _system(text)
    is_mobile = "Mobile" in text or "Android" in text
    ios = _IOS.search(text)
    if ios:
        version = float(f"{ios[1]}.{ios[2]}")
        return Agent(Role.BROWSER, "browser", system, "webkit", version, is_mobile=True)
    for engine, pattern in _ENGINES:
        found = pattern.search(text)
        if found:
            return Agent(Role.BROWSER, "browser", system, engine, float(found[1]), is_mobile)
    return Agent(Role.BROWSER, "browser", system, is_mobile=is_mobile)


def _system(text: str) -> str:
    for system, words in _SYSTEMS:
        if any(word in text for word in words):
            return system
    return ""


# A pattern that is only a text, perhaps one that stands at the beginning.
_PLAIN = re.compile(r"(?:[^\\^$.|?*+()\[\]{}]|\\[^a-zA-Z0-9])+")
_KEY = 3  # characters; the shortest pattern has no fewer


class _Crawlers:
    """The patterns of crawlers, found by their first letters.

    Nearly all of 1,500 patterns are plain texts. One expression made of them all takes a third
    of a millisecond for an agent; a look at each position's letters takes some microseconds.
    """

    def __init__(self, entries: Iterable[dict[str, Any]]) -> None:
        self._plain: dict[str, list[tuple[str, frozenset[str]]]] = {}
        self._others: list[tuple[re.Pattern[str], frozenset[str]]] = []
        for entry in entries:
            self._add(str(entry["pattern"]), frozenset(entry.get("tags", ())))
        self._any_other = re.compile("|".join(f"(?:{p.pattern})" for p, _ in self._others) or "$.")

    def tags(self, text: str) -> frozenset[str] | None:
        """Return the tags of a crawler that `text` names; None when it names none."""
        plain = self._plain
        for start in range(len(text) - _KEY + 1):
            for word, tags in plain.get(text[start : start + _KEY], ()):
                if text.startswith(word, start):
                    return tags
        if self._any_other.search(text):
            return next(tags for pattern, tags in self._others if pattern.search(text))
        return None

    def _add(self, pattern: str, tags: frozenset[str]) -> None:
        if _PLAIN.fullmatch(pattern):
            word = re.sub(r"\\(.)", r"\1", pattern)
            if len(word) >= _KEY:
                self._plain.setdefault(word[:_KEY], []).append((word, tags))
                return
        self._others.append((re.compile(pattern), tags))


@cache
def _crawlers() -> _Crawlers:
    # Imported when it is first needed: it reads half a megabyte, which the edge has no use for.
    from crawleruseragents import CRAWLER_USER_AGENTS_DATA  # type: ignore[import-untyped]

    return _Crawlers(e for e in CRAWLER_USER_AGENTS_DATA if e["pattern"] not in MAIL_PROXIES)
