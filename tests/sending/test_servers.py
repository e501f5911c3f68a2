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
        (
            "smtp://me%40example.org:p%3Aw@relay.example:587?tls=starttls",
            Endpoint("relay.example", 587, "starttls", "me@example.org", "p:w"),
        ),
    ],
)
def test_an_address_of_a_server(url, server):
    assert servers.parse(url) == server


@pytest.mark.parametrize("url", ["http://x", "smtp://", "smtp://x?tls=maybe"])
def test_what_is_none(url):
    with pytest.raises(ValueError, match="SMTP_URL"):
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
