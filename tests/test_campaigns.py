"""The life of a campaign, and what its start freezes."""

from datetime import timedelta

import pytest
from django.db import OperationalError
from django.utils.timezone import now

from newsletter import audience, campaigns, due
from newsletter.composing import edition
from newsletter.models import Batch, Campaign, Edition
from newsletter.progress import progress
from subscribers import suppression
from subscribers.models import Subscription, Suppression
from tests.factories import (
    make_campaign,
    make_list,
    make_subscriber,
    make_subscription,
    make_template,
)
from tracking.models import Link
from tracking.targets import BadTarget

pytestmark = pytest.mark.django_db
Status = Campaign.Status


def in_status(status: str) -> Campaign:
    return make_campaign(people=1, status=status)


# --- moves ------------------------------------------------------------------------------

MOVES = {
    "pause": campaigns.pause,
    "resume": campaigns.resume,
    "cancel": campaigns.cancel,
    "start": campaigns.start,
    "unschedule": campaigns.unschedule,
    "schedule": lambda campaign_id: campaigns.schedule(campaign_id, now()),
}


@pytest.mark.parametrize("status", Status.values)
@pytest.mark.parametrize(
    ("move", "sources", "target"),
    [
        ("start", {"draft", "scheduled"}, "running"),
        ("schedule", {"draft"}, "scheduled"),
        ("unschedule", {"scheduled"}, "draft"),
        ("pause", {"running"}, "paused"),
        ("resume", {"paused"}, "running"),
        ("cancel", {"scheduled", "running", "paused"}, "cancelled"),
    ],
)
def test_which_status_may_follow_which(move, sources, target, status):
    campaign = in_status(status)

    if status in sources:
        MOVES[move](campaign.pk)
    else:
        with pytest.raises(campaigns.WrongStatus):
            MOVES[move](campaign.pk)

    campaign.refresh_from_db()
    assert campaign.status == (target if status in sources else status)


def test_a_refused_move_says_so_in_words():
    campaign = in_status(Status.FINISHED)

    with pytest.raises(campaigns.WrongStatus, match="“June issue” is sent, so it can't become"):
        campaigns.pause(campaign.pk)


# --- start ------------------------------------------------------------------------------


def test_a_start_freezes_what_is_said_and_to_whom(settings):
    settings.SEND_BATCH_SIZE = 2
    campaign = make_campaign(people=5)

    campaigns.start(campaign.pk)

    campaign.refresh_from_db()
    assert campaign.audience_size == 5
    assert campaign.started_at
    assert [batch.size for batch in Batch.objects.order_by("id")] == [2, 2, 1]
    edition = Edition.objects.get(campaign=campaign)
    assert edition.link_ids == list(Link.objects.order_by("id").values_list("id", flat=True)) != []


def test_changing_a_started_campaign_changes_no_mail():
    campaign = make_campaign(people=1)
    campaigns.start(campaign.pk)

    Campaign.objects.update(body="Something else", subject="Else")

    assert "Something else" not in Edition.objects.get().html


def test_two_starts_at_once_freeze_once():
    campaign = make_campaign(people=2)
    campaigns.start(campaign.pk)

    with pytest.raises(campaigns.WrongStatus):
        campaigns.start(campaign.pk)

    assert Batch.objects.count() == 1


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ({"body": "  "}, "no text"),
        ({"subject": " "}, "no subject"),
        ({"body": "Hello {{ nobody"}, "Body"),
        ({"body": "Hello {{ subscriber.nmae }}"}, "nmae"),
        ({"from_email": "nobody"}, "From"),
    ],
)
def test_what_is_wrong_is_said_at_the_start(fields, part):
    campaign = make_campaign(people=1, **fields)

    with pytest.raises(campaigns.NotReady, match=part):
        campaigns.start(campaign.pk)

    campaign.refresh_from_db()
    assert campaign.status == Status.DRAFT
    assert not Batch.objects.exists()


