"""Forwards under several hands at once, and what comes back from a copy."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from newsletter import campaigns, forwarding
from subscribers import addresses
from subscribers.erase import erase
from tests.factories import make_campaign, make_subscriber
from tests.newsletter.forwards.readers import FRIEND, read
from tests.tracking.conftest import _empty_events, events, stored  # noqa: F401
from tests.tracking.makers import clicked, opened, store
from tracking import forward_reports, forwards, tokens
from tracking.models import CampaignTotal, Forward, ForwardTotal

pytestmark = pytest.mark.django_db(transaction=True)


def started():
    campaign = make_campaign(people=1)
    campaigns.start(campaign.pk)
    return campaign


def wish(campaign, owner, friend: str) -> forwards.Wish:
    return forwards.Wish(
        campaign_id=campaign.pk,
        subscriber_id=owner.pk,
        friends=[addresses.parse(friend)],
        network="192.0.2.0",
    )


def at_once(function, *values):
    """Call a function for each value, all at the same time; return what came of each."""

    def call(value):
        try:
            return function(value)
        except (forwards.TooMany, forwards.Gone) as error:
            return type(error)
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=8) as hands:
        return list(hands.map(call, values))


def test_limits_hold_for_forms_that_come_at_once(settings):
    settings.FORWARD_LIMIT_PERSON = 3
    campaign, ada = started(), make_subscriber()

    results = at_once(
        lambda number: forwards.ask(wish(campaign, ada, f"f{number}@example.com")), *range(16)
    )

    assert results.count(forwards.TooMany) == 13
    assert Forward.objects.filter(kind=Forward.Kind.FRIEND).count() == 3


def test_two_who_forward_to_one_friend_at_once_make_one_copy(settings):
    campaign, people = started(), [make_subscriber() for _ in range(8)]

    at_once(lambda owner: forwards.ask(wish(campaign, owner, FRIEND)), *people)

    states = Forward.objects.filter(kind=Forward.Kind.FRIEND).values_list("state", flat=True)
    assert sorted(states) == ["asked"] + ["skipped"] * 7


def test_several_workers_send_each_copy_once(sink):
    campaign, people = started(), [make_subscriber() for _ in range(12)]
    for number, owner in enumerate(people):
        forwards.ask(wish(campaign, owner, f"f{number}@example.com"))

    at_once(lambda _: forwarding.send_due(), *range(4))
    forwarding.send_due()

    assert sorted(sink.recipients) == sorted(f"f{number}@example.com" for number in range(12))


def test_who_is_erased_while_they_forward_leaves_no_name(settings):
    for _ in range(5):
        campaign, ada = started(), make_subscriber(name="Ada Lovelace")

        at_once(
            lambda what: what(),
            lambda: forwards.ask(wish(campaign, ada, FRIEND)),  # noqa: B023
            lambda: erase(ada.pk),  # noqa: B023
        )

        assert not Forward.objects.exclude(subscriber_id=0).exists()
        assert not Forward.objects.exclude(address="").exists()


def test_what_comes_back_from_a_copy_is_the_copy_s(sink, stored, settings):  # noqa: F811
    settings.TRACKING_DEFAULT = "individual"
    campaign, ada = started(), make_subscriber()
    forwards.ask(wish(campaign, ada, FRIEND))
    forwarding.send_due()
    html = read(sink.mails[0])[2]
    [seen] = map(tokens.read_open, re.findall(r"/o/([\w-]+)", html))
    [link] = [
        token
        for token in map(tokens.read_click, re.findall(r"/c/([\w-]+)", html))
        if token.link_id != tokens.HIDDEN_LINK
    ]

    store([opened(seen.subscriber_id, seen.campaign_id, forward_id=seen.forward_id)] * 2)
    store([clicked(link.link_id, 0, campaign.pk, forward_id=link.forward_id)])

    copy = Forward.objects.get(kind=Forward.Kind.FRIEND)
    total = ForwardTotal.objects.get(forward_id=copy.pk)
    own = CampaignTotal.objects.filter(campaign_id=campaign.pk).first()
    report = forward_reports.report(campaign.pk)
    assert (seen.forward_id, seen.subscriber_id) == (copy.pk, 0)
    assert total.opens + total.machine_opens == 2
    assert total.clicks + total.machine_clicks == 1
    assert own is None or (own.unique_opens, own.unique_clicks) == (0, 0)
    assert (report.made, report.sent) == (1, 1)
