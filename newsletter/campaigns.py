"""The life of a campaign: which status may follow which, and what happens on the way.

One conditional UPDATE decides each move, so of two people pressing buttons at once, one wins. A
campaign that was started is frozen: what it says (its edition) and to whom (its batches) stays.
"""

import logging
from collections.abc import Iterable
from datetime import datetime, time
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from newsletter import audience, composing, wake
from newsletter.composing import Person, RenderError, TemplateProblem
from newsletter.models import Batch, Campaign
from newsletter.sending import connection, run, windows
from newsletter.sending.replies import Verdict
from subscribers import suppression
from subscribers.models import MailingList
from tracking import links

logger = logging.getLogger(__name__)

Status = Campaign.Status

ALLOWED: dict[str, set[str]] = {
    Status.DRAFT: {Status.SCHEDULED, Status.RUNNING},
    Status.SCHEDULED: {Status.DRAFT, Status.RUNNING, Status.CANCELLED},
    Status.RUNNING: {Status.PAUSED, Status.CANCELLED, Status.FINISHED},
    Status.PAUSED: {Status.RUNNING, Status.CANCELLED},
    Status.FINISHED: {Status.RUNNING},  # to send again to those who did not get it
    Status.CANCELLED: set(),
}
# Nothing is in a campaign's way any more.
NOT_WAITING: dict[str, Any] = {"waiting_reason": "", "waiting_since": None, "retry_at": None}


class Refused(Exception):
    """What was asked for is not possible. The message says why, for the person who asked."""


class WrongStatus(Refused):
    """The campaign is not in a status from which this is possible."""


class NotReady(Refused):
    """The campaign lacks something, or something in it is wrong."""


# --- before it starts -----------------------------------------------------------------------


def create(*, lists: Iterable[MailingList], **fields: Any) -> Campaign:
    """Make a draft. Raises NotReady when its texts hold a mistake; nothing is stored then."""
    campaign = Campaign(**fields)
    _check_texts(campaign)
    with transaction.atomic():
        campaign.save()
        campaign.lists.set(lists)
    return campaign


def schedule(campaign_id: int, at: datetime, staff_id: int | None = None) -> None:
    """Have a draft started at a time. Raises WrongStatus and NotReady."""
    check(Campaign.objects.get(id=campaign_id))
    changes = {"scheduled_at": at, "started_by_id": staff_id, **NOT_WAITING}
    _move(campaign_id, Status.SCHEDULED, **changes)


def unschedule(campaign_id: int) -> None:
    """Make a scheduled campaign a draft again. Raises WrongStatus."""
    _move(campaign_id, Status.DRAFT, scheduled_at=None)


def check(campaign: Campaign) -> None:
    """Raise NotReady, with the first reason, when a campaign can't be started as it is."""
    if not audience.campaign_list_ids(campaign.pk):
        raise NotReady("Choose at least one list that the campaign goes to.")
    if not campaign.subject.strip():
        raise NotReady("The campaign has no subject.")
    if not campaign.body.strip():
        raise NotReady("The campaign has no text.")
    try:
        suppression.check_key()
    except suppression.WrongKey as error:
        raise NotReady(str(error)) from error
    _check_texts(campaign)


def duplicate(campaign_id: int, staff_id: int | None = None) -> int:
    """Make a draft with the same content and lists. Returns its id."""
    original = Campaign.objects.get(id=campaign_id)
    content = ("subject", "preheader", "from_email", "reply_to", "format", "body", "template_id")
    names = (*content, "throttle", "send_days", "send_from", "send_until")
    with transaction.atomic():
        copy = Campaign.objects.create(
            created_by_id=staff_id, **{name: getattr(original, name) for name in names}
        )
        copy.lists.set(original.lists.all())
    return copy.pk


def test_send(campaign_id: int, to: str, person: Person) -> None:
    """Send the mail that `person` would get to the inbox `to`. Nothing of it is recorded.

    Raises NotReady when the mail can't be made, or the mail server does not accept it.
    """
    try:
        mail = composing.render_test(Campaign.objects.get(id=campaign_id), person, to)
        ((_, verdict, reply),) = run.send_mails([mail])
    except (TemplateProblem, RenderError) as error:
        raise NotReady(f"The mail can't be made. {error}") from error
    except connection.Unreachable as error:
        raise NotReady(f"The mail was not sent: {error}.") from error
    if verdict is not Verdict.SENT:
        raise NotReady(f"The mail server did not accept the mail: {reply}")


# --- its moves ------------------------------------------------------------------------------


