"""What is kept of a request is enough for rules, and too little to find a person."""

import json

import pytest

from tracking import facts


class Headers:
    """The headers of a request, as granian gives them."""

    def __init__(self, *lines: tuple[str, str]) -> None:
        self._lines = list(lines)

    def get(self, name, default=""):
        return next((value for key, value in self._lines if key == name), default)

    def keys(self):
        return [name for name, _ in self._lines]

    def items(self):
        return self._lines


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.77", "203.0.113.0"),
        ("::ffff:203.0.113.77", "203.0.113.0"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::"),
        ("::1", "::"),
        ("unix", ""),
        ("", ""),
        ("203.0.113.77; DROP", ""),
    ],
)
def test_an_address_is_cut_to_its_network(address, network):
    assert facts.network(address) == network


def test_the_client_is_who_is_connected_when_no_proxy_is_trusted():
    headers = Headers(("x-forwarded-for", "198.51.100.1"))

    assert facts.Proxies([]).client("203.0.113.7:4711", headers) == "203.0.113.7"


def test_a_client_that_is_no_trusted_proxy_is_not_believed():
    headers = Headers(("x-forwarded-for", "198.51.100.1"))

    assert facts.Proxies(["10.0.0.0/8"]).client("203.0.113.7:1", headers) == "203.0.113.7"


@pytest.mark.parametrize(
    ("lines", "client"),
    [
        (["198.51.100.1"], "198.51.100.1"),
        (["198.51.100.1, 203.0.113.9"], "203.0.113.9"),  # the client wrote the first itself
        (["198.51.100.1", "203.0.113.9"], "203.0.113.9"),  # as above, over two lines
        (["203.0.113.9, 10.1.1.1"], "203.0.113.9"),  # through two proxies of ours
        (["10.1.1.1"], "10.1.1.1"),  # a reader in our own network
        (["203.0.113.9, nonsense"], "10.0.0.1"),
        (["2001:db8::7"], "2001:db8::7"),
        ([""], "10.0.0.1"),
        ([], "10.0.0.1"),
    ],
)
def test_of_forwarded_addresses_the_nearest_that_is_not_ours_counts(lines, client):
    headers = Headers(*(("x-forwarded-for", line) for line in lines))

    assert facts.Proxies(["10.0.0.0/8"]).client("10.0.0.1:4711", headers) == client


def test_an_ipv6_peer_is_read():
    proxies = facts.Proxies(["::1"])

    assert proxies.client("[2001:db8::1]:80", Headers()) == "2001:db8::1"
    assert proxies.client("[::1]:80", Headers(("x-forwarded-for", "192.0.2.1"))) == "192.0.2.1"


def test_marks_hold_presence_and_a_few_words():
    headers = Headers(
        ("host", "news.example.org"),
        ("accept-language", "en-GB,en;q=0.9"),
        ("sec-fetch-mode", "navigate"),
        ("sec-fetch-site", "x" * 100),
        ("cookie", "secret=1"),
    )

    marks = json.loads(facts.marks(headers, "1.1"))

    assert marks == {"language": True, "mode": "navigate", "site": "x" * 24, "cookie": True}


@pytest.mark.parametrize(
    ("accept", "kept"),
    [
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "html"),
        ("image/avif,image/webp,image/apng,*/*;q=0.8", "image"),
        ("*/*", "any"),
        ("application/json", "other"),
        ("", True),
    ],
)
def test_of_what_a_program_accepts_only_the_kind_is_kept(accept, kept):
    assert json.loads(facts.marks(Headers(("accept", accept)), "1.1")) == {"accept": kept}


def test_of_a_browsers_names_only_that_it_has_no_window_is_kept():
    brands = '"Chromium";v="141", "HeadlessChrome";v="141", "Not?A_Brand";v="8"'
    plain = brands.replace("Headless", "Google ")

    marks = json.loads(
        facts.marks(Headers(("sec-ch-ua", brands), ("sec-ch-ua-platform", '"Linux"')), "1.1")
    )

    assert marks == {"brands": "headless", "platform": "Linux"}
    assert json.loads(facts.marks(Headers(("sec-ch-ua", plain)), "1.1")) == {"brands": True}


def test_a_plain_request_has_no_marks():
    assert facts.marks(Headers(("host", "news.example.org")), "1.1") == "{}"


def test_a_request_for_the_head_alone_is_marked():
    assert json.loads(facts.marks(Headers(), "1.1", "HEAD")) == {"method": "HEAD"}


def test_an_old_protocol_is_a_mark():
    assert json.loads(facts.marks(Headers(), "1")) == {"http": "1.0"}
