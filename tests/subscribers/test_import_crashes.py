"""Importing: what survives the worst moments."""

import time
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError, connection, connections
from django.utils.timezone import now

from subscribers import importing
from subscribers.importing import jobs, refusals, running, storing
from subscribers.models import ConsentRecord, Import, Subscriber, Subscription
from tests.factories import make_list
from tests.subscribers.imports import ROWS, counts, load, refused

pytestmark = pytest.mark.django_db


def test_a_crash_between_file_and_database_repeats_nothing(news, settings, monkeypatch):
    """The worst moment: refused rows are on the disk, the chunk is not committed."""
    settings.IMPORT_CHUNK = 20
    upload = SimpleUploadedFile("people.csv", ROWS.encode())
    job = importing.create_import(news, upload, "people.csv", "", None)
    calls = iter(range(10))
    advance = jobs.advance

    def die(*args, **kwargs):
        if next(calls) == 2:
            raise SystemExit
        advance(*args, **kwargs)

    with monkeypatch.context() as crash:
        crash.setattr(jobs, "advance", die)
        with pytest.raises(SystemExit):
            importing.run_due()
    Import.objects.update(lease_until=now() - timedelta(seconds=1))
    half = Import.objects.get()
    assert (half.status, half.rows_done) == ("running", 40)

    importing.run_due()

    job.refresh_from_db()
    assert job.status == "finished"
    assert counts(job) == (90, 0, 0, 10)
    assert [line for line, _ in refused(job)] == list(range(2, 102, 10))
    assert Subscription.objects.count() == ConsentRecord.objects.count() == 90


def test_a_worker_that_lost_its_lease_stores_nothing(news):
    upload = SimpleUploadedFile("people.csv", ROWS.encode())
    importing.create_import(news, upload, "people.csv", "", None)
    slow = importing.claim_next()
    Import.objects.update(lease_until=now() - timedelta(seconds=1))
    importing.claim_next()

    with pytest.raises(importing.LostLease):
        importing.run_import(slow)

    assert not Subscriber.objects.exists()


def test_two_workers_never_get_the_same_import(news):
    upload = SimpleUploadedFile("people.csv", ROWS.encode())
    importing.create_import(news, upload, "people.csv", "", None)

    assert importing.claim_next() is not None
    assert importing.claim_next() is None


def test_an_import_that_kills_its_workers_is_set_aside(news):
    upload = SimpleUploadedFile("people.csv", ROWS.encode())
    job = importing.create_import(news, upload, "people.csv", "", None)
    for _ in range(jobs.ATTEMPTS):
        assert importing.claim_next() is not None
        Import.objects.update(lease_until=now() - timedelta(seconds=1))

    assert importing.claim_next() is None

    job.refresh_from_db()
    assert job.status == "failed"
    assert "5 workers died" in job.message


def test_what_went_wrong_is_tried_again_later_and_said(news, monkeypatch):
    upload = SimpleUploadedFile("people.csv", ROWS.encode())
    job = importing.create_import(news, upload, "people.csv", "", None)
    with monkeypatch.context() as trouble:
        trouble.setattr(refusals, "append", full_disk)
        assert importing.run_due() is True

    job.refresh_from_db()
    assert job.status == "waiting"
    assert job.lease_until > now()
    assert "it goes on by itself" in job.message
    assert importing.run_due() is False
    Import.objects.update(lease_until=now())
    assert importing.run_due() is True
    job.refresh_from_db()
    assert (job.status, job.message) == ("finished", "")


def full_disk(*args):
    raise OSError(28, "No space left on device")


def test_a_long_import_is_shared_among_tasks(news, settings):
    settings.IMPORT_CHUNK = 10
    upload = SimpleUploadedFile("people.csv", ROWS.encode())
    job = importing.create_import(news, upload, "people.csv", "", None)

    rounds = 0
    while importing.run_due(seconds=0):
        rounds += 1

    job.refresh_from_db()
    assert job.status == "finished"
    assert rounds == 11
    assert counts(job) == (90, 0, 0, 10)


def test_a_missing_file_is_said(news):
    job = load("email\n", news, path="gone.csv")

    assert job.status == "failed"
    assert "can't be read" in job.message


@pytest.mark.django_db(transaction=True)
def test_a_lost_connection_in_the_middle_loses_nothing(settings, monkeypatch):
    """The server ends our session while a chunk is stored; the chunk is stored by the next."""
    settings.IMPORT_CHUNK, settings.IMPORT_LANES = 20, 2
    monkeypatch.setattr("subscribers.importing.running.PAUSE", 0.01)
    news = make_list(slug="news")
    upload = SimpleUploadedFile("people.csv", ROWS.encode())
    job = importing.create_import(news, upload, "people.csv", "", None)
    store, calls = storing.store, iter(range(100))

    def interrupted(*args, **kwargs):
        stored = store(*args, **kwargs)
        if next(calls) in (1, 3):
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                pid = cursor.fetchone()[0]
            kill(pid)
        return stored

    monkeypatch.setattr(storing, "store", interrupted)

    importing.run_due()

    job.refresh_from_db()
    assert job.status == "finished"
    assert counts(job) == (90, 0, 0, 10)
    assert [line for line, _ in refused(job)] == list(range(2, 102, 10))
    assert Subscription.objects.count() == ConsentRecord.objects.count() == 90


def kill(pid: int) -> None:
    """End a session of the database from another one."""
    other = connections.create_connection("default")
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [pid])
    other.close()
    time.sleep(0.05)


@pytest.mark.django_db(transaction=True)
def test_a_commit_without_an_answer_is_counted_once(settings, monkeypatch):
    """The worst moment: the database committed, and the answer was lost on its way."""
    settings.IMPORT_CHUNK, settings.IMPORT_LANES = 20, 2
    monkeypatch.setattr("subscribers.importing.running.PAUSE", 0.01)
    news = make_list(slug="news")
    upload = SimpleUploadedFile("people.csv", ROWS.encode())
    job = importing.create_import(news, upload, "people.csv", "", None)
    store, calls = running._store, iter(range(100))

    def deaf(*args):
        store(*args)
        if next(calls) == 2:
            raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(running, "_store", deaf)

    importing.run_due()

    job.refresh_from_db()
    assert (job.status, counts(job)) == ("finished", (90, 0, 0, 10))
    assert Subscription.objects.count() == 90


@pytest.mark.django_db(transaction=True)
def test_lanes_give_what_one_after_the_other_gives(settings):
    """Many small chunks, with the same people in neighbouring ones."""
    settings.IMPORT_CHUNK, settings.IMPORT_LANES = 7, 3
    news = make_list(slug="news")
    rows = [f"reader{number % 150}@example.org,{number}" for number in range(600)]
    upload = SimpleUploadedFile("people.csv", ("email,n\n" + "\n".join(rows)).encode())
    job = importing.create_import(news, upload, "people.csv", "", None)

    importing.run_due()

    job.refresh_from_db()
    assert (job.status, counts(job)) == ("finished", (150, 450, 0, 0))
    last = dict(Subscriber.objects.values_list("email_key", "attributes__n"))
    assert last == {f"reader{number % 150}@example.org": str(number) for number in range(450, 600)}
    assert ConsentRecord.objects.count() == 150
