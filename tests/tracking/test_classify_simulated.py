"""Hits of which we know who it was are judged rightly, over several seeds."""

import pytest

from tests.simulator import unseen
from tests.simulator.campaign import simulate
from tests.simulator.score import Score, evidence, judge_by_minutes
from tracking.classify import judge
from tracking.classify.networks import Networks, built_in

NETWORKS = Networks(built_in())


@pytest.fixture(scope="module", params=["all at once", "by minutes"])
def score(request):
    score = Score()
    for seed in range(101, 105):
        trace = simulate(seed, size=1_500)
        hits = evidence(trace)
        how = judge if request.param == "all at once" else judge_by_minutes
        score.add(trace, hits, how(hits, NETWORKS))
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
    ("behaviours", "least"), [(unseen.FIRST, 0.9), (unseen.SECOND, 0.95), (unseen.THIRD, 0.65)]
)
def test_of_scanners_the_rules_were_not_made_for_most_are_known(behaviours, least):
    """What was learnt from them is kept; docs/verdicts.md says what they scored at first."""
    score = Score()
    for seed in (201, 202):
        trace = simulate(seed, size=1_500, groups=behaviours)
        hits = evidence(trace)
        score.add(trace, hits, judge(hits, NETWORKS))

    assert score.scanner_demoted >= least
    assert score.human_demoted < 0.04  # half of these people read beside a machine
