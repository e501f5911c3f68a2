"""A compiled message says what a plain rendering says, to the byte, and keeps mail's rules."""

import json
import re
from email.message import EmailMessage
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from markupsafe import Markup

from newsletter.composing import Person, RenderError, previewing
from newsletter.composing.compiled import CompiledMessage
from newsletter.composing.headers import BadHeader, one_line
from newsletter.composing.slots import FORWARD, OPEN, PREFERENCES, UNSUBSCRIBE, Tokens
from newsletter.composing.verp import read as read_verp
from subscribers import signing
from subscribers.signing import varint
from tests.composing.making import ANN, make_edition, parts, read, render
from tracking import tokens

AWKWARD = st.sampled_from(
    [
        *(
            "\r\n",
            "\n",
            "\r",
            ".",
            "\n.",
            "\r\n.\r\n",
            "=",
            "%",
            "%s",
            "From ",
            "\nFrom x",
            " ",
            "\t",
        ),
        *("é", "😀", "👩‍👩‍👧", "\u05d0\u05d1", "e\u0301\u0323", "\u2028", "\x85", "\x0b"),
        *("<b>", "&amp;", '"', "{", "}}", "https://e.org/?a=b&c=d"),
        *("x" * 80, "y" * 1_200, "ü" * 90, "\r\nBcc: all@example.org\r\n\r\n"),
    ]
)
VALUE = st.lists(
    st.one_of(AWKWARD, st.text(st.characters(exclude_categories=["Cs"]), max_size=8)), max_size=4
).map("".join)
LITERAL = VALUE.map(lambda text: text.replace("{", "(").replace("\0", "").replace("\r", ""))
SUBJECT_TAGS = [
    "{{ subscriber.name }}",
    "{{ subscriber.attributes.a | default('none') }}",
    "{{ subscriber.attributes.b | default('.') | upper }}",
    "{% if subscriber.attributes.a %}yes{% else %}.no{% endif %}",
    "{% for x in subscriber.attributes.list %}{{ loop.index }}. {{ x }}\n{% endfor %}",
    "{% set v = subscriber.name %}{{ v ~ v }}",
    "{% filter upper %}é{{ subscriber.name }}{% endfilter %}",
    "{{ organisation.name }}",
    # What needs no Jinja2 while mails are made, beside what does.
    "{{ subscriber.first_name | default('you') | title }}",
    "{{ subscriber['email'] }}{{ subscriber.attributes['a'] | trim }}",
    "{{ subscriber.attributes.b or subscriber.name }}",
    "{{ subscriber.attributes.a | e }}{{ subscriber.name | replace('.', '=') }}",
    "{{ subscriber.attributes.none.of.these }}{{ subscriber.id }}{{ subscriber.language }}",
    "{{ organisation['name'] | upper }}{{ '.' }}{{ 0.5 }}{{ 'é' if subscriber.name else '%' }}",
]
TEXT_TAGS = [
    *SUBJECT_TAGS,
    "{% for x in range(3) %}{{ link_0 }} {% endfor %}",
    "{% set block %}{{ subscriber.name }} {{ link_1 }}{% endset %}{{ block }}",
    "{% macro m(x) %}[{{ x }} {{ unsubscribe_url }}]{% endmacro %}{{ m(subscriber.name) }}",
    "{{ link_0 }}",
    "{{ link_0 | upper }}",
    "{{ link_2 }}",
    "{% if subscriber.name %}{{ link_2 }}{{ subscriber.name }}{% endif %}",
    "{{ unsubscribe_url }}",
    "{{ preferences_url }}",
    "{{ forward_url }}",
    "{{ campaign.subject }}{{ preheader }}",
]
HTML_TAGS = [
    *TEXT_TAGS,
    '<a href="{{ link_2 }}">yours</a>',
    '<a href="{{ link_1 }}">two</a>',
    "{{ open_pixel }}",
    "{{ hidden_link }}",
    "{{ quote_style }}",
]


def sources(tags):
    return st.lists(st.one_of(LITERAL, st.sampled_from(tags)), max_size=6).map("".join)


ATTRIBUTES = st.fixed_dictionaries({}, optional={"a": VALUE, "b": VALUE, "list": st.lists(VALUE)})
PEOPLE = st.builds(
    Person,
    subscriber_id=st.integers(1, 2**40),
    email=st.sampled_from(["ann@example.org", "o'neil+x@example.org", "ann@xn--bcher-kva.example"]),
    name=VALUE,
    language=VALUE,
    stored=ATTRIBUTES | ATTRIBUTES.map(json.dumps),  # as a row, or as the engine reads it
    tracking=st.sampled_from(["off", "aggregate", "individual", ""]),
)
URLS = [
    "https://e.org/?a=1&b=2",
    "https://e.org/two",
    "https://e.org/{{ subscriber.name }}?q={{ subscriber.attributes.a | default('') }}&c=%C3%A9",
]
SETTINGS = hypothesis_settings(
    max_examples=150, deadline=None, suppress_health_check=list(HealthCheck)
)


