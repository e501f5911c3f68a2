"""Domains are grouped by who takes their mail, and nobody waits for DNS."""

import socket
import threading
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from django.utils.timezone import now

from newsletter.models import Batch, MailDomain, Provider
from newsletter.sending import mail_servers, providers
from newsletter.sending.known_providers import KNOWN
from newsletter.sending.pace import Limits
from subscribers.models import Subscriber
from tests.factories import make_campaign, make_list, make_subscriber

FAIL = "fail"
SILENT = "silent"

_number = count(1)


class NameServer:
    """A DNS server on this machine. `records`: domain -> MX texts, FAIL or SILENT; else no name."""

    def __init__(self) -> None:
        self.records: dict[str, list[str] | str] = {}
        self.asked: list[str] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)

    def start(self) -> "NameServer":
        self._thread.start()
        return self

    def stop(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            data, client = self._socket.recvfrom(4096)
            if not data:
                return
            answer = self._answer(dns.message.from_wire(data))
            if answer:
                self._socket.sendto(answer.to_wire(), client)

    def _answer(self, question: dns.message.Message) -> dns.message.Message | None:
        name = question.question[0].name
        domain = name.to_text(omit_final_dot=True)
        self.asked.append(domain)
        found = self.records.get(domain)
        if found == SILENT:
            return None
        answer = dns.message.make_response(question)
        answer.flags |= dns.flags.RA
        if found == FAIL:
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif found is None:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        elif found:
            answer.answer.append(dns.rrset.from_text_list(name, 60, "IN", "MX", found))
        return answer


@pytest.fixture
def names(settings) -> Iterator[NameServer]:
    server = NameServer().start()
    settings.DNS_RESOLVERS = [server.address]
    yield server
    server.stop()


# Lists


@pytest.mark.parametrize(
    ("domain", "group"),
    [
        ("gmail.com", "gmail"),
        ("googlemail.com", "gmail"),
        ("hotmail.co.uk", "microsoft"),
        ("yahoo.de", "yahoo"),
        ("aol.com", "yahoo"),
        ("me.com", "apple"),
        ("web.de", "united-internet"),
        ("t-online.de", "t-online"),
        ("example.org", "example.org"),
        ("notgmail.com", "notgmail.com"),
    ],
)
def test_well_known_domains_need_no_look_up(domain, group):
    assert providers.Directory().group(domain) == group


def test_the_built_in_lists_name_nothing_twice():
    domains = [domain for known in KNOWN for domain in known.domains]
    ends = [end for known in KNOWN for end in known.mx]

    assert len(domains) == len(set(domains))
    assert len(ends) == len(set(ends))
    assert len({known.slug for known in KNOWN}) == len(KNOWN)
    assert all(name == name.lower().strip(".") for name in domains + ends)


@pytest.mark.parametrize(
    ("server", "group"),
    [
        ("aspmx.l.google.com", "gmail"),
        ("alt3.aspmx.l.google.com", "gmail"),
        ("example-org.mail.protection.outlook.com", "microsoft"),
        ("mx-eu.mail.am0.yahoodns.net", "yahoo"),
        ("mx01.mail.icloud.com", "apple"),
        ("in1-smtp.messagingengine.com", "fastmail"),
        ("mx.notgoogle.com", "notgoogle.com"),
        ("eu-smtp-inbound-1.mimecast.example", "mimecast.example"),
        ("mail.firm.co.uk", "firm.co.uk"),
        ("mail.firm.com.br", "firm.com.br"),
        ("mx.firm.de", "firm.de"),
        ("localhost", "localhost"),
        ("", ""),
    ],
)
def test_a_mail_server_tells_who_takes_the_mail(server, group):
    assert providers.Directory().group_of_server(server) == group


def test_rows_add_to_the_lists_and_win_over_them(db):
    Provider.objects.create(
        slug="club", name="The Club", domains=["Club.Example", "gmx.li"], mx=["Mx.Club.Example."]
    )
    Provider.objects.create(slug="gmail", name="Google", per_second=3.5, per_day=1000)

    directory = providers.load()

    assert directory.group("club.example") == "club"
    assert directory.group("gmx.li") == "club"
    assert directory.group("gmail.com") == "gmail"
    assert directory.group_of_server("a.mx.club.example") == "club"
    assert directory.limits("gmail") == Limits(3.5, None, None, 1000)
    assert directory.limits("example.org") == Limits()
    assert directory.name("gmail") == "Google"
    assert directory.name("united-internet") == "GMX, WEB.DE and mail.com"
    assert directory.name("example.org") == "example.org"


def test_built_in_providers_get_rows_once(db):
    Provider.objects.create(slug="gmail", name="Google", per_hour=7)

    providers.add_known()
    providers.add_known()

    assert Provider.objects.count() == len(KNOWN)
    assert Provider.objects.get(slug="gmail").per_hour == 7


# DNS


def test_the_first_server_of_a_domain_counts(names):
    names.records = {
        "firm.example": ["20 backup.example.", "10 ASPMX.L.Google.Com."],
        "none.example": ["0 ."],
        "bare.example": [],
        "broken.example": FAIL,
    }

    servers = mail_servers.look_up([*names.records, "missing.example", "a..b"], [names.address])

    assert servers == {
        "firm.example": "aspmx.l.google.com",
        "none.example": "",
        "bare.example": "",
        "broken.example": "",
        "missing.example": "",
        "a..b": "",
    }


def test_a_domain_without_an_answer_costs_the_others_nothing(names):
    names.records = {"slow.example": SILENT, "quick.example": ["10 mx.quick.example."]}

    servers = mail_servers.look_up(names.records, [names.address])

    assert servers == {"slow.example": "", "quick.example": "mx.quick.example"}


def test_a_dead_resolver_is_given_up_soon(names):
    domains = [f"d{number}.example" for number in range(500)]
    names.records = dict.fromkeys(domains, SILENT)

    servers = mail_servers.look_up(domains, [names.address])

    assert servers == {}
    assert len(set(names.asked)) < 50


def test_without_a_resolver_nothing_is_known(monkeypatch):
    monkeypatch.setattr("dns.resolver.Resolver.read_resolv_conf", _no_configuration)

    assert mail_servers.look_up(["example.org"]) == {}


def _no_configuration(*args: object) -> None:
    raise mail_servers.dns.resolver.NoResolverConfiguration


@pytest.mark.parametrize("address", ["resolver.example", "", "1.2.3.4:port"])
def test_a_resolver_that_is_no_address_is_an_error(address):
    with pytest.raises(ValueError):
        mail_servers.look_up(["example.org"], [address])


def test_what_was_found_is_remembered(db, names):
    names.records = {
        "firm.example": ["1 aspmx.l.google.com."],
        "shop.example": ["1 mx.host.example."],
        "own.example": ["1 mail.own.example."],
    }

    assert providers.look_up([*names.records, "missing.example"]) == 4

    assert dict(MailDomain.objects.values_list("domain", "provider")) == {
        "firm.example": "gmail",
        "shop.example": "host.example",
        "own.example": "own.example",
        "missing.example": "",
    }
    directory = providers.load()
    assert directory.group("firm.example") == "gmail"
    assert directory.group("shop.example") == "host.example"
    assert directory.group("own.example") == "own.example"
    assert directory.group("missing.example") == "missing.example"


def test_a_provider_that_is_added_later_takes_what_was_found(db):
    MailDomain.objects.create(domain="shop.example", provider="host.example")
    Provider.objects.create(slug="host", name="Host", mx=["host.example"])

    assert providers.load().group("shop.example") == "host"


def test_an_answer_replaces_the_one_before(db, names):
    MailDomain.objects.create(domain="firm.example", provider="host.example")
    names.records = {"firm.example": ["1 aspmx.l.google.com."]}

    providers.look_up(["firm.example"])

    assert MailDomain.objects.get().provider == "gmail"


# What is due


def test_the_most_common_domains_are_looked_up_first(db, names):
    audience = make_list()
    for domain, people in (("two", 2), ("three", 3), ("one", 1)):
        for _ in range(people):
            _person(domain, lists=[audience])
    make_subscriber(email="somebody@gmail.com", lists=[audience])
    make_subscriber(email="somebody@nobody-writes-to.example")

    assert providers.look_up_due(limit=2) == 2

    assert set(names.asked) == {"three.example", "two.example"}
    assert providers.look_up_due(limit=2) == 1
    assert providers.look_up_due(limit=2) == 0


def test_a_campaign_s_people_come_from_its_open_batches(db, names):
    first, second, _ = (_person(label) for label in ("first", "second", "other"))
    campaign = make_campaign()
    for person, state in ((first, Batch.State.DONE), (second, Batch.State.WAITING)):
        Batch.objects.create(campaign=campaign, subscriber_ids=[person.pk], size=1, state=state)

    assert providers.look_up_due(campaign.pk) == 1

    assert set(names.asked) == {"second.example"}


@pytest.mark.parametrize(
    ("provider", "age", "is_due"),
    [("gmail", 6, False), ("gmail", 8, True), ("", 0.5, False), ("", 2, True)],
)
def test_look_ups_grow_old_and_those_without_an_answer_sooner(db, names, provider, age, is_due):
    _person("old", lists=[make_list()])
    MailDomain.objects.create(
        domain="old.example", provider=provider, looked_up_at=now() - timedelta(days=age)
    )

    assert providers.look_up_due() == int(is_due)


def test_after_a_change_everything_is_looked_up_again(db, names):
    _person("firm", lists=[make_list()])
    providers.look_up_due()

    providers.look_up_again()

    assert providers.look_up_due() == 1


def test_domains_that_nobody_writes_to_are_forgotten(db, names):
    MailDomain.objects.create(domain="gone.example", looked_up_at=now() - timedelta(days=40))

    providers.look_up_due()

    assert not MailDomain.objects.exists()


def _person(label: str, **fields: Any) -> Subscriber:
    return make_subscriber(email=f"reader{next(_number)}@{label}.example", **fields)
