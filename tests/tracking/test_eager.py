"""Requests run at once and go on together; whatever else is a task as ever."""

import asyncio

import pytest
from granian._futures import _future_watcher_wrapper

from tracking.eager import Stored, run_at_once


class Watcher:
    """What granian looks at a request with."""

    def __init__(self, work):
        self.scope, self.proto = work, None

    def done(self):
        pass

    def err(self, error):
        raise error


def play(scene):
    """Run `scene(start)`, in which `start(work)` does what granian does with a request."""

    async def run():
        loop = asyncio.get_running_loop()
        loop.set_task_factory(run_at_once)

        wrapped = _future_watcher_wrapper(lambda work, _: work)
        return await scene(lambda work: loop.create_task(wrapped(Watcher(work))))

    return asyncio.run(run())


def test_a_request_runs_to_its_first_wait_at_once_and_on_when_its_group_is_stored():
    done = []

    async def scene(start):
        stored = Stored(asyncio.get_running_loop())

        async def request(number):
            done.append(f"{number} came")
            await stored
            done.append(f"{number} answered")

        start(request(1))
        start(request(2))
        assert done == ["1 came", "2 came"]
        stored.finish()

    play(scene)

    assert done == ["1 came", "2 came", "1 answered", "2 answered"]


def test_a_request_that_waits_for_something_else_goes_on_after_it():
    done = []

    async def request(looked_up, stored):
        done.append(await looked_up)
        try:
            await asyncio.shield(failing())
        except ZeroDivisionError:
            done.append("caught")
        await stored
        await asyncio.sleep(0.01)
        done.append("answered")

    async def soon(word):
        async with asyncio.timeout(60):
            while word not in done:
                await asyncio.sleep(0.005)

    async def failing():
        await asyncio.sleep(0)
        raise ZeroDivisionError

    async def scene(start):
        loop = asyncio.get_running_loop()
        looked_up, stored = loop.create_future(), Stored(loop)
        start(request(looked_up, stored))
        looked_up.set_result("found")
        await soon("caught")
        stored.finish()
        await soon("answered")

    play(scene)

    assert done == ["found", "caught", "answered"]


def test_one_request_that_fails_leaves_the_others_alone():
    """granian's own coroutine catches what an application raises."""
    done = []

    async def scene(start):
        stored = Stored(asyncio.get_running_loop())

        async def request(number):
            await stored
            try:
                done.append(1 / number)
            except ZeroDivisionError:
                done.append("failed")

        for number in (1, 0, 2):
            start(request(number))
        stored.finish()

    play(scene)

    assert done == [1, "failed", 0.5]


def test_one_that_cannot_be_ended_leaves_the_others_alone(caplog):
    done = []

    async def scene(start):
        stored = Stored(asyncio.get_running_loop())

        async def request(number):
            await stored
            done.append(1 / number)

        for number in (1, 0, 2):
            start(request(number))
        stored.finish()

    play(scene)

    assert done == [1, 0.5]
    assert "could not be ended" in caplog.text


def test_who_gives_up_waiting_does_so_alone():
    async def scene(start):
        stored = Stored(asyncio.get_running_loop())

        async def impatient():
            await stored

        async def patient():
            await stored
            return "answered"

        tasks = [asyncio.ensure_future(each()) for each in (impatient, patient)]
        await asyncio.sleep(0)
        tasks[0].cancel()
        await asyncio.sleep(0)
        stored.finish()
        return await asyncio.gather(*tasks, return_exceptions=True)

    gave_up, answered = play(scene)

    assert isinstance(gave_up, asyncio.CancelledError)
    assert answered == "answered"


def test_who_waits_after_the_end_does_not_wait():
    done = []

    async def scene(start):
        stored = Stored(asyncio.get_running_loop())
        stored.finish()

        async def request():
            await stored
            done.append("answered")

        start(request())

    play(scene)

    assert done == ["answered"]


@pytest.mark.parametrize("options", [{}, {"name": "named"}])
def test_other_coroutines_are_tasks(options):
    async def scene(start):
        stored = Stored(asyncio.get_running_loop())

        async def other():
            task = asyncio.current_task()
            async with asyncio.timeout(60):
                await stored
            return task

        task = asyncio.get_running_loop().create_task(other(), **options)
        await asyncio.sleep(0)
        stored.finish()
        return task, await task, task.get_name()

    task, current, name = play(scene)

    assert task is current
    assert name == options.get("name", name)
