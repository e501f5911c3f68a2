"""How engaged a person is, in one number that they could work out themselves. Pure.

Of the mails a person got, those clicked count whole, those only opened a half, the others nothing;
and a mail weighs the less the older it is, half as much after each HALF_LIFE:

    score = 100 * sum(weight * points) / sum(weight),    weight = 0.5 ** (age in days / 60)

So it lies between 0 (nothing read) and 100 (every mail clicked), whoever gets many mails or few. A
click says more than an open, since pictures are loaded without a click, or blocked. Decay by
half-lives is the usual form of recency in scores of customers (beside RFM's classes).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

HALF_LIFE: Final = timedelta(days=60)
OLDEST: Final = timedelta(days=365)  # older mails say nothing of today
MOST: Final = 50  # mails, the newest
FEWEST: Final = 3  # of fewer, one mail would decide
GRACE: Final = timedelta(days=2)  # a mail that is younger and unread may still be read
CLICKED: Final = 1.0
OPENED: Final = 0.5


class Mail(NamedTuple):
    """A mail that a mail server took for a person, and what people (no machines) did with it."""

    campaign_id: int
    at: datetime
    opened: bool
    clicked: bool


@dataclass(frozen=True, slots=True)
class Weighed:
    """A mail with its part of the score."""

    mail: Mail
    weight: float  # 0.0 to 1.0
    points: float  # 0.0, OPENED or CLICKED


@dataclass(frozen=True, slots=True)
class Score:
    """A score and all that it is made of."""

    mails: tuple[Weighed, ...] = ()  # the newest first

    @property
    def reached(self) -> float:
        """The points of all mails, each by its weight."""
        return sum(each.weight * each.points for each in self.mails)

    @property
    def possible(self) -> float:
        """What they would be if every mail had been clicked."""
        return sum(each.weight for each in self.mails)

    @property
    def value(self) -> int | None:
        """The score, 0 to 100; None when there are fewer than FEWEST mails to tell by."""
        if len(self.mails) < FEWEST:
            return None
        return round(100 * self.reached / self.possible)


def score(mails: Iterable[Mail], now: datetime) -> Score:
    """Return the score by the newest MOST mails that are not older than OLDEST."""
    newest = sorted(mails, key=lambda mail: mail.at, reverse=True)
    counted = [mail for mail in newest if _counts(mail, now)][:MOST]
    return Score(tuple(_weighed(mail, now) for mail in counted))


def _counts(mail: Mail, now: datetime) -> bool:
    if now - mail.at > OLDEST:
        return False
    return mail.opened or mail.clicked or now - mail.at >= GRACE


def _weighed(mail: Mail, now: datetime) -> Weighed:
    age = max(now - mail.at, timedelta())
    points = CLICKED if mail.clicked else OPENED if mail.opened else 0.0
    return Weighed(mail, 0.5 ** (age / HALF_LIFE), points)