def test_a_campaign_without_lists_is_not_started():
    campaign = make_campaign()
    campaign.lists.clear()

    with pytest.raises(campaigns.NotReady, match="at least one list"):
        campaigns.start(campaign.pk)


def test_a_campaign_for_nobody_is_not_started():
    campaign = make_campaign()

    with pytest.raises(campaigns.NotReady, match="Nobody"):
        campaigns.start(campaign.pk)

    campaign.refresh_from_db()
    assert campaign.status == Status.DRAFT
    assert not Edition.objects.exists()


def test_nobody_is_mailed_with_another_suppression_key():
    campaign = make_campaign(people=1)
    Suppression.objects.create(email_hash=b"x" * 16, key_id="another", reason="manual")

    with pytest.raises(campaigns.NotReady, match="SUPPRESSION_KEY"):
        campaigns.start(campaign.pk)


# --- audience ---------------------------------------------------------------------------


def test_each_person_is_in_the_audience_once():
    lists = [make_list(), make_list()]
    both = make_subscriber(lists=lists)
    one = make_subscriber(lists=lists[:1])
    campaign = make_campaign(lists=lists)

    assert audience.count(campaign.pk) == 2
    assert audience.freeze(campaign.pk) == 2

    assert Batch.objects.get().subscriber_ids == sorted([both.pk, one.pk])


def test_who_must_not_be_written_to_is_left_out():
    mailing_list = make_list()
    active = make_subscriber(lists=[mailing_list])
    for status in (Subscription.Status.PENDING, Subscription.Status.UNSUBSCRIBED):
        make_subscription(make_subscriber(), mailing_list, status=status)
    suppressed = make_subscriber(lists=[mailing_list])
    Suppression.objects.create(
        email_hash=suppressed.email_hash, key_id=suppression.key_id(), reason="manual"
    )
    make_subscriber(lists=[make_list()])
    campaign = make_campaign(lists=[mailing_list])

    audience.freeze(campaign.pk)

    assert Batch.objects.get().subscriber_ids == [active.pk]


def test_the_lists_of_a_campaign():
    lists = [make_list(), make_list()]
    campaign = make_campaign(lists=lists)

    assert audience.campaign_list_ids(campaign.pk) == [each.pk for each in lists]
    assert audience.campaign_list_ids(0) == []


def test_freezing_costs_one_statement_whatever_the_size(django_assert_num_queries):
    campaign = make_campaign(people=30)

    with django_assert_num_queries(2):  # the lists, the statement
        audience.freeze(campaign.pk)


# --- ticks ------------------------------------------------------------------------------


def test_a_scheduled_campaign_starts_when_its_time_has_come():
    ready, later = make_campaign(people=1), make_campaign(people=1)
    campaigns.schedule(ready.pk, now() - timedelta(seconds=1))
    campaigns.schedule(later.pk, now() + timedelta(hours=1))

    due.start_scheduled()

    ready.refresh_from_db()
    later.refresh_from_db()
    assert (ready.status, later.status) == (Status.RUNNING, Status.SCHEDULED)


def test_one_that_stumbles_does_not_stop_the_others(monkeypatch):
    freeze = campaigns.composing.freeze
    bad, good = make_campaign(people=1), make_campaign(people=1)
    for campaign in (bad, good):
        campaigns.schedule(campaign.pk, now() - timedelta(seconds=1))

    def stumble(campaign):
        if campaign.pk == bad.pk:
            raise RuntimeError("a mistake of ours")
        return freeze(campaign)

    monkeypatch.setattr(campaigns.composing, "freeze", stumble)

    due.start_scheduled()

    bad.refresh_from_db()
    good.refresh_from_db()
    assert (bad.status, good.status) == (Status.DRAFT, Status.RUNNING)
    assert "Not started" in bad.waiting_reason


def test_the_databases_trouble_leaves_a_campaign_scheduled(monkeypatch):
    campaign = make_campaign(people=1)
    campaigns.schedule(campaign.pk, now() - timedelta(seconds=1))

    def fail(campaign):
        raise OperationalError("deadlock detected")

    monkeypatch.setattr(campaigns.composing, "freeze", fail)

    due.start_scheduled()

    campaign.refresh_from_db()
    assert campaign.status == Status.SCHEDULED


