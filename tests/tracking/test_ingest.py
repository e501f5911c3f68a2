"""Every pack in the stream is counted exactly once, whoever dies when."""

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection

from tests.factories import make_subscriber
from tests.tracking import exact, makers
from tests.tracking.makers import NOON, append, clicked, opened
from tests.tracking.servers import wait_for
from tracking import ingest, packs, spool, stream
from tracking.ingest import Ingester
from tracking.models import CampaignTotal, Event, StoredPack

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _individual(settings, stored, simple_rules):
    """Everybody who chose nothing is counted by name."""
    settings.TRACKING_DEFAULT = "individual"
    return stored


def people(count):
    return [make_subscriber().id for _ in range(count)]


def drain(consumer="a"):
    """Ingest until nothing waits; what is new, and what a crash left."""
    while ingest.ingest_batch(consumer, stream.read_own) or stream.backlog().packs:
        ingest.ingest_batch(consumer)


def test_a_pack_becomes_events_and_sums(settings):
    [alice] = people(1)
    append(opened(alice, user_agent="Line\tbreak\\n", marks='{"language":true}'), clicked(3, alice))

    assert ingest.ingest_batch("a") == 1

    event = Event.objects.get(kind=1)
    assert event.occurred_at == NOON
    assert event.network == "203.0.113.0"
    assert event.user_agent == "Line\tbreak\\n"
    assert event.marks == {"language": True}
    total = CampaignTotal.objects.get()
    assert (total.opens, total.clicks, total.unique_opens, total.unique_clicks) == (1, 1, 1, 1)
    assert stream.backlog() == (0, 0, 0.0, 0)


def test_nothing_waiting_is_no_work(monkeypatch):
    monkeypatch.setattr(stream, "BLOCK", 1)

    assert ingest.ingest_batch("a") == 0


