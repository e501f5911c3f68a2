"""Work in the background goes on, whatever happens, and ends when it is told to."""

import asyncio

from tracking.looping import Loop


def test_work_that_failed_is_tried_again(caplog):
    calls = []

    async def work():
        calls.append(1)
        if len(calls) == 1:
            raise ValueError("something that nobody thought of")

    async def scene():
        loop = Loop(work, 0.01)
        while len(calls) < 3:
            await asyncio.sleep(0.01)
        await loop.stop(within=60)

    asyncio.run(scene())

    assert "tried again" in caplog.text


def test_the_call_in_hand_is_finished():
    done, begun = [], asyncio.Event()

    async def work():
        begun.set()
        await asyncio.sleep(0.05)
        done.append(1)

    async def scene():
        loop = Loop(work, 60)
        await begun.wait()
        await loop.stop(within=60)

    asyncio.run(scene())

    assert done == [1]
