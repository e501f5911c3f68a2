"""Makes a newsletter's last months: people, campaigns that were sent to all of them, and readers.

Ten events for each person. The newest campaign has most of them, spread over three weeks: opens and
clicks on twenty links by people and by machines, forwarded copies, and some who left. The events
are made by PostgreSQL, in the order in which a campaign's hits come; the sums are then counted from
them by the product's own rebuilding, as after `manage.py recount_events`.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.db import connection
from django.utils.timezone import now

from benchmarks.tracking import audience
from benchmarks.tracking.agents import AGENTS
from newsletter import composing, list_readings, mailboxes, summing
from newsletter.models import Campaign
from subscribers import growth
from subscribers.models import MailingList, Subscriber
from tracking import countries, partitions, programs, rebuilding
from tracking.models import CampaignTotal, Link

EVENTS_EACH = 10  # for each person
SHARE = 0.6  # of all events, that the newest campaign has
EARLIER = 12  # campaigns, a week apart
AGE = timedelta(days=24)  # of the newest
LINKS = 20
AT_ONCE = 500_000  # events in one statement
COUNTRIES = (*["GB"] * 5, *["DE"] * 3, "FR", "US", "NL", "IE", "SE", "IT", "PL")
SENDER = "Harbour Weekly <weekly@example.org>"
NEXT = "What the harbour does in spring"  # a draft, which is made last of all
SUBJECTS = (
    "The Marigold is back in the water",
    "Tide tables, and a map of quiet moorings",
    "Why the fish market opens late",
    "Nine knots for a winter evening",
)


class Step(NamedTuple):
    """Something that was done, for a bar that shows how far it is."""

    what: str
    share: float  # of all the work, 0.0 to 1.0, about


def make(events: int) -> Iterator[Step]:
    """Fill an empty database, with so many events. Yields before each step.

    `campaign()` is the newest of the campaigns then.
    """
    people = events // EVENTS_EACH
    yield Step(f"{people:,} people", 0.0)
    with connection.cursor() as cursor:
        cursor.execute(_SETTINGS)
    audience.make(people)
    main = round(events * SHARE)
    rest = (events - main) // EARLIER
    done = 0.05
    for number in range(EARLIER, -1, -1):
        count = rest if number else events - EARLIER * rest
        name = f"campaign {EARLIER - number + 1} of {EARLIER + 1}"
        yield Step(f"{name}, sent", done)
        start = (now() - AGE - number * timedelta(days=7)).replace(hour=9, minute=0, second=0)
        sent = _send(SUBJECTS[number % len(SUBJECTS)], start, people)
        for made in range(0, count, AT_ONCE):
            yield Step(f"{name}, {made:,} events", done + 0.55 * made / events)
            _make_events(sent, start, min(AT_ONCE, count - made))
        _add_what_else(sent, people)
        yield Step(f"{name}, sums", done + 0.55 * count / events)
        rebuilding.rebuild(sent.pk)
        done += 0.9 * count / events
    yield Step("its outcomes", 0.93)
    _record_outcomes(sent)
    yield Step("what is summed up now and then", 0.94)
    _sum_up()
    yield Step("readers in no order", 0.97)
    with connection.cursor() as cursor:
        for table in ("tracking_reader", "tracking_readerlink"):
            cursor.execute(_SHUFFLE.format(table=table))
    Campaign.objects.create(subject=NEXT, from_email=SENDER)


def _sum_up() -> None:
    """Do what the product's tasks do every few minutes."""
    summing.sum_due(now())
    mailboxes.count_due(now())
    growth.fold()
    list_readings.count_due(now())


def is_made() -> bool:
    """Say whether this database has been filled to the end."""
    return Campaign.objects.filter(status=Campaign.Status.DRAFT, subject=NEXT).exists()


def campaign() -> Campaign:
    """Return the campaign that most of the events belong to."""
    return Campaign.objects.filter(status=Campaign.Status.FINISHED).latest("id")


_SETTINGS = """
SET jit = off;
SET work_mem = '256MB';
SET maintenance_work_mem = '256MB';
SELECT setseed(0.4)  -- the same past each time
"""

# --- campaigns --------------------------------------------------------------------------------

_BATCHES = """
INSERT INTO newsletter_batch (
    campaign_id, subscriber_ids, size, state, fence, attempts, done_at,
    sent, failed, skipped, in_doubt
)
SELECT %(campaign)s, '{}', %(size)s, 'done', 1, 0, %(start)s,
       %(size)s - %(size)s / 50 - 1, %(size)s / 50, 0, 1
FROM generate_series(1, %(people)s / %(size)s)
"""


