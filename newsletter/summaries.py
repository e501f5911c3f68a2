"""Mails the report of a campaign, some time after its end, to who started it.

Promise: nobody gets it twice, whatever dies. A row is made before the mail leaves, and removed
again only where the mail server said that it has not taken it. A worker that dies in between leaves
the row, and the campaign without its mail; `manage.py report ID --mail ADDRESS` sends it then.
"""

import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.utils.timezone import now

from newsletter import summary_mail
from newsletter.models import Campaign, SummaryMail
from newsletter.sending import connection, run
from newsletter.sending.replies import Verdict
from subscribers import addresses

logger = logging.getLogger(__name__)

AT_ONCE: Final = 20  # campaigns in one call
GIVEN_UP_AFTER: Final = timedelta(days=7)  # past the hour that it was due

_NOT_TAKEN = {Verdict.DEFERRED, Verdict.RETURNED}  # and may be the next time


class NotSent(Exception):
    """The mail did not leave. The message says why."""


def send_due() -> int:
    """Mail the reports that are due. Returns how many campaigns' were taken by a mail server."""
    if not settings.REPORT_AFTER:
        return 0
    latest = now() - timedelta(hours=settings.REPORT_AFTER)
    due = Campaign.objects.filter(
        status=Campaign.Status.FINISHED,
        finished_at__lte=latest,
        finished_at__gt=latest - GIVEN_UP_AFTER,
        summary_mail=None,
    ).select_related("started_by", "created_by")
    sent = 0
    for campaign in due.order_by("finished_at")[:AT_ONCE]:
        try:
            sent += _send_once(campaign)
        except connection.Unreachable as error:
            logger.warning("reports wait: %s", error)
            break
        except Exception:
            # Its row stays, so that what can't be made is not tried for ever.
            logger.exception("the report of campaign %s was not mailed", campaign.pk)
    return sent


def recipients(campaign: Campaign) -> list[str]:
    """Return who gets the report: who started it, else who wrote it, else ALERTS_TO."""
    for person in (campaign.started_by, campaign.created_by):
        if person and person.is_active and person.email:
            return [person.email]
    return list(settings.ALERTS_TO)


def send_to(campaign: Campaign, address: str) -> None:
    """Mail the report as it is now to one address, by hand. Raises NotSent and BadAddress."""
    mail = summary_mail.make(summary_mail.summarise(campaign), address)
    try:
        ((_, verdict, reply),) = run.send_mails([mail])
    except connection.Unreachable as error:
        raise NotSent(f"The mail was not sent: {error}.") from error
    if verdict is not Verdict.SENT:
        raise NotSent(f"The mail server did not accept the mail: {reply.without_addresses}")


def _send_once(campaign: Campaign) -> bool:
    to = recipients(campaign)
    if not to:
        return False
    # Committed at once. Of two workers, one makes it.
    _, is_ours = SummaryMail.objects.get_or_create(campaign=campaign)
    if not is_ours:
        return False
    claim = SummaryMail.objects.filter(campaign=campaign)
    try:
        verdicts = _hand_over(_make(campaign, to))
    except connection.Unreachable:
        claim.delete()
        raise
    if Verdict.SENT in verdicts:
        claim.update(sent_at=now())
        return True
    if verdicts and verdicts <= _NOT_TAKEN:
        claim.delete()
    return False


def _make(campaign: Campaign, to: Sequence[str]) -> list[summary_mail.SummaryMail]:
    summary = summary_mail.summarise(campaign)
    mails = []
    for address in to:
        try:
            mails.append(summary_mail.make(summary, address))
        except addresses.BadAddress as error:
            logger.warning("the report of campaign %s has no address: %s", campaign.pk, error)
    return mails


def _hand_over(mails: Sequence[summary_mail.SummaryMail]) -> set[Verdict]:
    """Hand mails over; return what became of them. Raises Unreachable."""
    verdicts = set()
    for _, verdict, reply in run.send_mails(mails) if mails else []:
        verdicts.add(verdict)
        if verdict is not Verdict.SENT:
            logger.warning("a report was not accepted: %s", reply.without_addresses)
    return verdicts
