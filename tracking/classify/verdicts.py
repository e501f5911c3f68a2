"""The words that judging is done in. Pure; docs/verdicts.md explains them to people."""

from collections.abc import Mapping
from enum import IntEnum
from typing import Any, NamedTuple

# The version of the rules, stored beside each verdict; raised with every change of what they say.
RULES = 4
# Seconds of hits on either side that can change what is thought of a hit.
WINDOW = 300

# Kinds of hits; the numbers are those of tracking.models.Kind.
OPEN, CLICK, CANARY, SHARE, QUOTE = 1, 2, 3, 4, 5


class Verdict(IntEnum):
    """What a hit is taken for. The numbers are stored."""

    HUMAN = 1  # a person, by a program that says what a person's program says
    LIKELY_HUMAN = 2  # a person, as far as can be seen; some evidence is missing or speaks against
    PROXY_OPEN = 3  # a mail service that loads the picture because a person opened the mail
    PRIVACY_PREFETCH = 4  # a mail service that loads pictures whether or not somebody reads
    SCANNER = 5  # a security scanner, link checker or other robot
    PREVIEW = 6  # a chat or social service that shows what lies behind a link
    UNKNOWN = 7  # not enough is known


# Who counts as a reader. All others are machines: shown beside, never dropped.
PEOPLE = frozenset({Verdict.HUMAN, Verdict.LIKELY_HUMAN, Verdict.PROXY_OPEN})


class Evidence(NamedTuple):
    """What is known of a hit, as tracking/facts.py keeps it."""

    id: Any
    at: float  # seconds since 1970
    kind: int
    campaign: int
    subscriber: int  # 0: not named
    forward: int  # 0: the subscriber's own copy
    link: int  # 0: none
    since_sent: float | None  # seconds since the hand-over; None: not known
    network: str  # the address cut to /24 or /48; "": not known
    user_agent: str
    marks: Mapping[str, Any]


class Judgement(NamedTuple):
    """What a hit is taken for, and the code of the strongest reason."""

    verdict: Verdict
    reason: str


class Doubt(NamedTuple):
    """A reason to believe that a hit is a machine's."""

    points: float
    reason: str


def is_loading(kind: int) -> bool:
    """Return whether a hit of this kind loads a picture; else it follows a link."""
    return kind in (OPEN, QUOTE)
