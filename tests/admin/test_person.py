"""The page of what one person did: all that may be shown, and nothing else."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from newsletter.models import Delivery
from newsletter.person_timeline import PAGE
from subscribers import consent
from subscribers.models import Confirmation, ConsentRecord, TrackingChoice
from tests.admin.conftest import PAYLOAD, STAFF
from tests.admin.test_guards import assert_clean
from tests.factories import make_campaign, make_list, make_subscriber
from tests.tracking import rules
from tests.tracking.makers import clicked, opened, store
from tracking import links
from tracking.models import Forward

pytestmark = pytest.mark.django_db

FORM = consent.Origin(method=ConsentRecord.Method.FORM)


@pytest.fixture(autouse=True)
def _individual(settings, monkeypatch):
    """Everybody may be named, and agents say what they are."""
    settings.TRACKING_DEFAULT = "individual"
    monkeypatch.setattr("tracking.classify.judge", rules.judge)
    monkeypatch.setattr("tracking.arriving._glances", {})


def url(person) -> str:
    return reverse("admin:subscribers_subscriber_activity", args=[person.pk])


def text(client, person, **asked) -> str:
    response = client.get(url(person), asked)
    assert_clean(response)
    return response.content.decode()


def sent(person, ago: timedelta, **fields):
    """Make a campaign that this person got."""
    at = timezone.now() - ago
    campaign = make_campaign(status="finished", started_at=at, **fields)
    Delivery.objects.create(campaign=campaign, subscriber_id=person.pk, status="sent", at=at)
    return campaign


def test_a_person_of_whom_nothing_is_known_says_what_to_do(admin_client):
    shown = text(admin_client, make_subscriber())

    assert "Nothing has happened yet" in shown
    assert "No campaign has reached this person yet" in shown


def test_everything_has_its_line(admin_client, reader):
    mailing_list = make_list(name="Weekly")
    consent.subscribe(reader.pk, mailing_list, origin=FORM)
    Confirmation.objects.create(
        subscriber=reader,
        mailing_list_ids=[mailing_list.pk],
        expires_at=timezone.now(),
        mail_sent_at=timezone.now(),
    )
    consent.confirm(reader.pk, [mailing_list.pk], origin=FORM)
    consent.unsubscribe(reader.pk, origin=FORM)
    consent.subscribe(reader.pk, mailing_list, origin=STAFF, verified=True)
    campaign = sent(reader, timedelta(days=3), lists=[mailing_list])
    [link] = links.ensure(campaign.pk, ["https://example.org/story"]).values()
    at = timezone.now() - timedelta(days=2)
    store(
        [
            opened(reader.pk, campaign.pk, at),
            clicked(link, reader.pk, campaign.pk, at),
            opened(reader.pk, campaign.pk, at, user_agent="SCANNER"),
        ]
    )
    Forward.objects.create(
        campaign_id=campaign.pk, subscriber_id=reader.pk, kind=1, state=Forward.State.SENT
    )
    page = reverse("admin:subscribers_subscriber_change", args=[reader.pk])
    admin_client.post(page, {"email": "new@example.org", "name": PAYLOAD, "attributes": "{}"})

    shown = text(admin_client, reader)

    for words in (
        "Asked to join “Weekly”",
        "Was asked by mail to confirm",
        "Confirmed “Weekly”",
        "Agreed to: I would like to receive",
        "Left “Weekly”",
        "Came back to “Weekly”",
        "June issue",
        "Followed a link",
        "https://example.org/story · taken for a person",
        "taken for a security scanner or robot",
        "Forwarded to a friend",
        "Edited by admin",
        "Changed address",
    ):
        assert words.lower() in shown.lower(), words


def test_an_attack_in_every_field_is_words(admin_client, sent_campaign, reader):
    at = timezone.now()
    store([opened(reader.pk, sent_campaign.pk, at)])
    consent.subscribe(
        reader.pk,
        make_list(name=PAYLOAD[:90], consent_wording=PAYLOAD),
        origin=consent.Origin(method=ConsentRecord.Method.ADMIN, evidence={"note": PAYLOAD}),
        verified=True,
    )

    shown = text(admin_client, reader)

    assert "&lt;script&gt;" in shown


def test_the_score_is_worked_out_on_the_page(admin_client):
    person = make_subscriber()
    half_life = timedelta(days=60)
    campaigns = [sent(person, half_life * number) for number in range(1, 4)]
    at = timezone.now() - timedelta(days=59)
    store([clicked(3, person.pk, campaigns[0].pk, at), opened(person.pk, campaigns[1].pk, at)])

    shown = text(admin_client, person)

    # 100 * (0.5 * 1 + 0.25 * 0.5 + 0.125 * 0) / (0.5 + 0.25 + 0.125)
    assert '= 100 × 0.625 ÷ 0.875 = <strong class="bs-strong">71</strong>' in shown
    assert "by their last 3 mails" in shown


def test_months_have_no_gaps_and_no_machines(admin_client):
    person = make_subscriber()
    campaign = sent(person, timedelta(days=3))
    at = timezone.now() - timedelta(minutes=1)
    store(
        [
            opened(person.pk, campaign.pk, at),
            clicked(3, person.pk, campaign.pk, at),
            opened(person.pk, campaign.pk, at, user_agent="SCANNER"),
        ]
    )

    response = admin_client.get(url(person))

    chart = response.context["chart"]
    assert len(chart["labels"]) == 12
    assert sum(chart["series"][0]["data"]) == 1
    assert sum(chart["series"][1]["data"]) == 1


@pytest.mark.parametrize("choice", [TrackingChoice.OFF, TrackingChoice.AGGREGATE])
@pytest.mark.parametrize("is_own", [True, False])
def test_who_is_not_to_be_named_is_not(admin_client, choice, is_own):
    mailing_list = make_list()
    person = make_subscriber(lists=[mailing_list])
    campaign = sent(person, timedelta(days=3), lists=[mailing_list])
    store([opened(person.pk, campaign.pk, timezone.now())])
    Forward.objects.create(
        campaign_id=campaign.pk, subscriber_id=person.pk, kind=1, state=Forward.State.SENT
    )
    before = text(admin_client, person)
    if is_own:
        consent.choose_tracking(person.pk, choice, origin=FORM)
    else:
        mailing_list.tracking = choice
        mailing_list.save()

    after = text(admin_client, person)

    assert "Last opened" in before
    assert "Forwarded to a friend" in before
    for words in ("Last opened", "How the score is made", "taken for", "Forwarded to a friend"):
        assert words not in after
    assert ("This person has chosen" if is_own else "Their lists say") in after
    assert "nothing is kept under their name" in after
    assert "preference page" in after
    assert "Last mailed" in after


def test_a_campaign_to_a_list_that_names_nobody_is_left_out(admin_client):
    open_list, quiet = make_list(), make_list(tracking=TrackingChoice.AGGREGATE)
    person = make_subscriber(lists=[open_list, quiet])
    shown = sent(person, timedelta(days=3), lists=[open_list], subject="Shown")
    hidden = sent(person, timedelta(days=3), lists=[open_list, quiet], subject="Hidden")
    store([opened(person.pk, shown.pk, timezone.now())])
    Delivery.objects.filter(campaign=hidden).delete()
    quiet.tracking = ""
    quiet.save()
    store([opened(person.pk, hidden.pk, timezone.now())])
    quiet.tracking = TrackingChoice.AGGREGATE
    quiet.save()

    page = text(admin_client, person)

    assert "their lists differ" in page
    assert "Shown" in page
    assert "Hidden" not in page
    assert "opened once in all" in page


def test_mails_from_before_they_agreed_do_not_count_against_them(admin_client):
    person = make_subscriber(tracking=TrackingChoice.AGGREGATE)
    for _ in range(3):
        sent(person, timedelta(days=30))
    consent.choose_tracking(person.pk, TrackingChoice.INDIVIDUAL, origin=FORM)

    page = text(admin_client, person)

    assert "0 mails so far; it takes 3 to tell" in page


def test_pages_leave_out_nothing_and_show_nothing_twice(admin_client):
    """Many things of one moment, from all sources, around the end of a page."""
    person = make_subscriber()
    at = timezone.now() - timedelta(days=3)
    campaigns = [sent(person, timedelta(days=4)) for _ in range(8)]
    Delivery.objects.update(at=at)
    store([opened(person.pk, campaign.pk, at) for campaign in campaigns for _ in range(9)])
    ConsentRecord.objects.bulk_create(
        [
            ConsentRecord(
                subscriber_id=person.pk, action="subscribed", method="form", recorded_at=at
            )
            for _ in range(45)
        ]
    )

    seen, place = [], ""
    while place is not None:
        context = admin_client.get(url(person), {"before": place} if place else {}).context
        seen += [(line.entry.source, line.entry.id) for line in context["lines"]]
        assert len(context["lines"]) <= PAGE
        place = str(context["next"]) if context["next"] else None

    assert len(seen) == len(set(seen)) == 8 + 72 + 45


@pytest.mark.parametrize("place", ["x", "1.2", "1.2.3.4", "9" * 30 + ".1.1", "1.9.9", "-1.1.1"])
def test_a_place_that_is_none_is_the_beginning_or_the_end(admin_client, reader, place):
    assert_clean(admin_client.get(url(reader), {"before": place}))


def test_both_rights_are_needed(staff_client, reader):
    people, campaigns = "subscribers.view_subscriber", "newsletter.view_campaign"

    answers = [
        staff_client(*rights).get(url(reader)).status_code
        for rights in ([], [people], [campaigns], [people, campaigns])
    ]

    assert answers == [403, 403, 403, 200]


def test_the_page_is_reached_from_the_person(admin_client, reader):
    details = admin_client.get(reverse("admin:subscribers_subscriber_change", args=[reader.pk]))

    assert url(reader) in details.content.decode()


def test_a_busy_person_costs_no_more_queries(admin_client, django_assert_max_num_queries):
    person = make_subscriber()
    for number in range(12):
        campaign = sent(person, timedelta(days=30 * number + 1))
        at = timezone.now() - timedelta(days=30 * number)
        store([opened(person.pk, campaign.pk, at), clicked(3, person.pk, campaign.pk, at)])

    with django_assert_max_num_queries(45):
        text(admin_client, person)
