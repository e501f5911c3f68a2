"""Hits of which we know who it was are judged rightly, over several seeds."""

import pytest

from tests.simulator import blind, fourth, halves, plain, stored, unseen
from tests.simulator.campaign import simulate
from tests.simulator.drawn import drawn
from tests.simulator.score import Score, evidence, judge_by_days, judge_by_minutes
from tracking.classify import judge
from tracking.classify.networks import Networks, built_in

NETWORKS = Networks(built_in())


@pytest.fixture(scope="module", params=[judge, judge_by_days, judge_by_minutes])
def score(request):
    score = Score()
    for seed in range(101, 105):
        trace = simulate(seed, size=1_500)
        hits = evidence(trace)
        score.add(trace, hits, request.param(hits, NETWORKS))
    return score


def test_hardly_a_click_of_a_person_is_taken_for_a_machines(score):
    assert score.human_clicks > 2_000
    assert score.human_demoted < 0.01


def test_nearly_all_clicks_of_machines_are_known(score):
    assert score.scanner_clicks > 2_000
    assert score.scanner_demoted >= 0.95


def test_as_many_people_are_counted_as_truly_clicked(score):
    assert score.unique_error <= 0.02


@pytest.mark.parametrize("verdict", ["proxy_open", "privacy_prefetch", "preview"])
def test_services_that_say_who_they_are_are_never_mistaken(score, verdict):
    assert score.precision(verdict) == score.recall(verdict) == 1


@pytest.mark.parametrize("verdict", ["human", "scanner"])
def test_people_and_scanners_are_hardly_mistaken_for_each_other(score, verdict):
    assert score.precision(verdict) > 0.97
    assert score.recall(verdict) > 0.97


@pytest.mark.parametrize(
    ("behaviours", "least"),
    [
        (unseen.FIRST, 0.95),
        (unseen.SECOND, 0.95),
        (unseen.THIRD, 0.95),
        (fourth.FOURTH, 0.95),
        (halves.TUNING, 0.95),
        (halves.HELD_OUT, 0.95),
        (blind.BLIND, 0.95),
        (stored.STORED, 0.95),
        (drawn(1_001), 0.9),
    ],
)
def test_of_scanners_the_rules_were_not_made_for_most_are_known(behaviours, least):
    """What was learnt from them is kept; docs/verdicts.md says what they scored at first."""
    score = Score()
    for seed in (201, 202):
        trace = simulate(seed, size=1_500, groups=behaviours)
        hits = evidence(trace)
        score.add(trace, hits, judge(hits, NETWORKS))

    assert score.scanner_demoted >= least
    assert score.human_demoted < 0.045  # half of these people read beside a machine, or oddly


def test_files_that_tell_little_are_judged_by_what_they_tell():
    score = Score()
    for seed in range(401, 441):
        trace = plain.simulate(seed)
        hits = evidence(trace)
        score.add(trace, hits, judge(hits, NETWORKS))

    assert score.human_demoted < 0.01
    assert score.scanner_demoted >= 0.95
    assert score.unique_error <= 0.02


def _without(hit, *names):
    kept = {name: value for name, value in hit["headers"].items() if name not in names}
    return {**hit, "headers": kept}


OTHER_FILES = {
    "no headers": lambda hit: {**hit, "headers": {}},
    "headers not known": lambda hit: {**hit, "headers": None},
    "no languages": lambda hit: _without(hit, "accept-language"),
    "accepts anything": lambda hit: {**hit, "headers": {**hit["headers"], "accept": "*/*"}},
    "half have none": lambda hit: hit if hit["subscriber"] % 2 else {**hit, "headers": {}},
    "no hand-over": lambda hit: {**hit, "sent_at": None},
    "one hand-over": lambda hit: {**hit, "sent_at": 1_782_900_000.0},
    "old browsers": lambda hit: {
        **hit, "user_agent": hit["user_agent"].replace("Chrome/15", "Chrome/12")
    },
    "names": lambda hit: {**hit, "subscriber": f"s{hit['subscriber']}", "link": f"l{hit['link']}"},
}  # fmt: skip


@pytest.mark.parametrize("change", OTHER_FILES.values(), ids=OTHER_FILES)
def test_what_all_hits_of_a_file_lack_is_held_against_nobody(change):
    score = Score()
    trace = simulate(301, size=1_500)
    trace.hits = [change(hit) for hit in trace.hits]
    hits = evidence(trace)
    score.add(trace, hits, judge(hits, NETWORKS))

    assert score.human_demoted < 0.025
    assert score.scanner_demoted >= 0.95
