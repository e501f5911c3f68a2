"""What is due: campaigns that start by themselves, batches that wait, campaigns that are complete.

Asked at every tick; what it says and does is the same however often it is asked.
"""

import logging

from django.db import OperationalError, transaction
from django.db.models import Count, Exists, OuterRef, Q
from django.db.models.functions import Now

from newsletter import campaigns
from newsletter.campaigns import NOT_WAITING, NotReady, WrongStatus
from newsletter.models import Batch, Campaign

logger = logging.getLogger(__name__)

_OPEN = [Batch.State.WAITING, Batch.State.CLAIMED]


def start_scheduled() -> None:
    """Start the scheduled campaigns whose time has come.

    One that can't be started becomes a draft again, and says why. It never stops the others.
    """
    due = Campaign.objects.filter(status=Campaign.Status.SCHEDULED, scheduled_at__lte=Now())
    for campaign_id in due.values_list("id", flat=True):
        try:
            campaigns.start(campaign_id)
        except WrongStatus:
            continue  # another tick, or a person, was quicker
        except NotReady as error:
            logger.warning("campaign %s could not be started: %s", campaign_id, error)
            _back_to_draft(campaign_id, f"Not started: {error}")
        except OperationalError:
            # The database's trouble, not the campaign's: the next tick tries again.
            logger.exception("campaign %s could not be started yet", campaign_id)
        except Exception:
            logger.exception("campaign %s could not be started", campaign_id)
            _back_to_draft(
                campaign_id, "Not started: something unexpected went wrong. The log says what."
            )


def _back_to_draft(campaign_id: int, reason: str) -> None:
    Campaign.objects.filter(id=campaign_id, status=Campaign.Status.SCHEDULED).update(
        status=Campaign.Status.DRAFT, waiting_reason=reason[:300]
    )


def work() -> int:
    """Return how many batches of running campaigns are to be claimed now."""
    due = Batch.objects.filter(
        Q(state=Batch.State.WAITING, due_at__lte=Now())
        | Q(state=Batch.State.CLAIMED, lease_until__lt=Now()),
        campaign__status=Campaign.Status.RUNNING,
    )
    return due.exclude(campaign__retry_at__gt=Now()).count()


def runs() -> int:
    """Return how many runs of workers send now."""
    claimed = Batch.objects.filter(state=Batch.State.CLAIMED, lease_until__gt=Now())
    return int(claimed.aggregate(runs=Count("run", distinct=True))["runs"])


def finish_complete() -> None:
    """Finish the running campaigns with nothing left to do.

    One of which only batches are left that were set aside is paused, and says so.
    """
    batches = Batch.objects.filter(campaign=OuterRef("pk"), state__in=_OPEN)
    complete = Campaign.objects.filter(~Exists(batches), status=Campaign.Status.RUNNING)
    for campaign_id in complete.values_list("id", flat=True):
        with transaction.atomic():
            _finish(campaign_id)


def _finish(campaign_id: int) -> None:
    # Locked first, and looked at by a statement of its own: somebody may just have added batches,
    # for those who are sent to again.
    running = Campaign.objects.filter(id=campaign_id, status=Campaign.Status.RUNNING)
    if not running.select_for_update().exists():
        return
    batches = Batch.objects.filter(campaign_id=campaign_id)
    if batches.filter(state__in=_OPEN).exists():
        return
    if batches.filter(state=Batch.State.SET_ASIDE).exists():
        reason = (
            "Some mails stopped their worker again and again. "
            "Look into its log; resume to try them once more."
        )
        running.update(status=Campaign.Status.PAUSED, **{**NOT_WAITING, "waiting_reason": reason})
    else:
        running.update(status=Campaign.Status.FINISHED, finished_at=Now(), **NOT_WAITING)
