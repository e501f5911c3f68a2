"""Every page opens, holds no script of its own, and shows strangers' words as words."""

import re

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group
from django.urls import reverse

from newsletter.admin import site
from newsletter.models import Campaign
from subscribers.models import Import, Subscriber
from tests.admin.conftest import PAYLOAD

MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label_lower)
INLINE = re.compile(rb"<script(?![^>]*\bsrc=)[^>]*>|\son[a-z]+\s*=\s*[\"']|javascript:", re.I)

pytestmark = pytest.mark.django_db


def url(model, page, *args) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def assert_clean(response) -> None:
    """Assert that a page was answered, and that nothing in it runs by itself."""
    assert response.status_code == 200
    assert not INLINE.search(response.content), INLINE.search(response.content)
    assert b"<script>alert" not in response.content
    assert b"<img src=x" not in response.content
    assert b"<main" in response.content
    policy = response["Content-Security-Policy"]
    assert "script-src 'self' 'unsafe-eval'" in policy


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label_lower)
def test_changelist_opens(admin_client, everything, model):
    response = admin_client.get(url(model, "changelist"), follow=True)

    assert_clean(response)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label_lower)
def test_search_opens(admin_client, everything, model):
    response = admin_client.get(url(model, "changelist"), {"q": "reader@example.org"}, follow=True)

    assert_clean(response)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label_lower)
def test_add_page_opens_or_is_refused(admin_client, everything, model, rf, admin_user):
    request = rf.get("/")
    request.user = admin_user
    allowed = admin.site._registry[model].has_add_permission(request)

    response = admin_client.get(url(model, "add"))

    if allowed:
        assert_clean(response)
    else:
        assert response.status_code == 403


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label_lower)
def test_change_page_opens(admin_client, everything, model):
    Group.objects.create(name="Editors")
    rows = model.objects.all()

    for row in rows:
        response = admin_client.get(url(model, "change", row.pk))
        assert_clean(response)

    assert rows or model._meta.label == "subscribers.Organisation"


@pytest.mark.parametrize("page", ["progress", "problems", "retry", "resend", "report"])
def test_pages_of_a_campaign_open(admin_client, sent_campaign, page):
    response = admin_client.get(url(Campaign, page, sent_campaign.pk))

    assert_clean(response)
    assert "&lt;script&gt;alert" in response.content.decode()


def test_start_page_opens(admin_client, draft):
    assert_clean(admin_client.get(url(Campaign, "start", draft.pk)))


def test_erase_page_opens(admin_client, reader):
    assert_clean(admin_client.get(url(Subscriber, "erase", reader.pk)))


def test_dashboard_opens(admin_client, everything):
    assert_clean(admin_client.get(reverse("admin:index")))


def test_dashboard_of_an_empty_installation_says_what_to_do(admin_client):
    response = admin_client.get(reverse("admin:index"))

    assert_clean(response)
    assert "Your first campaign" in response.content.decode()


def test_mail_catcher_pages_open(admin_client, caught):
    for part in ("html", "headers", "source"):
        response = admin_client.get(reverse("admin:outbox_mail", args=[caught.id]), {"part": part})
        assert_clean(response)

    assert_clean(admin_client.get(reverse("admin:outbox")))


def test_sign_in_page_opens(client):
    assert_clean(client.get(reverse("admin:login")))


@pytest.mark.parametrize("item", [item for _, items in site.GROUPS for item in items])
def test_each_line_of_the_sidebar_leads_somewhere_and_is_lit_there(admin_client, item):
    link = reverse(f"admin:{item.url}")

    response = admin_client.get(link)

    lit = [
        each["title"]
        for group in response.context["sidebar_navigation"]
        for each in group["items"]
        if each["active"]
    ]
    assert lit == [item.title]


def test_every_table_that_people_look_after_has_a_page():
    """A model without a page is either here, with its reason, or forgotten."""
    without = {
        "newsletter.batch": "seen as the sum of its campaign",
        "newsletter.deferral": "gone when the outcome is known",
        "newsletter.delivery": "seen on the campaign's page and on the person's",
        "newsletter.edition": "seen as the campaign's content",
        "newsletter.handover": "the journal of workers",
        "newsletter.maildomain": "a memory of look-ups in DNS",
        "newsletter.pause": "seen at its server and its provider",
        "newsletter.serverusage": "seen at its server",
        "newsletter.mailboxcount": "says when the next was counted",
        "newsletter.mailboxtotal": "a copy, seen in the campaign's report",
        "newsletter.campaignsum": "a copy, seen on the page of trends",
        "subscribers.leavingsum": "seen in the reports of campaigns",
        "newsletter.summarymail": "a claim, which lets a mail go once",
        "subscribers.confirmation": "ends in the ledger",
        "subscribers.departure": "read by workers, for some hours",
        "subscribers.listchange": "seen in the report of its list, a minute later as listday",
        "subscribers.listday": "seen in the report of its list",
        "subscribers.subscription": "seen on the person's page",
    }
    ours = [
        model._meta.label_lower
        for app in ("newsletter", "subscribers")
        for model in apps.get_app_config(app).get_models()
    ]

    missing = {
        label for label in ours if apps.get_model(label) not in admin.site._registry
    } - without.keys()

    assert missing == set()


def test_payload_really_was_there(everything):
    assert Import.objects.filter(file_name=PAYLOAD).exists()
    assert Campaign.objects.filter(subject=PAYLOAD).exists()


def test_dashboard_shows_nothing_to_who_may_see_nothing(staff_client, everything):
    page = staff_client().get(reverse("admin:index")).content.decode()

    assert "Recent campaigns" not in page
    assert "Active subscriptions" not in page


@pytest.mark.parametrize("number", ["no-number", "9" * 30])
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label_lower)
def test_an_address_that_names_no_row_is_no_error(admin_client, model, number):
    response = admin_client.get(url(model, "change", number))

    assert response.status_code in (302, 404)


@pytest.mark.parametrize("name", ["q", "status", "status__exact"])
@pytest.mark.parametrize("model", [Campaign, Import, Subscriber])
def test_a_list_asked_for_what_no_text_holds_is_shown_whole(admin_client, model, name):
    response = admin_client.get(url(model, "changelist") + f"?{name}=%00", follow=True)

    assert response.status_code == 200
