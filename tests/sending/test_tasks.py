"""The tasks that Celery runs, called as it calls them."""

import multiprocessing
import socket
from datetime import timedelta
from functools import partial
from types import SimpleNamespace

import pytest
from celery.fixups.django import DjangoWorkerFixup
from django.db import connection
from django.utils import timezone

from newsletter import celery, tasks, wake
from newsletter.models import Batch, Campaign, Handover
from newsletter.sending import run, shutdown, slots
from tests.sending.conftest import aside, numbers
from tests.sending.several import crowd


@pytest.fixture
def queued(monkeypatch):
    """What would be put into the broker."""
    calls = []
    monkeypatch.setattr(
        tasks.send,
        "apply_async",
        lambda args=(), kwargs=None, **options: calls.append(options),
    )
    return calls


def test_a_tick_wakes_a_few_workers_whatever_there_is_to_do(started, queued, settings):
    settings.SEND_BATCH_SIZE = 1
    started(9)

    tasks.wake_campaigns()

    # Forgotten before the next tick queues them anew: they never pile up.
    assert queued == [{"expires": settings.TICK}] * tasks.WAKE_UPS


def test_a_tick_wakes_no_more_workers_than_there_are_batches(started, queued):
    started(1)

    tasks.wake_campaigns()

    assert len(queued) == 1


def test_workers_that_send_leave_a_tick_to_those_that_do_not(started, queued, settings):
    settings.SEND_BATCH_SIZE = 1
    started(9)
    lease = timezone.now() + timedelta(minutes=1)
    for number, batch in zip((7, 7, 8), Batch.objects.order_by("id"), strict=False):
        Batch.objects.filter(pk=batch.pk).update(state="claimed", run=number, lease_until=lease)

    tasks.wake_campaigns()

    assert len(queued) == 2 + tasks.WAKE_UPS


def test_a_worker_that_begins_wakes_the_next(sink, started, settings, monkeypatch):
    settings.SEND_BATCH_SIZE = 1
    campaign, woken = started(3), []
    monkeypatch.setattr(wake, "workers", lambda: woken.append(True))

    tasks.send()

    assert woken == [True]
    assert numbers(campaign) == {"sent": 3}


def test_a_tick_finishes_what_is_complete(sink, started, queued):
    campaign = started(0 + 1)
    Batch.objects.update(state="done", sent=0, size=0)

    tasks.wake_campaigns()

    campaign.refresh_from_db()
    assert campaign.status == Campaign.Status.FINISHED
    assert queued == []


def test_the_task_sends_and_finishes(sink, started, queued):
    campaign = started(15)

    tasks.send()

    campaign.refresh_from_db()
    assert numbers(campaign) == {"sent": 15}
    assert campaign.status == Campaign.Status.FINISHED
    assert {} not in queued  # it queues no rest


def test_the_task_queues_the_rest_when_its_time_is_over(sink, started, queued, monkeypatch):
    monkeypatch.setattr(tasks, "RUN", 3)
    sink.seconds = 0.1
    campaign = started(0, lists=[crowd(1_000)])

    tasks.send()

    assert 0 < numbers(campaign)["sent"] < 1_000
    assert queued.count({}) == 1


def test_a_campaign_leaves_one_process_of_a_worker_free(sink, started, queued, settings):
    settings.CELERY_WORKER_CONCURRENCY = 2
    campaign = started(2)
    taken, done = multiprocessing.get_context("fork").Event(), None
    context = multiprocessing.get_context("fork")
    release = context.Event()

    def hold() -> None:
        with slots.slot() as is_ours:
            assert is_ours
            taken.set()
            release.wait()

    done = context.Process(target=hold)
    done.start()
    assert taken.wait(120)

    tasks.send()
    assert numbers(campaign) == {"pending": 2}
    release.set()
    done.join()
    tasks.send()

    assert numbers(campaign) == {"sent": 2}


def test_a_worker_that_is_to_stop_begins_nothing(sink, started, queued, monkeypatch):
    monkeypatch.setattr(shutdown, "_FLAG", bytearray(b"\1"))
    campaign = started(2)

    tasks.send()

    assert numbers(campaign) == {"pending": 2}


def test_a_worker_keeps_its_connection_from_task_to_task(transactional_db):
    fixup = DjangoWorkerFixup(celery.app)
    task = SimpleNamespace(request=SimpleNamespace(is_eager=False))
    tasks.due.work()
    kept = connection.connection

    fixup.on_task_postrun(task)
    fixup.on_task_prerun(task)

    assert connection.connection is kept
    assert not kept.closed


def test_a_broker_that_falls_silent_keeps_no_worker_from_sending(
    sink, started, settings, monkeypatch
):
    settings.SEND_BATCH_SIZE = 1
    campaign = started(2)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(50)
        url = f"redis://127.0.0.1:{listener.getsockname()[1]}/0"
        monkeypatch.setitem(celery.app.conf, "broker_write_url", url)

        tasks.send()

    assert numbers(campaign) == {"sent": 2}


def test_a_run_over_which_the_database_restarted_ends_in_order(sink, started, queued, monkeypatch):
    campaign = started(2)
    send = run.send

    def and_break(**options):
        result = send(**options)
        of_the_task = connection.connection.info.backend_pid
        aside(partial(_terminate, of_the_task))
        return result

    monkeypatch.setattr(run, "send", and_break)

    tasks.send()

    campaign.refresh_from_db()
    assert campaign.status == Campaign.Status.FINISHED


def _terminate(pid: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 1000)", [pid])


def test_a_connection_that_is_kept_notices_a_host_that_is_gone(transactional_db):
    connection.ensure_connection()

    parameters = connection.connection.info.get_parameters()
    assert parameters["keepalives_idle"] == "10"
    assert parameters["tcp_user_timeout"] == "20000"


def test_tidying_leaves_the_journal_of_what_is_being_sent(started, settings):
    settings.SEND_BATCH_SIZE = 1
    started(2)
    held, waiting = Batch.objects.order_by("id")
    Batch.objects.filter(pk=held.pk).update(state="claimed")
    for batch in (held, waiting):
        Handover.objects.create(batch=batch, fence=1, turn=1, subscriber_ids=[1])

    tasks.tidy()

    assert list(Handover.objects.values_list("batch_id", flat=True)) == [held.pk]
