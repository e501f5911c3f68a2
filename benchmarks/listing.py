"""What the admin's list of subscribers costs at a million people, against ten thousand.

Two databases of their own, the same but for the number of people, are asked in turn for the same
pages of the list, through Django's whole request: session, rights, queries and template. The larger
one may cost at most twice as much; its rows are as scattered as imports and years leave them.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import Final

import django
from django.db import connection

from benchmarks.report import Ratio, say, table

SIZES: Final = (10_000, 1_000_000)
ROUNDS: Final = 5
OPENED: Final = 5  # times in each round, of which the quickest counts
AIM: Final = 2.0

# Everybody is on the first list, every tenth on the second, and a hundred on the third; one in
# twenty waits, one in twenty has left, and one in two hundred is suppressed. Addresses are as
# random as their order.
_FILL = """
INSERT INTO subscribers_mailinglist
    (id, name, slug, description, visibility, opt_in, consent_wording, is_demo, tracking,
     forwarding)
OVERRIDING SYSTEM VALUE
SELECT number, 'List ' || number, 'list-' || number, '', 'private', 'double', '', false, '', true
FROM generate_series(1, 3) number;

INSERT INTO subscribers_subscriber
    (email, email_key, email_hash, name, attributes, language, timezone, tracking)
SELECT address, address, decode(md5(address), 'hex'), 'Ann Reader', '{"city": "Leeds"}', '', '', ''
FROM generate_series(1, %(people)s) number,
     LATERAL (SELECT md5(number::text) || '@example.org' AS address) made;

INSERT INTO subscribers_subscription (subscriber_id, mailing_list_id, status)
SELECT person.id, list.id,
       CASE person.id %% 20 WHEN 0 THEN 'pending' WHEN 1 THEN 'unsubscribed' ELSE 'active' END
FROM subscribers_subscriber person, subscribers_mailinglist list
WHERE list.id = 1 OR list.id = 2 AND person.id %% 10 = 3
   OR list.id = 3 AND person.id %% (%(people)s / 100) = 7;

INSERT INTO subscribers_suppression (email_hash, key_id, reason)
SELECT email_hash, 'bench', 'manual' FROM subscribers_subscriber WHERE id %% 200 = 5;
"""
# What staff open, by what stands behind the list's address.
PAGES: Final = {
    "first page": "",
    "page 200": "p=200",
    "the other way round": "o=-1",
    "search, many found": "q=a",
    "search, one found": "q={address}",
    "filter, largest list": "list=1",
    "filter, a tenth": "list=2",
    "filter, a hundred people": "list=3",
    "filter, waiting": "status=pending",
    "filter, suppressed": "status=suppressed",
    "filter, list and left": "list=2&status=unsubscribed",
    "search and filter": "q=ab&list=2",
}


def main() -> None:
    """Print the ratio for each page."""
    django.setup()
    from django.test import override_settings

    with _databases() as names, override_settings(ALLOWED_HOSTS=["localhost"]):
        pages = _opener()
        times: dict[str, list[tuple[float, float]]] = {page: [] for page in PAGES}
        for number in range(ROUNDS + 1):
            say(f"round {number} of {ROUNDS}" if number else "warming up")
            for page in PAGES:
                few, many = (pages(name, page) for name in names)
                if number:
                    times[page].append((few, many))
    found = [
        Ratio(
            page,
            f"{1000 * median(many for _, many in rounds):.0f} ms",
            f"{1000 * median(few for few, _ in rounds):.0f} ms",
            [many / few for few, many in rounds],
            AIM,
            at_most=True,
        )
        for page, rounds in times.items()
    ]
    print(table(found))


def _opener() -> Callable[[str, str], float]:
    """Return what opens a page in a database and says how many seconds it took, at the least."""
    from django.contrib.auth.models import User
    from django.test import Client
    from django.urls import reverse

    from subscribers.models import Subscriber

    address = reverse("admin:subscribers_subscriber_changelist")
    clients: dict[str, tuple[Client, str]] = {}

    def opened(name: str, page: str) -> float:
        _use(name)
        if name not in clients:
            client = Client(SERVER_NAME="localhost")
            client.force_login(User.objects.create_superuser("bench"))
            clients[name] = client, Subscriber.objects.earliest("id").email
        client, somebody = clients[name]
        query = PAGES[page].format(address=somebody)
        seconds = []
        for _ in range(OPENED):
            start = time.perf_counter()
            answer = client.get(f"{address}?{query}")
            seconds.append(time.perf_counter() - start)
            if answer.status_code != 200:
                raise SystemExit(f"{page}: answered {answer.status_code}")
        return min(seconds)

    return opened


@contextmanager
def _databases() -> Iterator[list[str]]:
    """Make a database of each size, and remove them at the end."""
    before = connection.settings_dict["NAME"]
    connection.settings_dict["TEST"]["NAME"] = f"{before}_bench"
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    empty = connection.settings_dict["NAME"]
    names = [f"{empty}_{size}" for size in SIZES]
    try:
        for name, size in zip(names, SIZES, strict=True):
            say(f"making {size:,} people")
            _administer(
                f'DROP DATABASE IF EXISTS "{name}"', f'CREATE DATABASE "{name}" TEMPLATE "{empty}"'
            )
            _use(name)
            with connection.cursor() as cursor:
                cursor.execute(_FILL % {"people": size})
                cursor.execute("VACUUM ANALYZE")
        yield names
    finally:
        _administer(*(f'DROP DATABASE IF EXISTS "{name}"' for name in names))
        _use(empty)
        connection.creation.destroy_test_db(before, verbosity=0)


def _administer(*statements: str) -> None:
    """Run statements about databases, which must be closed for that."""
    connection.close()
    with connection._nodb_cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def _use(name: str) -> None:
    if connection.settings_dict["NAME"] != name:
        connection.close()
        connection.settings_dict["NAME"] = name


if __name__ == "__main__":
    main()
