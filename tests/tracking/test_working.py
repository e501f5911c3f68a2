"""Threads wait for servers that are away, keep nobody waiting, and end when they are told to."""

import threading
import time

import pytest
from django.db import OperationalError, connection, transaction

from tests.tracking import makers
from tests.tracking.makers import append, opened
from tests.tracking.servers import wait_for
from tracking import judging, packs, rollups, spool, stream, working
from tracking.ingest import Ingester, Settler
from tracking.models import Event, StoredPack
from tracking.working import Stopped, Worker


class Lister(Worker):
    """Fails as often as it is told to, and is then told to end."""

    name = "listing"

    def __init__(self, failures):
        super().__init__(threading.Event())
        self.failures = failures

    def work(self):
        if not self.failures:
            self._stopping.set()
            return
        raise self.failures.pop()


@pytest.mark.django_db(transaction=True)
def test_a_server_that_is_away_is_waited_for_and_said_so(caplog):
    worker = Lister([OperationalError("the database is starting up"), TimeoutError()])

    worker.run()

    assert not worker.failures
    assert "listing waits: the database is starting up" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_a_fault_of_our_own_is_raised():
    with pytest.raises(ZeroDivisionError):
        working.run([Lister([ZeroDivisionError()])], threading.Event())


class TestProcess:
    """An ingester that has to wait for another that hangs in the middle of a batch."""

    pytestmark = pytest.mark.usefixtures("stored")

    def test_it_ends_when_told_and_what_it_had_in_hand_is_stored_by_the_next(self, start_ingest):
        pack = packs.encode([opened()])
        number, _ = packs.open_pack(pack)
        first = start_ingest()
        with transaction.atomic():
            StoredPack.objects.create(id=number)
            stream.append_all([pack])
            wait_for(_waits_for_a_lock)

            assert first.stop() == 0
            transaction.set_rollback(True)
        start_ingest()

        wait_for(lambda: Event.objects.exists() and not stream.backlog().pending)
        assert Event.objects.count() == 1


@pytest.mark.usefixtures("stored")
def test_who_hangs_in_a_transaction_loses_it_and_begins_anew(monkeypatch, caplog):
    monkeypatch.setattr(working, "HANGING", 1)
    hangs = iter([2.0])
    store = rollups.store

    def hang(lines):
        time.sleep(next(hangs, 0.0))
        store(lines)

    monkeypatch.setattr(rollups, "store", hang)
    append(opened())
    stopping = threading.Event()
    thread = threading.Thread(target=Ingester(stopping, lambda: None).run)
    thread.start()

    wait_for(Event.objects.exists)

    stopping.set()
    thread.join()
    assert "idle-in-transaction timeout" in caplog.text
    assert Event.objects.count() == 1


@pytest.mark.usefixtures("stored")
def test_who_hangs_while_judging_loses_that_to_others(monkeypatch):
    monkeypatch.setattr(working, "SILENT", 1)
    makers.store([opened()])
    stopping = threading.Event()

    def hang(*_, **__):
        stopping.set()
        time.sleep(3)

    monkeypatch.setattr(judging, "judge_span", hang)
    thread = threading.Thread(target=Settler(stopping).run)
    thread.start()
    stopping.wait()

    with judging.alone(within=2.5) as is_alone:
        assert is_alone

    thread.join()


@pytest.mark.usefixtures("stored")
def test_files_of_edges_are_left_for_the_next_when_it_is_told_to_end(settings):
    left = spool.Spool(settings.TRACKING_SPOOL)
    left.append([packs.encode([opened()])])
    left.seal()
    stopping = threading.Event()
    stopping.set()

    with pytest.raises(Stopped):
        Ingester(stopping, lambda: None)._look_around("a")

    assert not spool.is_empty(settings.TRACKING_SPOOL)


def _waits_for_a_lock():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)"
            " WHERE NOT granted AND datname = current_database()"
        )
        return cursor.fetchone()[0]
