"""The demonstration: only where nobody can get its mail, and gone without a trace when removed."""

from collections import Counter
from datetime import timedelta
from unittest.mock import Mock

import pytest
from django.apps import apps
from django.db import OperationalError
from django.db.models import Sum
from django.utils.timezone import localdate, now

from newsletter import campaigns, composing, demo
from newsletter.comparing import usual
from newsletter.demo import issues
from newsletter.models import Campaign, Delivery, SendingServer
from subscribers import growth
from subscribers.models import MailingList, Subscriber, Subscription
from tests.factories import make_campaign, make_list, make_subscriber, make_subscription
from tests.tracking import exact
from tracking import judging
from tracking.models import CampaignTotal, Event

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _trial(settings, redis_client, monkeypatch):
    settings.EMBEDDED = True
    settings.TRACKING_DEFAULT = "individual"  # as `make run` has it
    settings.SMTP_URL = f"smtp://{settings.MAILCATCHER_HOST}:{settings.MAILCATCHER_PORT}"
    # As many as there must be for what compares them.
    monkeypatch.setattr(issues, "WEEKLY", issues.WEEKLY[:4])
    monkeypatch.setattr(issues, "MONTHLY", issues.MONTHLY[:1])
    composing.ensure_builtin_templates()


def test_it_starts_a_campaign_to_a_thousand_people_and_does_it_once():
    campaign = demo.seed()

    assert campaign.subject == demo.SUBJECT
    assert Subscriber.objects.count() == demo.PEOPLE
    assert 0 < sum(batch.size for batch in campaign.batches.all()) <= demo.PEOPLE
    assert demo.seed() == campaign
    assert Campaign.objects.count() == 1 + 5


def test_weeks_before_were_read_by_people_and_machines():
    demo.seed()
    at_first = dict(CampaignTotal.objects.values_list("campaign_id", "clicks"))

    judging.settle()

    past = Campaign.objects.filter(status=Campaign.Status.FINISHED)
    assert past.count() == 5
    for campaign in past:
        totals, size = CampaignTotal.objects.get(pk=campaign.pk), campaign.audience_size
        assert 0.25 < totals.unique_opens / size < 0.6
        assert 0.04 < totals.unique_clicks / size < 0.2
        assert 0.1 < totals.unique_machine_opens / size < 0.4
        assert 0.02 < totals.unique_machine_clicks / size < 0.2
        # What is seen before all is judged for good is much the same.
        assert at_first[campaign.pk] == pytest.approx(totals.clicks, rel=0.1)
    assert Event.objects.filter(occurred_at__gt=now()).count() == 0
    exact.check()


def test_weeks_before_are_as_if_they_had_been_sent():
    live = demo.seed()

    live.refresh_from_db()
    assert usual(live, now()).campaigns == 5
    for campaign in Campaign.objects.exclude(pk=live.pk):
        sums = campaign.batches.aggregate(size=Sum("size"), sent=Sum("sent"), failed=Sum("failed"))
        outcomes = Counter(
            Delivery.objects.filter(campaign=campaign).values_list("status", flat=True)
        )
        assert sums["size"] == campaign.audience_size == outcomes.total()
        assert (sums["sent"], sums["failed"]) == (outcomes["sent"], outcomes["failed"])
    for mailing_list in MailingList.objects.all():
        active = Subscription.objects.filter(mailing_list=mailing_list, status="active").count()
        year = growth.history(mailing_list.pk, localdate() - timedelta(days=365))
        months = growth.periods(year, localdate(), growth.Grain.MONTH, 12)
        assert months[-1].at_end == active
        assert all(month.joined for month in months[:-1])  # the last may have only just begun


@pytest.mark.parametrize(
    "elsewhere", [{"EMBEDDED": False}, {"SMTP_URL": "smtp://mail.example.org:587"}]
)
def test_it_is_refused_on_a_configured_database_and_with_a_real_mail_server(settings, elsewhere):
    for name, value in elsewhere.items():
        setattr(settings, name, value)

    with pytest.raises(demo.NotADemo):
        demo.seed()

    assert not MailingList.objects.exists()


@pytest.mark.parametrize("is_active", [True, False])
def test_it_is_refused_where_another_server_takes_the_mail(is_active):
    SendingServer.objects.create(name="Relay", host="mail.example.org", is_active=is_active)

    with pytest.raises(demo.NotADemo):
        demo.seed()

    assert not MailingList.objects.exists()


def test_one_that_was_interrupted_before_its_start_goes_on(monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr(campaigns, "start", Mock(side_effect=OperationalError))
        with pytest.raises(OperationalError):
            demo.seed()

    campaign = demo.seed()

    campaign.refresh_from_db()
    assert campaign.status == Campaign.Status.RUNNING
    assert Campaign.objects.count() == 1 + 5


def test_removing_keeps_a_campaign_that_went_to_a_list_of_somebody_as_well():
    ours = make_list()
    demo.seed()
    theirs = MailingList.objects.filter(is_demo=True)
    mixed, only_here = make_campaign(), make_campaign()
    mixed.lists.set([ours, *theirs])
    only_here.lists.set(theirs)

    demo.remove()

    assert list(Campaign.objects.all()) == [mixed]
    assert list(mixed.lists.all()) == [ours]


def test_removing_leaves_nothing_of_it_and_everything_of_others():
    before = rows()
    ours = make_subscriber(lists=[make_list()])
    demo.seed()
    joined = Subscriber.objects.exclude(pk=ours.pk).first()
    make_subscription(joined, make_list())

    removed = demo.remove()

    assert removed == demo.PEOPLE - 1
    assert set(Subscriber.objects.all()) == {ours, joined}
    assert not Campaign.objects.exists()
    ours.delete()
    joined.delete()
    MailingList.objects.all().delete()
    assert {name for name, count in rows().items() if count > before[name]} <= {
        # The lines of who stays, the short memories of who has just left and of how many (which the
        # next fold drops with the list), and the organisation that somebody may have edited since.
        "subscribers.ConsentRecord",
        "subscribers.Departure",
        "subscribers.ListChange",
        "subscribers.Organisation",
        # What ingest and the next count of lists drop.
        "tracking.ListReading",
        "tracking.StoredPack",
        "tracking.UnsettledDay",
        "tracking.UnsettledMinute",
    }


def rows() -> dict[str, int]:
    models = apps.get_models()
    return {model._meta.label: model._default_manager.count() for model in models}
