"""What a machine does to stored mail, from storing it to what reports count, by the true rules."""

import json
from datetime import UTC, datetime

import pytest

from newsletter.models import Delivery
from tests.factories import make_subscriber
from tests.simulator import stored
from tests.simulator.campaign import simulate
from tests.simulator.score import Score, evidence
from tests.tracking import exact, makers
from tests.tracking.makers import opened
from tracking import hindsight, judging
from tracking.classify import Judgement, Verdict
from tracking.models import CampaignTotal, Event

pytestmark = pytest.mark.django_db

BATCH = 10  # hits that come together


@pytest.fixture
def trace(settings, _empty_events):
    """The hits of a campaign, stored in the order in which they came."""
    settings.TRACKING_DEFAULT = "individual"
    trace = simulate(9, 250, {stored.patient_sweep: (1, 30, 60)})
    mails = {(hit["subscriber"], hit["sent_at"]) for hit in trace.hits}
    people = {number: make_subscriber().pk for number, _ in sorted(mails)}
    Delivery.objects.bulk_create(
        Delivery(
            campaign_id=7,
            subscriber_id=people[number],
            status=Delivery.Status.SENT,
            at=datetime.fromtimestamp(sent_at, UTC),
        )
        for number, sent_at in mails
    )
    hits = evidence(trace)
    order = sorted(range(len(hits)), key=lambda place: hits[place].at)
    for start in range(0, len(order), BATCH):
        makers.store([_hit(hits[place], place, people) for place in order[start : start + BATCH]])
    return trace


def _hit(hit, place, people):
    return opened(
        people[hit.subscriber],
        at=datetime.fromtimestamp(hit.at, UTC),
        kind=hit.kind,
        link_id=hit.link,
        network=hit.network,
        user_agent=hit.user_agent,
        # Its place in the trace is how it is found again.
        marks=json.dumps({**hit.marks, "place": place}),
    )


def test_a_sweep_of_stored_mail_counts_as_readers_until_its_day_is_looked_at(trace):
    judging.settle()
    by_minutes = _score(trace)

    while hindsight.look_back():
        pass

    by_days = _score(trace)
    assert by_minutes.scanner_clicks > 100
    assert by_minutes.scanner_demoted < 0.9
    assert by_days.scanner_demoted > 0.95
    assert by_days.human_demoted < 0.02
    assert by_days.unique_error < 0.02
    total = CampaignTotal.objects.get()
    assert total.unique_clicks == by_days.clickers_counted
    exact.check()


def _score(trace):
    found = {
        marks["place"]: Judgement(Verdict(verdict), reason)
        for marks, verdict, reason in Event.objects.values_list("marks", "verdict", "reason")
    }
    score = Score()
    score.add(trace, evidence(trace), [found[place] for place in range(len(trace.hits))])
    return score
