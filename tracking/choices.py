"""Whether a reader may be named, or counted at all: asked when a hit arrives.

What counts is what people have chosen by now, not when the mail was made: who withdrew since then
is not counted, and who is gone or chose `aggregate` is counted without a name. For people who have
chosen nothing it is what the campaign's lists say by now (subscribers/recording.py). Who may not be
named when the mail is made has no name in it, so a name is stored only where both moments allow it.

A forwarded copy, or a shared page, follows whoever passed it on. With their `off` by now it is not
counted; with `aggregate` it counts among all copies of the campaign. What was among these from the
beginning names nobody and stays counted, unless the campaign's lists say `off` by now. A friend's
copy follows the friend as well, whose choice is in its row (forwards.follow_choices).
"""

from collections.abc import Mapping
from typing import Any

from django.db.backends.utils import CursorWrapper

from subscribers import recording
from subscribers.models import TrackingChoice
from tracking.forwards import least

_READ = """
WITH choices AS (
    SELECT people.id, coalesce(nullif(subscriber.tracking, ''), %(usual)s) AS choice,
           subscriber.id IS NULL AS gone
    FROM unnest(%(people)s::bigint[]) people (id)
    LEFT JOIN subscribers_subscriber subscriber USING (id)
)
SELECT id, gone OR choice <> %(off)s FROM choices WHERE gone OR choice <> %(individual)s
"""

# What was said of each copy, and which row all copies of its campaign have in common (0: none).
_READ_FORWARDS = """
SELECT copy.id, ARRAY[copy.tracking] || owner.tracking, coalesce(common.id, 0)
FROM tracking_forward copy
LEFT JOIN subscribers_subscriber owner ON owner.id = copy.subscriber_id
LEFT JOIN tracking_forward common ON common.campaign_id = copy.campaign_id AND common.kind = 3
WHERE copy.id = ANY(%s::bigint[])
"""

_Fields = list[str]  # of a line: see tracking/packs.py
_CAMPAIGN, _SUBSCRIBER, _FORWARD = 1, 2, 3  # their places
_NOBODY = _OWN = "0"


def apply(cursor: CursorWrapper, fields: list[_Fields]) -> list[_Fields]:
    """Return the hits that may be kept, without the names that may not."""
    campaigns = {each[_CAMPAIGN] for each in fields}
    choices = recording.of_campaigns({int(campaign) for campaign in campaigns})
    usual = {campaign: choices[int(campaign)] for campaign in campaigns}
    if any(each[_FORWARD] != _OWN for each in fields):
        fields = _forwarded(cursor, fields, usual)
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


def _forwarded(
    cursor: CursorWrapper, fields: list[_Fields], usual: Mapping[str, TrackingChoice]
) -> list[_Fields]:
    """Return the hits without those on copies that may not be counted by now.

    Copies that may be counted, but no longer by themselves, are put with those that can't be told
    apart.
    """
    copies = {each[_FORWARD] for each in fields} - {_OWN}
    cursor.execute(_READ_FORWARDS, [f"{{{','.join(copies)}}}"])
    known = {str(copy): (said, str(common)) for copy, said, common in cursor.fetchall()}
    kept = []
    for each in fields:
        if each[_FORWARD] in known:
            said, common = known[each[_FORWARD]]
            choice = least([*said, ""], usual[each[_CAMPAIGN]])
            if choice == TrackingChoice.AGGREGATE and each[_FORWARD] != common:
                each[_FORWARD] = common
            if choice == TrackingChoice.OFF or each[_FORWARD] == _OWN:
                continue
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
