"""What the headers of one hit say: do they agree with each other, and with the request? Pure.

Each question gives doubts, with points that say how seldom a person would give cause for them.
"""

from collections.abc import Callable, Mapping
from typing import Any

from tracking.classify.agents import Agent, Role
from tracking.classify.verdicts import CLICK, SHARE, Doubt, Evidence, is_loading

# The first version of each engine that says in Sec-Fetch-* what a request is for, which all
# do since, if the page's address begins with https.
_SAYS_WHAT_FOR = {"chromium": 80.0, "gecko": 90.0, "webkit": 16.4}
# Sec-CH-UA-Platform -> the systems that the user agent may name. A telephone that asks for pages
# made for large screens calls itself Linux.
_PLATFORMS = {
    "Windows": ("windows",),
    "macOS": ("mac",),
    "Android": ("android", "linux"),
    "Linux": ("linux", "cros", "android"),
    "Chrome OS": ("cros", "linux"),
    "Chromium OS": ("cros", "linux"),
    "iOS": ("ios", "mac"),
}
_FETCH = ("dest", "mode", "site", "user")


def doubts(hit: Evidence, agent: Agent) -> list[Doubt]:
    """Return what the headers of a hit give cause for; they have to be known."""
    found: list[Doubt] = []
    for question in _QUESTIONS:
        found += question(hit, agent)
    return found


def _language(hit: Evidence, agent: Agent) -> list[Doubt]:
    """Each browser says which languages its reader has, and new ones what a request is for."""
    if agent.role == Role.MAIL:
        return []
    has_fetch = any(name in hit.marks for name in _FETCH)
    if "language" not in hit.marks:
        if not has_fetch and _says_what_for(agent):
            # Web proxies of offices may take headers away, and say so.
            return [Doubt(1.5 if "via" in hit.marks else 3.0, "headers:not-a-browser's")]
        return [Doubt(2.0, "headers:no-language")]
    if not has_fetch and _says_what_for(agent):
        return [Doubt(1.0, "headers:no-fetch")]
    return []


def _says_what_for(agent: Agent) -> bool:
    return agent.version >= _SAYS_WHAT_FOR.get(agent.engine, 1_000.0)


def _platform(hit: Evidence, agent: Agent) -> list[Doubt]:
    """Two headers of one program name the same system."""
    marks = hit.marks
    if marks.get("brands") == "headless":
        return [Doubt(4.0, "headers:headless")]
    if "brands" in marks and agent.engine in ("gecko", "webkit"):
        return [Doubt(3.5, "headers:foreign-brands")]
    if found := _brands(hit, agent):
        return found
    systems = _PLATFORMS.get(str(marks.get("platform")))
    if systems and agent.system and agent.system not in systems:
        return [Doubt(3.0, "headers:platform")]
    if marks.get("mobile") == "?1" and agent.system in ("windows", "mac", "cros"):
        return [Doubt(2.0, "headers:mobile")]
    return []


def _brands(hit: Evidence, agent: Agent) -> list[Doubt]:
    """A program that borrows a browser's name often keeps its own version, or its own brand."""
    name, _, version = str(hit.marks.get("brands", "")).partition(" ")
    if not version or agent.engine != "chromium":
        return []
    if float(version) != agent.version:
        return [Doubt(3.5, "headers:other-version")]
    if name == "chromium" and agent.system in ("windows", "mac", "android"):
        return [Doubt(2.0, "headers:no-brand")]  # there, hardly anybody builds their own
    return []


def _what_for(hit: Evidence, agent: Agent) -> list[Doubt]:
    """A followed link asks for a page, a picture for a picture."""
    marks, found = hit.marks, []
    mode, dest, accept = marks.get("mode"), marks.get("dest"), marks.get("accept")
    if is_loading(hit.kind):
        if mode == "navigate" or dest == "document":
            found.append(Doubt(1.5, "headers:picture-as-page"))
    elif hit.kind in (CLICK, SHARE) and agent.role == Role.BROWSER:
        if (isinstance(mode, str) and mode != "navigate") or dest in ("image", "empty", "script"):
            found.append(Doubt(3.0, "headers:page-as-thing"))
        if accept == "chromium's html" and agent.engine in ("gecko", "webkit"):
            found.append(Doubt(3.5, "headers:foreign-accept"))
        if accept in ("any", "other", "image"):
            found.append(Doubt(3.0 if accept == "any" else 2.0, "headers:accept"))
    return found


def _asked_for(hit: Evidence, agent: Agent) -> list[Doubt]:
    """Chromium and Firefox say of a page that somebody has asked for it; Safari does not."""
    marks = hit.marks
    is_page = hit.kind in (CLICK, SHARE) and marks.get("mode") == "navigate"
    if is_page and "user" not in marks and agent.engine in ("chromium", "gecko"):
        return [Doubt(1.0, "headers:no-user")]
    return []


def _old_ways(hit: Evidence, _agent: Agent) -> list[Doubt]:
    """What no browser does: half a page, a protocol of 1996, an address for complaints."""
    marks: Mapping[str, Any] = hit.marks
    found = []
    if "range" in marks:
        found.append(Doubt(1.5, "headers:range"))
    if "http" in marks:
        # Some old web proxies of offices still speak it.
        found.append(Doubt(0.75 if "via" in marks else 1.5, "headers:http-1.0"))
    if "from" in marks:
        found.append(Doubt(2.5, "headers:from"))
    return found


_Question = Callable[[Evidence, Agent], list[Doubt]]
_QUESTIONS: tuple[_Question, ...] = (_language, _platform, _what_for, _asked_for, _old_ways)
