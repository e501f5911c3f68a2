"""How fast people are imported, against a bare COPY of the same file in the same run.

A file of a million people (address, name, three attributes) goes through the whole import: checked,
hashed, stored as people, subscriptions and lines of the ledger, with every index and guard. The
reference is what nobody can beat: PostgreSQL's COPY of the file as it is, into a table of five text
columns without any index. Both in a database of their own, which is removed afterwards.
"""

import random
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import django
from django.db import connection

ROWS = 1_000_000
ROUNDS = 3
BARE = "CREATE TABLE bare (email text, name text, city text, plan text, company text)"
TABLES = (
    "subscribers_subscriber, subscribers_subscription, subscribers_consentrecord, "
    "subscribers_import, subscribers_confirmation"
)


def main() -> None:
    """Print the two rates, their ratio and the memory that the import took."""
    django.setup()
    with tempfile.TemporaryDirectory() as folder, _own_database():
        path = Path(folder) / "people.csv"
        _write(path, ROWS)
        small = Path(folder) / "few.csv"
        _write(small, ROWS // 10)
        _import(small, folder)
        _import(small, folder, fresh=False)
        memory_of_few = _peak()
        ratios = []
        for _ in range(ROUNDS):
            bare, full = _bare(path), _import(path, folder)
            ratios.append(bare / full)
            print(
                f"bare COPY {ROWS / bare:11,.0f} rows/s   import {ROWS / full:9,.0f} rows/s   "
                f"ratio {bare / full:.3f}",
                flush=True,
            )
        again = _import(path, folder, fresh=False)
        print(f"the same file again, nobody new: {ROWS / again:,.0f} rows/s")
        print(f"median ratio {median(ratios):.3f}")
        print(
            f"peak memory {_peak() / 1024:.0f} MB at {ROWS:,} rows, "
            f"{memory_of_few / 1024:.0f} MB at {ROWS // 10:,}: {_peak() / memory_of_few:.2f}"
        )


def _write(path: Path, rows: int) -> None:
    chance = random.Random(1)
    cities = ("London", "Paris", "München", "Oslo", "Łódź", "Lisbon")
    with path.open("w", encoding="utf-8") as file:
        file.write("email,name,city,plan,company\n")
        for number in range(rows):
            file.write(
                f"reader{chance.randrange(10**9)}.{number}@example{number % 997}.org,"
                f"Ann Reader {number % 100},{chance.choice(cities)},"
                f"{chance.choice(('free', 'pro', 'team'))},Company {number % 5000}\n"
            )


@contextmanager
def _own_database() -> Iterator[None]:
    before = connection.settings_dict["NAME"]
    connection.settings_dict["TEST"]["NAME"] = f"{before}_bench"
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        with connection.cursor() as cursor:
            cursor.execute(BARE)
        yield
    finally:
        connection.creation.destroy_test_db(before, verbosity=0)


def _bare(path: Path) -> float:
    """Return the seconds that COPY takes."""
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE bare")
        cursor.execute("CHECKPOINT")
        start = time.perf_counter()
        with (
            cursor.copy("COPY bare FROM STDIN (FORMAT csv, HEADER)") as copy,
            path.open("rb") as file,
        ):
            while piece := file.read(1 << 18):
                copy.write(piece)
        return time.perf_counter() - start


def _import(path: Path, folder: str, *, fresh: bool = True) -> float:
    """Return the seconds that the import takes, from the file to the last commit."""
    from django.test import override_settings

    from subscribers import importing
    from subscribers.models import MailingList

    with connection.cursor() as cursor:
        if fresh:
            cursor.execute("SET broadsheet.truncate_ledger = 'on'")
            cursor.execute(f"TRUNCATE {TABLES}")
            cursor.execute("CHECKPOINT")
    mailing_list, _ = MailingList.objects.get_or_create(slug="bench", defaults={"name": "Bench"})
    with override_settings(IMPORT_DIR=Path(folder)):
        start = time.perf_counter()
        job = importing.resume_or_create(mailing_list, path, None, "Benchmark")
        importing.run_import(importing.claim(job.pk))
        return time.perf_counter() - start


def _peak() -> int:
    """Return the most memory this process ever held, in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    main()
