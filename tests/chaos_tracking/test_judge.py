"""The judge of `make chaos-tracking` finds what it is there to find."""

import dataclasses

import pytest

from tests.chaos_tracking import record
from tests.chaos_tracking.hits import Hit, Person, World, attempt_of, draw
from tests.chaos_tracking.judge import Away, Stored, Verdict, judge
from tests.chaos_tracking.readers import check
from tests.chaos_tracking.record import Line
from tracking import tokens

CLICK = Hit(
    number=0,
    what="click",
    method="GET",
    campaign=7,
    person=Person(3, "individual"),
    forward=0,
    link=5,
    url="https://example.org/story",
    agent="Mozilla/5.0",
    forwarded="",
    network="127.0.0.0",
)
OPEN = dataclasses.replace(CLICK, what="open", link=0, url="")
WORLD = World(
    "https://news.example.org",
    [7],
    [Person(3, "individual"), Person(4, "off")],
    {5: CLICK.url},
    {5: 7},
)


def line(
    outcome: str = record.RIGHT,
    attempt: int = 0,
    edge: int = 0,
    sent: float = 100.0,
    silent_for: float = 0.0,
) -> Line:
    return Line(0, attempt, edge, sent - silent_for, sent, sent + 1, outcome, "")


def event(hit: Hit = CLICK, attempt: int = 0, at: float = 100.5) -> Stored:
    assert hit.facts
    return Stored(hit.user_agent(attempt), hit.facts, at)


def judged(lines: list[Line], events: list[Stored], hit: Hit = CLICK, *away: Away) -> Verdict:
    return judge(1, lambda _: hit, lines, events, away)


def test_a_hit_that_was_answered_and_stored_once_is_good():
    verdict = judged([line()], [event()])

    assert verdict.is_good
    assert verdict.answered == 1


def test_a_hit_that_was_answered_and_is_not_stored_is_lost():
    verdict = judged([line()], [])

    assert len(verdict.lost) == 1
    assert not verdict.is_good


@pytest.mark.parametrize("outcome", [record.RIGHT, record.NONE])
def test_a_request_that_is_stored_twice_is_found_answered_or_not(outcome):
    verdict = judged([line(outcome)], [event(), event()], CLICK, Away("edge 0", 99, 102))

    assert len(verdict.twice) == 1


@pytest.mark.parametrize("events", [[], [event()]])
def test_without_an_answer_a_request_may_be_stored_or_not(events):
    lines = [line(record.NONE), line(attempt=1, edge=1, sent=103)]

    verdict = judged(lines, [*events, event(attempt=1, at=103.5)], CLICK, Away("edge 0", 99, 102))

    assert verdict.is_good


def test_a_live_edge_that_hangs_up_is_found():
    lines = [line(record.NONE), line(attempt=1, edge=1, sent=103)]
    events = [event(attempt=1, at=103.5)]

    verdict = judged(lines, events, CLICK, Away("edge 1", 99, 102), Away("edge 0", 90, 98))

    assert len(verdict.cut) == 1


@pytest.mark.parametrize(("silent_for", "cut"), [(2.5, 0), (1.5, 1)])
def test_a_kept_connection_may_be_cut_if_its_edge_was_away_since_the_last_answer(silent_for, cut):
    lines = [line(record.NONE, silent_for=silent_for), line(attempt=1, edge=1, sent=103)]
    events = [event(attempt=1, at=103.5)]

    verdict = judged(lines, events, CLICK, Away("edge 0", 90, 98))

    assert len(verdict.cut) == cut


def test_a_hit_that_nobody_answered_is_found():
    verdict = judged([line(record.NONE)], [], CLICK, Away("edge 0", 99, 102))

    assert verdict.unserved == ["hit 0"]


def test_a_wrong_answer_is_found():
    assert len(judged([line(record.WRONG)], [event()]).wrong) == 1


@pytest.mark.parametrize(
    "hit",
    [
        dataclasses.replace(CLICK, what="forged click"),
        dataclasses.replace(CLICK, person=Person(3, "off")),
    ],
)
def test_what_must_not_be_stored_is_found_and_not_missed(hit):
    assert judged([line()], [], hit).is_good
    assert len(judged([line()], [event()], hit).false) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"link": 6},
        {"campaign": 8},
        {"person": Person(3, "aggregate")},
        {"network": "198.51.100.0"},
        {"method": "HEAD"},
        {"forward": 9},
    ],
)
def test_an_event_with_wrong_facts_is_found(wrong):
    verdict = judged([line()], [event(dataclasses.replace(CLICK, **wrong))])

    assert len(verdict.false) == 1


def test_an_event_of_another_time_is_found():
    assert len(judged([line()], [event(at=99.0)]).false) == 1


@pytest.mark.parametrize("agent", ["curl/8", "Mozilla/5.0 chaos/0.7"])
def test_an_event_of_a_request_that_was_never_sent_is_found(agent):
    verdict = judged([line()], [event(), event()._replace(user_agent=agent)])

    assert len(verdict.false) == 1


@pytest.mark.parametrize(
    ("hit", "answer"),
    [
        (CLICK, (302, {"location": "https://example.org/other"}, b"")),
        (CLICK, (503, {}, b"")),
        (CLICK, (302, {"location": CLICK.url, "set-cookie": "a=b"}, b"")),
        (OPEN, (200, {"content-type": "image/gif"}, b"")),
        (OPEN, (200, {"content-type": "text/html"}, b"GIF89a;")),
        (dataclasses.replace(OPEN, what="forged open"), (200, {}, b"GIF89a;")),
        (dataclasses.replace(CLICK, what="canary", link=0), (503, {}, b"")),
        (dataclasses.replace(CLICK, what="share", link=0, forward=2), (200, {}, b"")),
    ],
)
def test_readers_notice_a_wrong_answer(hit, answer):
    assert check(hit, *answer)


def test_every_kind_of_hit_is_drawn_and_names_itself():
    drawn = [draw(1, number, WORLD) for number in range(300)]

    assert {hit.what.split()[0] for hit in drawn} == {
        *("open", "click", "canary", "share", "quote", "forwarded", "forged")
    }
    assert {hit.method for hit in drawn} == {"GET", "HEAD"}
    assert all(attempt_of(hit.user_agent(3)) == (hit.number, 3) for hit in drawn)
    assert drawn == [draw(1, number, WORLD) for number in range(300)]


def test_no_forged_token_is_one():
    forged = [hit for number in range(300) if (hit := draw(2, number, WORLD)).is_forged]

    assert forged
    for hit in forged:
        token = hit.path()[3:].removesuffix(".gif")
        for read in (tokens.read_open, tokens.read_click):
            with pytest.raises(tokens.BadToken):
                read(token)
