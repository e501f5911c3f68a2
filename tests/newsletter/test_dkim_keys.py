"""Keys: made, published, switched on, rotated, and chosen for a mail."""

import json
import re
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from newsletter import dkim_keys, dkim_records, vault
from newsletter.dkim_records import State
from newsletter.models import DkimKey
from newsletter.sending import mail_servers
from tests.newsletter.dns_server import NameServer, serving
from tests.sending.verifying import by_dkimpy

pytestmark = pytest.mark.django_db

MAIL = b"From: news@letters.example.org\r\nSubject: Hello\r\n\r\nHello\r\n"


@pytest.fixture
def name_server(settings):
    with serving() as server:
        settings.DNS_RESOLVERS = [server.address]
        yield server


def make(domain: str = "example.org", *algorithms: str, active: bool = False) -> DkimKey:
    (key,) = dkim_keys.make(domain, algorithms or ["ed25519"])
    if active:
        dkim_keys.activate(key.pk)
    key.refresh_from_db()
    return key


def publish(server: NameServer, key: DkimKey) -> None:
    """Publish what the zone file's line says, as a name server reads it."""
    name, _, strings = dkim_records.zone_line(key).partition(". IN TXT ")
    server.texts[name] = [strings.strip("( )")]


# --- making -----------------------------------------------------------------------------


def test_made_keys_sign_and_their_records_verify():
    made = dkim_keys.make("example.org", ["rsa", "ed25519"])
    for key in made:
        dkim_keys.activate(key.pk)

    mail = dkim_keys.signer_for("example.org").sign(MAIL) + MAIL

    records = {dkim_records.name(key): dkim_records.value(key) for key in made}
    assert by_dkimpy(mail, records) == {"rsa": "pass", "ed25519": "pass"}
    assert mail.index(b"a=rsa") < mail.index(b"a=ed25519")


def test_a_new_key_does_not_sign_and_is_stored_sealed():
    key = make("example.org", "rsa")

    assert not key.is_active
    assert "PRIVATE" not in key.private_sealed
    assert "BEGIN PRIVATE KEY" in vault.unseal(key.private_sealed, dkim_keys.PURPOSE)
    assert dkim_keys.signer_for("example.org") is None


def test_selectors_are_names_in_dns_and_never_the_same():
    selectors = [make().selector for _ in range(20)]

    assert len(set(selectors)) == 20
    assert all(re.fullmatch(r"bs\d{6}[a-z2-9]{4}", selector) for selector in selectors)


def test_a_taken_selector_is_not_taken_again(monkeypatch):
    taken = make().selector
    names = iter([taken, taken, "free"])
    monkeypatch.setattr(dkim_keys, "_new_selector", lambda: next(names))

    assert make().selector == "free"


@pytest.mark.parametrize(
    ("given", "stored"),
    [(" Example.ORG. ", "example.org"), ("bücher.example", "xn--bcher-kva.example")],
)
def test_domains_are_stored_as_dns_has_them(given, stored):
    assert make(given).domain == stored


@pytest.mark.parametrize("domain", ["", "org", "a b.example", "news@example.org", "x;l=0.org"])
def test_what_is_no_domain_is_refused(domain):
    with pytest.raises(dkim_keys.Refused):
        dkim_keys.make(domain, ["ed25519"])


# --- the record -------------------------------------------------------------------------


def test_long_records_are_split():
    key = make("example.org", "rsa")

    line = dkim_records.zone_line(key)

    strings = re.findall(r'"([^"]*)"', line)
    assert line.startswith(f"{key.selector}._domainkey.example.org. IN TXT ( ")
    assert all(len(string) <= 255 for string in strings)
    assert "".join(strings) == dkim_records.value(key) == f"v=DKIM1; k=rsa; p={key.public}"


@pytest.mark.parametrize("algorithm", ["rsa", "ed25519"])
def test_published(name_server, algorithm):
    key = make("example.org", algorithm)
    publish(name_server, key)

    answer = dkim_records.check(key, [name_server.address])

    assert answer == dkim_records.Answer(State.PUBLISHED)
    assert name_server.asked == [dkim_records.name(key)]


def test_published_in_other_words(name_server):
    key = make()
    spaced = f'"k=ed25519 ; t=s; p={key.public[:9]} " "{key.public[9:]};"'
    name_server.texts[dkim_records.name(key)] = [spaced]

    assert dkim_records.check(key, [name_server.address]).state == State.PUBLISHED


@pytest.mark.parametrize("records", [None, []])
def test_missing(name_server, records):
    key = make()
    if records is not None:
        name_server.texts[dkim_records.name(key)] = records

    assert dkim_records.check(key, [name_server.address]).state == State.MISSING


@pytest.mark.parametrize(
    "text",
    [
        "v=DKIM1; k=ed25519; p=",
        "v=spf1 -all",
        "v=DKIM1; p={public}",
        "v=DKIM2; k=ed25519; p={public}",
    ],
)
def test_differs(name_server, text):
    key = make()
    text = text.format(public=key.public)
    name_server.texts[dkim_records.name(key)] = [f'"{text}"']

    assert dkim_records.check(key, [name_server.address]) == dkim_records.Answer(
        State.DIFFERS, text
    )


