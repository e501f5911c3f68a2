"""What a reader was answered for is stored: in the stream, or on the disk until it can be."""

import asyncio
from itertools import chain

import pytest
import redis

from tests.tracking.servers import wait_for
from tracking import packs, recorder, spool, stream
from tracking.packs import Hit
from tracking.recorder import Recorder

BRIEFLY = stream.APPEND_TIMEOUT


@pytest.fixture(autouse=True)
def _patient(monkeypatch):
    """Take no Redis of a busy machine for one that hangs."""
    monkeypatch.setattr(stream, "APPEND_TIMEOUT", 60)


def hit(number):
    return Hit(1, 7, number, 0, 0, 1_800_000_000_000, "", "", "{}")


def play(settings, scene):
    """Run `scene(recorder)`, and close the recorder after it."""

    async def run():
        ours = Recorder(settings.TRACKING_SPOOL)
        try:
            return await scene(ours)
        finally:
            await ours.close()

    return asyncio.run(run())


def in_stream(client, settings):
    """Return the hits in the stream, pack by pack."""
    entries = client.xrange(settings.TRACKING_STREAM)
    return [packs.decode(fields[b"pack"])[1] for _, fields in entries]


def in_spool(settings):
    found = []
    spool.replay(settings.TRACKING_SPOOL, found.extend)
    return [hit for pack in found for hit in packs.decode(pack)[1]]


async def record(ours, *numbers):
    await asyncio.wait([asyncio.ensure_future(_one(ours, number)) for number in numbers])


async def _one(ours, number):
    await ours.record(hit(number))


def test_hits_of_one_moment_make_one_pack(events, settings):
    async def scene(ours):
        await record(ours, *range(50))

    play(settings, scene)

    assert in_stream(events, settings) == [[hit(number) for number in range(50)]]


def test_a_flood_makes_several_packs(events, settings, monkeypatch):
    monkeypatch.setattr(recorder, "LARGEST_PACK", 20)

    async def scene(ours):
        await record(ours, *range(50))

    play(settings, scene)

    assert [len(pack) for pack in in_stream(events, settings)] == [20, 20, 10]


def test_a_hit_is_in_the_stream_before_its_reader_is_answered(events, settings):
    async def scene(ours):
        for number in range(20):
            await ours.record(hit(number))
            assert events.xlen(settings.TRACKING_STREAM) == number + 1

    play(settings, scene)


def test_closing_stores_what_is_on_its_way(events, settings):
    async def scene(ours):
        ours.record(hit(1))
        await asyncio.sleep(0)
        ours.record(hit(2))

    play(settings, scene)

    assert list(chain(*in_stream(events, settings))) == [hit(1), hit(2)]


def test_without_redis_hits_go_to_the_disk(events, settings):
    settings.REDIS_URL = "redis://127.0.0.1:9/0"

    async def scene(ours):
        await record(ours, 1, 2)
        await record(ours, 3)
        assert not ours.is_stream_there

    play(settings, scene)

    assert in_spool(settings) == [hit(1), hit(2), hit(3)]


def test_a_redis_that_hangs_keeps_readers_for_half_a_second_once(own_redis, settings, monkeypatch):
    """It is asked to take a pack, for APPEND_TIMEOUT, and not again."""
    monkeypatch.setattr(recorder, "CHECK_EVERY", 3600)
    append, asked = stream.Appender.append, []

    async def watched(self, pack):
        asked.append(pack)
        await append(self, pack)

    monkeypatch.setattr(stream.Appender, "append", watched)

    async def scene(ours):
        await record(ours, 1)
        own_redis.hang()
        monkeypatch.setattr(stream, "APPEND_TIMEOUT", BRIEFLY)
        for number in (2, 3, 4):
            async with asyncio.timeout(60):
                await record(ours, number)

    play(settings, scene)

    own_redis.go_on()
    assert BRIEFLY < 0.5
    assert len(asked) == 2
    assert in_spool(settings) == [hit(2), hit(3), hit(4)]


def test_a_redis_that_comes_back_is_given_what_it_missed_in_order(own_redis, settings, monkeypatch):
    monkeypatch.setattr(recorder, "CHECK_EVERY", 0.1)

    async def scene(ours):
        await record(ours, 1)
        own_redis.kill()
        await record(ours, 2)
        await record(ours, 3)
        own_redis.start()
        await asyncio.to_thread(wait_for, lambda: spool.is_empty(settings.TRACKING_SPOOL))
        await record(ours, 4)

    play(settings, scene)

    assert in_stream(own_redis.client(), settings) == [[hit(number)] for number in (1, 2, 3, 4)]