def _send(subject: str, start: datetime, people: int) -> Campaign:
    """Make a campaign as it is after it has been sent."""
    sent = Campaign.objects.create(
        subject=subject,
        from_email=SENDER,
        body=_body(),
        started_at=start,
        finished_at=start + timedelta(hours=2),
        status=Campaign.Status.FINISHED,
        audience_size=people,
    )
    sent.lists.set(MailingList.objects.all())
    # Not by campaigns.start, which also tells workers and edges, of whatever else runs here.
    composing.freeze(sent)
    size = min(people, settings.SEND_BATCH_SIZE)
    values: dict[str, Any] = {"campaign": sent.pk, "start": start, "people": people, "size": size}
    with connection.cursor() as cursor:
        cursor.execute(_BATCHES, values)
    return sent


def _body() -> str:
    stories = [
        f"## Story {number}\n\nThe tide comes in twice a day, and so does the fish. "
        f"[Read on](https://example.org/stories/{number}) about it.\n"
        for number in range(1, LINKS + 1)
    ]
    return "\n".join(["# Good morning, {{ subscriber.first_name }}\n", *stories])


# Counting anew leaves readers in the order of their numbers, ingest in that of their first hits.
_SHUFFLE = """
CREATE INDEX bench_shuffle ON {table} (hashint8(subscriber_id));
CLUSTER {table} USING bench_shuffle;
DROP INDEX bench_shuffle
"""

# --- what readers did -------------------------------------------------------------------------

# What and who it was, by dice. Every other person reads; a machine opens and follows links of any.
# People read in the hours after the mail has come, and on the following days, mostly by day.
_EVENTS = """
WITH words AS (
    SELECT %(link_ids)s::bigint[] AS link_ids, %(agents)s::text[] AS agents,
           %(programs)s::smallint[] AS programs, %(countries)s::smallint[] AS countries
), dice AS (
    SELECT random() AS what, random() AS who, random() AS link, random() AS day, random() AS hour,
           (random() + random() + random()) / 3 - 0.5 AS noon, random() AS judged
    FROM generate_series(1, %(count)s)
), hits AS (
    SELECT CASE WHEN what < 0.50 THEN 1 WHEN what < 0.62 THEN 2 WHEN what < 0.85 THEN 1
                WHEN what < 0.95 THEN 2 WHEN what < 0.97 THEN 1 WHEN what < 0.985 THEN 3
                WHEN what < 0.992 THEN 1 WHEN what < 0.996 THEN 2 ELSE 4 END AS kind,
           CASE WHEN what < 0.62 OR what >= 0.985
                     THEN CASE WHEN judged < 0.6 THEN 1 WHEN judged < 0.85 THEN 3 ELSE 2 END
                WHEN what < 0.85 THEN 4 WHEN judged < 0.98 THEN 5 ELSE 7 END AS verdict,
           CASE WHEN what < 0.62 OR what >= 0.985 THEN 1 + 2 * floor(who * %(people)s / 2)::int
                ELSE 1 + floor(who * %(people)s)::int END AS person,
           CASE WHEN what >= 0.985 THEN 1 + floor(judged * %(forwards)s)::int ELSE 0 END AS forward,
           1 + floor(%(links)s * link ^ 2)::int AS link,
           CASE WHEN what >= 0.62 AND what < 0.985 THEN interval '40 min' * -ln(1 - hour)
                WHEN day < 0.5 THEN interval '3 h' * -ln(1 - hour)
                ELSE interval '1 day' * (1 + floor(20 * ((day - 0.5) * 2) ^ 3))
                     + interval '5 h' + interval '24 h' * noon END AS later
    FROM dice
)
INSERT INTO tracking_event (
    occurred_at, campaign_id, subscriber_id, forward_id, link_id, kind, network, user_agent, marks,
    since_sent, verdict, reason, rules, program, country
)
SELECT %(start)s + later, %(campaign)s,
       CASE WHEN person %% 50 = 0 THEN 0 ELSE %(before)s + person END,
       CASE WHEN forward = 0 THEN 0 ELSE %(first_forward)s + forward END,
       CASE WHEN kind = 2 THEN link_ids[link] ELSE 0 END, kind,
       ('81.' || person %% 256 || '.' || person %% 199 || '.0')::inet,
       agents[1 + person %% cardinality(agents)], '{"language": true}', extract(epoch FROM later),
       verdict, 'agent:mail-program', 1, programs[1 + person %% cardinality(programs)],
       countries[1 + person %% cardinality(countries)]
FROM hits, words ORDER BY later
"""


