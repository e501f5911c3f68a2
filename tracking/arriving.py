"""What is known of hits when they arrive: who may be named, when the mail left, a first verdict.

The first verdict is what can be said of a hit alone or, when a mail's links were followed more than
once in a batch, together with these. Five minutes later tracking/judging.py looks again, with all
hits around it.
"""

import json
from bisect import bisect
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache
from operator import itemgetter
from typing import Any

from django.db.backends.utils import CursorWrapper

from tracking import choices, judging, origins
from tracking.classify import Evidence, Judgement
from tracking.packs import NULL, BadPack, unescape

# One look into the key for each, whatever the planner thinks of so many; and one text as answer,
# because rows would cost more to take apart here than to find.
_READ_HANDOVERS = """
SELECT string_agg(coalesce(date_part('epoch', sent.at)::text, ''), ' ' ORDER BY number)
FROM unnest(%s::bigint[], %s::bigint[]) WITH ORDINALITY asked (campaign_id, subscriber_id, number)
LEFT JOIN LATERAL (
    SELECT at FROM tracking_handover known
    WHERE known.campaign_id = asked.campaign_id AND known.subscriber_id = asked.subscriber_id
    OFFSET 0
) sent ON true
"""

_Fields = list[str]  # of a line: see tracking/packs.py
_CAMPAIGN, _SUBSCRIBER, _FORWARD, _AT, _NETWORK, _AGENT, _MARKS = 1, 2, 3, 5, 6, 7, 8  # places
_MAIL = itemgetter(_CAMPAIGN, _SUBSCRIBER, _FORWARD)
_NOBODY = _OWN = "0"
_LOADING = ("1", "5")  # the kinds that load a picture; others follow a link
_DAY_DIGITS = 8  # of milliseconds: 28 hours
_STEPS = (0, 1, 2, 5, 10, 20, 30, 45, 60, 90, 120, 180, 300, 600)  # seconds that are told apart
_MOST_GLANCES = 50_000

_glances: dict[tuple[Any, ...], Judgement] = {}


def receive(cursor: CursorWrapper, lines: Iterable[bytes]) -> list[str]:
    """Return the lines for COPY, each with seconds since the hand-over, verdict and reason.

    Hits that may not be kept are left out. Call when no erasure can come in between. Raises
    BadPack, or DataError for numbers that are too large.
    """
    fields = choices.apply(cursor, _split(lines))
    handovers = _handovers(cursor, fields)
    since_sent = [_since_sent(each, handovers) for each in fields]
    judgements = list(map(_glance, fields, since_sent))
    for group in _busy(fields):
        hits = [_evidence(fields[index], since_sent[index]) for index in group]
        for index, judgement in zip(group, judging.judge(hits), strict=True):
            judgements[index] = judgement
    return list(map(_line, fields, since_sent, judgements))


def _split(lines: Iterable[bytes]) -> list[_Fields]:
    try:
        text = b"".join(lines).decode()
    except UnicodeDecodeError as error:
        raise BadPack(str(error)) from error
    return [line.split("\t") for line in text.split("\n")[:-1]]


def _handovers(cursor: CursorWrapper, fields: list[_Fields]) -> dict[tuple[str, str], float]:
    """Return when (seconds since 1970) each person's own copy of a campaign was handed over."""
    copies = list(
        {
            (each[_CAMPAIGN], each[_SUBSCRIBER])
            for each in fields
            if each[_SUBSCRIBER] != _NOBODY and each[_FORWARD] == _OWN
        }
    )
    if not copies:
        return {}
    campaigns, subscribers = zip(*copies, strict=True)
    # As text, which psycopg takes as it is: each is a number already.
    cursor.execute(_READ_HANDOVERS, [f"{{{','.join(each)}}}" for each in (campaigns, subscribers)])
    moments = cursor.fetchone()[0].split(" ")
    return {copy: float(moment) for copy, moment in zip(copies, moments, strict=True) if moment}


def _since_sent(fields: _Fields, handovers: Mapping[tuple[str, str], float]) -> float | None:
    if fields[_FORWARD] != _OWN:
        return None
    sent = handovers.get((fields[_CAMPAIGN], fields[_SUBSCRIBER]))
    return None if sent is None else round(int(fields[_AT]) / 1000 - sent, 3)


def _glance(fields: _Fields, since_sent: float | None) -> Judgement:
    """Judge a hit by itself. Hits that say the same are judged once."""
    network = fields[_NETWORK]
    step = None if since_sent is None else bisect(_STEPS, since_sent)
    # The day, because what a program says of itself grows old.
    day, lists = fields[_AT][:-_DAY_DIGITS], judging.known_networks()
    texts = (fields[_AGENT], fields[_MARKS])
    key = (fields[0], *texts, network == NULL, lists.find(network), step, day)
    judgement = _glances.get(key)
    if judgement is None:
        if len(_glances) >= _MOST_GLANCES:
            _glances.clear()
        [judgement] = judging.judge([_evidence(fields, since_sent)])
        _glances[key] = judgement
    return judgement


def _busy(fields: list[_Fields]) -> list[list[int]]:
    """Return, by their places, the hits of mails whose links were followed more than once.

    What is at most an open and a click is left for later: there it will be seen with all around it.
    """
    followed = Counter(map(_MAIL, filter(_follows, fields)))
    busy: dict[Any, list[int]] = {mail: [] for mail, times in followed.items() if times > 1}
    if busy:
        for index, each in enumerate(fields):
            if (mail := _MAIL(each)) in busy:
                busy[mail].append(index)
    return list(busy.values())


def _follows(fields: _Fields) -> bool:
    return fields[0] not in _LOADING and fields[_SUBSCRIBER] != _NOBODY


def _evidence(fields: _Fields, since_sent: float | None) -> Evidence:
    kind, campaign, subscriber, forward, link, milliseconds = map(int, fields[:_NETWORK])
    network, user_agent, marks = fields[_NETWORK:]
    return Evidence(
        0,
        milliseconds / 1000,
        *(kind, campaign, subscriber, forward, link, since_sent),
        "" if network == NULL else network,
        unescape(user_agent),
        _marks(marks),
    )


@lru_cache(maxsize=16_384)
def _marks(text: str) -> Mapping[str, Any]:
    try:
        return dict(json.loads(unescape(text)))
    except (ValueError, RecursionError) as error:
        raise BadPack(f"the marks of a hit are not JSON: {error}") from error


def _line(fields: _Fields, since_sent: float | None, judgement: Judgement) -> str:
    seen = "\t".join(fields)
    since = NULL if since_sent is None else since_sent
    program, country = origins.of(fields[_AGENT], fields[_NETWORK])
    verdict, reason = judgement
    return f"{seen}\t{since}\t{verdict:d}\t{reason}\t{program}\t{country}\n"
