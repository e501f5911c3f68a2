"""The report of a campaign: its numbers, its switches, its map and its people."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from django.utils.timezone import now

from newsletter.models import Edition
from tests.admin.conftest import PAYLOAD
from tests.admin.test_guards import assert_clean
from tests.factories import make_leaving, make_subscriber
from tracking.models import CampaignTotal, Link, LinkTotal, Reader, ReaderLink

pytestmark = pytest.mark.django_db

PAGES = ["report", "report_map", "report_people"]


@pytest.fixture(autouse=True)
def _individual(settings):
    settings.TRACKING_DEFAULT = "individual"


@pytest.fixture
def link(sent_campaign) -> Link:
    return Link.objects.get(campaign_id=sent_campaign.pk)


@pytest.fixture
def edition(sent_campaign, link) -> Edition:
    return Edition.objects.create(
        campaign=sent_campaign,
        subject="Hello",
        html=(
            "<!doctype html><html><head><title>x</title></head><body>"
            '<a class="button" href="{{ link_0 }}" style="color:red">Read</a>'
            "{% if subscriber.attributes.vip %}"
            '<a href="{{ link_1 }}">Secret</a>{% endif %}'
            '<a href="{{ unsubscribe_url }}">Leave</a></body></html>'
        ),
        text="{{ link_0 }}",
        from_email="us@example.org",
        list_id="list.example.org",
        feedback_id="c1",
        link_urls=[link.url, "https://example.org/secret"],
        link_ids=[link.pk, link.pk + 1],
    )


@pytest.fixture
def read(sent_campaign, reader, link) -> None:
    """Somebody who may be named opened twice and clicked."""
    at = timezone.now() - timedelta(hours=1)
    Reader.objects.create(
        campaign_id=sent_campaign.pk,
        subscriber_id=reader.pk,
        opens=2,
        clicks=1,
        machine_opens=3,
        first_open_at=at,
        last_open_at=at,
    )
    ReaderLink.objects.create(link_id=link.pk, subscriber_id=reader.pk, clicks=1)


def url(page, campaign) -> str:
    return reverse(f"admin:newsletter_campaign_{page}", args=[campaign.pk])


def numbers(page: str, name: str) -> str:
    """Return what the page says below `name` in the funnel."""
    row = re.search(rf'<th scope="row">{name}.*?<td[^>]*>(.*?)</td>', page, re.DOTALL)
    return row[1]


@pytest.mark.parametrize("page", PAGES)
def test_pages_open(admin_client, sent_campaign, edition, read, page):
    assert_clean(admin_client.get(url(page, sent_campaign)))


@pytest.mark.parametrize("counted", ["people", "all", "machines", "nonsense"])
@pytest.mark.parametrize("range_", ["start", "day", "week", "all", "9"])
def test_every_choice_opens(admin_client, sent_campaign, counted, range_):
    choice = {"counted": counted, "range": range_, "chart": "bars", "heat": "clicks"}

    assert_clean(admin_client.get(url("report", sent_campaign), choice))


def test_numbers(admin_client, sent_campaign):
    answer = admin_client.get(url("report_json", sent_campaign), {"range": "all"}).json()

    assert answer["text"]["sent"] == "1"
    assert answer["text"]["opens"] == "1"
    assert answer["charts"]["time"]["series"][0]["data"] == [3]


@pytest.mark.parametrize(("counted", "opened"), [("people", "1"), ("all", "7"), ("machines", "4")])
def test_people_and_machines(admin_client, sent_campaign, counted, opened):
    CampaignTotal.objects.update(machine_opens=4)

    page = admin_client.get(url("report", sent_campaign), {"counted": counted}).content.decode()

    assert numbers(page, "Opened") == opened


def test_what_nothing_collects_is_no_zero(admin_client, sent_campaign):
    page = admin_client.get(url("report", sent_campaign)).content.decode()

    assert numbers(page, "Complained") == "–"
    assert numbers(page, "Bounced") == "1"


def test_people_who_are_not_named_are_no_zero(admin_client, sent_campaign, settings):
    settings.TRACKING_DEFAULT = "aggregate"
    CampaignTotal.objects.update(unique_opens=0, unique_clicks=0)

    page = admin_client.get(url("report", sent_campaign)).content.decode()

    assert numbers(page, "Opened") == "–"
    assert "nobody can say whether two opens" in page


def test_report_of_a_draft_says_that_nothing_was_sent(admin_client, draft):
    page = admin_client.get(url("report", draft)).content.decode()

    assert "Nothing has been sent yet" in page


# --- click map ---


def frame(client, campaign, **choice):
    return client.get(url("report_map_frame", campaign), choice)


def test_map_has_a_badge_on_each_link(admin_client, sent_campaign, edition):
    html = frame(admin_client, sent_campaign).content.decode()

    assert '<a class="button" style="color:red" data-clicks="4"><b data-badge>2 · 100 %</b>' in html
    assert "Secret" not in html
    assert html.startswith("<!doctype html>")


def test_map_leads_nowhere(admin_client, sent_campaign, edition):
    answer = frame(admin_client, sent_campaign)

    assert b"click-map-" not in answer.content
    assert not re.findall(rb'href="(?!#")', answer.content)
    assert re.search(r"sandbox *(;|$)", answer["Content-Security-Policy"])
    assert answer["X-Frame-Options"] == "SAMEORIGIN"


def test_map_counts_machines_when_asked(admin_client, sent_campaign, edition):
    LinkTotal.objects.update(machine_clicks=5)

    html = frame(admin_client, sent_campaign, counted="machines").content.decode()

    assert "5 · 100 %" in html


def test_map_says_which_links_are_not_in_it(admin_client, sent_campaign, edition):
    Link.objects.create(
        id=edition.link_ids[1], campaign_id=sent_campaign.pk, url="https://example.org/secret"
    )

    page = admin_client.get(url("report_map", sent_campaign)).content.decode()

    assert page.count("Not in this reader’s mail") == 1


def test_map_without_an_edition(admin_client, sent_campaign):
    page = admin_client.get(url("report_map", sent_campaign))

    assert "is not kept" in page.content.decode()
    assert frame(admin_client, sent_campaign).status_code == 404


# --- who did what ---


def shown(client, campaign, **choice) -> str:
    return client.get(url("report_people", campaign), choice).content.decode()


def test_people_are_shown_with_what_they_did(admin_client, sent_campaign, reader, read, link):
    for choice in ({}, {"did": "opened"}, {"did": "clicked"}, {"link": str(link.pk)}):
        assert f"/{reader.pk}/activity/" in shown(admin_client, sent_campaign, **choice)

    assert f"/{reader.pk}/activity/" not in shown(admin_client, sent_campaign, did="left")


def test_who_chose_not_to_be_named_is_not_shown(admin_client, sent_campaign, reader, read):
    reader.tracking = "aggregate"
    reader.save()

    assert f"/{reader.pk}/activity/" not in shown(admin_client, sent_campaign)


def test_of_who_left_it_is_said_only_that_they_left(admin_client, sent_campaign, reader, read):
    reader.tracking = "off"
    reader.save()
    make_leaving(reader.pk, sent_campaign.pk, now())

    page = shown(admin_client, sent_campaign, did="left")

    assert f"/{reader.pk}/activity/" in page
    assert "not recorded, or not to be shown" in page


def test_people_need_their_own_permission(staff_client, sent_campaign):
    for permissions, status in (
        (["newsletter.view_campaign"], 403),
        (["subscribers.view_subscriber"], 403),
        (["newsletter.view_campaign", "subscribers.view_subscriber"], 200),
    ):
        client = staff_client(*permissions)

        assert client.get(url("report_people", sent_campaign)).status_code == status

    page = staff_client("newsletter.view_campaign").get(url("report", sent_campaign))
    assert "Who did what" not in page.content.decode()


@pytest.mark.parametrize("place", ["-1", "x", "²", "9" * 40])
def test_places_that_do_not_exist(admin_client, sent_campaign, place):
    assert_clean(admin_client.get(url("report_people", sent_campaign), {"after": place}))
    assert_clean(admin_client.get(url("report_people", sent_campaign), {"link": place}))


def test_people_are_paged(admin_client, sent_campaign):
    people = [make_subscriber() for _ in range(51)]
    Reader.objects.bulk_create(
        Reader(campaign_id=sent_campaign.pk, subscriber_id=person.pk, opens=1) for person in people
    )

    first = shown(admin_client, sent_campaign)
    last = shown(admin_client, sent_campaign, after=people[49].pk)

    assert f"after={people[49].pk}" in first
    assert f"/{people[50].pk}/activity/" in last
    assert "First page" in last


def test_payload_is_words(admin_client, sent_campaign, edition, read):
    for page in PAGES:
        assert PAYLOAD not in admin_client.get(url(page, sent_campaign)).content.decode()


@pytest.mark.parametrize("number", [1, 40])
def test_the_table_of_links_asks_for_links_alone(
    admin_client, sent_campaign, number, django_assert_num_queries
):
    for page in range(number):
        Link.objects.create(campaign_id=sent_campaign.pk, url=f"https://example.org/pages/{page}")

    with django_assert_num_queries(5):  # session, user, campaign, links, clicks
        page = admin_client.get(url("report_links", sent_campaign)).content.decode()

    assert page.count("https://example.org/pages/") == number


@pytest.mark.parametrize("number", [1, 40])
def test_report_costs_the_same(admin_client, sent_campaign, number, django_assert_max_num_queries):
    for page in range(number):
        Link.objects.create(campaign_id=sent_campaign.pk, url=f"https://example.org/{page}")

    with django_assert_max_num_queries(22):
        admin_client.get(url("report", sent_campaign))