def in_address(value):
    return quote(value.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "").strip(), safe="")


def plainly(edition, person):
    """Render by Jinja2 alone, with the addresses that this person gets, as values."""
    base = "https://news.example.org"
    made, _ = Tokens(edition.campaign_id, edition.link_ids).of(
        varint(person.subscriber_id), person.choice
    )
    own_tokens = [token.decode() for token in made]
    addresses = {
        "unsubscribe_url": f"{base}/u/{own_tokens[UNSUBSCRIBE]}",
        "preferences_url": f"{base}/p/{own_tokens[PREFERENCES]}",
        "forward_url": f"{base}/f/{own_tokens[FORWARD]}",
        **{f"link_{number}": url for number, url in enumerate(edition.link_urls)},
    }
    own = in_address(person.attributes.get("a", ""))
    addresses["link_2"] = f"https://e.org/{in_address(person.name)}?q={own}&c=%C3%A9"
    if person.choice != "off":
        opened, hidden, *clicked = own_tokens[OPEN:]
        named = 3 if person.choice == "individual" else 2  # a nameless click has no own address
        addresses |= {f"link_{n}": f"{base}/c/{token}" for n, token in enumerate(clicked[:named])}
        addresses["open_pixel"] = Markup(
            f'<img src="{base}/o/{opened}" width="1" height="1" alt="" '
            'style="border:0;display:block">'
        )
        addresses["hidden_link"] = Markup(
            f'<a href="{base}/c/{hidden}" style="display:none;mso-hide:all" aria-hidden="true" '
            'tabindex="-1"></a>'
        )
    if person.choice == "individual":
        addresses["hidden_link"] += Markup('<div id="_t"></div>')
        addresses["quote_style"] = Markup(
            "<style>div.OutlookMessageHeader,table.moz-email-headers-table,blockquote #_t"
            f'{{background-image:url("{base}/q/{opened}.gif")}}</style>'
        )
    return previewing.render_plainly(edition, person, addresses)


@SETTINGS
@given(sources(HTML_TAGS), sources(TEXT_TAGS), sources(SUBJECT_TAGS), PEOPLE)
def test_it_says_what_a_plain_rendering_says(html, text, subject, person):
    """Over templates and data, through the MIME of both, byte for byte after decoding."""
    edition = make_edition(
        html=html + "\n",
        text=text + "\n",
        subject=subject,
        preheader=subject[:50].replace("{", ""),
        organisation={"name": "The 'News' = .5 %s <é>\n.😀"},
        link_urls=URLS,
        link_ids=[101, 102, 103],
    )
    expected = plainly(edition, person)
    reference = EmailMessage()
    reference.set_content(expected.text, cte="quoted-printable")
    reference.add_alternative(expected.html, subtype="html", cte="quoted-printable")

    mail = CompiledMessage(edition).render(person)

    assert parts(mail.data) == parts(reference.as_bytes())
    assert read(mail.data)["Subject"] == one_line(expected.subject)


@SETTINGS
@given(sources(TEXT_TAGS), sources(SUBJECT_TAGS), PEOPLE, VALUE)
def test_every_byte_keeps_the_rules(source, subject, person, said):
    """Whatever the texts, the person, the list and the organisation say."""
    mail = render(
        person,
        html=source,
        text=source,
        subject=subject,
        preheader=said.replace("{", "").replace("\0", ""),
        list_name=said,
        list_id=f"daily.{said}",
        feedback_id=f"c12:{said}",
        organisation={"name": said},
        link_urls=URLS,
        link_ids=[101, 102, 103],
    )

    assert mail.data.endswith(b"\r\n")
    assert mail.data.count(b"\r\n") == mail.data.count(b"\n") == mail.data.count(b"\r")
    for line in mail.data.split(b"\r\n"):
        assert len(line) <= 998
        assert not line.startswith(b".")
    head, _, _ = mail.data.partition(b"\r\n\r\n")
    names = [line.split(b":")[0] for line in head.split(b"\r\n") if line[:1] not in b" \t"]
    assert sorted(names) == sorted(HEADERS)


HEADERS = [
    b"From", b"To", b"Subject", b"Date", b"Message-ID", b"List-Unsubscribe",
    b"List-Unsubscribe-Post", b"List-ID", b"Feedback-ID", b"Precedence", b"Auto-Submitted",
    b"MIME-Version", b"Content-Type",
]  # fmt: skip


