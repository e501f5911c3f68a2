"""The page of forwards: it opens, names no friend, and readers only to who may see people."""

import pytest
from django.urls import reverse
from django.utils.timezone import now

from tests.admin.test_guards import assert_clean
from tests.factories import make_campaign
from tracking.models import Forward

pytestmark = pytest.mark.django_db

ALL = "/admin/newsletter/campaign/forwards/"


@pytest.fixture(autouse=True)
def _individual(settings):
    settings.TRACKING_DEFAULT = "individual"


def url(campaign) -> str:
    return reverse("admin:newsletter_campaign_report_forwards", args=[campaign.pk])


@pytest.fixture
def copies(sent_campaign, reader) -> None:
    """One of each kind, and one that still has its friend's address."""
    fields = {"campaign_id": sent_campaign.pk, "subscriber_id": reader.pk}
    Forward.objects.create(**fields, kind=1, state="sent", email_hash=b"a" * 16)
    Forward.objects.create(**fields, kind=1, state="skipped", email_hash=b"b" * 16)
    Forward.objects.create(**fields, kind=2, state="made")
    Forward.objects.create(
        **fields,
        kind=1,
        state="asked",
        email_hash=b"c" * 16,
        address="friend@example.com",
        sender_name="Secret",
        due_at=now(),
    )


def test_page_of_a_campaign(admin_client, sent_campaign, copies, reader):
    response = admin_client.get(url(sent_campaign))

    assert_clean(response)
    page = response.content.decode()
    assert len(response.context["rows"]) == 3
    assert reader.email.partition("@")[0] in page
    assert "friend@example.com" not in page
    assert "Secret" not in page
    assert "1 mail was not sent" in page


def test_page_of_all_campaigns(admin_client, sent_campaign, copies):
    Forward.objects.create(campaign_id=999_999, subscriber_id=0, kind=2, state="made")

    response = admin_client.get(ALL)

    assert_clean(response)
    assert len(response.context["rows"]) == 4


def test_who_may_not_see_people_sees_no_names(staff_client, sent_campaign, copies, reader):
    page = staff_client("newsletter.view_campaign").get(url(sent_campaign)).content.decode()

    assert reader.email.partition("@")[0] not in page
    assert "Mail to a friend" in page


def test_rights(staff_client, sent_campaign):
    assert staff_client("newsletter.view_template").get(url(sent_campaign)).status_code == 403


def test_empty_page_says_how_to_be_passed_on(admin_client, sent_campaign):
    response = admin_client.get(url(sent_campaign))

    assert_clean(response)
    assert "{{ forward_url }}" in response.content.decode()


@pytest.mark.parametrize("before", ["1", "x", "9" * 30])
def test_older_pages_open(admin_client, sent_campaign, copies, before):
    assert_clean(admin_client.get(url(sent_campaign), {"before": before}))


def test_a_list_that_forbids_it_is_said(admin_client, sent_campaign):
    sent_campaign.lists.update(forwarding=False)

    assert (
        "does not let its mail be forwarded"
        in admin_client.get(url(sent_campaign)).content.decode()
    )


def test_unknown_campaign(admin_client):
    missing = make_campaign()
    address = url(missing)
    missing.delete()

    assert admin_client.get(address).status_code == 404
