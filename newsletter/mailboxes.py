"""Counts what came of a campaign's mails at each mailbox provider, now and then, as a copy.

Who takes somebody's mail is found out by their domain (newsletter/sending/providers.py), which
tracking does not know, and one provider may get better or worse at any time: so there are no
running sums, but a count every few minutes of the campaigns in which something has happened.

A domain of few people would tell of them. So a provider that is not known to everybody has a line
of its own from FEWEST people on, and the others share one.
"""

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import connection, transaction
from django.db.models import F, Q

from newsletter.models import Campaign, MailboxCount, MailboxTotal
from newsletter.sending import providers
from newsletter.sending.providers import Directory

FEWEST: Final = 10  # people of a domain that stands by its name
MOST: Final = 30  # providers of a campaign that stand by their names
FRESH_FOR: Final = timedelta(minutes=5)
# A count that takes long is made less often, so that it takes a twentieth of the time at most.
SHARE: Final = 20
LONGEST: Final = 120.0  # seconds; what is not counted by then, is at the next call
YOUNG: Final = timedelta(days=60)  # after its start
KEPT_FOR: Final = timedelta(days=1)  # when it is older
OTHERS: Final = ""

_LOCK: Final = 0x6272_6F65  # the advisory locks of campaigns that are being counted

# What says whether anything has happened: a few rows of each campaign.
_SEEN = """
SELECT asked.id, concat_ws(' ', mails.sent, mails.failed, left_by.times, opens, clicks,
                           unique_opens, unique_clicks, machine_opens, machine_clicks)
FROM unnest(%s::bigint[]) asked (id)
LEFT JOIN tracking_campaigntotal ON campaign_id = asked.id
CROSS JOIN LATERAL (
    SELECT coalesce(sum(sent), 0) AS sent, coalesce(sum(failed), 0) AS failed
    FROM newsletter_batch WHERE campaign_id = asked.id
) mails
CROSS JOIN LATERAL (
    SELECT count(*) AS times FROM subscribers_consentrecord
    WHERE campaign_id = asked.id AND campaign_id <> 0 AND action = 'unsubscribed'
) left_by
"""

# One look into the index for each reader, whatever the planner thinks. The statistics don't know a
# campaign that has just been sent; it then compared each mail with all readers, for hours.
_COUNT = """
SELECT coalesce(split_part(person.email_key, '@', -1), '') AS domain,
       count(*) FILTER (WHERE is_sent),
       count(*) FILTER (WHERE NOT is_sent),
       count(*) FILTER (WHERE is_sent AND opens > 0),
       count(*) FILTER (WHERE is_sent AND clicks > 0),
       count(*) FILTER (WHERE is_sent AND machine_opens > 0),
       count(*) FILTER (WHERE is_sent AND machine_clicks > 0),
       count(*) FILTER (WHERE is_sent AND opens + machine_opens > 0),
       count(*) FILTER (WHERE is_sent AND clicks + machine_clicks > 0),
       count(*) FILTER (WHERE is_sent AND mail.subscriber_id IN (
           SELECT subscriber_id FROM subscribers_consentrecord
           WHERE campaign_id = %(campaign)s AND campaign_id <> 0 AND action = 'unsubscribed'
       ))
FROM (
    SELECT subscriber_id, status = 'sent' AS is_sent FROM newsletter_delivery
    WHERE campaign_id = %(campaign)s AND status IN ('sent', 'failed')
) mail
LEFT JOIN subscribers_subscriber person ON person.id = mail.subscriber_id
LEFT JOIN LATERAL (
    SELECT opens, clicks, machine_opens, machine_clicks FROM tracking_reader
    WHERE campaign_id = %(campaign)s AND subscriber_id = mail.subscriber_id LIMIT 1
) reader ON true
GROUP BY 1
"""
_COLUMNS = (
    *("sent", "refused", "opened", "clicked", "machine_opened", "machine_clicked"),
    *("any_opened", "any_clicked", "leavers"),
)
# Compiling the statement takes longer than running it.
_SETTINGS = "SET LOCAL jit = off; SET LOCAL work_mem = '64MB'"

_Sums = list[int]  # in the order of _COLUMNS


@dataclass(frozen=True, slots=True)
class Mailboxes:
    """A campaign by provider, as it was at a moment; None: not counted yet."""

    counted_at: datetime | None
    rows: list[MailboxTotal]  # the largest first; what stands for all others at the end


