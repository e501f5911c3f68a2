"""Where the campaigns are sent: a database and a Redis of their own, and people to write to."""

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

import django
import redis

from benchmarks.report import Incomplete, say

NUMBERS = range(15, 0, -1)  # of Redis' databases; our servers and most others have 16 or more


@contextmanager
def prepared(people: int) -> Iterator[None]:
    """Set Django up on a new database with some people, and remove everything afterwards.

    The environment names these servers from then on, for workers as well.
    """
    client, number = _empty_redis()
    os.environ["REDIS_URL"] = os.environ["BROKER_URL"] = _with_path(
        os.environ["REDIS_URL"], str(number)
    )
    os.environ["TRACKING_DEFAULT"] = "individual"  # tokens of each person's own in every link
    django.setup()
    try:
        with _own_database():
            _make_people(people)
            yield
    finally:
        client.flushdb()
        client.close()


def _empty_redis() -> "tuple[redis.Redis, int]":
    """Find a database that nobody uses: a worker of an installation would take our messages."""
    for number in NUMBERS:
        client = redis.Redis.from_url(_with_path(os.environ["REDIS_URL"], str(number)))
        if not client.dbsize():
            return client, number
        client.close()
    raise SystemExit("Every database of this Redis is in use; unset REDIS_URL to get a private one")


def _with_path(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


@contextmanager
def _own_database() -> Iterator[None]:
    from django.db import connection

    before = connection.settings_dict["NAME"]
    name = f"{before}_sending_bench"
    connection.settings_dict["TEST"]["NAME"] = name
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    os.environ["DATABASE_URL"] = _with_path(os.environ["DATABASE_URL"], name)
    try:
        yield
    finally:
        connection.creation.destroy_test_db(before, verbosity=0)


_PEOPLE = """
    COPY subscribers_subscriber (
        email, email_key, email_hash, name, attributes, language, timezone, tracking
    ) FROM STDIN
"""
CHUNK = 10_000  # people


def _make_people(count: int) -> None:
    """Make people with real hashes, as an import would leave them."""
    from django.db import connection

    from subscribers.models import Organisation

    begun = time.perf_counter()
    organisation = Organisation.current()
    organisation.postal_address = "12 Quay Street\nExampletown"
    organisation.save()
    with connection.cursor() as cursor:
        with cursor.copy(_PEOPLE) as copy:
            for chunk in _lines(count):
                copy.write(chunk)
        cursor.execute("VACUUM ANALYZE subscribers_subscriber")
    say(f"{count:,} people made in {time.perf_counter() - begun:.1f} s")


def _lines(count: int) -> Iterable[str]:
    from subscribers import addresses, suppression

    email_hash = suppression.hasher()
    for start in range(0, count, CHUNK):
        lines = []
        for number in range(start, min(start + CHUNK, count)):
            key = f"reader{number}@example.org"
            lines.append(
                f"{key}\t{key}\t\\\\x{email_hash(key)}\tAnn Reader {number}\t"
                '{"city": "Łódź"}\ten\t\t\n'
            )
        yield "".join(lines)
    known = addresses.parse(key).key
    if known != key or suppression.email_hash(known).hex() != email_hash(known):
        raise Incomplete("addresses are normalised in another way than these people's")


_SUBSCRIBE = """
    INSERT INTO subscribers_subscription (subscriber_id, mailing_list_id, status)
    SELECT id, %s, 'active' FROM subscribers_subscriber ORDER BY id LIMIT %s
"""


def list_of(people: int) -> int:
    """Return the id of a list with so many people, made at the first call."""
    from django.db import connection

    from subscribers.models import MailingList

    mailing_list, is_new = MailingList.objects.get_or_create(
        slug=f"bench-{people}", defaults={"name": f"The first {people}"}
    )
    if is_new:
        with connection.cursor() as cursor:
            cursor.execute(_SUBSCRIBE, [mailing_list.pk, people])
            cursor.execute("VACUUM ANALYZE subscribers_subscription")
    return int(mailing_list.pk)
