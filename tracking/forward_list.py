"""The copies and shared pages that readers made, one by one, the newest first.

What was not sent is left out: why is not kept, and a row of its own would say something about a
friend to whoever knows whom the reader meant. The sums of a report have it. Who passed a mail on is
named only with their own choice and that of the lists as they stand now.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.db.models import Count, Q

from subscribers import recording
from subscribers.models import Subscriber, TrackingChoice
from tracking.forward_reports import joined
from tracking.forwards import least
from tracking.models import Forward, ForwardTotal

Kind, State = Forward.Kind, Forward.State

PAGE = 50  # copies


class Counted(StrEnum):
    """For what a copy's opens and clicks are counted."""

    ITSELF = "itself"
    TOGETHER = "together"  # with all copies of the campaign that may not be told apart
    NOT = "not"


@dataclass(frozen=True, slots=True)
class Copy:
    """A mail to a friend, a shared page, or all of a campaign that may not be told apart."""

    forward_id: int
    campaign_id: int
    kind: Forward.Kind
    state: Forward.State
    asked_at: datetime
    owner_id: int  # 0: not to be named, or erased
    counted: Counted
    totals: ForwardTotal  # zeros where nothing came
    sign_ups: int  # people who joined by a link in it


@dataclass(frozen=True, slots=True)
class Page:
    """Some copies."""

    copies: list[Copy]
    next: int | None  # the place where the next page begins; None: there is none


def page(campaign_id: int = 0, before: int = 0) -> Page:
    """Return copies of one campaign (0: of all), from a place on (0: the newest).

    Seven queries, and two for each campaign where lists have a choice of their own.
    """
    wanted = Forward.objects.exclude(state=State.SKIPPED)
    if campaign_id:
        wanted = wanted.filter(campaign_id=campaign_id)
    if before:
        wanted = wanted.filter(pk__lt=before)
    # Numbers first, which stand in an index of their own: asked for whole rows, PostgreSQL reads
    # the table backwards, past all copies of newer campaigns.
    found = list(wanted.order_by("-pk").values_list("pk", flat=True)[: PAGE + 1])
    rows = list(Forward.objects.filter(pk__in=found[:PAGE]).order_by("-pk"))
    return Page(_copies(rows), found[PAGE - 1] if len(found) > PAGE else None)


def _copies(rows: list[Forward]) -> list[Copy]:
    totals = ForwardTotal.objects.in_bulk([row.pk for row in rows])
    people = Subscriber.objects.filter(pk__in={row.subscriber_id for row in rows})
    owners = dict(people.values_list("pk", "tracking"))
    campaigns = {row.campaign_id for row in rows}
    usual = recording.of_campaigns(campaigns)
    sign_ups = _sign_ups(campaigns)
    copies = []
    for row in rows:
        choice = _choice(row, owners, usual[row.campaign_id])
        is_named = choice is TrackingChoice.INDIVIDUAL and row.subscriber_id in owners
        copies.append(
            Copy(
                row.pk,
                row.campaign_id,
                Kind(row.kind),
                State(row.state),
                row.asked_at,
                row.subscriber_id if is_named else 0,
                _counted(row, choice),
                totals.get(row.pk) or ForwardTotal(forward_id=row.pk),
                sign_ups.get(row.pk, 0),
            )
        )
    return copies


def _choice(row: Forward, owners: Mapping[int, str], usual: TrackingChoice) -> TrackingChoice:
    return least([row.tracking, owners.get(row.subscriber_id, ""), ""], usual)


def _counted(row: Forward, choice: TrackingChoice) -> Counted:
    if choice is TrackingChoice.OFF:
        return Counted.NOT
    if choice is TrackingChoice.INDIVIDUAL or row.kind == Kind.COMMON:
        return Counted.ITSELF
    return Counted.TOGETHER


def _sign_ups(campaign_ids: Iterable[int]) -> dict[int, int]:
    """Return how many people joined by a link in each copy; the ledger's line names it."""
    found = (
        joined(Q(campaign_id__in=list(campaign_ids)) & Q(evidence__has_key="forward"))
        .values_list("evidence__forward")
        .annotate(Count("subscriber_id", distinct=True))
        .order_by()
    )
    return {forward_id: people for forward_id, people in found if isinstance(forward_id, int)}
