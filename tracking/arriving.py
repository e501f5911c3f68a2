"""What is known of hits when they arrive: who may be named, when the mail left, a first verdict.

The first verdict is what can be said of a hit alone or, when a mail's links were followed more than
once in a batch, together with these. Five minutes later tracking/judging.py looks again, with all
hits around it.

A batch is worked on by columns (all campaigns, all times, …): a loop in Python over all hits, each
with a call or two, would cost more than all the rest.
"""

import json
from bisect import bisect
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from django.db.backends.utils import CursorWrapper

from tracking import choices, judging, origins
from tracking.classify import Evidence, Judgement
from tracking.packs import NULL, BadPack, unescape

# One look into the key for each, whatever the planner thinks of so many, and in the key's order, so
# that neighbours meet on the same pages; and one text as answer, because rows would cost more to
# take apart here than to find.
_READ_HANDOVERS = """
SELECT string_agg(coalesce((date_part('epoch', sent.at) * 1000)::bigint::text, ''), ' '
                  ORDER BY number)
FROM (
    SELECT * FROM unnest(%s::bigint[], %s::bigint[]) WITH ORDINALITY
        given (campaign_id, subscriber_id, number)
    ORDER BY campaign_id, subscriber_id
) asked
LEFT JOIN LATERAL (
    SELECT at FROM tracking_handover known
    WHERE known.campaign_id = asked.campaign_id AND known.subscriber_id = asked.subscriber_id
    OFFSET 0
) sent ON true
"""

_Column = Sequence[str]
_NOBODY = _OWN = "0"
_LOADING = ("1", "5")  # the kinds that load a picture; others follow a link
_DAY_DIGITS = 8  # of milliseconds: 28 hours
# Milliseconds since the hand-over that are told apart.
_STEPS = [seconds * 1000 for seconds in (0, 1, 2, 5, 10, 20, 30, 45, 60, 90, 120, 180, 300, 600)]
_MOST_GLANCES = 50_000

_glances: dict[tuple[Any, ...], str] = {}


class _Hits(NamedTuple):
    """The hits of a batch: what stands in the lines of packs, a column for each field."""

    kinds: _Column
    campaigns: _Column
    subscribers: _Column
    forwards: _Column
    links: _Column
    times: _Column  # milliseconds since 1970
    networks: _Column
    agents: _Column
    marks: _Column


def receive(cursor: CursorWrapper, lines: Iterable[bytes]) -> list[str]:
    """Return the lines for COPY, each with milliseconds since the hand-over, verdict and reason.

    Hits that may not be kept are left out. Call when no erasure can come in between. Raises
    BadPack, or DataError for numbers that are too large.
    """
    fields = choices.apply(cursor, _split(lines))
    if not fields:
        return []
    hits = _Hits(*zip(*fields, strict=True))
    since_sent = _since_sent(cursor, hits)
    verdicts = _glance(hits, since_sent)
    for group in _busy(hits):
        judgements = judging.judge([_evidence(hits, since_sent, index) for index in group])
        for index, judgement in zip(group, judgements, strict=True):
            verdicts[index] = _text(judgement)
    return [
        f"{seen}\t{NULL if since is None else since}\t{verdict}\t{program}\t{country}\n"
        for seen, since, verdict, (program, country) in zip(
            map("\t".join, fields),
            since_sent,
            verdicts,
            origins.of(hits.agents, hits.networks),
            strict=True,
        )
    ]


def _split(lines: Iterable[bytes]) -> list[list[str]]:
    try:
        text = b"".join(lines).decode()
    except UnicodeDecodeError as error:
        raise BadPack(str(error)) from error
    return [line.split("\t") for line in text.split("\n")[:-1]]


def _since_sent(cursor: CursorWrapper, hits: _Hits) -> list[int | None]:
    """Return for each hit the milliseconds since this person's own copy was handed over."""
    asked: dict[tuple[str, str], int] = {}  # each copy once, and its place
    places = [
        asked.setdefault(copy, len(asked))
        for copy in zip(hits.campaigns, hits.subscribers, strict=True)
    ]
    sent = _handovers(cursor, asked)
    return [
        None if forward != _OWN or (moment := sent[place]) is None else int(at) - moment
        for place, forward, at in zip(places, hits.forwards, hits.times, strict=True)
    ]


def _handovers(cursor: CursorWrapper, copies: Iterable[tuple[str, str]]) -> list[int | None]:
    """Return when (milliseconds since 1970) each copy of a campaign was handed over."""
    campaigns, subscribers = zip(*copies, strict=True)
    # As text, which psycopg takes as it is: each is a number already. Nobody has no copy.
    cursor.execute(_READ_HANDOVERS, [f"{{{','.join(each)}}}" for each in (campaigns, subscribers)])
    moments = cursor.fetchone()[0].split(" ")
    return [int(moment) if moment else None for moment in moments]


def _glance(hits: _Hits, since_sent: list[int | None]) -> list[str]:
    """Judge each hit by itself. Hits that say the same are judged once."""
    keys = zip(
        hits.kinds,
        hits.agents,
        hits.marks,
        map(NULL.__eq__, hits.networks),
        map(judging.known_networks().find, hits.networks),
        [None if since is None else bisect(_STEPS, since) for since in since_sent],
        # The day, because what a program says of itself grows old.
        [at[:-_DAY_DIGITS] for at in hits.times],
        strict=True,
    )
    if len(_glances) > _MOST_GLANCES:
        _glances.clear()
    verdicts = []
    for index, key in enumerate(keys):
        verdict = _glances.get(key)
        if verdict is None:
            [judgement] = judging.judge([_evidence(hits, since_sent, index)])
            verdict = _glances[key] = _text(judgement)
        verdicts.append(verdict)
    return verdicts


def _busy(hits: _Hits) -> list[list[int]]:
    """Return, by their places, the hits of mails whose links were followed more than once.

    What is at most an open and a click is left for later: there it will be seen with all around it.
    """
    mails = list(zip(hits.campaigns, hits.subscribers, hits.forwards, strict=True))
    followed = Counter(
        mail
        for mail, kind in zip(mails, hits.kinds, strict=True)
        if kind not in _LOADING and mail[1] != _NOBODY
    )
    busy: dict[Any, list[int]] = {mail: [] for mail, times in followed.items() if times > 1}
    if busy:
        for index, mail in enumerate(mails):
            if mail in busy:
                busy[mail].append(index)
    return list(busy.values())


def _evidence(hits: _Hits, since_sent: list[int | None], index: int) -> Evidence:
    network, since = hits.networks[index], since_sent[index]
    return Evidence(
        0,
        int(hits.times[index]) / 1000,
        int(hits.kinds[index]),
        int(hits.campaigns[index]),
        int(hits.subscribers[index]),
        int(hits.forwards[index]),
        int(hits.links[index]),
        None if since is None else since / 1000,
        "" if network == NULL else network,
        unescape(hits.agents[index]),
        _marks(hits.marks[index]),
    )


@lru_cache(maxsize=16_384)
def _marks(text: str) -> Mapping[str, Any]:
    try:
        return dict(json.loads(unescape(text)))
    except (ValueError, RecursionError) as error:
        raise BadPack(f"the marks of a hit are not JSON: {error}") from error


def _text(judgement: Judgement) -> str:
    """Return a judgement as it stands in a line for COPY."""
    return f"{judgement.verdict:d}\t{judgement.reason}"
