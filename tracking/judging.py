"""Judges stored hits, at first sight and again when all that came around them is known.

Promise: a verdict and the sums that it counts in change together (tracking/amending.py). Each
minute of hits is judged again once WINDOW has passed since, with all hits around it, so that a
burst's first hit is judged like the rest. Hits that come late put their minute, and what lies
around it, on the list again. Judging the same hits twice does no harm.
"""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from math import floor
from pathlib import Path
from typing import Any, NamedTuple

from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.db.backends.utils import CursorWrapper
from django.utils.timezone import now
from psycopg.errors import LockNotAvailable

from tracking import amending, classify
from tracking.amending import Change
from tracking.classify import Evidence, Judgement, Verdict, networks
from tracking.classify.pulse import Pulse, silent
from tracking.models import UnsettledMinute
from tracking.portions import (
    MINUTE,
    NEAR,
    NEARBY,
    STEP,
    Portion,
    Sights,
    Span,
    portions,
    spans,
)
from tracking.refreshing import Fresh
from tracking.working import Stopped

logger = logging.getLogger(__name__)

# Minutes wait a little longer, for transactions of ingest that are not finished.
RIPE = MINUTE + NEAR + timedelta(seconds=10)
LARGEST = 200_000  # hits in memory
PATIENCE = 30.0  # seconds that one waits for another who is judging
LOOK_EVERY = timedelta(minutes=15)  # between two looks at a day: see hindsight.py

_JUDGING = 0x6272_6F64  # an advisory lock: one judges at a time, on all machines

# Hits of people who have been erased have nothing left to be judged by. Times are whole numbers
# (microseconds), because making so many moments would take as long as all the rest.
_READ = """
SELECT event.id, (date_part('epoch', occurred_at) * 1000000)::bigint, kind,
       event.campaign_id, event.subscriber_id, forward_id, link_id, since_sent,
       date_part('epoch', occurred_at - handover.at)::real, coalesce(host(network), ''),
       user_agent, marks::text, verdict, reason
FROM tracking_event event LEFT JOIN tracking_handover handover
    ON since_sent IS NULL AND forward_id = 0 AND event.subscriber_id > 0
    AND handover.campaign_id = event.campaign_id
    AND handover.subscriber_id = event.subscriber_id
WHERE occurred_at >= %s AND occurred_at < %s AND event.subscriber_id >= 0
ORDER BY occurred_at, event.id
"""
_COUNT = f"""
SELECT floor(date_part('epoch', occurred_at) / {STEP})::bigint, count(*) FROM tracking_event
WHERE occurred_at >= %s AND occurred_at < %s GROUP BY 1
"""  # noqa: S608 (a constant)
_LOOK_BACK = """
INSERT INTO tracking_unsettledday AS known (day, due_at) SELECT unnest(%s::date[]), %s
ON CONFLICT (day) DO UPDATE SET
    due_at = least(known.due_at, %s),
    -- A look that has passed these hits has another after it: they may say something of all others.
    -- It is not begun anew, or where hits are always late it would have no end.
    begun_at = CASE WHEN known.judged_to > %s THEN NULL ELSE known.begun_at END
"""
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


class Judged(NamedTuple):
    """How many hits were judged, and how many of them otherwise than before."""

    hits: int
    changed: int


class _Stored(NamedTuple):
    """A hit as it lies in the tables."""

    occurred_at: int  # microseconds since 1970
    since_sent: float | None
    verdict: int
    reason: str
    evidence: Evidence


def judge(hits: Sequence[Evidence]) -> list[Judgement]:
    """Judge hits that have just come by the present rules.

    A fault of the rules must not hold up the storing of hits: they are then unknown, and judged
    when it is mended.
    """
    try:
        return classify.judge(hits, known_networks())
    except Exception:
        logger.exception("the rules failed on %d hits, whose verdict is unknown now", len(hits))
        return [Judgement(Verdict.UNKNOWN, "rules-failed")] * len(hits)


def settle(pulse: Pulse = silent) -> int:
    """Judge anew the minutes whose time has come. Returns how many; 0 when another is at it.

    `pulse` is called about every second, and may raise Stopped.
    """
    with alone(within=PATIENCE) as is_alone:
        if not is_alone:
            return 0
        ripe = UnsettledMinute.objects.filter(minute__lte=now() - RIPE)
        parts = {row: _concerned(row) for row in ripe}
        for span in spans(sorted(set(parts.values()))):
            judge_span(span, pulse=pulse)
            # By number: what was stored in the meantime stays on the list.
            done = [row for row, part in parts.items() if span.covers(part)]
            with transaction.atomic():
                _look_back_at(span, is_late=any(row.is_late for row in done))
                UnsettledMinute.objects.filter(id__in=[row.pk for row in done]).delete()
    return len(parts)


def judge_span(span: Span, campaign_id: int = 0, pulse: Pulse = silent) -> int:
    """Judge all hits of a span anew, or those of one campaign. Returns how many changed.

    `pulse` as in `settle`: hits of portions that were done then are judged, others as before.
    """
    return sum(judge_portion(each, campaign_id, pulse).changed for each in cut(span))


