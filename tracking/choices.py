"""Whether a reader may be named, or counted at all: asked when a hit arrives.

What counts is what people have chosen by now, not when the mail was made: who withdrew since then
is not counted, and who is gone or chose `aggregate` is counted without a name. For people who have
chosen nothing it is what the campaign's lists say by now (subscribers/recording.py). Who may not be
named when the mail is made has no name in it, so a name is stored only where both moments allow it.
"""

from typing import Any

from django.db.backends.utils import CursorWrapper

from subscribers import recording
from subscribers.models import TrackingChoice

_READ = """
WITH choices AS (
    SELECT people.id, coalesce(nullif(subscriber.tracking, ''), %(usual)s) AS choice,
           subscriber.id IS NULL AS gone
    FROM unnest(%(people)s::bigint[]) people (id)
    LEFT JOIN subscribers_subscriber subscriber USING (id)
)
SELECT id, gone OR choice <> %(off)s FROM choices WHERE gone OR choice <> %(individual)s
"""

_Fields = list[str]  # of a line: see tracking/packs.py
_CAMPAIGN, _SUBSCRIBER = 1, 2  # their places
_NOBODY = "0"


def apply(cursor: CursorWrapper, fields: list[_Fields]) -> list[_Fields]:
    """Return the hits that may be kept, without the names that may not."""
    campaigns = {each[_CAMPAIGN] for each in fields}
    choices = recording.of_campaigns({int(campaign) for campaign in campaigns})
    usual = {campaign: choices[int(campaign)] for campaign in campaigns}
    exceptions = {}
    for choice in set(usual.values()):
        people = {each[_SUBSCRIBER] for each in fields if usual[each[_CAMPAIGN]] is choice}
        exceptions[choice] = _exceptions(cursor, choice, people - {_NOBODY})
    if not any(exceptions.values()):
        return fields
    of_campaign = {campaign: exceptions[choice] for campaign, choice in usual.items()}
    kept = []
    for each in fields:
        may_count = of_campaign[each[_CAMPAIGN]].get(each[_SUBSCRIBER])
        if may_count:
            each[_SUBSCRIBER] = _NOBODY
        if may_count is not False:
            kept.append(each)
    return kept


def _exceptions(cursor: CursorWrapper, usual: TrackingChoice, people: set[str]) -> dict[str, bool]:
    """Return whom of `people` not to name, and whether to count them."""
    asked: dict[str, Any] = {
        "usual": usual.value,
        "people": f"{{{','.join(people)}}}",  # as text, which costs least: all are numbers
        "off": TrackingChoice.OFF.value,
        "individual": TrackingChoice.INDIVIDUAL.value,
    }
    cursor.execute(_READ, asked)
    return {str(subscriber_id): may_count for subscriber_id, may_count in cursor.fetchall()}
