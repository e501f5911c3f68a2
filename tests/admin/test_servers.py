"""Sending servers in the admin: their secrets, their states, and the pace of campaigns."""

from datetime import time, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from newsletter import situation, vault
from newsletter.models import Campaign, Pause, Provider, SendingServer, ServerUsage
from newsletter.sending import rows
from tests.factories import make_campaign

pytestmark = pytest.mark.django_db


def url(page, *args, model="sendingserver") -> str:
    return reverse(f"admin:newsletter_{model}_{page}", args=args)


def form(**fields):
    return {
        "name": "Relay",
        "is_active": "on",
        "host": "relay.example.org",
        "port": "587",
        "tls": "starttls",
        "auth": "auto",
        "username": "news",
        "password": "correct horse",
        "priority": "10",
        "weight": "1",
        "connections": "20",
        "mails_per_connection": "0",
        "warmup_start": "200",
        "warmup_growth": "1.5",
        **fields,
    }


def make_server(**fields) -> SendingServer:
    return SendingServer.objects.create(**{"name": "Relay", "host": "relay.example.org", **fields})


def test_a_password_is_sealed_and_never_shown(admin_client):
    admin_client.post(url("add"), form(from_domains="Example.org, @b.example\nexample.org"))
    server = SendingServer.objects.get()

    page = admin_client.get(url("change", server.pk)).content.decode()

    assert vault.unseal(server.password_sealed, rows.PASSWORD) == "correct horse"
    assert "correct horse" not in page
    assert server.password_sealed not in page
    assert server.from_domains == ["example.org", "b.example"]


def test_an_empty_password_keeps_the_stored_one(admin_client):
    admin_client.post(url("add"), form())
    server = SendingServer.objects.get()

    admin_client.post(url("change", server.pk), form(password="", weight="3"))

    after = SendingServer.objects.get()
    assert (after.weight, after.password_sealed) == (3, server.password_sealed)


def test_a_stored_password_goes_to_no_other_host(admin_client):
    admin_client.post(url("add"), form())
    server = SendingServer.objects.get()

    answer = admin_client.post(url("change", server.pk), form(password="", host="evil.example"))

    assert "enter this again" in answer.content.decode()
    assert SendingServer.objects.get().host == "relay.example.org"


def test_without_a_user_no_password_is_kept(admin_client):
    admin_client.post(url("add"), form())
    server = SendingServer.objects.get()

    admin_client.post(url("change", server.pk), form(username="", password=""))

    assert SendingServer.objects.get().password_sealed == ""


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"password": ""}, "password"),
        ({"auth": "xoauth2"}, "oauth_token_url"),
        ({"auth": "xoauth2"}, "refresh_token"),
        ({"tls": "none"}, "tls"),
        ({"from_domains": "me@example.org/"}, "from_domains"),
        ({"port": "70000"}, "port"),
        ({"host": "no host"}, "host"),
    ],
)
def test_mistakes_stand_at_their_field(admin_client, fields, field):
    answer = admin_client.post(url("add"), form(**fields))

    assert field in answer.context["adminform"].form.errors
    assert not SendingServer.objects.exists()


def test_without_servers_the_list_says_what_is_used(admin_client, settings):
    settings.SMTP_URL = "smtp://user:topsecret@mail.example.org:2525"

    page = admin_client.get(url("changelist")).content.decode()

    assert "mail.example.org:2525" in page
    assert "topsecret" not in page


def test_a_test_says_what_is_wrong(admin_client):
    """The tests' mail server does not answer."""
    server = make_server(host="127.0.0.1", port=9, tls="none")

    answer = admin_client.post(url("test", server.pk), follow=True).content.decode()

    assert "No mail could be handed over" in answer


def test_a_pause_is_lifted(admin_client):
    server = make_server()
    pause = Pause.objects.create(
        server_id=server.pk, cause="trouble", reason="gone", until=timezone.now() + timedelta(1)
    )

    admin_client.post(url("lift", server.pk))

    pause.refresh_from_db()
    assert pause.until <= timezone.now()


