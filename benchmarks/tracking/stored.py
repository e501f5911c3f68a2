"""Hits as benchmarks store them: made, copied bare, and stored by ingest."""

import random
import threading
import time
from datetime import UTC, datetime

from django.conf import settings
from django.db import connection
from django.utils.timezone import now

from benchmarks.report import Incomplete
from benchmarks.tracking.agents import AGENTS
from tracking import ingest, packs, partitions, stream
from tracking.packs import Hit

PEOPLE = 100_000
CAMPAIGNS = 4
PACK = 48  # hits; what the edge makes under load
CHUNK = 5_000  # lines of COPY that are sent at once

_MARKS = '{"language":true}'
_PEOPLE = """
INSERT INTO subscribers_subscriber (email, email_key, email_hash, name, attributes, language,
                                    timezone, tracking)
SELECT 'r' || n || '@example.org', 'r' || n || '@example.org', decode(md5(n::text), 'hex'), '',
       '{}', '', '', 'individual'
FROM generate_series(1, %s) n
"""
_BARE = """
CREATE TABLE bare_plain (LIKE tracking_event INCLUDING DEFAULTS);
CREATE TABLE bare (LIKE tracking_event INCLUDING ALL);
"""
_SENT = """
INSERT INTO newsletter_delivery (campaign_id, subscriber_id, status, cause, reason, at)
SELECT campaign_id, subscriber_id, 'sent', '', '', now() - interval '1 hour'
FROM generate_series(1, %s) campaign_id, generate_series(1, %s) subscriber_id
"""
_COPY = (
    "COPY {} (occurred_at, campaign_id, subscriber_id, link_id, kind, network, user_agent, marks, "
    "forward_id, since_sent, verdict, reason, rules) FROM STDIN"
)
_STORED = (
    "tracking_event, tracking_storedpack, tracking_campaigntotal, tracking_campaignhour, "
    "tracking_campaignmoment, tracking_verdicttotal, tracking_breakdown, tracking_linktotal, "
    "tracking_forwardtotal, tracking_reader, tracking_readerlink, tracking_unsettledminute, "
    "tracking_unsettledday"
)


def prepare() -> None:
    """Make people, the hand-over of their mail an hour ago, and tables for COPY."""
    with connection.cursor() as cursor:
        cursor.execute(_PEOPLE, [PEOPLE])
        cursor.execute(_SENT, [CAMPAIGNS, PEOPLE])
        cursor.execute("ANALYZE subscribers_subscriber, newsletter_delivery")
        cursor.execute(_BARE)
    partitions.make_ahead(now())


def make(count: int, seconds: float = 0.0) -> list[Hit]:
    """Return hits as readers make them: an open, and after every fourth a click soon after.

    The last is of this moment, the first so many `seconds` ago; without them, a thousand come in
    each second.
    """
    chance = random.Random(9)
    each = seconds * 1000 / (count * 4 // 5) if seconds else 1.0
    start = int(time.time() * 1000) - round(count * each)
    hits = []
    for number in range(count * 4 // 5):
        campaign, person = chance.randint(1, CAMPAIGNS), chance.randint(1, PEOPLE)
        facts = (f"81.{person % 256}.{person % 199}.0", AGENTS[person % len(AGENTS)], _MARKS)
        at = start + round(number * each)
        hits.append(Hit(1, campaign, person, 0, 0, at, *facts))
        if number % 4 == 0:
            link, later = campaign * 8 + chance.randrange(8), chance.randint(1000, 20_000)
            hits.append(Hit(2, campaign, person, 0, link, at + later, *facts))
    return sorted(hits, key=lambda hit: hit.at)


def copy(table: str, hits: list[Hit]) -> float:
    """Return the seconds that COPY takes for lines that are ready."""
    lines = [
        f"{datetime.fromtimestamp(hit.at / 1000, UTC)}\t{hit.campaign_id}\t{hit.subscriber_id}\t"
        f"{hit.link_id}\t{hit.kind}\t{hit.network}\t{hit.user_agent}\t{hit.marks}\t"
        f"0\t3600.125\t2\tagent:mail-program\t1\n"
        for hit in hits
    ]
    chunks = [
        "".join(lines[start : start + CHUNK]).encode() for start in range(0, len(hits), CHUNK)
    ]
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {table}")
        cursor.execute("CHECKPOINT")
        begin = time.perf_counter()
        with cursor.copy(_COPY.format(table)) as lines_in:
            for chunk in chunks:
                lines_in.write(chunk)
        return time.perf_counter() - begin


def store(hits: list[Hit]) -> float:
    """Return the seconds from the first pack in Redis to the last in PostgreSQL."""
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {_STORED}")
        cursor.execute("CHECKPOINT")
    stream.client().delete(settings.TRACKING_STREAM)
    stream.create_group()
    for start in range(0, len(hits), PACK * 500):
        part = hits[start : start + PACK * 500]
        stream.append_all(packs.encode(part[at : at + PACK]) for at in range(0, len(part), PACK))
    stopping = threading.Event()
    thread = threading.Thread(target=ingest.run, args=[stopping])
    begin = time.perf_counter()
    thread.start()
    while stream.backlog().packs:
        time.sleep(0.01)
    took = time.perf_counter() - begin
    stopping.set()
    thread.join()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM tracking_event")
        if (found := cursor.fetchone()[0]) != len(hits):
            raise Incomplete(f"{len(hits)} events went in and {found} are stored")
    return took
