"""What a campaign's forwards come to: what our page made, and apart from it what is possible."""

from datetime import timedelta
from itertools import count

import pytest
from django.utils.timezone import now

from subscribers.models import ConsentRecord
from tests.factories import make_list, make_subscriber
from tests.tracking import makers
from tests.tracking.makers import clicked, opened
from tests.tracking.test_second_readers import HOME, MAC, OFFICE, WINDOWS
from tracking import erase, forward_reports
from tracking.classify.verdicts import Verdict
from tracking.models import CampaignHour, Event, Forward, Kind, PossibleForwards
from tracking.packs import Hit

pytestmark = pytest.mark.django_db

_number = count(1)


def make_forward(**fields) -> Forward:
    number = next(_number)
    return Forward.objects.create(
        **{
            "campaign_id": 7,
            "subscriber_id": 1,
            "kind": Forward.Kind.FRIEND,
            "state": Forward.State.SENT,
            "email_hash": number.to_bytes(16, "big"),
            **fields,
        }
    )


def make_event(subscriber: int, network: str, agent: str, **fields) -> None:
    Event.objects.create(
        **{
            "id": next(_number),
            "kind": Kind.OPEN,
            "campaign_id": 7,
            "subscriber_id": subscriber,
            "forward_id": 0,
            "link_id": 0,
            "occurred_at": now(),
            "network": network,
            "user_agent": agent,
            "marks": {},
            "verdict": Verdict.HUMAN,
            "reason": "",
            "rules": 1,
            **fields,
        }
    )


def visited(**fields) -> Hit:
    return opened(kind=Kind.SHARE.value, **fields)


def make_line(person, mailing_list, action, **fields) -> ConsentRecord:
    return ConsentRecord.objects.create(
        subscriber_id=person.pk,
        mailing_list=mailing_list,
        action=action,
        **{"method": ConsentRecord.Method.FORM, **fields},
    )


def test_a_campaign_without_forwards_has_a_report():
    report = forward_reports.report(7)

    assert (report.made, report.sent, report.opens, report.sign_ups, report.possible) == (0,) * 5


def test_forwards_are_counted_by_what_became_of_them(django_assert_num_queries):
    make_forward()
    make_forward(state=Forward.State.SKIPPED)
    make_forward(state=Forward.State.IN_DOUBT)
    make_forward(state=Forward.State.ASKED, address="friend@example.com")
    make_forward(kind=Forward.Kind.SHARE, state=Forward.State.MADE, email_hash=None)
    make_forward(campaign_id=8)

    with django_assert_num_queries(4):
        report = forward_reports.report(7)

    assert (report.made, report.sent, report.skipped, report.in_doubt) == (4, 1, 1, 1)
    assert (report.waiting, report.failed, report.shares) == (1, 0, 1)


@pytest.mark.usefixtures("simple_rules")
def test_hits_on_copies_are_counted_apart_from_those_on_the_mail_itself(settings):
    settings.TRACKING_DEFAULT = "individual"
    copy = {"forward_id": make_forward(tracking="individual").pk}
    page = {"forward_id": make_forward(kind=Forward.Kind.SHARE, tracking="individual").pk}
    makers.store(
        [
            *(opened(), clicked(3), opened(**copy), opened(**copy), clicked(3, **copy)),
            *(opened(**copy, user_agent="PRIVACY_PREFETCH"), clicked(3, **page)),
            *(clicked(3, **page, user_agent="SCANNER"), visited(**page)),
            *(visited(**page), visited(**page, user_agent="SCANNER")),
        ]
    )

    report = forward_reports.report(7)

    assert (report.opens, report.clicks, report.visits) == (2, 2, 2)
    assert (report.machine_opens, report.machine_clicks, report.machine_visits) == (1, 1, 1)


def test_who_joined_by_a_copy_counts_once_they_have_confirmed():
    news = make_list()
    at_once, confirmed, silent, other = (make_subscriber() for _ in range(4))
    make_line(at_once, news, "subscribed", campaign_id=7)
    make_line(confirmed, news, "requested", campaign_id=7)
    make_line(confirmed, news, "confirmed", method="confirmation")
    make_line(silent, news, "requested", campaign_id=7)
    make_line(other, news, "subscribed")
    make_line(other, news, "unsubscribed", campaign_id=7, method="page")

    assert forward_reports.sign_ups(7) == 2


def test_quotes_and_second_readers_are_possible_forwards():
    for agent, network in ((WINDOWS, HOME), (MAC, OFFICE)):
        for _ in range(3):
            make_event(1, network, agent)
    make_event(2, HOME, WINDOWS, kind=Kind.QUOTE)
    make_event(1, HOME, WINDOWS, kind=Kind.QUOTE)

    forward_reports.weigh(7)

    found = PossibleForwards.objects.get(pk=7)
    assert (found.second_readers, found.quoted, found.either) == (1, 2, 2)
    assert forward_reports.report(7).possible == 2


@pytest.mark.parametrize(
    "fields",
    [
        {"verdict": Verdict.SCANNER},
        {"verdict": Verdict.PROXY_OPEN},
        {"forward_id": 5},
        {"campaign_id": 8},
        {"kind": Kind.CANARY},
    ],
)
def test_what_is_no_person_at_their_own_copy_is_no_evidence(fields):
    for agent, network in ((WINDOWS, HOME), (MAC, OFFICE)):
        for _ in range(3):
            make_event(1, network, agent, **(fields if agent == MAC else {}))

    assert forward_reports.weigh(7).either == 0


def test_a_reader_who_is_not_named_is_no_evidence():
    for agent, network in ((WINDOWS, HOME), (MAC, OFFICE)):
        for _ in range(3):
            make_event(0, network, agent)

    assert forward_reports.weigh(7).either == 0


def test_campaigns_that_are_being_read_are_weighed_now_and_then():
    for campaign, hours in ((7, 1), (8, 1), (9, 100)):
        CampaignHour.objects.create(campaign_id=campaign, hour=now() - timedelta(hours=hours))
    PossibleForwards.objects.create(campaign_id=8, either=4, computed_at=now())

    forward_reports.weigh_due()

    assert dict(PossibleForwards.objects.values_list("campaign_id", "either")) == {7: 0, 8: 4}


def test_forwards_go_with_their_campaign():
    make_forward()
    make_forward(campaign_id=8)
    PossibleForwards.objects.create(campaign_id=7, computed_at=now())

    erase.erase_campaign(7)

    assert list(Forward.objects.values_list("campaign_id", flat=True)) == [8]
    assert not PossibleForwards.objects.exists()
