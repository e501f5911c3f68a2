"""The issues of the weeks before, as they would be if they had been sent and read.

Nobody got them. What a worker would have recorded is written here; what readers did is given to
ingest as hits, from which it counts all sums.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Final, NamedTuple

from django.conf import settings
from django.utils.timezone import localtime

from newsletter import composing
from newsletter.demo import friends, issues
from newsletter.demo.hitting import Hitting, milliseconds
from newsletter.demo.issues import MARK, Issue
from newsletter.demo.people import Membership
from newsletter.demo.programs import programs
from newsletter.demo.readers import (
    LEAVE,
    PUBLISH,
    SEED,
    SEND_ON,
    USUAL,
    Act,
    Mail,
    acts,
    reader,
)
from newsletter.models import Batch, Campaign, Delivery
from newsletter.sending.refusals import Cause
from subscribers.models import MailingList
from tracking import ingest, packs, partitions

_YOUNGEST: Final = timedelta(days=4)  # of the last that is over: it is not read much any more
_FRIDAY, _THURSDAY = 4, 3
_MORNING, _EVENING = 9, 17  # o'clock
_EACH: Final = timedelta(milliseconds=400)  # from one mail to the next
_REFUSED: Final = 0.006
_FULL: Final = "452 4.2.2 The mailbox is full"
_NIGHT: Final = 6  # o'clock: nobody begins to read before
_SLEEP: Final = timedelta(hours=7)


class Sent(NamedTuple):
    """An issue that was sent."""

    issue: Issue
    mailing_list: MailingList
    at: datetime
    weeks_ago: int


def plan(harbour: MailingList, kitchen: MailingList, now: datetime) -> list[Sent]:
    """Return what was sent, and when, the oldest first."""
    weekly = [
        Sent(issue, harbour, _day(now, _FRIDAY, _MORNING, weeks), weeks)
        for weeks, issue in enumerate(issues.WEEKLY, 1)
    ]
    monthly = [
        Sent(issue, kitchen, _day(now, _THURSDAY, _EVENING, weeks), weeks)
        for weeks, issue in zip(range(1, 99, 4), issues.MONTHLY, strict=False)
    ]
    return sorted(weekly + monthly, key=lambda sent: sent.at)


def make_room(now: datetime) -> None:
    """Make the partitions of events for the months before, as they would be there."""
    for weeks in range(len(issues.WEEKLY) + 2, 0, -1):
        partitions.make_ahead(now - timedelta(weeks=weeks))


def write(sent: Sent, memberships: Sequence[Membership], now: datetime) -> None:
    """Write an issue, what became of its mails and what was done with them.

    Who leaves by it is noted in `memberships`, which hold until then. Call in a transaction.
    """
    audience = [
        each
        for each in memberships
        if each.mailing_list == sent.mailing_list and each.is_active(sent.at)
    ]
    campaign = _campaign(sent, len(audience))
    edition = composing.freeze(campaign)
    deliveries = _deliver(campaign, sent, audience)
    hits, passed_on = [], []
    for each, delivery in zip(audience, deliveries, strict=True):
        if delivery.status != Delivery.Status.SENT:
            continue
        hit = Hitting(edition, sent.issue, each.person.pk)
        for act, at in _acts(sent, each.number, delivery.at):
            if at >= now:
                break
            if act.kind == LEAVE:
                each.left_at, each.left_by = at, campaign.pk
            elif act.kind in (SEND_ON, PUBLISH):
                passed_on.append((at, hit, act))
            else:
                hits.append(hit.by(act, at))
    for at, hit, act in sorted(passed_on, key=lambda one: one[0]):
        hits += [one for one in friends.pass_on(hit, act, at) if one.at < milliseconds(now)]
    hits.sort(key=lambda hit: hit.at)
    ingest.store_pack(packs.encode(hits))


def _day(now: datetime, weekday: int, hour: int, weeks: int) -> datetime:
    """Return an hour of a day of the week: the last one that is long enough ago, or before."""
    latest = localtime(now) - _YOUNGEST
    day = latest - timedelta(days=(latest.weekday() - weekday) % 7)
    moment = day.replace(hour=hour, minute=0, second=0, microsecond=0)
    return moment - timedelta(weeks=weeks - (moment <= latest))


def _campaign(sent: Sent, audience: int) -> Campaign:
    campaign = Campaign.objects.create(
        subject=f"{sent.issue.subject} {MARK}",
        preheader=sent.issue.preheader,
        body=sent.issue.body(),
        status=Campaign.Status.FINISHED,
        started_at=sent.at,
        finished_at=sent.at + audience * _EACH,
        audience_size=audience,
        created_at=sent.at - timedelta(days=1),
    )
    campaign.lists.add(sent.mailing_list)
    return campaign


def _deliver(campaign: Campaign, sent: Sent, audience: Sequence[Membership]) -> list[Delivery]:
    """Write what a worker would have, in batches that are done."""
    chance = Random(f"{SEED} {sent.issue.subject}")  # noqa: S311  (a demonstration)
    deliveries = []
    for place, each in enumerate(audience):
        is_refused = chance.random() < _REFUSED
        deliveries.append(
            Delivery(
                campaign=campaign,
                subscriber_id=each.person.pk,
                status=Delivery.Status.FAILED if is_refused else Delivery.Status.SENT,
                cause=Cause.MAILBOX if is_refused else "",
                reason=_FULL if is_refused else "",
                at=sent.at + place * _EACH,
            )
        )
    size = settings.SEND_BATCH_SIZE
    for start in range(0, len(deliveries), size):
        _batch(campaign, sent.at, deliveries[start : start + size])
    return Delivery.objects.bulk_create(deliveries)


def _batch(campaign: Campaign, at: datetime, deliveries: Sequence[Delivery]) -> None:
    refused = sum(each.status == Delivery.Status.FAILED for each in deliveries)
    Batch.objects.create(
        campaign=campaign,
        subscriber_ids=[],
        size=len(deliveries),
        state=Batch.State.DONE,
        fence=1,
        due_at=at,
        claimed_at=deliveries[0].at,
        done_at=deliveries[-1].at,
        sent=len(deliveries) - refused,
        failed=refused,
    )


def _acts(sent: Sent, number: int, at: datetime) -> Iterator[tuple[Act, datetime]]:
    """Yield what is done with one mail, each with its moment."""
    issue = sent.issue
    mail = Mail(issue.subject, len(issue.links), issue.appeal, sent.weeks_ago)
    found = acts(reader(number), mail, USUAL, programs(at, number))
    if not found:
        return
    first = localtime(at + timedelta(seconds=found[0].after))
    sleep = _SLEEP if first.hour < _NIGHT else timedelta()
    for act in found:
        yield act, at + sleep + timedelta(seconds=act.after)
