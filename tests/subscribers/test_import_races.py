"""An import and a person who says no at the same moment: the person's word counts."""

import threading
import time

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction

from subscribers import consent, importing
from subscribers.importing import storing
from subscribers.models import ConsentRecord, Import, Subscription, Suppression
from tests.factories import make_list, make_subscriber, make_subscription

pytestmark = pytest.mark.django_db(transaction=True)

WAITING = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


def refuse_meanwhile(mailing_list, say_no) -> Import:
    """Import joe@example.org while `say_no` holds his row and is committed only afterwards."""
    upload = SimpleUploadedFile("people.csv", b"email\njoe@example.org\n")
    job = importing.create_import(mailing_list, upload, "people.csv", "", None)

    def work():
        importing.run_due()
        connection.close()

    thread = threading.Thread(target=work)
    with transaction.atomic():
        say_no()
        thread.start()
        wait_for_a_lock()
    thread.join()
    job.refresh_from_db()
    return job


def wait_for_a_lock() -> None:
    with connection.cursor() as cursor:
        end = time.monotonic() + 120
        while time.monotonic() < end:
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(WAITING)
            if cursor.fetchone()[0]:
                return
            time.sleep(0.01)
    raise AssertionError("nobody waits for a lock")


def test_who_says_no_while_an_import_waits_for_them_stays_out(origin):
    news = make_list()
    joe = make_subscriber(email="joe@example.org")
    make_subscription(joe, news, status="pending")

    job = refuse_meanwhile(news, lambda: consent.unsubscribe(joe.pk, origin=origin))

    assert Subscription.objects.get().status == "unsubscribed"
    assert not ConsentRecord.objects.filter(action="subscribed").exists()
    assert (job.added, job.refused) == (0, 1)
    assert storing.LEFT in importing.refused_path(job).read_text()


def test_who_is_suppressed_while_an_import_waits_for_them_stays_out(origin):
    news = make_list()
    joe = make_subscriber(email="joe@example.org")

    job = refuse_meanwhile(
        news,
        lambda: consent.suppress(joe.email_key, Suppression.Reason.OBJECTION, origin=origin),
    )

    assert not Subscription.objects.exists()
    assert (job.added, job.refused) == (0, 1)
    assert storing.SUPPRESSED in importing.refused_path(job).read_text()