def test_a_full_stream_is_spared_until_there_is_room(events, settings, monkeypatch):
    monkeypatch.setattr(recorder, "CHECK_EVERY", 0.1)
    settings.TRACKING_STREAM_LIMIT = 1

    async def scene(ours):
        await record(ours, 1)
        await asyncio.to_thread(wait_for, lambda: not ours.is_stream_there)
        await record(ours, 2)
        length = events.xlen(settings.TRACKING_STREAM)
        settings.TRACKING_STREAM_LIMIT = 10**9
        await asyncio.to_thread(wait_for, lambda: spool.is_empty(settings.TRACKING_SPOOL))
        return length

    assert play(settings, scene) == 1
    assert in_stream(events, settings) == [[hit(1)], [hit(2)]]


def test_a_redis_that_is_full_is_back_when_it_takes_something(
    own_redis, settings, monkeypatch, caplog
):
    """It answers questions all the time."""
    monkeypatch.setattr(recorder, "CHECK_EVERY", 0.05)
    client = own_redis.client()

    async def scene(ours):
        await record(ours, 1)
        client.config_set("maxmemory", 1)
        for number in range(2, 12):
            await record(ours, number)
            await asyncio.sleep(0.1)  # it is asked meanwhile
        said = [entry.getMessage() for entry in caplog.records]
        client.config_set("maxmemory", 0)
        await asyncio.to_thread(wait_for, lambda: ours.is_stream_there)
        await asyncio.to_thread(wait_for, lambda: spool.is_empty(settings.TRACKING_SPOOL))
        await record(ours, 12)
        return said

    said = play(settings, scene)

    assert len(said) == 1
    assert "takes no hits (OutOfMemoryError" in said[0] or "maxmemory" in said[0]
    found = list(chain(*in_stream(client, settings)))
    assert found == [hit(number) for number in range(1, 13)]


def test_a_spool_that_cannot_be_read_keeps_no_new_hits_from_the_stream(
    own_redis, settings, monkeypatch, caplog
):
    monkeypatch.setattr(recorder, "CHECK_EVERY", 0.05)
    settings.TRACKING_SPOOL.mkdir(parents=True)
    (settings.TRACKING_SPOOL / "0.spool").mkdir()

    async def scene(ours):
        own_redis.kill()
        await record(ours, 1)
        own_redis.start()
        await asyncio.to_thread(wait_for, lambda: ours.is_stream_there)
        await record(ours, 2)

    play(settings, scene)

    assert in_stream(own_redis.client(), settings) == [[hit(2)]]
    assert "must wait" in caplog.text


def test_what_a_dead_process_left_is_replayed(events, settings):
    left = spool.Spool(settings.TRACKING_SPOOL)
    left.append([packs.encode([hit(1)])])
    left.seal()

    async def scene(ours):
        await asyncio.to_thread(wait_for, lambda: spool.is_empty(settings.TRACKING_SPOOL))

    play(settings, scene)

    assert in_stream(events, settings) == [[hit(1)]]


def test_readers_are_answered_even_when_nothing_takes_the_hit(events, settings, caplog):
    settings.REDIS_URL = "redis://127.0.0.1:9/0"
    settings.TRACKING_SPOOL.write_text("a file where the folder should be")

    async def scene(ours):
        await record(ours, 1, 2)

    play(settings, scene)

    assert "2 hits lost" in caplog.text


def test_the_spool_is_replayed_by_the_stream_that_ingest_reads(events, settings):
    left = spool.Spool(settings.TRACKING_SPOOL)
    left.append([packs.encode([hit(number)]) for number in range(3)])
    left.seal()

    spool.replay(settings.TRACKING_SPOOL, stream.append_all)

    assert in_stream(events, settings) == [[hit(0)], [hit(1)], [hit(2)]]


def test_a_stream_that_is_none_sends_hits_to_the_disk(events, settings):
    """An error that Redis answers with counts as much as one of the network."""
    events.delete(settings.TRACKING_STREAM)
    events.set(settings.TRACKING_STREAM, "not a stream")

    async def scene(ours):
        await record(ours, 1)

    play(settings, scene)

    assert in_spool(settings) == [hit(1)]


def test_a_redis_with_a_password_and_another_database_is_understood(own_redis, settings):
    own_redis.client().config_set("requirepass", "a secret/with@signs")
    settings.REDIS_URL = own_redis.url.replace("//", "//:a%20secret%2Fwith%40signs@").replace(
        "/0", "/3"
    )

    async def scene(ours):
        await record(ours, 1)
        assert ours.is_stream_there

    play(settings, scene)

    assert in_stream(redis.Redis.from_url(settings.REDIS_URL), settings) == [[hit(1)]]