def test_a_crash_between_commit_and_acknowledgement_counts_once(monkeypatch):
    """The worst moment: in PostgreSQL, and still in Redis."""
    [alice] = people(1)
    append(opened(alice))
    with monkeypatch.context() as crash:
        crash.setattr(stream, "acknowledge", lambda entries: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            ingest.ingest_batch("a")

    assert ingest.ingest_batch("a", stream.read_own) == 1

    assert Event.objects.count() == 1
    exact.check()
    assert stream.backlog().packs == 0


def test_a_pack_that_comes_twice_counts_once():
    """From the stream and from the spool, because Redis took it and its answer was lost."""
    [alice] = people(1)
    pack = append(opened(alice))
    stream.append_all([pack])
    ingest.ingest_batch("a")
    stream.append_all([pack])

    ingest.ingest_batch("a")

    assert Event.objects.count() == 1
    assert StoredPack.objects.count() == 1


def test_what_a_dead_ingester_had_in_hand_goes_to_another(monkeypatch):
    monkeypatch.setattr(stream, "DEAD_AFTER", 0)
    append(opened())
    stream.read_new("dead", 10)

    assert ingest.ingest_batch("alive", stream.take_over) == 1

    assert Event.objects.count() == 1
    assert stream.backlog().pending == 0


def test_what_a_living_ingester_has_in_hand_stays_with_it():
    append(opened())
    stream.read_new("alive", 10)

    assert ingest.ingest_batch("other", stream.take_over) == 0


HEAD = bytes(16) + bytes([packs.FORMAT])
LINE = rb"1\t7\t0\t0\t0\t1782907200000\t203.0.113.0\tMozilla\t{}".replace(rb"\t", b"\t") + b"\n"
POISONS = {
    "empty": b"",
    "no pack": b"not a pack",
    "too few fields": HEAD + b"1\t2\t3\n",
    "no line end": HEAD + LINE[:-1],
    "a kind of its own": HEAD + b"6" + LINE[1:],
    "text for a number": HEAD + LINE.replace(b"7", b"x"),
    "a negative number": HEAD + LINE.replace(b"7", b"-7"),
    "end of data": HEAD + LINE + rb"\." + b"\n" + LINE,
    "no network": HEAD + LINE.replace(b"203.0.113.0", b"203.0.113"),
    "no marks": HEAD + LINE.replace(b"{}", b"{,}"),
    "a number too large": HEAD + LINE.replace(b"7", b"9" * 19),
    "a time too late": HEAD + LINE.replace(b"1782907200000", b"9" * 18),
    "half a letter": HEAD + LINE.replace(b"Mozilla", b"\xff"),
    "a zero byte": HEAD + LINE.replace(b"Mozilla", rb"\000"),
}


@pytest.mark.parametrize("poison", POISONS.values(), ids=POISONS.keys())
def test_a_poisonous_pack_is_set_aside_and_holds_nothing_up(poison, events, caplog):
    append(opened())
    stream.append_all([poison])
    append(opened())

    ingest.ingest_batch("a")

    assert Event.objects.count() == 2
    [(_, fields)] = events.xrange(stream.dead_letters())
    assert fields[b"pack"] == poison
    assert fields[b"reason"]
    assert "can't be stored" in caplog.text
    assert stream.backlog() == (0, 0, 0.0, 1)


def test_zero_bytes_in_an_agent_are_left_out():
    append(opened(user_agent="a\0b"))

    ingest.ingest_batch("a")

    assert Event.objects.get().user_agent == "ab"


def test_an_entry_that_was_removed_is_let_go(events, settings):
    append(opened())
    stream.read_new("a", 10)
    events.xtrim(settings.TRACKING_STREAM, 0)

    assert ingest.ingest_batch("a", stream.read_own) == 1

    assert stream.backlog().pending == 0


def test_a_database_that_fails_in_the_middle_leaves_all_to_be_done(monkeypatch):
    append(opened())
    with monkeypatch.context() as outage:
        outage.setattr("tracking.rollups._ADD_LINKS", "SELECT 1/0 FROM no_such_table")
        with pytest.raises(Exception, match="no_such_table"):
            ingest.ingest_batch("a")
    assert not Event.objects.exists()
    assert not StoredPack.objects.exists()

    ingest.ingest_batch("a", stream.read_own)

    assert Event.objects.count() == 1


def test_sums_are_exact_whatever_the_order():
    """Random readers and times, in random packs, some twice, late ones among them."""
    chance = random.Random(4)
    readers = [*people(8), 0, 0, 999_999]
    for _ in range(60):
        hits = [makers.anything(chance, readers) for _ in range(chance.randint(1, 12))]
        pack = append(*hits)
        if chance.random() < 0.2:
            stream.append_all([pack])
        if chance.random() < 0.3:
            ingest.ingest_batch("a")

    drain()

    assert Event.objects.count() > 300
    exact.check()


def test_a_first_open_that_comes_late_moves_the_reader_to_its_hour():
    [alice] = people(1)
    append(opened(alice, at=NOON))
    ingest.ingest_batch("a")
    append(opened(alice, at=NOON - timedelta(hours=5)))

    ingest.ingest_batch("a")

    exact.check()
    assert CampaignTotal.objects.get().unique_opens == 1


def test_two_ingesters_at_once_share_the_work_and_lose_nothing():
    readers = people(20)
    chance = random.Random(5)
    for _ in range(300):
        append(
            *(opened(chance.choice(readers), chance.choice([7, 8, 9])) for _ in range(5)),
            *(clicked(70, chance.choice(readers)) for _ in range(2)),
        )

    def work(consumer):
        try:
            while stream.backlog().packs:
                ingest.ingest_batch(consumer)
        finally:
            connection.close()

    with ThreadPoolExecutor() as ingesters:
        list(ingesters.map(work, ["a", "b", "c"]))

    assert Event.objects.count() == 300 * 7
    exact.check()


def test_the_same_packs_in_two_hands_count_once():
    """One was thought dead and was only slow."""
    readers = people(3)
    for reader in readers * 20:
        append(opened(reader), clicked(70, reader))
    entries = stream.read_new("a", 100)

    def store(_):
        try:
            ingest.ingest_batch("a", lambda consumer, limit: entries)
        finally:
            connection.close()

    with ThreadPoolExecutor() as hands:
        list(hands.map(store, range(2)))

    assert Event.objects.count() == 120
    exact.check()


def new_ingester():
    return Ingester(threading.Event(), lambda: None)


def test_numbers_are_held_and_kept():
    def another():
        try:
            other = new_ingester()
            other.take_number()
            return other.number
        finally:
            connection.close()

    ours = new_ingester()
    ours.take_number()
    first = ours.number
    with ThreadPoolExecutor() as threads:
        theirs = threads.submit(another).result()
    connection.close()

    ours.take_number()

    assert theirs != first
    assert ours.number == first
    connection.close()


def test_after_an_outage_an_ingester_goes_by_its_own_number_again():
    """Else the packs that it had in hand would lie under a name that nobody goes by."""
    ours = new_ingester()
    ours.number = 5

    ours.take_number()

    assert ours.number == 5
    connection.close()


class TestChoices:
    """What a reader chose counts when the hit comes, whatever their old mail says."""

    @pytest.mark.parametrize(
        ("choice", "default", "outcome"),
        [
            ("individual", "off", "named"),
            ("aggregate", "individual", "nameless"),
            ("off", "individual", "nothing"),
            ("", "individual", "named"),
            ("", "aggregate", "nameless"),
            ("", "off", "nothing"),
        ],
    )
    def test_choice(self, settings, choice, default, outcome):
        settings.TRACKING_DEFAULT = default
        alice = make_subscriber(tracking=choice).id
        append(opened(alice), clicked(3, alice))

        ingest.ingest_batch("a")

        expected = {"named": [alice, alice], "nameless": [0, 0], "nothing": []}[outcome]
        assert list(Event.objects.values_list("subscriber_id", flat=True)) == expected
        exact.check()

    def test_someone_who_was_erased_counts_without_a_name(self):
        append(opened(999_999))

        ingest.ingest_batch("a")

        assert Event.objects.get().subscriber_id == 0

    def test_someone_who_never_was_named_counts(self, settings):
        settings.TRACKING_DEFAULT = "off"
        append(opened(0))

        ingest.ingest_batch("a")

        assert Event.objects.count() == 1


class TestTheProcess:
    """`manage.py ingest`, with real servers that go away."""

    def test_it_stores_what_comes_and_ends_when_told(self, start_ingest):
        process = start_ingest()
        append(opened())

        wait_for(Event.objects.exists)

        assert process.stop() == 0
        exact.check()

    def test_killed_at_any_moment_it_loses_and_doubles_nothing(self, start_ingest):
        readers = people(5)
        process = start_ingest()
        for number in range(400):
            append(*(opened(reader) for reader in readers))
            if number in (100, 200, 300):
                process.kill()
                process = start_ingest()

        wait_for(lambda: stream.backlog().packs == 0)

        assert Event.objects.count() == 2000
        exact.check()

    def test_it_waits_for_redis(self, own_redis, start_ingest):
        process = start_ingest()
        wait_for(lambda: "ingest runs" in process.log)
        own_redis.kill()
        wait_for(lambda: "ingest waits" in process.log)
        own_redis.start()
        append(opened())

        wait_for(Event.objects.exists)

    def test_it_waits_for_postgresql(self, start_ingest):
        process = start_ingest()
        wait_for(lambda: "ingest runs" in process.log)
        append(opened())
        wait_for(Event.objects.exists)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        append(opened())

        wait_for(lambda: Event.objects.count() == 2)

    def test_it_replays_what_a_dead_edge_left_on_the_disk(self, start_ingest, settings):
        left = spool.Spool(settings.TRACKING_SPOOL)
        left.append([packs.encode([opened()])])
        left.seal()

        start_ingest()

        wait_for(Event.objects.exists)

    def test_a_redis_that_forgot_everything_is_begun_anew(self, own_redis, start_ingest):
        process = start_ingest()
        wait_for(lambda: "ingest runs" in process.log)
        own_redis.client().flushall()
        append(opened())

        wait_for(Event.objects.exists)


def test_old_ids_are_forgotten_and_new_ones_kept():
    append(opened())
    ingest.ingest_batch("a")
    StoredPack.objects.create(id=packs.oldest_id(NOON - timedelta(days=400)))

    ingest._tidy()

    assert StoredPack.objects.count() == 1


def test_a_fault_of_our_own_ends_the_process(monkeypatch):
    monkeypatch.setattr(Ingester, "work", lambda _: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        ingest.run(threading.Event())


def test_a_full_stream_is_emptied_although_a_spool_can_not_follow_yet(settings, caplog):
    """Only ingest makes room: a spool that finds none must not keep it from its work."""
    append(opened())
    left = spool.Spool(settings.TRACKING_SPOOL)
    left.append([packs.encode([opened(campaign=8)])])
    left.seal()
    settings.TRACKING_STREAM_LIMIT = 1
    around = Ingester(threading.Event(), lambda: None)

    around._look_around("a")
    drain()

    assert "on the disk waits" in caplog.text
    assert Event.objects.count() == 1
    settings.TRACKING_STREAM_LIMIT = 10**9
    around._look_around("a")
    drain()
    assert Event.objects.count() == 2


def test_a_request_of_head_is_not_counted():
    append(opened(marks='{"method":"HEAD"}'), clicked(3), opened())

    ingest.ingest_batch("a")

    assert CampaignTotal.objects.values_list("opens", "clicks").get() == (1, 1)