@pytest.mark.parametrize("page", ["change", "lift"])
def test_a_server_that_may_be_used_again_lets_what_waits_go_on(admin_client, page):
    server = make_server()
    later = timezone.now() + timedelta(hours=1)
    Pause.objects.create(server_id=server.pk, cause="trouble", reason="gone", until=later)
    waiting, paused = (
        make_campaign(status=status, retry_at=later) for status in ("running", "paused")
    )

    admin_client.post(url(page, server.pk), form())

    waiting.refresh_from_db()
    paused.refresh_from_db()
    assert (waiting.retry_at, paused.retry_at) == (None, later)


def test_states_of_servers_and_what_waits_are_said():
    relay = make_server(name="Relay", per_day=100)
    ServerUsage.objects.create(server_id=relay.pk, hour=timezone.now(), accepted=100)
    backup = make_server(name="Backup")
    make_server(name="Other", from_domains=["other.example"])
    until = timezone.now() + timedelta(hours=1)
    Pause.objects.create(server_id=backup.pk, cause="trouble", reason="gone", until=until)
    Pause.objects.create(
        server_id=relay.pk, provider="gmail", cause="policy", reason="421 slow", until=until
    )
    tomorrow = (timezone.localdate() + timedelta(days=2)).isoweekday()
    campaign = make_campaign(
        status="running", throttle=600, send_days=[tomorrow], send_from=time(9)
    )

    now = situation.situation(campaign.pk)

    assert {place.name: place.state for place in now.servers} == {
        "Relay": "limited",
        "Backup": "paused",
        "Other": "unfit",
    }
    assert [(place.name, place.state) for place in now.providers] == [("Gmail", "paused")]
    assert [note.words for note in now.notes] == [
        "Outside its send window",
        "Throttled to 600 a minute",
    ]


def test_the_pace_of_a_running_campaign_is_changed(admin_client):
    campaign = make_campaign(status="running", started_at=timezone.now())

    admin_client.post(
        url("pace", campaign.pk, model="campaign"),
        {"throttle": "600", "send_days": ["1", "2"], "send_from": "09:00", "send_until": ""},
    )

    after = Campaign.objects.get()
    assert (after.throttle, after.send_days) == (600, [1, 2])
    assert (after.send_from, after.send_until) == (time(9), None)


def test_a_wrong_pace_is_refused_in_words(admin_client):
    campaign = make_campaign(status="running", started_at=timezone.now())

    answer = admin_client.post(
        url("pace", campaign.pk, model="campaign"), {"throttle": "0"}, follow=True
    )

    assert "The pace was not changed" in answer.content.decode()
    assert Campaign.objects.get().throttle is None


def test_all_days_are_stored_as_none(admin_client, draft):
    fields = {"subject": "x", "body": "y", "format": "markdown", "send_days": list("1234567")}

    admin_client.post(url("change", draft.pk, model="campaign"), {**fields, "throttle": "5"})

    after = Campaign.objects.get(pk=draft.pk)
    assert (after.send_days, after.throttle) == ([], 5)


def test_built_in_providers_are_there_and_keep_their_names(admin_client):
    admin_client.get(url("changelist", model="provider"))
    gmail = Provider.objects.get(slug="gmail")

    admin_client.post(
        url("change", gmail.pk, model="provider"), {"name": "X", "slug": "x", "per_hour": "50"}
    )

    gmail.refresh_from_db()
    assert (gmail.name, gmail.slug, gmail.per_hour) == ("Gmail", "gmail", 50)


def test_onlookers_see_servers_and_providers_and_change_nothing(staff_client):
    server, provider = make_server(), Provider.objects.create(name="Own", slug="own", per_hour=50)
    client = staff_client("newsletter.view_sendingserver", "newsletter.view_provider")

    seen = client.get(url("change", provider.pk, model="provider")).content.decode()

    assert "50 an hour" in seen
    assert client.get(url("changelist")).status_code == 200
    assert client.get(url("change", server.pk)).status_code == 200
    assert client.post(url("test", server.pk)).status_code == 403
    assert client.post(url("lift", server.pk)).status_code == 403
