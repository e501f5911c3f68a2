"""The page of a report that says by what, where and at which providers a campaign was read."""

import re

import pytest
from django.urls import reverse
from django.utils import timezone

from newsletter import mailboxes
from newsletter.admin.report_mailboxes import mailbox_rows
from newsletter.models import Campaign, MailboxTotal
from tests.admin.test_guards import assert_clean
from tests.factories import make_campaign
from tracking import countries
from tracking.counted import Counted
from tracking.models import Breakdown, CampaignTotal, Dimension
from tracking.programs import CLIENTS, GMAIL, Device

pytestmark = pytest.mark.django_db

THUNDERBIRD = next(client for client in CLIENTS.values() if client.name == "Thunderbird")


def url(campaign, suffix="") -> str:
    name = f"admin:newsletter_campaign_report_programs{suffix}"
    return reverse(name, args=[campaign.pk])


def part(campaign, dimension, value, **counts):
    return Breakdown.objects.create(
        campaign_id=campaign.pk, dimension=dimension, value=value, **counts
    )


@pytest.fixture
def read(sent_campaign) -> Campaign:
    """A campaign that was read by two programs, in one country and behind a service."""
    part(sent_campaign, Dimension.CLIENT, GMAIL.number, opens=3, machine_opens=1)
    part(sent_campaign, Dimension.CLIENT, THUNDERBIRD.number, opens=1, clicks=2)
    part(sent_campaign, Dimension.DEVICE, Device.HIDDEN, opens=3, machine_opens=1)
    part(sent_campaign, Dimension.DEVICE, Device.DESKTOP, opens=1, clicks=2)
    part(sent_campaign, Dimension.COUNTRY, countries.HIDDEN, opens=3, machine_opens=1)
    part(sent_campaign, Dimension.COUNTRY, countries.number("GB"), opens=1, clicks=2)
    mailboxes.count(sent_campaign.pk, timezone.now())
    return sent_campaign


@pytest.mark.parametrize("counted", ["people", "all", "machines", "nonsense"])
def test_the_page_opens(admin_client, read, counted):
    response = admin_client.get(url(read), {"counted": counted})

    assert_clean(response)


def test_it_says_by_what_and_where(admin_client, read):
    page = admin_client.get(url(read)).content.decode()

    for words in ("Thunderbird", "Gmail", "Computers", "United Kingdom", "All others"):
        assert words in page


def test_each_number_says_what_it_is_where_a_narrow_window_has_no_head(admin_client, read):
    page = admin_client.get(url(read)).content.decode()

    cells = re.findall(r"<td[^>]*>", page)
    assert cells
    assert [cell for cell in cells if not re.search(r'data-label="\w', cell)] == []


def test_parts_are_those_of_whom_is_counted(admin_client, read):
    rows = {
        counted: [
            row[:5]
            for row in admin_client.get(url(read), {"counted": counted}).context["parts"][
                "clients"
            ]["rows"]
        ]
        for counted in Counted
    }

    assert rows == {
        Counted.PEOPLE: [("Gmail", 3, 0, 1, 75.0), ("Thunderbird", 1, 2, 0, 25.0)],
        Counted.ALL: [("Gmail", 4, 0, 1, 80.0), ("Thunderbird", 1, 2, 0, 20.0)],
        Counted.MACHINES: [("Gmail", 1, 0, 3, 100.0)],
    }


def test_small_parts_share_a_line(admin_client, sent_campaign):
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    for number, letter in enumerate(letters):
        part(sent_campaign, Dimension.COUNTRY, countries.number(f"Q{letter}"), opens=number + 1)

    rows = admin_client.get(url(sent_campaign)).context["parts"]["countries"]["rows"]

    assert len(rows) == 20
    assert rows[-1][:2] == ("7 others", sum(range(1, 8)))


def test_empty_pages_say_what_to_do(admin_client, sent_campaign, settings, tmp_path):
    settings.TRACKING_COUNTRIES = tmp_path / "none.mmdb"
    nothing = admin_client.get(url(sent_campaign)).content.decode()
    part(sent_campaign, Dimension.CLIENT, 0, opens=1)
    part(sent_campaign, Dimension.COUNTRY, 0, opens=1)
    no_data = admin_client.get(url(sent_campaign)).content.decode()
    draft = admin_client.get(url(make_campaign())).content.decode()

    assert "Nobody has opened or clicked yet" in nothing
    assert "Not counted yet" in nothing
    assert "manage.py refresh_countries FILE" in no_data
    assert f"manage.py recount_events --campaign {sent_campaign.pk}" in no_data
    assert "Nothing has been sent yet" in draft


def test_the_page_brings_itself_up_to_date(admin_client, read):
    page = admin_client.get(url(read))

    same = admin_client.get(url(read, "_json"), {"seen": page.context["shape"]}).json()
    other = admin_client.get(url(read, "_json"), {"seen": "00000"}).json()

    assert "Thunderbird" in same["html"]["clients"]
    assert same["charts"]["devices"]["labels"] == ["Behind a mail service", "Computers"]
    assert (same["done"], other["done"]) == (False, True)


def test_it_asks_the_same_number_of_queries_whatever_there_is(
    admin_client, read, django_assert_max_num_queries
):
    admin_client.get(url(read, "_json"))

    with django_assert_max_num_queries(9):
        admin_client.get(url(read, "_json"))


def test_where_nobody_may_be_named_no_provider_has_readers(admin_client, read):
    CampaignTotal.objects.update(unique_opens=0, unique_clicks=0)

    response = admin_client.get(url(read))

    assert "can’t be said by provider" in response.content.decode()
    assert {row.opened.people for row in response.context["mailboxes"]} == {None}
    assert response.context["mailbox_chart"]["series"] == []


def test_a_provider_where_few_open_is_marked():
    def at(name, sent, opened):
        return MailboxTotal(provider=name, name=name, sent=sent, opened=opened)

    totals = [at("a", 500, 200), at("b", 300, 50), at("c", 99, 0)]

    def marked(counted, hides_people=False):
        return [row.name for row in mailbox_rows(totals, counted, hides_people) if row.is_low]

    assert marked(Counted.PEOPLE) == ["b"]
    assert marked(Counted.MACHINES) == marked(Counted.PEOPLE, hides_people=True) == []


def test_who_may_not_see_campaigns_sees_nothing(staff_client, read):
    stranger, marketer = staff_client(), staff_client("newsletter.view_campaign")

    assert stranger.get(url(read)).status_code == 403
    assert marketer.get(url(read)).status_code == 200