def _make_events(sent: Campaign, start: datetime, count: int) -> None:
    links = Link.objects.filter(campaign_id=sent.pk).order_by("id").values_list("id", flat=True)
    for month in range(3):
        partitions.make_ahead(start + timedelta(days=31 * month))
    values: dict[str, Any] = {
        "count": count,
        "people": sent.audience_size,
        "forwards": max(1, sent.audience_size // FORWARDED),
        "first_forward": sent.pk * 10_000_000,
        "link_ids": list(links),
        "links": len(links),
        "campaign": sent.pk,
        "start": start,
        "before": _before(),
        "agents": AGENTS,
        "programs": [programs.program(agent) for agent in AGENTS],
        "countries": [countries.number(code) for code in COUNTRIES],
    }
    with connection.cursor() as cursor:
        cursor.execute(_EVENTS, values)


FORWARDED = 1_000  # of so many people one forwards the mail
LEFT = 400  # of so many people one leaves by it
JOINED = 10_000  # for so many people somebody joins by a forwarded copy

_FORWARDS = """
INSERT INTO tracking_forward (id, campaign_id, subscriber_id, kind, state, tracking, email_hash,
                              address, sender_name, note, asked_at, attempts)
OVERRIDING SYSTEM VALUE
SELECT %(first)s + n, %(campaign)s, %(before)s + n * %(step)s - %(nth)s,
       CASE WHEN n %% 5 = 0 THEN 2 ELSE 1 END,
       CASE WHEN n %% 5 = 0 THEN 'made' WHEN n %% 40 = 1 THEN 'skipped' WHEN n %% 40 = 2
            THEN 'failed' ELSE 'sent' END,
       'individual', decode(md5('friend' || n), 'hex'), '', '', '',
       %(start)s + interval '1 min' * n / 10, 1
FROM generate_series(1, %(count)s) n
"""
_LEAVERS = """
INSERT INTO subscribers_consentrecord (
    subscriber_id, mailing_list_id, action, method, wording, evidence, user_agent, campaign_id,
    recorded_at
)
SELECT %(before)s + n * %(step)s - %(nth)s, (SELECT min(id) FROM subscribers_mailinglist),
       'unsubscribed', 'one-click', '', '{"before": "active"}', '', %(campaign)s,
       %(start)s + interval '20 day' * random() ^ 4
FROM generate_series(1, %(count)s) n
"""
_SIGN_UPS = """
INSERT INTO subscribers_consentrecord (
    subscriber_id, mailing_list_id, action, method, wording, evidence, user_agent, campaign_id,
    recorded_at
)
SELECT %(before)s + n * %(step)s - %(nth)s - 20, (SELECT min(id) FROM subscribers_mailinglist),
       action, method, 'I would like to receive it.', '{}', '',
       CASE WHEN method = 'form' THEN %(campaign)s ELSE 0 END, %(start)s + interval '1 h' * number
FROM generate_series(1, %(count)s) n
CROSS JOIN (
    VALUES ('requested', 'form', 1), ('confirmed', 'confirmation', 2)
) lines (action, method, number)
ORDER BY n, number
"""
_DELIVERIES = """
INSERT INTO newsletter_delivery (campaign_id, subscriber_id, status, cause, reason, at)
SELECT %(campaign)s, id, CASE WHEN id %% 50 = 0 THEN 'failed' WHEN id %% 500 = 1 THEN 'in_doubt'
                              ELSE 'sent' END,
       CASE WHEN id %% 50 = 0 THEN 'address' ELSE '' END,
       CASE WHEN id %% 50 = 0 THEN '550 5.1.1 no such user' ELSE '' END,
       %(start)s + interval '2 h' * id / %(people)s
FROM subscribers_subscriber
"""


def _add_what_else(sent: Campaign, people: int) -> None:
    """Add who left, and what was forwarded."""
    values: dict[str, Any] = {
        "campaign": sent.pk,
        "start": sent.started_at,
        "people": people,
        "first": sent.pk * 10_000_000,
        "before": _before(),
        "nth": sent.pk % 20,  # others for each campaign
    }
    CampaignTotal.objects.create(campaign_id=sent.pk)  # else there is nothing to count anew
    with connection.cursor() as cursor:
        for statement, each in ((_FORWARDS, FORWARDED), (_LEAVERS, LEFT), (_SIGN_UPS, JOINED)):
            cursor.execute(statement, {**values, "count": people // each, "step": each})


def _before() -> int:
    """Return the number before that of the first person."""
    return Subscriber.objects.earliest("id").pk - 1


def _record_outcomes(sent: Campaign) -> None:
    """Add a row for each person. For one campaign only: no page of ours reads those of more."""
    values: dict[str, Any] = {
        "campaign": sent.pk,
        "start": sent.started_at,
        "people": sent.audience_size,
    }
    with connection.cursor() as cursor:
        cursor.execute(_DELIVERIES, values)
