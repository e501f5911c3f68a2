"""Links are tracked where they are the same for all, and safe where they are not."""

import pytest
from markupsafe import escape

from newsletter.composing.links import Links, to_uri, write_out
from newsletter.composing.plaintext import to_text
from newsletter.composing.shield import Shield
from newsletter.templating import TemplateProblem, html_environment
from newsletter.templating.pieces import split


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


READER = {"name": 'a&b/ "<', "site": "javascript:alert(1)", "home": 'https://e.org/?a=1&b="'}
PERSONAL = [
    ("https://e.org/{{ subscriber.name }}?q=1", "https://e.org/a%26b%2F%20%22%3C?q=1"),
    ("https://e.org/?q={{ subscriber.name }}", "https://e.org/?q=a%26b%2F%20%22%3C"),
    ("https://e.org/?q={{ subscriber.name | urlencode }}", "https://e.org/?q=a%26b/%20%22%3C"),
    ("https://Bücher.example/ü b?q={{ subscriber.id }}", "https://xn--bcher-kva.example/%C3%BC%20b?q=7"),
    ("{{ subscriber.site }}", "#"),
    ("{{ subscriber.home }}", "https://e.org/?a=1&amp;b=%22"),
    ("https://e.org/{% if subscriber.name %}a{% endif %}", "https://e.org/a"),
]  # fmt: skip


@pytest.mark.parametrize(("href", "expected"), PERSONAL)
def test_an_address_that_differs_from_reader_to_reader_is_a_slot_too(href, expected):
    """The same one in HTML and text, written out for those whose clicks may not be named."""
    links = Links()

    html = rewrite(f'<a href="{href}">x</a>', links)
    text = to_text(f'<a href="{href}">x</a>', links)

    assert html == '<a href="{{ link_0 }}">x</a>'
    assert text == "x <{{ link_0 }}>\n"
    assert len(links.urls) == 1
    written = write_out(html, links.urls, lambda text: str(escape(text)))
    made = html_environment.from_string(written).render(subscriber={**READER, "id": 7})
    assert made == f'<a href="{expected}">x</a>'


@pytest.mark.parametrize(
    "href",
    [
        "mailto:x@e.org?a={{ subscriber.name }}",
        "https://e.org/{{ item }}",  # set elsewhere in the mail
        "https://e.org/{% for x in subscriber.attributes.list %}{{ x }}{% endfor %}",
        "https://e.org/{{ subscriber.name }}{{ organisation.name }}",
    ],
)
def test_what_differs_and_means_something_in_its_place_only_is_not_tracked(href):
    links = Links()

    html = rewrite(f'<a href="{href}">', links)

    assert links.urls == []
    assert "url_part" in html


@pytest.mark.parametrize(
    "href",
    [
        "javascript:alert({{ subscriber.name }})",
        "//e.org/{{ subscriber.name }}",
        "https:{{ subscriber.name }}",
        "https://me@e.org/{{ subscriber.name }}",
        "https:///{{ subscriber.name }}",
        "https://e.org/{{ subscriber.name }}" + "x" * 5_000,
    ],
)
def test_a_personal_address_that_can_not_work_is_refused(href):
    with pytest.raises(TemplateProblem, match="can't work"):
        rewrite(f'<a href="{href}">')


def test_an_address_of_the_organisations_is_the_same_for_all():
    links = Links(organisation={"website": "https://e.org/über"})

    assert rewrite('<a href="{{ organisation.website }}">', links) == '<a href="{{ link_0 }}">'
    assert links.urls == ["https://e.org/%C3%BCber"]


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
