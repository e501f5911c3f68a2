"""What the edge would keep of the hits of the demonstration's past."""

from datetime import datetime
from functools import cache
from typing import NamedTuple

from newsletter.demo.issues import PLACE, Issue
from newsletter.demo.readers import Act
from newsletter.models import Edition
from tracking import facts
from tracking.classify.verdicts import CLICK, OPEN
from tracking.packs import Hit


class _Headers(dict[str, str]):
    """Headers in the form in which the edge has them."""

    def keys(self) -> list[str]:  # type: ignore[override]
        return list(self)


class Hitting(NamedTuple):
    """A copy of a mail: whatever is done with it is a hit on it."""

    edition: Edition
    issue: Issue
    subscriber_id: int  # 0: it is a friend's copy
    forward_id: int = 0

    def by(self, act: Act, at: datetime) -> Hit:
        """Return the hit that an act is."""
        link_id = 0
        if act.kind == CLICK:
            url = PLACE + self.issue.links[act.link][1]
            link_id = self.edition.link_ids[self.edition.link_urls.index(url)]
        headers = act.program.picture if act.kind == OPEN else act.program.page
        return Hit(
            kind=act.kind,
            campaign_id=self.edition.campaign_id,
            subscriber_id=self.subscriber_id,
            forward_id=self.forward_id,
            link_id=link_id,
            at=milliseconds(at),
            network=facts.network(act.address),
            user_agent=act.program.agent,
            marks=marks(tuple(headers.items())),
        )


def milliseconds(at: datetime) -> int:
    """Return a time as hits have it, since 1970."""
    return int(at.timestamp() * 1000)


@cache
def marks(headers: tuple[tuple[str, str], ...]) -> str:
    """Return what the edge would keep of a program's headers."""
    return facts.marks(_Headers(headers), "1.1")
