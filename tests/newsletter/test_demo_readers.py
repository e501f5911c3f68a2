"""The demonstration's readers are taken for what they are: people for people, machines for those.

By the rules that judge everybody's hits, for the issue that is read at once and for those that were
read over days.
"""

import json
from collections import Counter
from datetime import UTC, datetime

import pytest

from newsletter.demo import issues
from newsletter.demo.hitting import marks
from newsletter.demo.programs import programs
from newsletter.demo.readers import QUICK, USUAL, Mail, acts, reader
from tracking import classify, facts
from tracking.classify import Evidence
from tracking.classify.networks import Networks
from tracking.classify.verdicts import CANARY, CLICK, OPEN, PEOPLE

NOW = datetime(2026, 6, 5, 9, tzinfo=UTC)
PRESENT = Mail(issues.PRESENT.subject, len(issues.PRESENT.links))
AUDIENCE = 850
KNOWN = [programs(NOW, number) for number in range(4)]
MACHINES = {
    program.agent for each in KNOWN for program in (each.gateway, each.chat, each.apple_prefetch)
}


def read(pace, mail=PRESENT, *, at_home=False):
    """Return what becomes of a mail, as (act, hit); `at_home`: all have one address."""
    found = []
    for number in range(AUDIENCE):
        sent = NOW.timestamp() + number / 100
        for act in acts(reader(number), mail, pace, programs(NOW, number)):
            if act.kind < OPEN:  # is no hit
                continue
            headers = act.program.picture if act.kind == OPEN else act.program.page
            hit = Evidence(
                len(found),
                sent + act.after,
                act.kind,
                1,
                number + 1,
                0,
                act.link + 1 if act.kind == CLICK else 0,
                act.after,
                facts.network("127.0.0.1" if at_home else act.address),
                act.program.agent,
                json.loads(marks(tuple(headers.items()))),
            )
            found.append((act, hit))
    return found


def judged(found, *, machines):
    """Return (act, whether it was taken for a person's) of each act of machines, or of people."""
    judgements = classify.judge([hit for _, hit in found], Networks([]))
    return [
        (act, judgement.verdict in PEOPLE)
        for (act, _), judgement in zip(found, judgements, strict=True)
        if (act.program.agent in MACHINES) == machines
    ]


@pytest.mark.parametrize("pace", [QUICK, USUAL])
def test_people_are_taken_for_people(pace):
    found = judged(read(pace), machines=False)

    for kind in (OPEN, CLICK):
        taken = Counter(taken for act, taken in found if act.kind == kind)
        assert taken[True] > 60
        assert taken[False] <= taken[True] / 50


@pytest.mark.parametrize("pace", [QUICK, USUAL])
def test_machines_are_taken_for_machines(pace):
    found = judged(read(pace), machines=True)

    assert {act.kind for act, _ in found} == {OPEN, CLICK, CANARY}
    assert not [act for act, taken in found if taken]


def test_there_is_something_to_see_in_the_first_minutes():
    found = [act for act, taken in judged(read(QUICK), machines=False) if taken]

    assert sum(act.kind == OPEN and act.after < 60 for act in found) > 10
    assert sum(act.kind == CLICK and act.after < 180 for act in found) > 10
    assert max(act.after for act in found) < 20 * 60


def test_people_are_known_by_their_manner_where_a_machine_has_one_address_only():
    found = judged(read(QUICK, at_home=True), machines=False)

    taken = Counter(taken for act, taken in found if act.kind == CLICK)
    assert taken[False] < taken[True]


def test_it_is_the_same_each_time_and_another_for_each_issue():
    first, again = (acts(reader(7), PRESENT, USUAL, KNOWN[0]) for _ in range(2))
    others = [acts(reader(7), Mail(str(name), 4), USUAL, KNOWN[0]) for name in range(20)]

    assert first == again
    assert len({tuple(each) for each in map(str, others)}) > 3


def test_who_has_lapsed_reads_old_issues_only():
    lapsed = next(each for each in map(reader, range(999)) if each.reads_until == 8)
    lapsed = lapsed._replace(zeal=1.0, opener="outlook", gateway="")

    new, old = (
        acts(lapsed, PRESENT._replace(weeks_ago=weeks), USUAL, KNOWN[0]) for weeks in (7, 8)
    )

    assert not new
    assert old


def test_addresses_are_of_this_machine_and_differ():
    homes = Counter(facts.network(reader(number).address) for number in range(AUDIENCE))

    assert all(home.startswith("127.") for home in homes)
    assert len(homes) > 0.9 * AUDIENCE