def test_a_link_too_long_once_it_is_encoded_is_found_by_the_check():
    body = f'<a href="https://example.org/{"漢" * 1000}">here</a>'
    campaign = make_campaign(people=1, format="html", body=body)

    with pytest.raises(campaigns.NotReady, match="Percent-encoded"):
        campaigns.start(campaign.pk)


def test_a_link_that_tracking_refuses_is_said_in_words(monkeypatch):
    campaign = make_campaign(people=1)

    def refuse(campaign_id, urls):
        raise BadTarget("not a plain http or https address")

    monkeypatch.setattr(edition.tracked, "ensure", refuse)

    with pytest.raises(campaigns.NotReady, match="not a plain http"):
        campaigns.start(campaign.pk)


def test_what_is_frozen_is_what_is_stored(monkeypatch):
    campaign = make_campaign(people=1)
    move = campaigns._move

    def after_a_change(campaign_id, *args, **changes):
        Campaign.objects.update(subject="The last word")
        move(campaign_id, *args, **changes)

    monkeypatch.setattr(campaigns, "_move", after_a_change)

    campaigns.start(campaign.pk)

    assert Edition.objects.get().subject == "The last word"


def test_a_scheduled_campaign_that_can_not_start_says_why():
    campaign = make_campaign(people=1)
    campaigns.schedule(campaign.pk, now() - timedelta(seconds=1))
    Subscription.objects.all().delete()

    due.start_scheduled()

    campaign.refresh_from_db()
    assert campaign.status == Status.DRAFT
    assert campaign.waiting_reason.startswith("Not started: Nobody")


def test_only_what_can_be_sent_now_wakes_workers(settings):
    settings.SEND_BATCH_SIZE = 1
    campaign = make_campaign(people=3)
    campaigns.start(campaign.pk)
    assert due.work() == 3

    Batch.objects.filter(pk=Batch.objects.first().pk).update(due_at=now() + timedelta(hours=1))
    assert due.work() == 2

    Campaign.objects.update(retry_at=now() + timedelta(hours=1))
    assert due.work() == 0

    Campaign.objects.update(retry_at=None, status=Status.PAUSED)
    assert due.work() == 0


def test_an_expired_lease_wakes_somebody():
    campaign = make_campaign(people=1)
    campaigns.start(campaign.pk)
    Batch.objects.update(state="claimed", lease_until=now() + timedelta(minutes=1))
    assert due.work() == 0

    Batch.objects.update(lease_until=now() - timedelta(minutes=1))

    assert due.work() == 1


# --- the rest ---------------------------------------------------------------------------


def test_a_copy_is_a_draft_with_the_same_content_and_lists():
    original = make_campaign(people=1, template=make_template())
    campaigns.start(original.pk)

    copy = Campaign.objects.get(pk=campaigns.duplicate(original.pk))

    assert copy.status == Status.DRAFT
    assert (copy.subject, copy.body) == (original.subject, original.body)
    assert copy.template == original.template
    assert list(copy.lists.all()) == list(original.lists.all())


def test_the_sum_of_a_draft_is_nought():
    campaign = make_campaign(people=1)

    found = progress(campaign.pk)

    assert (found.audience, found.pending, found.state) == (0, 0, "draft")
    assert found.seconds_left is None


def test_the_rate_counts_the_last_seconds():
    campaign = make_campaign(people=100)
    campaigns.start(campaign.pk)
    Batch.objects.update(state="claimed", fence=1, sent=50, claimed_at=now() - timedelta(seconds=5))

    found = progress(campaign.pk)

    assert 9 < found.per_second < 10.5
    assert 4 < found.seconds_left < 6


def test_pausing_twice_says_that_it_is_paused_already():
    campaign = make_campaign(status=Campaign.Status.PAUSED)

    with pytest.raises(campaigns.WrongStatus, match="“June issue” is paused already"):
        campaigns.pause(campaign.pk)
