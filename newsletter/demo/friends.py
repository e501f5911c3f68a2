"""What the demonstration's readers passed on in the weeks before, and who read it there."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Final

from newsletter.demo.hitting import Hitting
from newsletter.demo.people import DOMAIN
from newsletter.demo.programs import programs
from newsletter.demo.readers import SEED, SEND_ON, Act
from subscribers import suppression
from tracking.classify.verdicts import CLICK, OPEN, SHARE
from tracking.models import Forward
from tracking.packs import Hit

_READ, _FOLLOWED = 0.7, 0.35  # of the copies that friends got
_VISITS: Final = (1, 2, 2, 3, 5, 9)  # to a page that was shared


def pass_on(copy: Hitting, act: Act, at: datetime) -> list[Hit]:
    """Write down a copy to a friend, or a page to share. Returns what comes of it."""
    campaign_id = copy.edition.campaign_id
    chance = Random(f"{SEED} {copy.issue.subject} {act.address} friend")  # noqa: S311
    is_mail = act.kind == SEND_ON
    friend = f"friend.{campaign_id}.{copy.subscriber_id}@{DOMAIN}"
    forward = Forward.objects.create(
        campaign_id=campaign_id,
        subscriber_id=copy.subscriber_id,
        kind=Forward.Kind.FRIEND if is_mail else Forward.Kind.SHARE,
        state=Forward.State.SENT if is_mail else Forward.State.MADE,
        email_hash=suppression.email_hash(friend) if is_mail else None,
        asked_at=at,
        attempts=1 if is_mail else 0,
    )
    theirs = copy._replace(subscriber_id=0, forward_id=forward.pk)
    acts = _by_friend(at, chance) if is_mail else _by_visitors(at, chance)
    return [theirs.by(each, at + timedelta(seconds=each.after)) for each in acts]


def _by_friend(at: datetime, chance: Random) -> Iterator[Act]:
    if chance.random() >= _READ:
        return
    known = programs(at, chance.randrange(4))
    address = f"127.{100 + chance.randrange(50)}.{chance.randrange(250)}.1"
    after = 600 + chance.lognormvariate(9.0, 1.0)
    yield Act(after, OPEN, 0, known.gmail, address)
    if chance.random() < _FOLLOWED:
        yield Act(after + chance.uniform(8, 90), CLICK, 0, known.chrome_android, address)


def _by_visitors(at: datetime, chance: Random) -> Iterator[Act]:
    known = programs(at, chance.randrange(4))
    yield Act(30.0, SHARE, 0, known.chat, f"127.90.{chance.randrange(250)}.1")
    for _ in range(chance.choice(_VISITS)):
        program = chance.choice([known.iphone, known.chrome_android, known.chrome, known.safari])
        address = f"127.{100 + chance.randrange(50)}.{chance.randrange(250)}.1"
        yield Act(300 + chance.lognormvariate(9.5, 1.2), SHARE, 0, program, address)
