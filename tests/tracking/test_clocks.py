"""Who goes from mail to mail like a clock, and what no browser sends."""

import random

from tests.tracking.test_classify import CHROME, FULL, hit, verdicts
from tracking.classify.clocks import rows

HOUR = 3_600.0


def times(count: int, pause, seed: int = 1) -> list[float]:
    """Return moments in order; `pause` gives the seconds to the next one."""
    draw = random.Random(seed)
    moments = [0.0]
    while len(moments) < count:
        moments.append(moments[-1] + pause(draw))
    return moments


def clicks_at(moments: list[float], first: int = 1, **more):
    """Return a click at each moment, each on another person's mail and from another network."""
    return [
        hit(at=HOUR + at, subscriber=number, network=f"81.{number}.7.0", **more)
        for number, at in enumerate(moments, first)
    ]


def test_a_clock_is_known_from_however_many_places_it_comes():
    like_a_clock = clicks_at(times(30, lambda draw: draw.uniform(6.3, 7.7)))

    assert set(verdicts(*like_a_clock)) == {"scanner"}


def test_people_come_like_raindrops():
    for seed in range(5):
        people = clicks_at(times(60, lambda draw: draw.expovariate(1 / 7), seed))

        assert "scanner" not in verdicts(*people)


def test_a_person_between_two_strokes_is_no_part_of_the_clock():
    strokes = times(30, lambda draw: draw.uniform(9.5, 10.5))
    person = hit(at=HOUR + strokes[15] + 3.1, subscriber=99, network="90.1.1.0")

    found = verdicts(*clicks_at(strokes), person)

    assert found.count("scanner") >= 28
    assert found[-1] in ("human", "likely_human")


def test_the_other_links_of_a_mail_go_with_it():
    strokes = times(20, lambda draw: draw.uniform(28, 32))
    first = clicks_at(strokes)
    second = [click._replace(at=click.at + 2.0, link=2) for click in first]

    assert set(verdicts(*first, *second)) == {"scanner"}


def test_times_that_somebody_made_up_say_nothing():
    exact = [7.0 * number for number in range(40)]

    assert "scanner" not in verdicts(*clicks_at(exact))


def test_a_few_even_pauses_are_chance():
    assert not list(rows(times(7, lambda draw: draw.uniform(9.5, 10.5))))


def test_a_browser_never_asks_for_anything():
    """Also where a third of all do: nothing on the way makes it do so."""
    asks = {"marks": {"language": True, "encoding": True, "accept": "any"}}
    bare = {"marks": {"language": True, "encoding": True, "accept": "html"}}
    moments = times(90, lambda draw: draw.expovariate(1 / 90))
    hits = [
        hit(at=HOUR + at, subscriber=n, network=f"81.{n}.7.0", user_agent=CHROME,
            **(asks if n % 3 == 0 else bare))
        for n, at in enumerate(moments)
    ]  # fmt: skip

    found = verdicts(*hits)

    assert set(found[::3]) == {"scanner"}
    assert "scanner" not in found[1::3]


def test_what_all_send_is_held_against_nobody():
    everybody = {"marks": {**FULL, "accept": "any"}}
    moments = times(90, lambda draw: draw.expovariate(1 / 90))

    assert "scanner" not in verdicts(*clicks_at(moments, **everybody))
