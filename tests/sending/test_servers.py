"""What SMTP_URL says."""

import pytest

from newsletter.sending import servers
from newsletter.sending.servers import Endpoint


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://127.0.0.1:2525", Endpoint("127.0.0.1", 2525, "none")),
        ("smtp://localhost", Endpoint("localhost", 25, "none")),
        ("smtp://[::1]:2525", Endpoint("::1", 2525, "none")),
        ("smtp://relay.example", Endpoint("relay.example", 587, "starttls")),
        ("smtp://relay.example:465", Endpoint("relay.example", 465, "implicit")),
        ("smtp://relay.example:25?tls=none", Endpoint("relay.example", 25, "none")),
        ("smtp://mx.example?tls=opportunistic", Endpoint("mx.example", 25, "opportunistic")),
        (
            "smtp://me@relay.example?auth=xoauth2&mails_per_connection=20",
            Endpoint(
                "relay.example", 587, "starttls", "me", auth="xoauth2", mails_per_connection=20
            ),
        ),
        (
            "smtp://me%40example.org:p%3Aw@relay.example:587?tls=starttls",
            Endpoint("relay.example", 587, "starttls", "me@example.org", "p:w"),
        ),
    ],
)
def test_an_address_of_a_server(url, server):
    assert servers.parse(url) == server


@pytest.mark.parametrize(
    "url",
    [
        *("http://x", "smtp://", "smtp://x?tls=maybe", "smtp://x?auth=cram-md5"),
        *("smtp://x?mails_per_connection=many", "smtp://relay..example", "smtp://\u00ad.example"),
        f"smtp://{'x' * 64}.example",
    ],
)
def test_what_is_none(url):
    with pytest.raises(ValueError, match=r"SMTP_URL|is not the name of a host"):
        servers.parse(url)


def test_the_password_is_never_shown():
    server = servers.parse("smtp://me:hunter2@relay.example")

    assert "hunter2" not in f"{server} {server!r}"


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://news.example.org/letters", "news.example.org"),
        ("http://127.0.0.1:8000", "[127.0.0.1]"),
        ("http://[::1]:8000", "[IPv6:::1]"),
    ],
)
def test_what_we_call_ourselves(url, name):
    assert servers.greeting_name(url) == name


@pytest.mark.parametrize(
    ("host", "name", "shown"),
    [
        ("bücher.example", "xn--bcher-kva.example", "bücher.example:25"),
        ("[2001:db8::1]", "2001:db8::1", None),
        ("2001:db8::1", "2001:db8::1", "[2001:db8::1]:25"),
        ("relay.example", "relay.example", "relay.example:25"),
    ],
)
def test_what_a_host_is_called_in_the_network(host, name, shown):
    endpoint = Endpoint(host, 25, "none")

    assert endpoint.network_name == name
    assert shown is None or str(endpoint) == shown


@pytest.mark.parametrize(
    ("tls", "user", "requires"),
    [
        ("none", "me", False),
        ("opportunistic", None, False),
        ("opportunistic", "me", True),
        ("starttls", None, True),
        ("implicit", None, True),
    ],
)
def test_a_password_makes_encryption_a_must(tls, user, requires):
    assert Endpoint("h", 25, tls, user).requires_tls is requires