def test_the_headers_of_bulk_mail():
    mail = render(reply_to="Answers <answers@example.org>", subject="Hello {{ subscriber.name }}")

    message = read(mail.data)
    assert message["From"] == "The News <news@example.org>"
    assert message["To"] == "Ann Reader <ann@example.org>"
    assert message["Reply-To"] == "Answers <answers@example.org>"
    assert message["Subject"] == "Hello Ann Reader"
    assert message["List-ID"] == "Daily <daily.example.org>"
    assert message["Feedback-ID"] == "c12:daily:newsletter:broadsheet"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["Precedence"] == "bulk"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Date"].datetime.utcoffset().total_seconds() == 0
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]


def test_one_address_to_leave_unencoded_on_one_line():
    mail = render()

    [line] = re.findall(rb"^List-Unsubscribe: (.*)\r$", mail.data, re.MULTILINE)
    token = re.fullmatch(rb"<https://news\.example\.org/u/([A-Za-z0-9_-]+)>", line)[1].decode()
    assert signing.read("unsubscribe", token, 2) == (7, 12)
    for part in parts(mail.data):
        assert f"https://news.example.org/u/{token}" in part


def test_the_message_id_is_the_same_each_time_and_ours():
    first, second, other = render(), render(), render(ANN._replace(subscriber_id=8))

    assert first.message_id == second.message_id != other.message_id
    token = re.fullmatch(r"<c12\.([\w-]+)@example\.org>", first.message_id)[1]
    assert signing.read("message-id", token, 2) == (12, 7)
    assert f"Message-ID: {first.message_id}\r\n".encode() in first.data


def test_the_envelope_sender_names_the_mail(settings):
    assert read_verp(render().envelope_from.upper()) == (12, 7)
    assert render().envelope_from.endswith("@example.org")

    settings.BOUNCE_DOMAIN = "bounce.example.net"

    assert render().envelope_from.endswith("@bounce.example.net")


def tokens_in(data, kind):
    return re.findall(rf"https://news\.example\.org/{kind}/([\w-]+)", "".join(parts(data)))


def test_who_agreed_gets_links_with_their_own_number():
    mail = render(ANN._replace(tracking="individual"))

    assert [signing.read("click", token, 3) for token in tokens_in(mail.data, "c")] == [
        (12, 7, 102),
        (12, 7, 101),
    ]
    assert [signing.read("open", token, 2) for token in tokens_in(mail.data, "o")] == [(12, 7)]


def test_who_is_counted_without_a_name_gets_what_all_others_get():
    """The difference between two such mails is what has to differ: name, leaving, choosing."""
    mails = [
        render(ANN._replace(tracking="aggregate", subscriber_id=number), text="{{ link_0 }}")
        for number in (7, 8)
    ]

    assert tokens_in(mails[0].data, "c") == tokens_in(mails[1].data, "c")
    assert tokens_in(mails[0].data, "o") == tokens_in(mails[1].data, "o")
    assert {signing.read("click", t, 3)[1] for t in tokens_in(mails[0].data, "c")} == {0}


def test_who_wants_nothing_recorded_gets_plain_addresses():
    mail = render(ANN._replace(tracking="off"))

    text, html = parts(mail.data)
    assert "x <https://e.org/two>" in text
    assert '<a href="https://e.org/?a=1&amp;b=2">' in html
    assert tokens_in(mail.data, "[co]") == [] and "<img" not in html
    assert len(tokens_in(mail.data, "u")) == 2


@pytest.mark.parametrize("default", ["off", "aggregate", "individual"])
def test_who_chose_nothing_gets_the_default(settings, default):
    settings.TRACKING_DEFAULT = default

    chosen, not_chosen = ANN._replace(tracking=default), ANN._replace(tracking="")

    assert parts(render(chosen).data) == parts(render(not_chosen).data)


@pytest.mark.parametrize("field", ["from_email", "reply_to"])
@pytest.mark.parametrize("end", ["\r\n", "\r", "\n", "\0", "\x85", "\u2028", "\x0b"])
def test_a_sender_with_a_line_end_makes_no_mail(field, end):
    with pytest.raises(BadHeader):
        render(**{field: f"News <news@example.org>{end}Bcc: all@example.org"})


@pytest.mark.parametrize("end", ["\r\n", "\r", "\n", "\0", "\x85", "\u2028", "\x0b"])
def test_an_address_with_a_line_end_makes_no_mail(end):
    with pytest.raises(RenderError):
        render(ANN._replace(email=f"ann@example.org{end}Bcc: all@example.org"))


