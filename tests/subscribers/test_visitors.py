"""A visitor's address is what a trusted peer says, and nothing else."""

import pytest
from django.test import RequestFactory

from subscribers import visitors


def address(settings, proxies, remote, forwarded=None) -> str | None:
    settings.TRUSTED_PROXIES = proxies
    extra = {} if forwarded is None else {"HTTP_X_FORWARDED_FOR": forwarded}
    found = visitors.client_address(RequestFactory().get("/", REMOTE_ADDR=remote, **extra))
    return None if found is None else str(found)


@pytest.mark.parametrize(
    ("proxies", "remote", "forwarded", "expected"),
    [
        ([], "203.0.113.7", None, "203.0.113.7"),
        ([], "203.0.113.7", "198.51.100.1", "203.0.113.7"),
        (["10.0.0.1"], "203.0.113.7", "198.51.100.1", "203.0.113.7"),
        (["10.0.0.1"], "10.0.0.1", "198.51.100.1", "198.51.100.1"),
        (["10.0.0.0/8"], "10.0.0.1", "192.0.2.66, 198.51.100.1", "198.51.100.1"),
        (["10.0.0.0/8"], "10.0.0.1", "192.0.2.66, 198.51.100.1, 10.9.9.9", "198.51.100.1"),
        (["10.0.0.0/8"], "10.0.0.1", "nonsense", "10.0.0.1"),
        (["10.0.0.0/8"], "10.0.0.1", "", "10.0.0.1"),
        (["10.0.0.0/8"], "10.0.0.1", "10.0.0.2", "10.0.0.2"),
        (["::1"], "::1", "2001:db8:1:2::3", "2001:db8:1:2::3"),
        (["127.0.0.1"], "::ffff:127.0.0.1", "198.51.100.1", "198.51.100.1"),
        ([], "", None, None),
        ([], "unix:", "198.51.100.1", None),
    ],
)
def test_client_address(settings, proxies, remote, forwarded, expected):
    assert address(settings, proxies, remote, forwarded) == expected


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("203.0.113.7", "203.0.113.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"),
    ],
)
def test_network(text, network):
    assert visitors.network(visitors.ip_address(text)) == network
