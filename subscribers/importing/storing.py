"""One chunk of people into the tables, with the proof of each subscription, in one transaction.

New people are COPYed straight into the three tables; that is the whole cost of a first import.
People who are known are looked up, locked and updated by one statement each. Which is which need
not be asked before a first import: the unique index says so, and then the chunk is done again,
with care.

The rules (subscribers/consent.py): who is suppressed or has left stays out; who waits for a
confirmation becomes active, since an import states how people agreed; a person's own choice
about tracking is not overwritten.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from subscribers import consent
from subscribers.importing.checking import FIELDS, Person, tracking_of
from subscribers.importing.refusals import Refusal, refuse
from subscribers.models import (
    ConsentRecord,
    Import,
    Subscription,
    Suppression,
    TrackingChoice,
)

SUPPRESSED = "the address is on the list of those that are never written to"
LEFT = "the person has left this list, and can only come back by themselves"

# Characters that no cell can hold (checking.py) in the place of comma, quotation mark and NULL, so
# that nothing has to be quoted and COPY has nothing to unquote.
_COPY = (
    "COPY {table} ({columns}) FROM STDIN "
    "(FORMAT csv, DELIMITER E'\\x1f', QUOTE E'\\x02', NULL E'\\x03')"
)
_NEW_IDS = """
    SELECT array_agg(nextval('subscribers_subscriber_id_seq')) FROM generate_series(1, %s)
"""
# Locked in the order of ids, as any two imports do, so they can't wait for each other in a circle.
_LOCK = """
    SELECT subscriber.email_key, subscriber.id
    FROM unnest(%s::text[]) AS given (email_key)
    JOIN subscribers_subscriber AS subscriber ON subscriber.email_key = given.email_key COLLATE "C"
    ORDER BY subscriber.id
    FOR NO KEY UPDATE OF subscriber
"""
# A statement of its own, which sees what was committed while the first one waited for its locks.
_STATES = """
    SELECT subscriber_id, status FROM subscribers_subscription
    WHERE mailing_list_id = %s AND subscriber_id = ANY(%s)
"""
_STAGE = """
    CREATE TEMPORARY TABLE import_known (
        id bigint PRIMARY KEY, email text, email_key text, email_hash text, name text,
        attributes jsonb, language text, timezone text, tracking text
    ) ON COMMIT DROP
"""
_UPDATE = """
    UPDATE subscribers_subscriber AS person SET
        name = COALESCE(NULLIF(given.name, ''), person.name),
        attributes = person.attributes || given.attributes,
        language = COALESCE(NULLIF(given.language, ''), person.language),
        timezone = COALESCE(NULLIF(given.timezone, ''), person.timezone),
        tracking = COALESCE(NULLIF(person.tracking, ''), given.tracking)
    FROM import_known AS given
    WHERE person.id = given.id AND (
        given.name NOT IN ('', person.name)
        OR NOT person.attributes @> given.attributes
        OR given.language NOT IN ('', person.language)
        OR given.timezone NOT IN ('', person.timezone)
        OR (person.tracking = '' AND given.tracking <> '')
    )
    RETURNING person.id
"""
_CHOICES = """
    SELECT given.id, given.tracking FROM import_known AS given
    JOIN subscribers_subscriber AS person ON person.id = given.id
    WHERE person.tracking = '' AND given.tracking <> ''
"""
_ACTIVATE = """
    UPDATE subscribers_subscription SET status = 'active', changed_at = statement_timestamp()
    WHERE mailing_list_id = %s AND subscriber_id = ANY(%s) AND status = 'pending'
    RETURNING subscriber_id
