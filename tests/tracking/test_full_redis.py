"""A Redis that takes nothing more: its stream is emptied all the same."""

import pytest
import redis

from tests.tracking.makers import NOON, opened
from tracking import ingest, packs, stream


@pytest.fixture
def full_redis(own_redis, settings):
    """A Redis with one pack, that was filled behind it."""
    settings.TRACKING_STREAM = "full:events"
    stream.create_group()
    stream.append_all([packs.encode([opened(subscriber=4711, at=NOON)])])
    own_redis.client().config_set("maxmemory", 1)
    return own_redis


def test_who_starts_when_redis_is_full_finds_the_group(full_redis):
    stream.create_group()

    assert len(stream.read_new("anybody", 10)) == 1


@pytest.mark.usefixtures("transactional_db", "_empty_events")
def test_a_full_redis_is_emptied(full_redis):
    assert ingest.ingest_batch("anybody") == 1

    assert stream.backlog().packs == 0


def test_what_a_full_redis_refused_is_not_in_the_message(full_redis):
    with pytest.raises(redis.ResponseError) as refused:
        stream.append_all([packs.encode([opened(subscriber=4711, at=NOON)])])

    assert "maxmemory" in str(refused.value)
    assert "4711" not in str(refused.value)
    assert "Mozilla" not in str(refused.value)
