"""What each address of the edge does, and that odd requests get sound answers and leave no trace.

One edge for all of it: starting one is the dear part.
"""

import json
import re
import socket
from contextlib import suppress

import pytest

from tests.tracking.makers import recorded
from tests.tracking.servers import wait_for
from tracking import links, spool, tokens
from tracking.models import Link

pytestmark = pytest.mark.usefixtures("stored")

STORY = "https://example.org/story"
# As somebody who can write to the tables, or to Redis, might have put them there.
EVIL = [
    "//evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "https:evil.example",
    "https:/evil.example",
    "https:///evil.example",
    "https:\\\\evil.example",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java\tscript:alert(1)",
    " javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:x",
    "file:///etc/passwd",
    "https://good.example@evil.example/",
    "https://good.example:80@evil.example/",
    "https://good.example\\@evil.example/",
    "https://good.example\t@evil.example/",
    "https://evil.example\r\nSet-Cookie: a=b",
    "https://good.example/\r\n\r\n<script>alert(1)</script>",
    "https://good.example/\nLocation: https://evil.example",
    "https://good.example%2f@evil.example/",
    "https://good.example%00.evil.example/",
    "https://g\u043e\u043ed.example/",
    "https://good\u3002example/",
    "https://good.example/" + "x" * 8192,
]
GOOD = [
    "https://xn--gd-fmca.example/",  # what looks like good.example stays what it is
    "http://[2001:db8::1]:8080/a?b#c",
    "https://example.org/@user?next=//evil.example&u=javascript:alert(1)#@x",
    "https://example.org/%0d%0aSet-Cookie:%20a=b",
    "https://example.org/" + "x" * (8192 - 20),
]
HOME = "https://news.example.org"
PRIVATE = {
    "cache-control": "no-store, private",
    "referrer-policy": "no-referrer",
    "x-robots-tag": "noindex, nofollow",
    "x-content-type-options": "nosniff",
    "set-cookie": None,
}


class Stage:
    """An edge with a published link of campaign 7, and what it has stored since the last look."""

    def __init__(self, edge, client, settings, story):
        self.edge, self.story = edge, story
        self._client, self._settings, self._seen = client, settings, 0

    def get(self, path, method="GET", headers=None):
        response = self.edge.get(path, method, headers)
        assert {name: response.getheader(name) for name in PRIVATE} == PRIVATE, path
        return response

    def new(self):
        """Return kind, campaign, subscriber, forward and link of each new hit."""
        return [hit[:5] for hit in self.new_hits()]

    def new_hits(self):
        # A Redis that a busy machine keeps waiting gets its hits a moment later, from the disk.
        wait_for(lambda: spool.is_empty(self._settings.TRACKING_SPOOL))
        found = recorded(self._client, self._settings.TRACKING_STREAM)
        new, self._seen = found[self._seen :], len(found)
        return new

    def raw(self, *lines):
        """Send a request as it is; return status line, headers and body."""
        request = b"".join(line + b"\r\n" for line in (*lines, b"Connection: close", b""))
        with socket.create_connection(("127.0.0.1", self.edge.port), 60) as connection:
            connection.sendall(request)
            head, _, body = connection.makefile("rb").read().partition(b"\r\n\r\n")
        status, *headers = head.decode("latin-1").lower().split("\r\n")
        return int(status.split()[1]), dict(line.split(": ", 1) for line in headers), body


def test_what_each_address_does(start_edge, events, settings):
    [story] = links.ensure(7, [STORY]).values()
    links.publish(7)
    edge = start_edge(PUBLIC_URL=HOME, TRACKING_URL="https://t.example.org/mail")
    stage = Stage(edge, events, settings, story)

    the_hidden_link_leads_home_like_any_other(stage)
    a_quoted_mails_picture_is_a_hit_of_its_own(stage)
    a_shared_link_leads_to_the_mails_page(stage)
    a_forwarded_copy_names_the_forward_alone(stage)
    tokens_are_good_at_their_own_address_only(stage)
    head_is_answered_like_get_without_a_body(stage)
    the_whole_is_always_sent(stage)
    an_address_may_be_spelt_in_another_way(stage)
    whatever_is_not_ours_leaves_no_trace(stage)
    methods_are_words_to_the_letter(stage)
    what_is_no_text_breaks_nothing(stage)
    nobody_is_led_where_no_link_may_lead(stage)
    a_good_address_arrives_as_it_is(stage)
    assert not re.search("is lost|not closed|never awaited", edge.log)


