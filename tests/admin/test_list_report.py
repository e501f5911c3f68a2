"""The report of a list, and who is in its bands."""

from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from newsletter import list_readings
from subscribers import growth
from subscribers.models import ListDay, Subscription, Suppression, TrackingChoice
from tests.admin.conftest import PAYLOAD
from tests.admin.test_guards import assert_clean
from tests.factories import make_campaign, make_list, make_subscriber, make_subscription
from tests.tracking import rules
from tests.tracking.makers import clicked, opened, store
from tracking import band_people, bands
from tracking.bands import Band

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _individual(settings, monkeypatch):
    """Everybody may be named, and agents say what they are."""
    settings.TRACKING_DEFAULT = "individual"
    monkeypatch.setattr("tracking.classify.judge", rules.judge)
    monkeypatch.setattr("tracking.arriving._glances", {})


def url(page, mailing_list) -> str:
    return reverse(f"admin:subscribers_mailinglist_{page}", args=[mailing_list.pk])


def text(client, page, mailing_list, **asked) -> str:
    response = client.get(url(page, mailing_list), asked)
    assert_clean(response)
    return response.content.decode()


@pytest.fixture
def campaign(db):
    """A campaign that was sent yesterday, to a list of its own."""
    at = timezone.now() - timedelta(days=1)
    return make_campaign(lists=[make_list(name=PAYLOAD[:90])], status="finished", started_at=at)


@pytest.fixture
def mailing_list(campaign):
    return campaign.lists.get()


def member(mailing_list, joined: timedelta = timedelta(days=400), **fields):
    person = make_subscriber(**fields)
    make_subscription(person, mailing_list, changed_at=timezone.now() - joined)
    return person


def test_an_empty_list_says_what_to_do(admin_client):
    shown = text(admin_client, "report", make_list())

    for words in ("Nobody has joined yet", "Not known yet", "Not counted yet", "Nothing was read"):
        assert words in shown


@pytest.mark.parametrize("grain", ["day", "week", "month", "nonsense"])
@pytest.mark.parametrize("heat", ["opens", "clicks", "nonsense"])
def test_every_choice_opens(admin_client, campaign, mailing_list, grain, heat):
    reader = member(mailing_list, name=PAYLOAD)
    store([opened(reader.pk, campaign.pk, timezone.now()), clicked(3, reader.pk, campaign.pk)])
    list_readings.count(timezone.now())

    text(admin_client, "report", mailing_list, by=grain, heat=heat)
    text(admin_client, "people", mailing_list, band=Band.ACTIVE.value)


def test_growth_and_churn_are_the_list_s(admin_client, mailing_list):
    with time_machine.travel(timezone.now(), tick=False):  # it may be the last moment of a month
        start = growth.first(timezone.localdate(), growth.Grain.MONTH, 2)
        before = start - timedelta(days=1)
        ListDay.objects.create(mailing_list=mailing_list, day=before, joined=1000)
        ListDay.objects.create(mailing_list=mailing_list, day=start, joined=40, gone=12, bounced=3)
        member(mailing_list)

        shown = text(admin_client, "report", mailing_list)

    assert "(12 + 3) ÷ 1,000" in shown
    assert '<strong class="bs-strong">1.5 %</strong>' in shown
    assert '<div class="bs-kpi__value">1,029</div>' in shown


def test_bands_and_best_hours_are_shown_with_their_time(admin_client, campaign, mailing_list):
    reader = member(mailing_list)
    member(mailing_list)
    store([opened(reader.pk, campaign.pk, timezone.now())])
    list_readings.count(timezone.now())

    response = admin_client.get(url("report", mailing_list))

    rows = {row["band"]: row["people"] for row in response.context["bands"]}
    assert {band: number for band, number in rows.items() if number} == {"active": 1, "never": 1}
    assert "Most is read" in response.content.decode()
    assert f"{url('people', mailing_list)}?band=active" in response.content.decode()


def people(mailing_list, band, after=0, size=50):
    [known] = list_readings.known(mailing_list.pk)
    counted = bands.read(mailing_list.pk)
    return band_people.page(known, band, counted.counted_at, after, size)


