"""What came of forwards: numbers of a campaign, and what may have been forwarded besides.

Forwards that our own page made are known. What mail programs forward is not: no mail can tell. Two
things suggest it, and are kept apart and called possible: a picture that only quoted mail loads,
and a second steady reader of one copy (tracking/second_readers.py).
"""

from collections.abc import Iterator, Set
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain, groupby
from operator import itemgetter
from typing import Any

from django.db import connection, transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Sum
from django.utils.timezone import now

from subscribers.models import ConsentRecord
from tracking.classify.verdicts import CLICK, OPEN, PEOPLE, QUOTE, SHARE, Verdict
from tracking.models import CampaignHour, Forward, PossibleForwards, VerdictTotal
from tracking.second_readers import Sighting, has_second_reader

Kind, State = Forward.Kind, Forward.State
Action, Method = ConsentRecord.Action, ConsentRecord.Method

AGAIN = timedelta(hours=6)  # between two looks at the events of a campaign that is being read
MACHINES = frozenset(Verdict) - PEOPLE
_AT_ONCE = 10_000  # groups of events fetched together

# A proxy that loads a picture hides the device, so it is no evidence of a second one.
_SEEN = [Verdict.HUMAN.value, Verdict.LIKELY_HUMAN.value]
_GROUPS = """
    SELECT subscriber_id, kind = %(quote)s, coalesce(host(network), ''), user_agent, count(*)
    FROM tracking_event
    WHERE campaign_id = %(campaign)s AND subscriber_id > 0 AND forward_id = 0
      AND (kind = %(quote)s AND verdict = ANY(%(people)s)
           OR kind = ANY(%(kinds)s) AND verdict = ANY(%(seen)s))
    GROUP BY 1, 2, 3, 4
    ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class ForwardReport:
    """The forwards of one campaign. Opens, clicks and visits are counts of hits, not of people."""

    made: int  # friends whom readers asked us to write to
    sent: int
    skipped: int  # not to be written to, or written to already
    waiting: int  # for their turn
    failed: int  # refused by the friend's mail server, or given up
    in_doubt: int
    shares: int  # pages that readers made to share
    opens: int
    clicks: int
    visits: int  # of shared pages
    machine_opens: int
    machine_clicks: int
    machine_visits: int
    sign_ups: int  # people who joined a list by a link in a copy, or on a page
    possible: int  # people whose copy may have been forwarded by other means. Low confidence


def report(campaign_id: int) -> ForwardReport:
    """Return the numbers of a campaign, in four queries whatever its size."""
    states = Forward.objects.filter(campaign_id=campaign_id).aggregate(
        made=Count("kind", filter=Q(kind=Kind.FRIEND)),
        shares=Count("kind", filter=Q(kind=Kind.SHARE)),
        sent=Count("kind", filter=Q(state=State.SENT)),
        skipped=Count("kind", filter=Q(state=State.SKIPPED)),
        waiting=Count("kind", filter=Q(state__in=[State.ASKED, State.SENDING])),
        failed=Count("kind", filter=Q(state=State.FAILED)),
        in_doubt=Count("kind", filter=Q(state=State.IN_DOUBT)),
    )
    # By verdict, these are a few sums, however many copies there are.
    names = {"opens": OPEN, "clicks": CLICK, "visits": SHARE}
    hits = VerdictTotal.objects.filter(campaign_id=campaign_id).aggregate(
        **{name: _forwarded(kind, PEOPLE) for name, kind in names.items()},
        **{f"machine_{name}": _forwarded(kind, MACHINES) for name, kind in names.items()},
    )
    possible = PossibleForwards.objects.filter(pk=campaign_id).values_list("either", flat=True)
    return ForwardReport(
        **states, **hits, sign_ups=sign_ups(campaign_id), possible=possible.first() or 0
    )


def _forwarded(kind: int, verdicts: Set[Verdict]) -> Sum:
    whose = Q(kind=kind, verdict__in=[verdict.value for verdict in verdicts])
    return Sum("forwarded_hits", filter=whose, default=0)


def sign_ups(campaign_id: int) -> int:
    """Return how many people joined by a link in a campaign's forwarded mail."""
    return joined(Q(campaign_id=campaign_id)).values("subscriber_id").distinct().count()


def joined(which: Q) -> QuerySet[ConsentRecord]:
    """Return the ledger's lines of who joined by a form, of those that are asked for.

    Who only filled in the form, and never confirmed, has not joined.
    """
    confirmed = ConsentRecord.objects.filter(
        subscriber_id=OuterRef("subscriber_id"),
        mailing_list_id=OuterRef("mailing_list_id"),
        action=Action.CONFIRMED,
        id__gt=OuterRef("id"),
    )
    return ConsentRecord.objects.filter(which, method=Method.FORM).filter(
        Q(action=Action.SUBSCRIBED) | Q(action=Action.REQUESTED) & Exists(confirmed)
    )


def weigh_due() -> None:
    """Weigh the evidence of campaigns that were read in the last hours."""
    lately = CampaignHour.objects.filter(hour__gt=now() - 2 * AGAIN).values("campaign_id")
    fresh = PossibleForwards.objects.filter(computed_at__gt=now() - AGAIN)
    for campaign_id in (
        lately.exclude(campaign_id__in=fresh.values("campaign_id"))
        .values_list("campaign_id", flat=True)
        .distinct()
    ):
        weigh(campaign_id)


def weigh(campaign_id: int) -> PossibleForwards:
    """Look through a campaign's events for possible forwards, and store how many there are.

    Reads the events of people who let us record what they read, in groups: some seconds for a
    million of them.
    """
    quoted, second = set(), set()
    for subscriber_id, is_quoted, sightings in _copies(campaign_id):
        if is_quoted:
            quoted.add(subscriber_id)
        if has_second_reader(sightings):
            second.add(subscriber_id)
    found, _ = PossibleForwards.objects.update_or_create(
        campaign_id=campaign_id,
        defaults={
            "quoted": len(quoted),
            "second_readers": len(second),
            "either": len(quoted | second),
            "computed_at": now(),
        },
    )
    return found


def _copies(campaign_id: int) -> Iterator[tuple[int, bool, list[Sighting]]]:
    """Yield for each named reader whether their copy was quoted, and who seems to have read it."""
    values: dict[str, Any] = {
        "campaign": campaign_id,
        "quote": QUOTE,
        "kinds": [OPEN, CLICK],
        "people": [verdict.value for verdict in PEOPLE],
        "seen": _SEEN,
    }
    # A cursor on the server's side: a large campaign has more groups than should be in memory.
    with transaction.atomic(), connection.chunked_cursor() as cursor:
        cursor.execute(_GROUPS, values)
        parts = iter(lambda: cursor.fetchmany(_AT_ONCE), [])
        for subscriber_id, rows in groupby(chain.from_iterable(parts), key=itemgetter(0)):
            seen = list(rows)
            yield (
                subscriber_id,
                any(is_quote for _, is_quote, *_ in seen),
                [Sighting(*what) for _, is_quote, *what in seen if not is_quote],
            )
