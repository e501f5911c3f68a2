"""What is kept of a request is enough for rules, and too little to find a person."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracking import facts


class Headers:
    """The headers of a request, as granian gives them: no value that is not ASCII."""

    def __init__(self, *lines: tuple[str, str]) -> None:
        self._lines = list(lines)

    def __contains__(self, name):
        return name in self.keys()

    def get(self, name):
        return next(iter(self.get_all(name)), None)

    def keys(self):
        return [name for name, _ in self._lines]

    def get_all(self, name):
        return [value for key, value in self._lines if key == name and value.isascii()]


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.77", "203.0.113.0"),
        ("::ffff:203.0.113.77", "203.0.113.0"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::"),
        ("::1", "::"),
        ("fe80::1%eth0", "fe80::"),
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
        (["203.0.113.9:4711"], "203.0.113.9"),
        (["[2001:db8::7]:4711"], "2001:db8::7"),
        (["[2001:db8::7]"], "2001:db8::7"),
        (["::ffff:203.0.113.9"], "::ffff:203.0.113.9"),
        (["203.0.113.9, ::ffff:10.1.1.1"], "203.0.113.9"),
        ([" 203.0.113.9\t,\t10.1.1.1 "], "203.0.113.9"),
        (["198.51.100.1, " * 100 + "203.0.113.9"], "203.0.113.9"),
        # A proxy of ours did not see who it is, or somebody means to confuse us.
        (["203.0.113.9, unknown"], ""),
        (["203.0.113.9, _hidden"], ""),
        (["unix:"], ""),
        (["203.0.113.9, for=198.51.100.1"], ""),
        (['for="[2001:db8::7]:80"'], ""),
        (["203.0.113.9,"], ""),
        (["203.0.113.9.example.org"], ""),
        (["[2001:db8::7]x"], ""),
        (["1:2"], ""),
        (["10.1.1.1, " * 100 + "10.1.1.1"], ""),
        (["2001:db8::7"], "2001:db8::7"),
        ([""], "10.0.0.1"),
        ([], "10.0.0.1"),
    ],
)
def test_of_forwarded_addresses_the_nearest_that_is_not_ours_counts(lines, client):
    headers = Headers(*(("x-forwarded-for", line) for line in lines))

    assert facts.Proxies(["10.0.0.0/8"]).client("10.0.0.1:4711", headers) == client


def test_the_header_forwarded_is_not_read():
    headers = Headers(("forwarded", "for=198.51.100.1"))

    assert facts.Proxies(["10.0.0.0/8"]).client("10.0.0.1:4711", headers) == "10.0.0.1"


@pytest.mark.parametrize("peer", ["", "unix:", "unix", "@", ":0"])
def test_a_peer_without_an_address_is_nobodys_proxy(peer):
    headers = Headers(("x-forwarded-for", "198.51.100.1"))

    address = facts.Proxies(["10.0.0.0/8", "::/0", "0.0.0.0/0"]).client(peer, headers)

    assert facts.network(address) == ""


HOPS = st.lists(
    st.text(max_size=30)
    | st.ip_addresses().map(str)
    | st.sampled_from(["10.1.1.1", "unknown", "", "[::1]:80", "::ffff:10.0.0.1", "fe80::1%x", "%"]),
    max_size=5,
)


@given(HOPS)
def test_whatever_stands_there_the_network_is_one_or_unknown(hops):
    headers = Headers(("x-forwarded-for", ",".join(hops)))

    network = facts.network(facts.Proxies(["10.0.0.0/8"]).client("10.0.0.1:1", headers))

    assert re.fullmatch(r"(?:[0-9a-f.:]{2,45})?", network)


@given(HOPS)
def test_what_a_client_wrote_itself_changes_nothing(hops):
    headers = Headers(("x-forwarded-for", ",".join(hops)), ("x-forwarded-for", "203.0.113.9"))

    assert facts.Proxies(["10.0.0.0/8"]).client("10.0.0.1:1", headers) == "203.0.113.9"


def test_who_writes_what_no_proxy_can_add_to_is_unknown_and_not_the_proxy():
    headers = Headers(("x-forwarded-for", "\xff, 203.0.113.9"))

    assert facts.Proxies(["10.0.0.0/8"]).client("10.0.0.1:1", headers) == ""
    assert facts.Proxies(["10.0.0.0/8"]).client("192.0.2.1:1", headers) == "192.0.2.1"


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
        (
            "text/html,application/xhtml+xml,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7",
            "chromium's html",
        ),
        ("image/avif,image/webp,image/apng,*/*;q=0.8", "image"),
        ("*/*", "any"),
        ("application/json", "other"),
        ("", True),
    ],
)
def test_of_what_a_program_accepts_only_the_kind_is_kept(accept, kept):
    assert json.loads(facts.marks(Headers(("accept", accept)), "1.1")) == {"accept": kept}


@pytest.mark.parametrize(
    ("brands", "kept"),
    [
        ('"Chromium";v="141", "HeadlessChrome";v="141", "Not?A_Brand";v="8"', "headless"),
        ('"Chromium";v="141", "Google Chrome";v="141", "Not?A_Brand";v="8"', "chrome 141"),
        ('"Not/A)Brand";v="8", "Chromium";v="138", "Microsoft Edge";v="138"', "edge 138"),
        ('"Opera";v="121", "Not)A;Brand";v="24", "Chromium";v="137"', "other 137"),
        ('"Not)A;Brand";v="24", "Chromium";v="150"', "chromium 150"),
        ('"Not A;Brand";v="99"', True),
        ("nonsense", True),
    ],
)
def test_of_a_browsers_names_the_brand_and_chromiums_version_are_kept(brands, kept):
    marks = json.loads(
        facts.marks(Headers(("sec-ch-ua", brands), ("sec-ch-ua-platform", '"Linux"')), "1.1")
    )

    assert marks == {"brands": kept, "platform": "Linux"}


def test_a_plain_request_has_no_marks():
    assert facts.marks(Headers(("host", "news.example.org")), "1.1") == "{}"


def test_a_request_for_the_head_alone_is_marked():
    assert json.loads(facts.marks(Headers(), "1.1", "HEAD")) == {"method": "HEAD"}


def test_an_old_protocol_is_a_mark():
    assert json.loads(facts.marks(Headers(), "1")) == {"http": "1.0"}


@pytest.mark.parametrize(
    ("headers", "kept"),
    [
        (Headers(("user-agent", "Mozilla/5.0")), "Mozilla/5.0"),
        (Headers(("user-agent", "x" * 1000)), "x" * 400),
        (Headers(("user-agent", "")), ""),
        (Headers(), ""),
        (Headers(("user-agent", "Mozilla/5.0 (\u7ea2\u7c73)")), None),
    ],
)
def test_an_agent_that_cannot_be_read_is_another_thing_than_none(headers, kept):
    assert facts.agent(headers) == kept


def test_an_agent_that_cannot_be_read_is_a_mark():
    marks = facts.marks(Headers(("dnt", "1")), "1.1", is_agent_foreign=True)

    assert json.loads(marks) == {"dnt": True, "agent": "foreign"}