def report(campaign_id: int) -> Mailboxes:
    """Return the last count of a campaign (two look-ups)."""
    count = MailboxCount.objects.filter(campaign_id=campaign_id).first()
    rows = MailboxTotal.objects.filter(campaign_id=campaign_id)
    return Mailboxes(count.counted_at if count else None, sorted(rows, key=_place))


def count_due(now: datetime) -> int:
    """Count the campaigns in which something has happened. Returns how many were counted."""
    due = list(_due(now))
    seen = _seen(due)
    known = dict(MailboxCount.objects.filter(pk__in=due).values_list("pk", "seen"))
    changed = [campaign for campaign in due if known.get(campaign) != seen[campaign]]
    MailboxCount.objects.filter(pk__in=set(due) - set(changed)).update(counted_at=now)
    directory = providers.load() if changed else Directory()
    started, counted = time.monotonic(), 0
    for campaign in changed:
        if time.monotonic() - started > LONGEST:
            break
        counted += _count_once(campaign, seen[campaign], directory, now)
    return counted


def count(campaign_id: int, now: datetime) -> None:
    """Count a campaign as it is now, unless somebody else is at it."""
    _count_once(campaign_id, _seen([campaign_id])[campaign_id], providers.load(), now)


def _due(now: datetime) -> Iterable[int]:
    counted = "mailboxes__counted_at"
    old = (
        Q(**{f"{counted}__isnull": True})
        | Q(**{f"{counted}__lt": now - KEPT_FOR})
        | Q(
            Q(mailboxes__seconds__lt=FRESH_FOR.total_seconds() / SHARE)
            | Q(**{f"{counted}__lt": now - F("mailboxes__seconds") * SHARE * timedelta(seconds=1)}),
            **{"started_at__gt": now - YOUNG, f"{counted}__lt": now - FRESH_FOR},
        )
    )
    started = Campaign.objects.filter(started_at__isnull=False).filter(old)
    return started.order_by("-started_at").values_list("pk", flat=True)


def _seen(campaigns: list[int]) -> dict[int, str]:
    with connection.cursor() as cursor:
        cursor.execute(_SEEN, [campaigns])
        return dict(cursor.fetchall())


def _count_once(campaign_id: int, seen: str, directory: Directory, now: datetime) -> bool:
    """Count a campaign and store it. Returns False when another process is doing it."""
    started = time.monotonic()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [_LOCK, campaign_id])
        if not cursor.fetchone()[0]:
            return False
        cursor.execute(_SETTINGS)
        cursor.execute(_COUNT, {"campaign": campaign_id})
        domains = {domain: numbers for domain, *numbers in cursor.fetchall()}
        MailboxTotal.objects.filter(campaign_id=campaign_id).delete()
        MailboxTotal.objects.bulk_create(_rows(campaign_id, domains, directory))
        MailboxCount.objects.update_or_create(
            campaign_id=campaign_id,
            defaults={
                "counted_at": now,
                "seen": seen,
                "seconds": time.monotonic() - started,
            },
        )
    return True


def _rows(
    campaign_id: int, domains: Mapping[str, _Sums], directory: Directory
) -> list[MailboxTotal]:
    groups: dict[str, _Sums] = defaultdict(lambda: [0] * len(_COLUMNS))
    for domain, numbers in domains.items():
        _add(groups[directory.group(domain)], numbers)
    named = sorted(
        (group for group, sums in groups.items() if _may_be_named(group, sums, directory)),
        key=lambda group: (-groups[group][0] - groups[group][1], group),
    )[:MOST]
    shown = {group: groups.pop(group) for group in named}
    for sums in groups.values():
        _add(shown.setdefault(OTHERS, [0] * len(_COLUMNS)), sums)
    return [
        MailboxTotal(
            campaign_id=campaign_id,
            provider=group,
            name=directory.name(group),
            **dict(zip(_COLUMNS, sums, strict=True)),
        )
        for group, sums in shown.items()
    ]


def _may_be_named(group: str, sums: _Sums, directory: Directory) -> bool:
    return group != OTHERS and (directory.is_known(group) or sums[0] + sums[1] >= FEWEST)


def _add(sums: _Sums, more: Iterable[int]) -> None:
    sums[:] = [each + other for each, other in zip(sums, more, strict=True)]


def _place(row: MailboxTotal) -> tuple[bool, int, str]:
    return (row.provider == OTHERS, -row.sent - row.refused, row.provider)