def cut(span: Span, sights: Sights = NEARBY) -> Iterator[Portion]:
    """Cut what has hits in a span into portions that fit into memory.

    Looks around each as `sights` allow.
    """
    farthest, _ = sights[0]
    counts = _counts(span.with_around(farthest * timedelta(seconds=STEP)))
    for portion in portions(span, counts, LARGEST, sights):
        first, last = (moment.timestamp() / STEP for moment in portion.span)
        if any(floor(first) <= step < last for step in counts):
            yield portion


@contextmanager
def alone(*, within: float = 0.0) -> Iterator[bool]:
    """Keep others from judging. Gives False when somebody is at it for more than so many seconds.

    Who waits gets their turn after whoever waited before: a recount, which never rests, keeps
    nobody away. 0: wait for any time.
    """
    with connection.cursor() as cursor:
        is_ours = _lock(cursor, within)
        try:
            yield is_ours
        finally:
            # With a connection that broke, the lock is gone as well.
            if is_ours and connection.is_usable():
                cursor.execute("SELECT pg_advisory_unlock(%s)", [_JUDGING])


def _lock(cursor: CursorWrapper, within: float) -> bool:
    cursor.execute("SELECT set_config('lock_timeout', %s, false)", [f"{round(within * 1000)}ms"])
    try:
        cursor.execute("SELECT pg_advisory_lock(%s)", [_JUDGING])
    except OperationalError as error:
        if not isinstance(error.__cause__, LockNotAvailable):
            raise
        return False
    finally:
        if connection.is_usable():
            cursor.execute("RESET lock_timeout")
    return True


def _look_back_at(span: Span, *, is_late: bool) -> None:
    """Put the days of a span on the list of those that are judged once more, as a whole.

    Late hits may say something of what lies a day before and after them, which may have been looked
    at for good.
    """
    if is_late:
        span = span.with_around(timedelta(days=1))
    last = min(span.end - timedelta.resolution, now()).date()
    days = (last - span.start.date()).days + 1
    listed = [span.start.date() + timedelta(number) for number in range(days)]
    soon = now() + LOOK_EVERY if is_late else None
    with connection.cursor() as cursor:
        cursor.execute(_LOOK_BACK, [listed, now(), soon, span.start])


def _concerned(row: UnsettledMinute) -> Span:
    """Return what has to be judged again because of hits in a minute.

    Also the five minutes before, which were judged when little was known of what came after them.
    """
    after = 2 * NEAR if row.is_late else timedelta()
    before = 2 * NEAR if row.is_late else NEAR
    return Span(row.minute - before, row.minute + MINUTE + after)


def _differs(hit: _Stored, verdict: int, reason: str) -> bool:
    if (verdict, reason) != (hit.verdict, hit.reason):
        return True
    return hit.since_sent is None and hit.evidence.since_sent is not None


def judge_portion(portion: Portion, campaign_id: int = 0, pulse: Pulse = silent) -> Judged:
    """Judge the hits of a portion anew, or those of one campaign.

    When the rules fail on them they keep the verdicts that they have.
    """
    start, end = map(_microseconds, portion.span)
    stored = _read(portion.span.with_around(portion.around))
    try:
        judgements = classify.judge([hit.evidence for hit in stored], known_networks(), pulse)
    except Stopped:
        raise
    except Exception:
        logger.exception("the rules failed on %d hits, which stay as they were judged", len(stored))
        return Judged(0, 0)
    asked, changes, campaigns = 0, [], set()
    for hit, (verdict, reason) in zip(stored, judgements, strict=True):
        evidence = hit.evidence
        is_asked = start <= hit.occurred_at < end and campaign_id in (0, evidence.campaign)
        asked += is_asked
        if is_asked and _differs(hit, verdict, reason):
            known = (hit.verdict, int(verdict), reason, evidence.since_sent)
            changes.append(Change(evidence.id, _moment(hit.occurred_at), *known))
            campaigns.add(evidence.campaign)
    if changes:
        pulse()
        amending.amend(changes, campaigns)
    return Judged(asked, len(changes))


def _counts(span: Span) -> dict[int, int]:
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, span)
        return dict(cursor.fetchall())


def _read(span: Span) -> list[_Stored]:
    with connection.cursor() as cursor:
        cursor.execute(_READ, span)
        return [_stored(*row) for row in cursor.fetchall()]


def _stored(event_id: int, occurred_at: int, *rest: Any) -> _Stored:
    *numbers, since_sent, since, network, user_agent, marks, verdict, reason = rest
    known = since if since_sent is None else since_sent
    facts = (event_id, occurred_at / 1e6, *numbers, known, network, user_agent, _marks(marks))
    return _Stored(occurred_at, since_sent, verdict, reason, Evidence._make(facts))


def _microseconds(moment: datetime) -> int:
    return (moment - _BEGINNING) // timedelta(microseconds=1)


def _moment(microseconds: int) -> datetime:
    return _BEGINNING + timedelta(microseconds=microseconds)


@lru_cache(maxsize=16_384)
def _marks(text: str) -> Mapping[str, Any]:
    found: dict[str, Any] = json.loads(text)
    return found


_lists = Fresh("lists of networks", networks.load, lambda: [Path(settings.TRACKING_NETWORKS)])


def known_networks() -> networks.Networks:
    """Return the lists of networks. Ingest reads them again when they change."""
    return _lists.get()