def test_a_personal_link_is_tracked_for_who_may_be_named_and_plain_for_others():
    fields = {"link_urls": URLS[1:], "text": "{{ link_1 }}\n", "html": "{{ link_1 }}\n"}
    own = "https://e.org/Ann%20Reader?q=Leith&c=%C3%A9"
    person = ANN._replace(stored={"a": "Leith"})
    mails = {
        choice: render(person._replace(tracking=choice), **fields)
        for choice in ("individual", "aggregate", "off")
    }

    [token, again] = tokens_in(mails["individual"].data, "c")
    assert token == again
    assert signing.read("click", token, 3) == (12, 7, 102)
    assert "Leith" not in "".join(parts(mails["individual"].data))
    for choice in ("aggregate", "off"):
        assert parts(mails[choice].data) == (f"{own}\n", own.replace("&", "&amp;") + "\n")


def test_values_that_are_gigantic_in_many_places_make_no_mail():
    with pytest.raises(RenderError, match="longer than"):
        render(ANN._replace(name="x" * 100_000), html="{{ subscriber.name }}" * 100)


def test_international_addresses():
    mail = render(ANN._replace(email="jürgen@bücher.example"))
    plain = render(ANN._replace(email="juergen@bücher.example"))

    assert (mail.recipient, mail.needs_smtputf8) == ("jürgen@xn--bcher-kva.example", True)
    assert (plain.recipient, plain.needs_smtputf8) == ("juergen@xn--bcher-kva.example", False)
    assert "jürgen@xn--bcher-kva.example".encode() in mail.data
    assert plain.data.isascii()


@pytest.mark.parametrize(
    ("fields", "person", "words"),
    [
        ({"html": "{{ 1 / 0 }}"}, ANN, "divides by zero"),
        ({}, ANN._replace(email="no address"), "name@example.org"),
        (
            {"html": "{% for i in range(99) %}{{ subscriber.name }}{% endfor %}"},
            ANN._replace(name="x" * 100_000),
            "longer than",
        ),
    ],
)
def test_a_mail_that_can_not_be_made_is_said_so(fields, person, words):
    with pytest.raises(RenderError, match=words):
        render(person, **fields)


def test_values_of_one_reader_do_not_reach_the_next():
    message = CompiledMessage(make_edition(text="{% set x = subscriber.name %}{{ x }}\n"))

    texts = [parts(message.render(ANN._replace(name=name)).data)[0] for name in ("A", "B", "A")]

    assert texts == ["A\n", "B\n", "A\n"]


# --- what reports back ------------------------------------------------------------------

WITH_BEACONS = (
    "<html><head>{{ quote_style }}</head><body>{{ forward_url }} {{ link_0 }}"
    "{{ hidden_link }}{{ open_pixel }}</body></html>\n"
)


def test_only_a_reader_who_may_be_named_has_the_style_of_quoted_mail():
    html = {
        choice: parts(render(ANN._replace(tracking=choice), html=WITH_BEACONS).data)[1]
        for choice in ("individual", "aggregate", "off")
    }

    assert [choice for choice, text in html.items() if "/q/" in text] == ["individual"]
    assert [choice for choice, text in html.items() if 'id="_t"' in text] == ["individual"]
    assert [choice for choice, text in html.items() if 'tabindex="-1"' in text] == [
        "individual",
        "aggregate",
    ]


def test_the_hidden_link_and_the_style_carry_the_reader_s_own_tokens():
    _, html = parts(render(ANN, html=WITH_BEACONS).data)

    [hidden] = re.findall(r'/c/([\w-]+)" style="display:none', html)
    [quoted] = re.findall(r"/q/([\w-]+)\.gif", html)
    [forward] = re.findall(r"https://news\.example\.org/f/([\w-]+)", html)
    assert tokens.read_click(hidden) == (12, 7, 0, tokens.HIDDEN_LINK)
    assert tokens.read_open(quoted) == (12, 7, 0)
    assert tokens.read_forward(forward) == (12, 7)


@pytest.mark.parametrize("choice", ["aggregate", "off"])
def test_two_who_may_not_be_named_get_what_differs_only_where_it_must(choice):
    """Leaving, preferences and forwarding are a person's own pages; nothing else names anybody."""
    one, other = (
        "".join(
            parts(
                render(
                    ANN._replace(subscriber_id=number, tracking=choice),
                    html=WITH_BEACONS.replace("</body>", "{{ unsubscribe_url }}</body>"),
                    text="{{ link_1 }} {{ preferences_url }}\n",
                ).data
            )
        )
        for number in (7, 8)
    )

    own = re.compile(r"/[upf]/[\w-]+")
    assert own.sub("", one) == own.sub("", other)
    assert one != other