def start(campaign_id: int, staff_id: int | None = None) -> None:
    """Freeze a campaign and let the workers have it, all or nothing.

    `staff_id` says who started it; without one it is who scheduled it. Raises WrongStatus, and
    NotReady when something is missing or nobody may be written to.
    """
    with transaction.atomic():
        _move(
            campaign_id,
            Status.RUNNING,
            sources={Status.DRAFT, Status.SCHEDULED},
            started_at=Now(),
            **({"started_by_id": staff_id} if staff_id else {}),
            **NOT_WAITING,
        )
        # Read behind the lock that the move has taken: what is checked, frozen and stored is one.
        campaign = Campaign.objects.get(id=campaign_id)
        check(campaign)
        try:
            composing.freeze(campaign)
        except TemplateProblem as problem:
            raise NotReady(_in_words(problem)) from problem
        size = audience.freeze(campaign_id)
        if not size:
            raise NotReady("Nobody on the campaign's lists may be written to.")
        Campaign.objects.filter(id=campaign_id).update(audience_size=size)
        # Before the first mail arrives, each edge knows where its links lead.
        transaction.on_commit(partial(links.publish, campaign_id))
        transaction.on_commit(wake.workers)


def pause(campaign_id: int, reason: str = "") -> None:
    """Stop sending within about a second. Raises WrongStatus unless running."""
    _move(campaign_id, Status.PAUSED, **{**NOT_WAITING, "waiting_reason": reason})


def resume(campaign_id: int) -> None:
    """Go on; batches that were set aside are tried again. Raises WrongStatus unless paused."""
    with transaction.atomic():
        _move(campaign_id, Status.RUNNING, sources={Status.PAUSED}, **NOT_WAITING)
        Batch.objects.filter(campaign_id=campaign_id, state=Batch.State.SET_ASIDE).update(
            state=Batch.State.WAITING, attempts=0
        )
        transaction.on_commit(wake.workers)


def reopen(campaign_id: int) -> None:
    """Let a finished campaign go on, for those who are sent to again; a paused one stays paused.

    Its row is locked until the end of the transaction. Raises WrongStatus for a draft, and for
    what was cancelled.
    """
    status = (
        Campaign.objects.select_for_update().values_list("status", flat=True).get(id=campaign_id)
    )
    if status in (Status.RUNNING, Status.PAUSED):
        return
    sources = {Status.FINISHED}
    _move(campaign_id, Status.RUNNING, sources=sources, finished_at=None, **NOT_WAITING)
    transaction.on_commit(wake.workers)


def set_pace(
    campaign_id: int,
    *,
    throttle: int | None,
    send_days: Iterable[int] = (),
    send_from: time | None = None,
    send_until: time | None = None,
) -> None:
    """Change how fast and when a campaign is sent; one that runs obeys within two seconds.

    `throttle` is in mails a minute (None: no limit), `send_days` are ISO weekdays (1 is Monday;
    none: all), the times are in settings.TIME_ZONE. Raises Refused for what can't be, and
    WrongStatus for a campaign that has come to its end.
    """
    days = sorted(set(send_days))
    if throttle is not None and throttle < 1:
        raise Refused("The limit is at least one mail a minute. To stop a campaign, pause it.")
    if not set(days) <= windows.WEEK:
        raise Refused("Days of the week are 1 (Monday) to 7 (Sunday).")
    ended = (Status.FINISHED, Status.CANCELLED)
    # What waits for the old pace is looked at again at once.
    changed = (
        Campaign.objects.filter(id=campaign_id)
        .exclude(status__in=ended)
        .update(
            throttle=throttle,
            send_days=days,
            send_from=send_from,
            send_until=send_until,
            retry_at=None,
        )
    )
    if not changed:
        campaign = Campaign.objects.get(id=campaign_id)
        raise WrongStatus(f"“{campaign}” is {campaign.get_status_display().lower()} already.")
    wake.workers()


def try_again() -> None:
    """Have the campaigns that wait looked at at once: what they wait for may be there now."""
    Campaign.objects.filter(status=Status.RUNNING, retry_at__isnull=False).update(retry_at=None)
    transaction.on_commit(wake.workers)


def cancel(campaign_id: int) -> None:
    """Stop for good, within about a second. Who has not been mailed stays pending, unsent.

    Raises WrongStatus for a draft, and once it is finished.
    """
    _move(campaign_id, Status.CANCELLED, finished_at=Now(), **NOT_WAITING)


def _move(
    campaign_id: int, status: Campaign.Status, *, sources: set[Any] | None = None, **changes: Any
) -> None:
    sources = sources or {source for source, targets in ALLOWED.items() if status in targets}
    moved = Campaign.objects.filter(id=campaign_id, status__in=sources).update(
        status=status, **changes
    )
    if not moved:
        campaign = Campaign.objects.get(id=campaign_id)
        present = campaign.get_status_display().lower()
        if campaign.status == status:
            raise WrongStatus(f"“{campaign}” is {present} already.")
        raise WrongStatus(f"“{campaign}” is {present}, so it can't become {status.label.lower()}.")


def _check_texts(campaign: Campaign) -> None:
    if problems := composing.check(campaign):
        raise NotReady("\n".join(_in_words(problem) for problem in problems))


def _in_words(problem: TemplateProblem) -> str:
    where = problem.field.replace("_", " ").capitalize()
    return f"{where}: {problem}" if where else str(problem)
