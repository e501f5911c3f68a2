"""Links are tracked where they are the same for all, and safe where they are not."""

import pytest
from markupsafe import escape

from newsletter.composing.links import Links, to_uri
from newsletter.composing.shield import Shield, split
from newsletter.templating import TemplateProblem, html_environment


def rewrite(html, links=None):
    shield = Shield(split(html))
    return shield.restore((links or Links()).rewrite(shield.html(), shield))


def test_a_web_address_becomes_a_slot_once():
    links = Links()

    html = rewrite(
        '<a href="https://e.org/?a=1&amp;b=2">x</a><a href="https://e.org/?a=1&amp;b=2">', links
    )

    assert html == '<a href="{{ link_0 }}">x</a><a href="{{ link_0 }}">'
    assert links.urls == ["https://e.org/?a=1&b=2"]


@pytest.mark.parametrize(
    "href",
    ["mailto:a@e.org", "tel:+4412", "#top", "{{ unsubscribe_url }}", "{{ preferences_url }}"],
)
def test_what_is_not_tracked(href):
    links = Links()

    assert rewrite(f'<a class="b" href="{href}">', links) == f'<a class="b" href="{href}">'
    assert links.urls == []


@pytest.mark.parametrize(
    "href",
    ["javascript:alert(1)", "data:text/html,x", "//evil.example", "/about", "www.example.org", "",
     "https://good@evil.example", "https://", "http://[::1", "https://e.org/" + "x" * 5_000,
     "java\nscript:alert(1)"],
)  # fmt: skip
def test_what_can_not_work_in_a_mail_is_refused(href):
    with pytest.raises(TemplateProblem, match="can't work"):
        rewrite(f'<a href="{href}">')


@pytest.mark.parametrize(
    ("href", "expected"),
    [
        ("https://e.org/{{ subscriber.name }}?q=1", "https://e.org/a%26b%2F%20%22%3C?q=1"),
        ("https://e.org/?q={{ subscriber.name }}", "https://e.org/?q=a%26b%2F%20%22%3C"),
        ("https://e.org/?q={{ subscriber.name | urlencode }}", "https://e.org/?q=a%26b/%20%22%3C"),
        ("{{ subscriber.site }}", "#"),
        ("{{ subscriber.home }}", "https://e.org/?a=1&amp;b=%22"),
        ("mailto:x@e.org?a={{ subscriber.name }}", "mailto:x@e.org?a=a%26b%2F%20%22%3C"),
        ("https://e.org/{% if subscriber.name %}a{% endif %}", "https://e.org/a"),
    ],
)  # fmt: skip
def test_an_address_that_differs_from_reader_to_reader_is_escaped_for_its_place(href, expected):
    reader = {"name": 'a&b/ "<', "site": "javascript:alert(1)", "home": 'https://e.org/?a=1&b="'}

    made = html_environment.from_string(rewrite(f'<a href="{href}">')).render(subscriber=reader)

    assert made == f'<a href="{expected}">'


@pytest.mark.parametrize(
    ("href", "expected"),
    [
        ("HTTPS://Bücher.example/Größe?a=ü#ß", "https://xn--bcher-kva.example/Gr%C3%B6%C3%9Fe?a=%C3%BC#%C3%9F"),
        ("https://e.org:8443/a%20b", "https://e.org:8443/a%20b"),
        ("https://[2001:db8::1]/x", "https://[2001:db8::1]/x"),
        ("https://e.org/a b", "https://e.org/a%20b"),
    ],
)  # fmt: skip
def test_an_address_becomes_ascii(href, expected):
    assert to_uri(href) == expected


def test_entities_that_are_none_stay():
    links = Links()
    rewrite('<a href="https://e.org/?a=1&copy=2">', links)

    assert links.urls == ["https://e.org/?a=1&copy=2"]


def test_a_button_of_outlooks_is_tracked_too():
    links = Links()

    html = rewrite(
        '<!--[if mso]><v:roundrect href="https://e.org/"></v:roundrect><![endif]-->', links
    )

    assert 'href="{{ link_0 }}"' in html
    assert escape(links.urls[0]) == "https://e.org/"
