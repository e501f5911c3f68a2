"""What ingest set aside can be read again: all of it, once, and nothing is lost by trying."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from tests.tracking import exact
from tests.tracking.makers import append, opened
from tests.tracking.test_ingest import HEAD, LINE, POISONS
from tracking import ingest, packs, stream, unreadable
from tracking.models import Event, StoredPack

pytestmark = pytest.mark.usefixtures("stored")


def set_aside(events, *given: bytes) -> None:
    """Put packs where ingest puts those that it can't store."""
    for pack in given:
        events.xadd(stream.dead_letters(), {stream.FIELD: pack, b"reason": b"another version"})


def left(events) -> list[bytes]:
    return [fields[stream.FIELD] for _, fields in events.xrange(stream.dead_letters())]


def test_what_can_be_read_by_now_is_stored(events):
    set_aside(events, *(packs.encode([opened(number), opened()]) for number in range(1, 4)))

    assert unreadable.read_again() == (3, {})

    assert Event.objects.count() == 6
    assert left(events) == []
    exact.check()


def test_what_can_not_be_read_stays_and_holds_nothing_up(events):
    good = packs.encode([opened()])
    set_aside(events, POISONS["no pack"], good, POISONS["a number too large"])

    tried = unreadable.read_again()

    assert tried.stored == 1
    assert sum(tried.left.values()) == 2
    assert left(events) == [POISONS["no pack"], POISONS["a number too large"]]


def test_again_counts_nothing_twice(events, monkeypatch):
    """The worst moment: committed to PostgreSQL, not yet removed from Redis."""
    pack = packs.encode([opened()])
    set_aside(events, pack)
    with monkeypatch.context() as crash:
        crash.setattr(stream, "forget_dead", lambda entry: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            unreadable.read_again()

    assert unreadable.read_again() == (1, {})

    assert Event.objects.count() == StoredPack.objects.count() == 1
    assert left(events) == []


def test_a_pack_that_ingest_has_stored_counts_once(events):
    pack = append(opened())
    ingest.ingest_batch("a")
    set_aside(events, pack)

    assert unreadable.read_again().stored == 1

    assert Event.objects.count() == 1


def test_more_than_are_taken_at_once(events, monkeypatch):
    monkeypatch.setattr(stream, "_AT_ONCE", 2)
    bad = [HEAD + b"6" + LINE[1:]] * 3
    set_aside(events, *bad, *(packs.encode([opened()]) for _ in range(4)))

    tried = unreadable.read_again()

    assert (tried.stored, sum(tried.left.values())) == (4, 3)
    assert left(events) == bad


def test_the_command(events):
    set_aside(events, packs.encode([opened()]))
    output = StringIO()

    call_command("read_set_aside", stdout=output)

    assert output.getvalue() == "stored: 1 packs\n"


def test_the_command_fails_when_some_are_left_and_names_nobody(events):
    set_aside(events, POISONS["a number too large"])

    with pytest.raises(CommandError) as error:
        call_command("read_set_aside", stdout=StringIO())

    assert "still set aside: 1 packs" in str(error.value)
    assert "9" * 19 not in str(error.value)


def test_the_command_says_that_redis_is_away(monkeypatch):
    def away():
        raise ConnectionError("refused")

    monkeypatch.setattr(stream, "dead_entries", away)

    with pytest.raises(CommandError, match="Redis does not answer: refused"):
        call_command("read_set_aside")


def test_status_shows_that_something_is_set_aside(events):
    set_aside(events, b"x")
    output = StringIO()

    call_command("tracking_status", stdout=output)

    assert "set aside: 1 packs" in output.getvalue()
