"""The pages of signing keys: the record is shown, the private key never."""

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse

from newsletter import dkim_keys, dkim_records, vault
from newsletter.models import DkimKey
from tests.newsletter.dns_server import serving

pytestmark = pytest.mark.django_db


@pytest.fixture
def name_server(settings):
    with serving() as server:
        settings.DNS_RESOLVERS = [server.address]
        yield server


@pytest.fixture
def key() -> DkimKey:
    return dkim_keys.make("example.org", ["rsa"])[0]


def url(page: str, key: DkimKey) -> str:
    return reverse(f"admin:newsletter_dkimkey_{page}", args=[key.pk])


def publish(server, key: DkimKey) -> None:
    strings = dkim_records.zone_line(key).partition(" IN TXT ")[2]
    server.texts[dkim_records.name(key)] = [strings.strip("( )")]


def test_keys_are_made_for_a_domain(admin_client):
    add = reverse("admin:newsletter_dkimkey_add")

    offered = admin_client.get(add).content.decode()
    answer = admin_client.post(add, {"domain": "Example.org", "kinds": "both"})

    assert 'value="example.org"' in offered  # the domain of DEFAULT_FROM
    made = DkimKey.objects.order_by("id")
    assert [(key.domain, key.algorithm) for key in made] == [
        ("example.org", "rsa"),
        ("example.org", "ed25519"),
    ]
    assert answer["Location"] == url("change", made[0])


def test_what_is_no_domain_is_said_at_the_field(admin_client):
    answer = admin_client.post(
        reverse("admin:newsletter_dkimkey_add"), {"domain": "not a domain", "kinds": "rsa"}
    )

    assert "domain" in answer.context["form"].errors
    assert not DkimKey.objects.exists()


def test_the_page_shows_the_record_and_no_secret(admin_client, key):
    page = admin_client.get(url("change", key)).content.decode()

    assert f"{key.selector}._domainkey.example.org" in page
    assert f"v=DKIM1; k=rsa; p={key.public}" in page
    secret = vault.unseal(key.private_sealed, dkim_keys.PURPOSE)
    assert key.private_sealed not in page
    assert secret.splitlines()[1] not in page


def test_a_published_key_is_switched_on_and_takes_the_place_of_the_older(
    admin_client, name_server, key
):
    dkim_keys.activate(key.pk)
    (new,) = dkim_keys.make("example.org", ["rsa"])
    publish(name_server, new)

    before = admin_client.get(url("change", new)).content.decode()
    answer = admin_client.post(url("activate", new), follow=True).content.decode()

    assert f"{key.selector} signs for example.org" in before
    assert list(DkimKey.objects.filter(is_active=True)) == [new]
    assert f"{key.selector} signs no more. Leave its DNS record" in answer


def test_a_key_that_is_not_published_is_switched_on_only_when_somebody_insists(
    admin_client, name_server, key
):
    answer = admin_client.post(url("activate", key)).content.decode()
    assert "There is no such record yet" in answer
    assert 'name="force"' in answer
    assert not DkimKey.objects.filter(is_active=True).exists()

    admin_client.post(url("activate", key), {"force": "1"})
    assert DkimKey.objects.filter(is_active=True).exists()


def test_dns_is_asked_on_demand(admin_client, name_server, key):
    missing = admin_client.post(url("check", key)).content.decode()
    name_server.texts[dkim_records.name(key)] = ['"<script>alert(1)</script>"']
    differs = admin_client.post(url("check", key)).content.decode()
    publish(name_server, key)
    published = admin_client.post(url("check", key)).content.decode()
    name_server.broken = True
    unknown = admin_client.post(url("check", key)).content.decode()

    assert "There is no such record yet" in missing
    assert "Something else is published there: &lt;script&gt;" in differs
    assert "The record is published as it should be." in published
    assert "DNS could not be asked" in unknown


def test_only_a_key_that_does_not_sign_is_deleted(admin_client, key):
    dkim_keys.activate(key.pk)
    refused = admin_client.post(url("delete", key), follow=True).content.decode()
    assert "This key signs." in refused

    admin_client.post(url("deactivate", key))
    admin_client.post(url("delete", key))

    assert not DkimKey.objects.exists()


def test_the_history_names_what_was_done_and_no_secret(admin_client, key):
    for button, data in (("activate", {"force": "1"}), ("deactivate", {}), ("delete", {})):
        admin_client.post(url(button, key), data)

    entries = LogEntry.objects.order_by("id")
    assert [entry.get_change_message() for entry in entries][:2] == [
        "Switched on.",
        "Switched off.",
    ]
    assert entries.count() == 3
    assert all(entry.object_repr == dkim_records.name(key) for entry in entries)


def test_buttons_need_their_permission_and_a_post(admin_client, staff_client, key):
    client = staff_client("newsletter.view_dkimkey")

    assert client.get(url("change", key)).status_code == 200
    assert b"Switch on" not in client.get(url("change", key)).content
    for button in ("activate", "deactivate", "delete"):
        assert client.post(url(button, key)).status_code == 403
        assert admin_client.get(url(button, key)).status_code == 405
    assert staff_client().get(url("change", key)).status_code == 403
    assert client.get(reverse("admin:newsletter_dkimkey_add")).status_code == 403


def test_what_is_not_there_is_not_found(admin_client, key):
    for number in ("0", "x", "99999999"):
        page = reverse("admin:newsletter_dkimkey_change", args=[number])
        assert admin_client.get(page).status_code == 404