def the_hidden_link_leads_home_like_any_other(stage):
    hidden = stage.get(f"/c/{tokens.sign_click(7, 12, 0)}")
    other = stage.get(f"/c/{tokens.sign_click(7, 12, stage.story)}")

    assert hidden.status == other.status == 302
    assert hidden.getheader("location") == f"{HOME}/"
    assert hidden.body == other.body
    assert [name for name, _ in hidden.getheaders()] == [name for name, _ in other.getheaders()]
    assert stage.new() == [(3, 7, 12, 0, 0), (2, 7, 12, 0, stage.story)]


def a_quoted_mails_picture_is_a_hit_of_its_own(stage):
    token = tokens.sign_open(7, 12)

    for path in (f"/q/{token}.gif", f"/q/{token}"):
        response = stage.get(path)
        assert (response.status, response.body[:6]) == (200, b"GIF89a")

    assert stage.new() == [(5, 7, 12, 0, 0)] * 2


def a_shared_link_leads_to_the_mails_page(stage):
    token = tokens.sign_share(7, 99)

    response = stage.get(f"/s/{token}")

    assert response.status == 302
    assert response.getheader("location") == f"{HOME}/v/{token}"
    assert stage.new() == [(4, 7, 0, 99, 0)]


def a_forwarded_copy_names_the_forward_alone(stage):
    token = tokens.sign_forward_open(7, 99)

    picture, quote = stage.get(f"/o/{token}.gif"), stage.get(f"/q/{token}.gif")
    click = stage.get(f"/c/{tokens.sign_forward_click(7, 99, stage.story)}")
    hidden = stage.get(f"/c/{tokens.sign_forward_click(7, 99, 0)}")

    assert (picture.status, quote.status) == (200, 200)
    assert click.getheader("location") == STORY
    assert hidden.getheader("location") == f"{HOME}/"
    assert stage.new() == [
        (1, 7, 0, 99, 0),
        (5, 7, 0, 99, 0),
        (2, 7, 0, 99, stage.story),
        (3, 7, 0, 99, 0),
    ]


def tokens_are_good_at_their_own_address_only(stage):
    made = {
        "oq": tokens.sign_open(7, 12),
        "c": tokens.sign_click(7, 12, stage.story),
        "s": tokens.sign_share(7, 12),
        "": tokens.sign_forward(7, 12),
    }
    for routes, token in made.items():
        for route in set("ocqs") - set(routes):
            assert stage.get(f"/{route}/{token}").status == 404

    assert stage.new() == []


def head_is_answered_like_get_without_a_body(stage):
    for path, hit in {
        f"/o/{tokens.sign_open(7, 12)}.gif": (1, 7, 12, 0, 0),
        f"/q/{tokens.sign_open(7, 12)}.gif": (5, 7, 12, 0, 0),
        f"/c/{tokens.sign_click(7, 12, stage.story)}": (2, 7, 12, 0, stage.story),
        f"/c/{tokens.sign_click(7, 12, 0)}": (3, 7, 12, 0, 0),
        f"/s/{tokens.sign_share(7, 99)}": (4, 7, 0, 99, 0),
    }.items():
        wanted = stage.raw(f"GET {path} HTTP/1.1".encode(), b"Host: t")
        status, headers, body = stage.raw(f"HEAD {path} HTTP/1.1".encode(), b"Host: t")

        assert body == b""
        for each in (wanted[1], headers):
            each.pop("date")
            if wanted[2] == b"":
                each.pop("content-length", None)
        assert (status, headers) == wanted[:2]
        found = stage.new_hits()
        assert [each[:5] for each in found] == [hit, hit]
        assert [json.loads(each.marks).get("method") for each in found] == [None, "HEAD"]


def the_whole_is_always_sent(stage):
    """Each request is a hit, so none may be answered from what somebody has kept."""
    for headers in (
        {"Range": "bytes=0-1"},
        {"Range": "bytes=9000-"},
        {"If-None-Match": "*"},
        {"If-None-Match": 'W/"x", "y"'},
        {"If-Modified-Since": "Sun, 01 Jan 2040 00:00:00 GMT"},
        {"If-Range": '"x"', "Range": "bytes=0-1"},
    ):
        response = stage.get(f"/o/{tokens.sign_open(7, 12)}", headers=headers)

        assert (response.status, len(response.body)) == (200, 43)
    assert len(stage.new()) == 6


