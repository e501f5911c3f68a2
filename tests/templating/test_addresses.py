"""Where a personal link leads: a value is data in an address, never its syntax."""

from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.templating import addresses
from tracking.targets import BadTarget, as_target

ATTRIBUTES = {"code": "ab/c d", "shop": "leith", "home": "https://e.org/ü?a=1", "n": 0}
ANN = (7, "Ann O’Reader", "ann@example.org", "en-GB", ATTRIBUTES)
AWKWARD = st.text(
    st.one_of(
        st.sampled_from(list("/\\\\@:#?&=%.[]{}<>\"'\\r\\n\\t\\0 é😀\u05d0\u2028")),
        st.characters(codec="utf-8"),
    ),
    max_size=30,
)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("https://e.org/{{ subscriber.attributes.code }}", "https://e.org/ab%2Fc%20d"),
        ("https://e.org/?n={{ subscriber.name | urlencode }}", "https://e.org/?n=Ann%20O%E2%80%99Reader"),
        ("https://e.org/{{ subscriber.attributes.nothing | default('x') }}", "https://e.org/x"),
        ("https://{{ subscriber.attributes.shop }}.e.org/", "https://leith.e.org/"),
        ("https://{{ subscriber.language | lower }}.e.org/", "https://en-gb.e.org/"),
        ("{{ subscriber.attributes.home }}", "https://e.org/%C3%BC?a=1"),
        ("https://{% if subscriber.name %}a{% else %}b{% endif %}.e.org/", "https://a.e.org/"),
        ("https://e.org:8443/{{ subscriber.id }}#{{ subscriber.first_name }}", "https://e.org:8443/7#Ann"),
    ],
)  # fmt: skip
def test_where_it_leads(template, expected):
    assert addresses.resolve(template, ANN) == expected


@pytest.mark.parametrize(
    "template",
    [
        "{{ subscriber.name }}",
        "https://{{ subscriber.name }}.e.org/",
        "https://{{ subscriber.first_name }}/",
        "https://{{ subscriber.email.split('@')[1] }}/",
        "https://e.org{{ subscriber.name }}",
        "{% if subscriber.attributes.code %}https://{% endif %}{{ subscriber.name }}",
    ],
)
@pytest.mark.parametrize("name", ["evil.example", "https://evil.example/", ".evil.example/", "x@y"])
def test_nobody_chooses_the_host_by_their_name(template, name):
    with pytest.raises((addresses.BadAddress, ValueError)):
        addresses.resolve(template, (7, name, "a@evil.example", "", {"code": "1"}))


TEMPLATES = [
    "https://e.org/{{ subscriber.name }}",
    "https://e.org/?{{ subscriber.name }}=1",
    "https://e.org/?a={{ subscriber.attributes.code }}&b=2",
    "https://e.org/#{{ subscriber.attributes.code | urlencode }}",
    "https://e.org/{% if subscriber.name %}{{ subscriber.name | upper }}{% endif %}/x",
]


@given(st.sampled_from(TEMPLATES), AWKWARD, AWKWARD)
def test_a_value_changes_nothing_but_its_place(template, name, code):
    row = (7, name, "ann@example.org", "", {"code": code})

    url = as_target(addresses.resolve(template, row))

    parts = urlsplit(url)
    assert (parts.scheme, parts.netloc) == ("https", "e.org")
    assert url.isascii() and url.isprintable() and " " not in url
    assert url.count("?") == template.count("?") and url.count("#") == template.count("#")


@given(AWKWARD)
def test_a_value_arrives(code):
    url = addresses.resolve(
        "https://e.org/?a={{ subscriber.attributes.code }}", (7, "", "", "", {"code": code})
    )

    clean = code.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "").strip()
    assert unquote(urlsplit(url).query) == f"a={clean}"


@given(AWKWARD)
def test_whatever_an_attribute_says_is_an_address_or_leads_nowhere(home):
    row = (7, "", "", "", {"home": home})
    try:
        url = as_target(addresses.resolve("{{ subscriber.attributes.home }}", row))
    except ValueError:  # BadAddress and BadTarget
        return

    assert url.lower().startswith(("http://", "https://")) and "@" not in urlsplit(url).netloc


@pytest.mark.parametrize(
    "home", ["javascript:alert(1)", "mailto:a@e.org", "//e.org", "https://a@e.org/", "https://e.org\\@x/",
             "https://e.org%2f.evil.example/", "https://[::1", "", "https://"],
)  # fmt: skip
def test_what_is_no_web_address_leads_nowhere(home):
    with pytest.raises((addresses.BadAddress, BadTarget, ValueError)):
        as_target(
            addresses.resolve("{{ subscriber.attributes.home }}", (7, "", "", "", {"home": home}))
        )
