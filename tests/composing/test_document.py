"""Frame, body and footer come together, whatever the frame forgets."""

import pytest

from newsletter.composing import document, footer
from newsletter.composing.document import Parts
from newsletter.composing.links import Links
from newsletter.templating import TemplateProblem, html_environment, text_environment
from subscribers.models import Organisation

FOOTER = '<p class="footer"><a href="{{ unsubscribe_url }}">leave</a></p>'


def build(frame, content="<p>BODY</p>", subject="", preheader=""):
    parts = Parts(content, FOOTER, subject, preheader)
    source = document.build(frame, parts, Links())
    return html_environment.from_string(source).render(
        unsubscribe_url="LEAVE",
        open_pixel="PIXEL",
        hidden_link="HIDDEN",
        quote_style="STYLE",
        subscriber={"name": "<Ann>"},
    )


@pytest.mark.parametrize(
    "frame",
    [
        "<html><body><div>{{ content }}</div>{{ footer }}</body></html>",
        "<html><body><div>{{ content }}</div></body></html>",
        "<div>{{ content }}</div>",
        "<div>{{content}}</div><!-- {{ footer }} -->",
        "<div>{{ content }}</div>{% if false %}{{ footer }}{% endif %}",
        '<div title="{{ footer }}">{{ content }}</div>',
        "<html><body><div>{{ content }}</div></body></html><!-- </body> {{ footer }} -->",
    ],
)
def test_the_footer_is_always_there(frame):
    html = build(frame)

    assert html.count('<a href="LEAVE">') == 1
    assert html.index("BODY") < html.index('<a href="LEAVE">')
    assert "HIDDENPIXEL</body></html>" in html
    assert html.index("STYLE</head>") < html.index("BODY")


@pytest.mark.parametrize(
    "frame",
    ["<p>nothing</p>", "<!-- {{ content }} -->", "{% if true %}{{ content }}{% endif %}",
     '<p title="{{ content }}"></p>'],
)  # fmt: skip
def test_a_frame_without_a_place_for_the_body_is_refused(frame):
    with pytest.raises(TemplateProblem, match="no place for the body"):
        build(frame)


@pytest.mark.parametrize("body", ["<textarea>", "<title>", "<!-- open"])
def test_a_body_that_swallows_the_footer_is_refused(body):
    with pytest.raises(TemplateProblem, match="unsubscribe link would not be in the mail"):
        build("<body>{{ content }}{{ footer }}</body>", content=body)


def test_the_preheader_comes_first_and_is_hidden():
    frame = (
        "<html><head><title>{{ subject }}</title></head>"
        '<body class="a>b">{{ content }}</body></html>'
    )

    html = build(frame, subject="<S> {{ subscriber.name }}", preheader="<P> {{ subscriber.name }}")

    assert "<title>&lt;S&gt; &lt;Ann&gt;</title>" in html
    before, _, after = html.partition("&lt;P&gt; &lt;Ann&gt;")
    assert "display:none" in before and "BODY" in after


def test_styles_are_inlined_and_rules_for_screens_stay():
    html = build(
        "<style>p { color: red } @media (max-width: 480px) { p { color: blue !important } }</style>"
        "{{ content }}"
    )

    assert '<p style="color: red;">BODY</p>' in html
    assert "@media" in html


def test_an_organisation_s_name_is_no_template():
    organisation = Organisation(
        name="A & B {{ 7 * 7 }}", postal_address="1 <Street>\n\nTown", contact_email="a@e.org"
    )
    values = {"unsubscribe_url": "LEAVE", "preferences_url": "CHOOSE", "forward_url": "PASS ON"}

    html = html_environment.from_string(footer.html(organisation)).render(values)
    text = text_environment.from_string(footer.text(organisation)).render(values)

    assert "A &amp; B {{ 7 * 7 }}" in html and "1 &lt;Street&gt;, Town" in html
    assert "A & B {{ 7 * 7 }}\n1 <Street>\nTown\n" in text
    for part in (html, text):
        assert all(words in part for words in ("LEAVE", "CHOOSE", "PASS ON", "a@e.org"))
