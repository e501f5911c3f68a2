"""Whose turn it is among servers, without any server."""

from dataclasses import dataclass

import pytest

from newsletter.sending import sharing
from newsletter.sending.sharing import SLACK, STANDING, catch_up, is_turn_of

NOW = 1_000.0


@dataclass
class Server:
    served: float = 0.0
    priority: int = 10
    is_usable: bool = True
    moved_at: float = NOW
    capacity: float = 0.0


def test_a_server_alone_always_has_its_turn():
    one = Server(served=1e9)

    assert is_turn_of(one, [one], NOW)


@pytest.mark.parametrize(("ahead", "may_go"), [(0, True), (SLACK, True), (SLACK + 1, False)])
def test_a_server_may_run_ahead_of_its_equals_a_little(ahead, may_go):
    one, other = Server(served=50 + ahead), Server(served=50)

    assert is_turn_of(one, [one, other], NOW) is may_go
    assert is_turn_of(other, [one, other], NOW)


def test_a_server_waits_while_one_before_it_takes_mail():
    first, second = Server(priority=1, served=1e9), Server(priority=2)

    assert is_turn_of(first, [first, second], NOW)
    assert not is_turn_of(second, [first, second], NOW)


@pytest.mark.parametrize("priority", [1, 10])
def test_nobody_waits_for_a_server_that_takes_nothing(priority):
    one = Server(served=1e9)
    off = Server(priority=priority, is_usable=False)
    stands = Server(priority=priority, moved_at=NOW - STANDING - 0.1)

    assert is_turn_of(one, [one, off, stands], NOW)


def test_the_time_in_which_a_server_stood_still_is_not_made_up_for():
    moving, slower, back = Server(served=500), Server(served=450), Server(served=3)
    back.moved_at = NOW - STANDING - 1

    catch_up([moving, slower, back], NOW)

    assert (moving.served, slower.served, back.served) == (500, 450, 450)


def test_when_all_stand_still_nothing_is_forgotten():
    servers = [Server(served=7, is_usable=False), Server(served=3, is_usable=False)]

    catch_up(servers, NOW)

    assert [server.served for server in servers] == [7, 3]


@pytest.mark.parametrize("weights", [(1, 1), (2, 1), (5, 2, 1)])
@pytest.mark.parametrize("quick", [0, -1])
def test_shares_follow_the_weights_whoever_is_quick(weights, quick):
    """One of them asks for mail ten times as often as the others."""
    servers = [Server() for _ in weights]
    taken = [0] * len(weights)
    askers = [*range(len(weights)), *[range(len(weights))[quick]] * 9]
    while sum(taken) < 10_000 * sum(weights):
        for asker in askers:
            if is_turn_of(servers[asker], servers, NOW):
                taken[asker] += 1
                servers[asker].served += 1 / weights[asker]

    shares = [count / weight for count, weight in zip(taken, weights, strict=True)]
    assert max(shares) - min(shares) <= sharing.SLACK + 1


@pytest.mark.parametrize(
    ("capacity", "may_go"),
    [(0.0, False), (40.0, False), (30.0, True), (1.0, True)],
    ids=["not known", "slower", "much slower", "hardly moving"],
)
def test_nobody_waits_for_a_server_that_could_never_keep_up(capacity, may_go):
    quick, slow = Server(served=1e6, capacity=100.0), Server(capacity=capacity)

    assert is_turn_of(quick, [quick, slow], NOW) is may_go
    assert is_turn_of(slow, [quick, slow], NOW)
