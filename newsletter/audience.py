"""Who gets a campaign: the active people of its lists, each once, without the suppressed.

The audience is frozen when the campaign starts, in batches of SEND_BATCH_SIZE people. Consent is
looked at again when a batch is claimed, so whoever leaves meanwhile is not mailed.
"""

from collections.abc import Iterable

from django.conf import settings
from django.db import connection

from newsletter.models import Campaign

_WHO = """
    FROM subscribers_subscription sub
    JOIN subscribers_subscriber s ON s.id = sub.subscriber_id
    WHERE sub.mailing_list_id = ANY(%(lists)s)
      AND sub.status = 'active'
      AND NOT EXISTS (
          SELECT 1 FROM subscribers_suppression x WHERE x.email_hash = s.email_hash
      )
"""
_PEOPLE = f"SELECT DISTINCT s.id {_WHO}"
_COUNT = f"SELECT count(*) FROM ({_PEOPLE}) AS people"  # noqa: S608  (made of constants)
# As quick as counting them all.
_BY_CHOICE = f"""
    SELECT tracking, count(*) FROM (SELECT DISTINCT s.id, s.tracking {_WHO}) AS people
    GROUP BY tracking
"""  # noqa: S608  (made of constants)
# One statement whatever the size. In the order of ids, so that a worker reads neighbouring rows.
_FREEZE = f"""
    WITH people AS ({_PEOPLE}), numbered AS (
        SELECT id, (row_number() OVER (ORDER BY id) - 1) / %(size)s AS number FROM people
    ), added AS (
        INSERT INTO newsletter_batch (
            campaign_id, subscriber_ids, size, state, fence, attempts,
            sent, failed, skipped, in_doubt
        )
        SELECT %(campaign)s, array_agg(id ORDER BY id), count(*), 'waiting', 0, 0, 0, 0, 0, 0
        FROM numbered
        GROUP BY number
        ORDER BY number
        RETURNING size
    )
    SELECT coalesce(sum(size), 0) FROM added
"""  # noqa: S608  (made of constants)


def freeze(campaign_id: int) -> int:
    """Store the audience of a campaign in batches. Returns how many people it has."""
    return _number(
        _FREEZE,
        campaign=campaign_id,
        lists=campaign_list_ids(campaign_id),
        size=settings.SEND_BATCH_SIZE,
    )


def count(campaign_id: int) -> int:
    """Return how many people a campaign would go to if it started now."""
    return _number(_COUNT, lists=campaign_list_ids(campaign_id))


def by_choice(campaign_id: int) -> dict[str, int]:
    """Return `count` by what people chose about tracking; "" stands for nothing."""
    with connection.cursor() as cursor:
        cursor.execute(_BY_CHOICE, {"lists": campaign_list_ids(campaign_id)})
        return dict(cursor.fetchall())


def campaign_list_ids(campaign_id: int) -> list[int]:
    """Return the ids of the lists that a campaign goes to; none when there is no such campaign."""
    return lists_of_campaigns([campaign_id])[campaign_id]


def lists_of_campaigns(campaign_ids: Iterable[int]) -> dict[int, list[int]]:
    """Return `campaign_list_ids` of each (one query)."""
    found: dict[int, list[int]] = {campaign_id: [] for campaign_id in campaign_ids}
    through = Campaign.lists.through.objects.filter(campaign_id__in=list(found))
    pairs = through.order_by("mailinglist_id").values_list("campaign_id", "mailinglist_id")
    for campaign_id, list_id in pairs:
        found[campaign_id].append(list_id)
    return found


def _number(statement: str, **names: int | list[int]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, names)
        (number,) = cursor.fetchone() or (0,)
    return int(number)