def test_a_second_record_of_the_same_name_differs(name_server):
    key = make()
    publish(name_server, key)
    name_server.texts[dkim_records.name(key)].append('"old"')

    assert dkim_records.check(key, [name_server.address]).state == State.DIFFERS


def test_dns_that_can_not_be_asked_is_not_an_absent_record(name_server):
    key = make()
    name_server.broken = True

    assert dkim_records.check(key, [name_server.address]).state == State.UNKNOWN
    assert dkim_records.check(key, ["not an address"]).state == State.UNKNOWN


def test_name_servers_that_do_not_answer_are_not_waited_for_long(name_server, monkeypatch):
    monkeypatch.setattr(mail_servers, "LIFETIME", 0.3)
    name_server.silent = True

    answer = dkim_records.check(make(), [name_server.address])

    assert answer == dkim_records.Answer(State.UNKNOWN, "no name server answered in time.")


# --- rotating ---------------------------------------------------------------------------


def test_a_new_key_takes_the_place_of_the_older_one():
    old, other, elsewhere = (
        make(active=True),
        make("example.org", "rsa", active=True),
        make("a.org"),
    )
    dkim_keys.activate(elsewhere.pk)
    new = make()

    assert dkim_keys.activate(new.pk) == [old]
    assert dkim_keys.activate(new.pk) == []

    active = set(DkimKey.objects.filter(is_active=True).values_list("pk", flat=True))
    assert active == {new.pk, other.pk, elsewhere.pk}


def test_only_a_key_that_does_not_sign_is_deleted():
    key = make(active=True)
    with pytest.raises(dkim_keys.Refused):
        dkim_keys.delete(key.pk)

    dkim_keys.deactivate(key.pk)
    dkim_keys.delete(key.pk)

    assert not DkimKey.objects.exists()
    with pytest.raises(DkimKey.DoesNotExist):
        dkim_keys.activate(key.pk)


# --- choosing ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "from_domain", "signs"),
    [
        (["example.org"], "example.org", "example.org"),
        (["example.org"], "Letters.Example.ORG", "example.org"),
        (["example.org"], "a.b.example.org", "example.org"),
        (["example.org", "b.example.org"], "a.b.example.org", "b.example.org"),
        (["a.example.org"], "example.org", None),
        (["ample.org"], "example.org", None),
        ([], "example.org", None),
    ],
)
def test_the_nearest_domain_signs(keys, from_domain, signs):
    for domain in keys:
        make(domain, active=True)

    signer = dkim_keys.signer_for(from_domain)

    assert (signer and re.search(rb"d=([^;]+);", signer.sign(MAIL))[1].decode()) == signs


def test_choosing_costs_one_query(django_assert_num_queries):
    make(active=True)

    with django_assert_num_queries(1):
        dkim_keys.signer_for("letters.example.org")


def test_a_key_that_can_not_be_opened_does_not_let_mail_out_unsigned(settings):
    settings.ENCRYPTION_KEYS = ["a-key-that-is-lost-0123456789"]
    make(active=True)
    settings.ENCRYPTION_KEYS = ["another-key-0123456789"]

    with pytest.raises(vault.CannotOpen):
        dkim_keys.signer_for("example.org")


# --- from a terminal --------------------------------------------------------------------


def command(*arguments: object) -> str:
    out = StringIO()
    call_command("dkim", *map(str, arguments), stdout=out)
    return out.getvalue()


def test_the_whole_way_by_commands(name_server):
    printed = command("create", "example.org")
    listed = json.loads(command("list", "--json"))
    keys = [DkimKey.objects.get(pk=line["id"]) for line in listed]
    for key in keys:
        publish(name_server, key)
        assert dkim_records.zone_line(key) in printed
        assert command("record", key.pk).strip() == dkim_records.zone_line(key)
        command("activate", key.pk)

    assert {line["algorithm"] for line in listed} == {"rsa", "ed25519"}
    assert dkim_keys.signer_for("example.org").sign(MAIL).count(b"DKIM-Signature:") == 2
    assert command("list").count("signs") == 2
    assert "PRIVATE" not in printed


def test_a_key_that_is_not_published_is_switched_on_by_force_only(name_server):
    key = make()

    with pytest.raises(CommandError, match="no such record") as caught:
        command("activate", key.pk)
    assert caught.value.returncode == 1
    assert dkim_keys.signer_for("example.org") is None

    command("activate", key.pk, "--force")
    assert dkim_keys.signer_for("example.org") is not None


def test_commands_say_what_is_wrong():
    key = make(active=True)

    for arguments, status in [
        (("record", 0), 2),
        (("activate", 0, "--force"), 2),
        (("create", "nonsense"), 2),
        (("delete", key.pk), 1),
    ]:
        with pytest.raises(CommandError) as caught:
            command(*arguments)
        assert caught.value.returncode == status

    assert "no more" in command("deactivate", key.pk)
    assert "deleted" in command("delete", key.pk)
