"""What is known of hits when they arrive: who may be named, when the mail left, a first verdict.

The first verdict is the best that can be said of a hit alone and together with its batch. Five
minutes later tracking/judging.py looks again, with all hits around it.
"""

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.db.backends.utils import CursorWrapper

from subscribers.models import TrackingChoice
from tracking import judging
from tracking.classify import Evidence, Judgement
from tracking.packs import NULL, BadPack, unescape

# What people chose counts when the hit arrives, not when the mail was made: who withdrew since
# then is not counted, and who is gone or chose `aggregate` is counted without a name.
_READ_CHOICES = """
WITH choices AS (
    SELECT people.id, coalesce(nullif(subscriber.tracking, ''), %(default)s) AS choice,
           subscriber.id IS NULL AS gone
    FROM unnest(%(people)s::bigint[]) people (id)
    LEFT JOIN subscribers_subscriber subscriber USING (id)
)
SELECT id, gone OR choice <> %(off)s FROM choices WHERE gone OR choice <> %(individual)s
"""

_READ_HANDOVERS = """
SELECT campaign_id, subscriber_id, extract(epoch FROM at)::float8
FROM unnest(%s::bigint[], %s::bigint[]) asked (campaign_id, subscriber_id)
JOIN tracking_handover USING (campaign_id, subscriber_id)
"""

_Fields = list[str]  # of a line: see tracking/packs.py
_CAMPAIGN, _SUBSCRIBER, _FORWARD = 1, 2, 3  # their places
_NOBODY = _OWN = "0"


def receive(cursor: CursorWrapper, lines: Iterable[bytes]) -> list[str]:
    """Return the lines for COPY, each with seconds since the hand-over, verdict and reason.

    Hits that may not be kept are left out. Call when no erasure can come in between. Raises
    BadPack, or DataError for numbers that are too large.
    """
    fields = _split(lines)
    fields = _apply_choices(cursor, fields)
    hits = _evidence(fields, _handovers(cursor, fields))
    judgements = judging.judge(hits)
    return list(map(_line, fields, hits, judgements))


def _split(lines: Iterable[bytes]) -> list[_Fields]:
    try:
        text = b"".join(lines).decode()
    except UnicodeDecodeError as error:
        raise BadPack(str(error)) from error
    return [line.split("\t") for line in text.split("\n")[:-1]]


def _apply_choices(cursor: CursorWrapper, fields: list[_Fields]) -> list[_Fields]:
    asked = {
        "people": list({each[_SUBSCRIBER] for each in fields} - {_NOBODY}),
        "default": settings.TRACKING_DEFAULT,
        "off": TrackingChoice.OFF,
        "individual": TrackingChoice.INDIVIDUAL,
    }
    cursor.execute(_READ_CHOICES, asked)
    exceptions = {str(subscriber_id): may_count for subscriber_id, may_count in cursor.fetchall()}
    if not exceptions:
        return fields
    kept = []
    for each in fields:
        may_count = exceptions.get(each[_SUBSCRIBER])
        if may_count:
            each[_SUBSCRIBER] = _NOBODY
        if may_count is not False:
            kept.append(each)
    return kept


def _handovers(cursor: CursorWrapper, fields: list[_Fields]) -> dict[tuple[int, int], float]:
    """Return when (seconds since 1970) each person's own copy of a campaign was handed over."""
    copies = {
        (each[_CAMPAIGN], each[_SUBSCRIBER])
        for each in fields
        if each[_SUBSCRIBER] != _NOBODY and each[_FORWARD] == _OWN
    }
    if not copies:
        return {}
    campaigns, subscribers = zip(*copies, strict=True)
    cursor.execute(_READ_HANDOVERS, [list(campaigns), list(subscribers)])
    return {(campaign, subscriber): at for campaign, subscriber, at in cursor.fetchall()}


def _evidence(fields: list[_Fields], handovers: Mapping[tuple[int, int], float]) -> list[Evidence]:
    hits = []
    for number, each in enumerate(fields):
        kind, campaign, subscriber, forward, link, milliseconds = map(int, each[:6])
        at = milliseconds / 1000
        sent = None if forward else handovers.get((campaign, subscriber))
        since_sent = None if sent is None else round(at - sent, 3)
        network, user_agent, marks = each[6:]
        texts = ("" if network == NULL else network, unescape(user_agent), _marks(marks))
        hits.append(
            Evidence(number, at, kind, campaign, subscriber, forward, link, since_sent, *texts)
        )
    return hits


@lru_cache(maxsize=16_384)
def _marks(text: str) -> Mapping[str, Any]:
    try:
        return dict(json.loads(unescape(text)))
    except (ValueError, RecursionError) as error:
        raise BadPack(f"the marks of a hit are not JSON: {error}") from error


def _line(fields: _Fields, hit: Evidence, judgement: Judgement) -> str:
    since_sent = NULL if hit.since_sent is None else hit.since_sent
    seen = "\t".join(fields)
    return f"{seen}\t{since_sent}\t{judgement.verdict:d}\t{judgement.reason}\n"
