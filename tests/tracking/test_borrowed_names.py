"""Programs that borrow a browser's name, machines with many homes, and links that come in drops."""

import random

import pytest

from tests.tracking.test_classify import (
    CHROME,
    EDGE,
    FIREFOX,
    FULL,
    IPHONE,
    NOON,
    hit,
    opened,
    verdicts,
)

HOUR = 3_600.0


@pytest.mark.parametrize(
    ("user_agent", "more", "expected"),
    [
        (CHROME, {"brands": "chrome 150", "platform": "Windows"}, "human"),
        (CHROME, {"brands": "other 150", "platform": "Windows"}, "human"),
        (CHROME, {"brands": "chrome 136", "platform": "Windows"}, "scanner"),
        (CHROME, {"brands": "chromium 150", "platform": "Windows"}, "likely_human"),
        (CHROME, {"brands": True, "platform": "Windows"}, "human"),
        (CHROME, {"accept": "chromium's html"}, "human"),
        (IPHONE, {"accept": "chromium's html"}, "scanner"),
        (FIREFOX, {"accept": "chromium's html"}, "scanner"),
    ],
)
def test_who_borrows_a_name_seldom_borrows_all_that_goes_with_it(user_agent, more, expected):
    assert verdicts(hit(user_agent=user_agent, marks={**FULL, **more})) == [expected]


def test_headers_that_all_made_up_alike_are_held_against_nobody():
    made_up = {"user_agent": IPHONE, "marks": {**FULL, "accept": "chromium's html"}}
    hits = [
        hit(at=HOUR + 91.3 * n + n % 7, subscriber=n, network=f"81.{n}.7.0", **made_up)
        for n in range(1, 60)
    ]

    assert "scanner" not in verdicts(*hits)


def test_one_more_link_from_one_more_place_is_the_same_machines():
    """Nothing else speaks against it: the others are known by their headers."""
    known = [
        hit(link, at=40 * link, network=f"81.{link}.7.0", marks={"accept": "any"})
        for link in range(1, 7)
    ]

    found = verdicts(*known, hit(7, at=280, network="90.1.1.0"))

    assert set(found) == {"scanner"}


def test_the_reader_who_follows_a_link_beside_such_a_machine_is_a_person():
    machine = [
        hit(link, at=40 * link, network=f"81.{link}.7.0", marks={"accept": "any"})
        for link in range(1, 7)
    ]
    reader = {"network": "90.1.1.0", "user_agent": IPHONE}

    same_link = verdicts(*machine, hit(3, 150, **reader))
    has_opened = verdicts(opened(100, **reader), *machine, hit(7, 150, **reader))

    assert same_link[-1] in ("human", "likely_human")
    assert has_opened[-1] in ("human", "likely_human")


def drops(people: int, links: int, pause: float, **more):
    """Return clicks on one link after the other of each mail, hours long, from one network."""
    draw = random.Random(3)
    return [
        hit(
            link,
            at=HOUR + 41 * person + pause * link * draw.uniform(0.7, 1.3),
            subscriber=person,
            **more,
        )
        for person in range(1, people + 1)
        for link in range(1, links + 1)
    ]


def test_links_that_come_in_drops_for_many_people_are_a_machines():
    office = [
        hit(n % 12 + 1, at=HOUR + 977 * n, subscriber=n, user_agent=FIREFOX)
        for n in range(100, 130)
    ]

    found = verdicts(*drops(12, 5, 2_500.0), *office)

    assert set(found[:60]) == {"scanner"}
    assert "scanner" not in found[60:]


def test_people_who_come_back_once_or_always_to_one_link_are_people():
    others = [hit(n % 6 + 1, at=9_000 + 777 * n, subscriber=n) for n in range(100, 130)]
    back = drops(12, 2, 5_000.0)
    again = [click._replace(link=1) for click in drops(12, 5, 5_000.0)]

    assert "scanner" not in verdicts(*back, *others)
    assert "scanner" not in verdicts(*again, *others)


def test_who_a_machine_looks_with_is_a_reader_however_quick():
    """A gateway looks at the link that its reader follows, at that moment."""
    guard = hit(2, at=20.0, sent=NOON, network="198.19.0.0", marks={"accept": "any"})
    reader = hit(2, at=21.0, sent=NOON, network="90.1.1.0", user_agent=FIREFOX)
    others = [opened(3_000, subscriber=9)]  # pictures are loaded, here

    assert verdicts(guard, reader, *others)[1] == "likely_human"


def test_nobody_has_hands_in_three_places():
    """Hours later, by another browser in another home each time, one link after the other."""
    agents = [CHROME, FIREFOX, EDGE, IPHONE, CHROME]
    hits = [
        hit(link, at=HOUR + 14.0 * link, network=f"{70 + link}.9.9.0", user_agent=agent)
        for link, agent in enumerate(agents, 1)
    ]

    assert set(verdicts(*hits)) == {"scanner"}


def test_three_friends_who_read_a_mail_in_the_same_minutes_are_people():
    hits = [
        hit(n + 1, at=HOUR + 40.0 * n, network=f"{70 + n}.9.9.0", user_agent=agent)
        for n, agent in enumerate([CHROME, FIREFOX, IPHONE])
    ]

    assert "scanner" not in verdicts(*hits)