def test_each_band_has_the_people_that_were_counted(campaign, mailing_list):
    now = timezone.now()
    readers = {days: member(mailing_list) for days in (1, 50, 100, 300)}
    for days, reader in readers.items():
        store([opened(reader.pk, campaign.pk, now - timedelta(days=days))])
    member(mailing_list)
    member(mailing_list, timedelta(hours=1))
    member(mailing_list, tracking=TrackingChoice.AGGREGATE)
    gone = member(mailing_list)
    Suppression.objects.create(email_hash=gone.email_hash, key_id="1", reason="bounce")
    make_subscription(make_subscriber(), mailing_list, status=Subscription.Status.UNSUBSCRIBED)

    list_readings.count(now)

    found = {
        band: [each.subscriber_id for each in people(mailing_list, band).people] for band in Band
    }
    assert {band: len(ids) for band, ids in found.items()} == dict.fromkeys(Band, 1)
    assert bands.read(mailing_list.pk).bands == dict.fromkeys(Band, 1)
    assert found[Band.FADED] == [readers[100].pk]
    assert found[Band.UNREACHABLE] == [gone.pk]


def test_who_withdrew_after_the_count_is_no_reader_any_more(admin_client, campaign, mailing_list):
    reader = member(mailing_list)
    store([opened(reader.pk, campaign.pk, timezone.now())])
    list_readings.count(timezone.now())
    before = text(admin_client, "people", mailing_list, band="active")
    reader.tracking = TrackingChoice.OFF
    reader.save()

    after = [
        text(admin_client, "people", mailing_list, band=band) for band in ("active", "unknown")
    ]

    assert reader.email.split("@")[0] in before
    assert reader.email.split("@")[0] not in after[0]
    assert reader.email.split("@")[0] in after[1]
    assert "not to be shown" in after[1]


def test_pages_of_a_band_follow_each_other(campaign, mailing_list, monkeypatch):
    monkeypatch.setattr(band_people, "BUDGET", 3)
    monkeypatch.setattr(band_people, "ROUNDS", 2)
    everybody = [member(mailing_list) for _ in range(20)]
    readers = everybody[2::9]
    for reader in readers:
        store([opened(reader.pk, campaign.pk, timezone.now())])
    list_readings.count(timezone.now())

    found, place, pages = [], 0, 0
    while place is not None:
        page = people(mailing_list, Band.ACTIVE, place, 2)
        found += [each.subscriber_id for each in page.people]
        place, pages = page.next, pages + 1

    assert found == [reader.pk for reader in readers]
    assert pages == 4


def test_a_band_without_anybody_says_so(admin_client, mailing_list):
    list_readings.count(timezone.now())

    assert "Nobody is fading" in text(admin_client, "people", mailing_list, band="fading")
    assert "Not counted yet" in text(admin_client, "people", make_list(), band="fading")


def test_rights(staff_client, mailing_list):
    lists, persons, campaigns = (
        "subscribers.view_mailinglist",
        "subscribers.view_subscriber",
        "newsletter.view_campaign",
    )

    answers = [
        staff_client(*rights).get(url(page, mailing_list)).status_code
        for page, rights in (
            ("report", [persons, campaigns]),
            ("report", [lists]),
            ("people", [lists]),
            ("people", [persons]),
            ("people", [persons, campaigns]),
        )
    ]

    assert answers == [403, 200, 403, 403, 200]


def test_numbers_that_name_nobody_lead_nowhere_without_the_right(staff_client, mailing_list):
    member(mailing_list)
    list_readings.count(timezone.now())

    shown = staff_client("subscribers.view_mailinglist").get(url("report", mailing_list))

    assert "Never read" in shown.content.decode()
    assert url("people", mailing_list) not in shown.content.decode()


def test_the_report_is_reached_from_the_list_and_from_all_lists(admin_client, mailing_list):
    pages = [
        admin_client.get(reverse("admin:subscribers_mailinglist_changelist")),
        admin_client.get(reverse("admin:subscribers_mailinglist_change", args=[mailing_list.pk])),
    ]

    assert all(url("report", mailing_list) in page.content.decode() for page in pages)


def test_a_large_list_costs_no_more_queries(admin_client, campaign, mailing_list):
    for _ in range(3):
        member(mailing_list)
    with CaptureQueriesContext(connection) as few:
        text(admin_client, "report", mailing_list)
    for _ in range(30):
        member(mailing_list)
    growth.fold()
    list_readings.count(timezone.now())

    with CaptureQueriesContext(connection) as many:
        text(admin_client, "report", mailing_list)

    assert len(many) == len(few)