"""


@dataclass(slots=True)
class Stored:
    """What became of the people of a chunk: each is counted once."""

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    refusals: list[Refusal] = field(default_factory=list)


def store(job: Import, people: dict[str, Person], *, all_new: bool, has_choices: bool) -> Stored:
    """Put `people` on the list of `job`. The caller's transaction makes it all or nothing.

    With `all_new` nobody is looked up; django.db.IntegrityError then says that somebody is known.
    `has_choices` says whether the file has a column about tracking.
    """
    stored = Stored()
    locked = {} if all_new else _lock(people)
    # Asked with the locks in hand: what people said while we waited for them, counts.
    people = _drop_suppressed(people, stored)
    known = _states(job, {key: number for key, number in locked.items() if key in people})
    if known:
        _store_known(job, people, known, stored)
    new = {key: person for key, person in people.items() if key not in known}
    if new:
        _store_new(job, new, has_choices=has_choices)
        stored.added += len(new)
    return stored


def _drop_suppressed(people: dict[str, Person], stored: Stored) -> dict[str, Person]:
    if not Suppression.objects.exists():
        return people
    hashes = [bytes.fromhex(email_hash) for _, email_hash, _ in people.values()]
    found = Suppression.objects.filter(email_hash__in=hashes).values_list("email_hash", flat=True)
    suppressed = {bytes(email_hash).hex() for email_hash in found}
    if not suppressed:
        return people
    staying = {}
    for key, person in people.items():
        row, email_hash, _ = person
        if email_hash in suppressed:
            stored.refusals.append(refuse(row, SUPPRESSED))
        else:
            staying[key] = person
    return staying


def _lock(people: dict[str, Person]) -> dict[str, int]:
    """Lock everybody who is known. Returns their ids by key."""
    with connection.cursor() as cursor:
        # A look-up for each: the planner knows nothing of the array and would read all people.
        cursor.execute("SET LOCAL enable_hashjoin = off")
        cursor.execute("SET LOCAL enable_mergejoin = off")
        cursor.execute(_LOCK, [list(people)])
        return dict(cursor.fetchall())


def _states(job: Import, locked: dict[str, int]) -> dict[str, tuple[int, str | None]]:
    """Return the id and the state on this list of people who are locked."""
    if not locked:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_STATES, [job.mailing_list_id, list(locked.values())])
        states = dict(cursor.fetchall())
    return {key: (number, states.get(number)) for key, number in locked.items()}


def _store_new(job: Import, people: dict[str, Person], *, has_choices: bool) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_NEW_IDS, [len(people)])
        ids: list[int] = cursor.fetchone()[0]
    # In the order of the index, which then takes them quicker.
    rows = list(zip(ids, sorted(people), strict=True))
    _copy(
        "subscribers_subscriber",
        f"id, {FIELDS}",
        [f"{number}\x1f{people[key][2]}" for number, key in rows],
    )
    _subscribe(job, ids)
    if has_choices:
        choices = [(number, tracking_of(people[key])) for number, key in rows]
        _record_choices(job, [(number, choice) for number, choice in choices if choice])


def _store_known(
    job: Import,
    people: dict[str, Person],
    known: dict[str, tuple[int, str | None]],
    stored: Stored,
) -> None:
    waiting = [n for n, status in known.values() if status == Subscription.Status.PENDING]
    activated = _activate(job, waiting)
    left = set(waiting) - activated
    left |= {n for n, status in known.values() if status == Subscription.Status.UNSUBSCRIBED}
    staying = {}
    for key, (number, status) in known.items():
        if number in left:
            stored.refusals.append(refuse(people[key][0], LEFT))
        else:
            staying[key] = number, status
    changed = _update(job, {number: people[key] for key, (number, _) in staying.items()})
    fresh = [number for number, status in staying.values() if status is None]
    _subscribe(job, fresh)
    added = activated.union(fresh)
    stored.added += len(added)
    stored.updated += len(changed - added)
    stored.unchanged += len(staying) - len(changed | added)


def _update(job: Import, people: dict[int, Person]) -> set[int]:
    """Fill in what the file knows and we don't. Returns the ids of those it changed."""
    if not people:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(_STAGE)
        _copy(
            "import_known",
            f"id, {FIELDS}",
            [f"{number}\x1f{fields}" for number, (_, _, fields) in people.items()],
        )
        cursor.execute(_CHOICES)
        choices = cursor.fetchall()
        cursor.execute(_UPDATE)
        changed = {number for (number,) in cursor.fetchall()}
        cursor.execute("DROP TABLE import_known")
    _record_choices(job, choices)
    return changed


def _subscribe(job: Import, subscriber_ids: list[int]) -> None:
    """Add subscriptions for people who have none, each with its line in the ledger."""
    tail = f"\x1f{job.mailing_list_id}\x1f{Subscription.Status.ACTIVE}\n"
    _copy(
        "subscribers_subscription",
        "subscriber_id, mailing_list_id, status",
        [f"{number}{tail}" for number in subscriber_ids],
    )
    _record_joining(job, subscriber_ids)


def _activate(job: Import, subscriber_ids: list[int]) -> set[int]:
    """Make those active who wait for their confirmation. Returns whom it found waiting."""
    if not subscriber_ids:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(_ACTIVATE, [job.mailing_list_id, subscriber_ids])
        activated = [number for (number,) in cursor.fetchall()]
    _record_joining(job, activated)
    return set(activated)


def _record_joining(job: Import, subscriber_ids: list[int]) -> None:
    tail = _ledger_tail(job, ConsentRecord.Action.SUBSCRIBED, str(job.mailing_list_id))
    _record([f"{number}{tail}" for number in subscriber_ids])


def _record_choices(job: Import, choices: list[tuple[int, str]]) -> None:
    tails = {
        choice: _ledger_tail(job, ConsentRecord.Action.TRACKING, "\x03", choice=choice)
        for _, choice in choices
    }
    _record([f"{number}{tails[choice]}" for number, choice in choices])
    # Of those who allow all there is nothing to follow, and a file may hold a million of them.
    consent.announce_choices(
        [number for number, choice in choices if choice != TrackingChoice.INDIVIDUAL]
    )


def _ledger_tail(
    job: Import, action: ConsentRecord.Action, mailing_list_id: str, **evidence: str
) -> str:
    """Return what is the same in all lines of the ledger that an import writes."""
    proof: dict[str, Any] = {"import": job.pk, "file": job.file_name, **evidence}
    if job.evidence:
        proof["agreed"] = job.evidence
    staff = "\x03" if job.staff_id is None else str(job.staff_id)
    # ASCII, and so without the characters that mean something to COPY.
    return (
        f"\x1f{mailing_list_id}\x1f{action}\x1f{ConsentRecord.Method.IMPORT}\x1f\x1f"
        f"{json.dumps(proof)}\x1f\x1f0\x1f{staff}\n"
    )


def _record(lines: list[str]) -> None:
    _copy(
        "subscribers_consentrecord",
        "subscriber_id, mailing_list_id, action, method, wording, evidence, user_agent, "
        "campaign_id, staff_id",
        lines,
    )


def _copy(table: str, columns: str, lines: Iterable[str]) -> None:
    data = "".join(lines).encode()
    if data:
        statement = _COPY.format(table=table, columns=columns)
        # Django wraps the errors of its own cursor's methods only, and `copy` is psycopg's.
        with (
            connection.cursor() as cursor,
            connection.wrap_database_errors,
            cursor.copy(statement) as copy,
        ):
            copy.write(data)
