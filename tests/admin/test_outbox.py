"""The mail catcher's pages: strangers' HTML stays in its box."""

import pytest
from django.urls import reverse

from newsletter import outbox

pytestmark = pytest.mark.django_db


def test_mail_is_shown_in_a_frame_that_runs_nothing(admin_client, caught):
    page = admin_client.get(reverse("admin:outbox_mail", args=[caught.id])).content.decode()

    assert reverse("admin:outbox_frame", args=[caught.id]) in page
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page
    assert "<p>Hello</p>" not in page


def test_frame_has_a_policy_of_its_own(admin_client, caught):
    response = admin_client.get(reverse("admin:outbox_frame", args=[caught.id]))

    policy = response["Content-Security-Policy"]
    assert "sandbox allow-popups allow-popups-to-escape-sandbox" in policy
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert b"<p>Hello</p>" in response.content


def test_bytes_can_be_taken_away(admin_client, caught):
    response = admin_client.get(reverse("admin:outbox_download", args=[caught.id]))

    assert response["Content-Disposition"] == f'attachment; filename="{caught.id}.eml"'
    assert response.content == outbox.read_mail(caught.id).raw


def test_search(admin_client, caught):
    found = admin_client.get(reverse("admin:outbox"), {"q": "B@example.org"}).context["found"]
    nothing = admin_client.get(reverse("admin:outbox"), {"q": "zzz", "p": "x"}).context["found"]

    assert (found.total, nothing.total) == (1, 0)


@pytest.mark.parametrize("mail_id", ["nothing", "00000001-" + "0" * 20, "..%2f..%2fenv"])
def test_what_is_not_there_is_not_found(admin_client, caught, mail_id):
    for page in ("outbox_mail", "outbox_frame", "outbox_download"):
        assert admin_client.get(reverse(f"admin:{page}", args=[mail_id])).status_code == 404


def test_clearing_needs_a_post_and_the_permission(admin_client, staff_client, caught):
    clear = reverse("admin:outbox_clear")

    assert admin_client.get(clear).status_code == 405
    assert staff_client("newsletter.view_delivery").post(clear).status_code == 403
    assert outbox.list_mails().total == 1

    admin_client.post(clear)
    assert outbox.list_mails().total == 0


def test_pages_need_the_permission(staff_client, caught):
    client = staff_client()

    assert client.get(reverse("admin:outbox")).status_code == 403
    assert client.get(reverse("admin:outbox_frame", args=[caught.id])).status_code == 403


@pytest.mark.parametrize(
    ("smtp_url", "shown"),
    [
        ("smtp://127.0.0.1:8025", True),
        ("smtp://user:secret@127.0.0.1:8025?tls=none", True),
        ("smtp://127.0.0.1", False),
        ("smtp://mail.example.org:8025", False),
    ],
)
def test_mail_catcher_is_shown_only_when_mail_goes_there(settings, admin_client, smtp_url, shown):
    settings.SMTP_URL = smtp_url
    settings.MAILCATCHER_HOST, settings.MAILCATCHER_PORT = "127.0.0.1", 8025

    page = admin_client.get(reverse("admin:index")).content.decode()

    assert outbox.is_in_use() == shown
    assert (f'href="{reverse("admin:outbox")}"' in page) == shown


def test_sidebar_shows_what_a_person_may_see(staff_client):
    client = staff_client("subscribers.view_mailinglist")

    groups = client.get(reverse("admin:index")).context["sidebar_navigation"]

    assert [item["title"] for group in groups for item in group["items"]] == ["Dashboard", "Lists"]