def an_address_may_be_spelt_in_another_way(stage):
    """Percent-encoding what needs none changes no address (RFC 3986, 6.2.2.2)."""
    token = tokens.sign_open(7, 12)
    encoded = "".join(f"%{ord(letter):02x}" for letter in token)
    for path in (
        f"/o/{encoded}.gif",
        f"/o/{token}?",
        f"/mail/o/{token}.gif",
        f"http://elsewhere.example/o/{token}",
    ):
        assert stage.raw(f"GET {path} HTTP/1.1".encode(), b"Host: t")[0] == 200, path
    assert stage.raw(f"GET /o/{token} HTTP/1.0".encode())[0] == 200
    assert len(stage.new()) == 5


def whatever_is_not_ours_leaves_no_trace(stage):
    token, click = tokens.sign_open(7, 12), tokens.sign_click(7, 12, stage.story)
    for path in (
        f"/O/{token}",
        f"/o/{token.swapcase()}",
        f"/o/{token}.GIF",
        f"/o/{token}.gif.gif",
        f"/o/{token}=",
        f"/o/{token}%3D",
        f"/o/{token}%00",
        f"/o/{token}%20",
        f"/o/{token}.",
        f"/o/%ff{token}",
        f"/o/{token}/",
        f"//o/{token}",
        f"/o//{token}",
        f"/x/../o/{token}",
        f"/c/{click}/..",
        f"/c/{click};x",
        f"/c/{click}%0d%0aset-cookie:%20a=b",
        f"/mail/mail/o/{token}",
        f"/mailo/{token}",
        "/s/",
        "/q/.gif",
        "/o",
        "*",
        "/c/" + "A" * 60_000,
    ):
        status, headers, body = stage.raw(f"GET {path} HTTP/1.1".encode(), b"Host: t")

        assert status == 404, path
        assert b"This link does not work" in body
        assert "location" not in headers and "set-cookie" not in headers
        assert headers["cache-control"] == "no-store, private"
    # Too long, or no address at all, for the server itself.
    for path in (b"/c/" + b"A" * 200_000, b"/o/\xff\xfe"):
        with suppress(ConnectionError):  # it may hang up on what it has not read to its end
            assert 400 <= stage.raw(b"GET " + path + b" HTTP/1.1", b"Host: t")[0] < 500
    assert stage.new() == []


def methods_are_words_to_the_letter(stage):
    token = tokens.sign_open(7, 12)
    for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "get", "BREW", "PROPFIND"):
        line = f"{method} /o/{token} HTTP/1.1".encode()

        status, headers, _ = stage.raw(line, b"Host: t", b"Content-Length: 0")

        assert status == 405, method
        assert headers["allow"] == "get, head"
        assert headers["referrer-policy"] == "no-referrer"
    assert stage.new() == []


def what_is_no_text_breaks_nothing(stage):
    line = f"GET /o/{tokens.sign_open(7, 12)} HTTP/1.1".encode()
    for header in (
        b"User-Agent: \xff\xfe\xc3\x28",
        b"User-Agent: a\tb\\N\\.",
        b"Sec-Fetch-Dest: \xff",
        b'Sec-Fetch-Mode: "\\',
        b"X-Forwarded-For: \xff, [::",
        b"Forwarded: for=",
        b"X-Forwarded-For:",
    ):
        status, _, body = stage.raw(line, b"Host: t", header)

        assert (status, len(body)) == (200, 43), header
    found = stage.new_hits()
    assert len(found) == 7
    assert found[1].user_agent == "a\tb\\N\\."
    # granian does not hand on what is not ASCII; that there was something is kept.
    assert (found[0].user_agent, json.loads(found[0].marks)) == ("", {"agent": "foreign"})


def nobody_is_led_where_no_link_may_lead(stage):
    made = Link.objects.bulk_create(Link(campaign_id=8, url=url) for url in EVIL)
    links.publish(8)
    for link in made:
        for method in ("GET", "HEAD"):
            response = stage.get(f"/c/{tokens.sign_click(8, 12, link.pk)}", method)

            assert response.status == 404, link.url
            assert response.getheader("location") is None
    assert stage.new() == []


def a_good_address_arrives_as_it_is(stage):
    ids = links.ensure(9, GOOD)
    for url, link_id in ids.items():
        assert stage.get(f"/c/{tokens.sign_click(9, 12, link_id)}").getheader("location") == url
    assert len(stage.new()) == len(GOOD)
