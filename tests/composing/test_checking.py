"""A mistake is found when a campaign is saved, with its field, its line and what to do."""

import pytest

from newsletter import composing
from newsletter.models import Campaign, Template

pytestmark = pytest.mark.django_db


def check(**fields):
    fields = {"subject": "S", "body": "Hello", **fields}
    return [(p.field, p.line, p.message) for p in composing.check(Campaign(**fields))]


@pytest.mark.parametrize("format", ["markdown", "html"])
def test_a_good_campaign_that_is_not_saved_yet(format):
    body = "<b>Hi {{ subscriber.first_name | default('you') }}</b> <a href='https://e.org'>x</a>"

    assert check(format=format, body=body, preheader="{{ subscriber.name }}") == []


@pytest.mark.parametrize(
    ("fields", "field", "line", "words"),
    [
        ({"subject": "Hi {{ subscriber.nmae }}"}, "subject", 1, "subscriber.name"),
        ({"preheader": "{{ now }}"}, "preheader", 1, "“now” is not known"),
        ({"body": "one\n\n{% if x %}"}, "body", 3, "never closed"),
        ({"body": "one\n{{ env }}"}, "body", 2, "“env” is not known"),
        ({"body": "\n{% for i in range(1000) %}{% for i in range(1000) %}{% endfor %}"
                  "{% endfor %}"}, "body", 2, "turns"),
        ({"body": "{{ 'a' * 1000000000 }}"}, "body", 1, "numbers only"),
        ({"body": "[x](javascript:alert)", "format": "html"}, None, 0, ""),
        ({"body": '<a href="javascript:x">x</a>'}, "body", 1, "javascript:x"),
        ({"body": "\n\n[x](/about)"}, "body", 3, "has to begin with https://"),
        ({"body": "<html>\n<body>x</body>", "format": "html"}, "body", 2, "<body>"),
        ({"body": "<p>\n<a {% if 1 %}x{% endif %}></a>", "format": "html"}, "body", 2, "between"),
        ({"template": Template(html="<a href='/x'>{{ content }}")}, "template", 0, "/x"),
        ({"template": Template(html="<p>")}, "template", 0, "{{ content }}"),
        ({"template": Template(html="a\n{{ contnt }}")}, "template", 2, "Did you mean “content”"),
        ({"from_email": "a@e.org\r\nBcc: b@e.org"}, "from_email", 0, "line break"),
        ({"reply_to": "nobody"}, "reply_to", 0, "the form name@example.org"),
    ],
)  # fmt: skip
def test_a_mistake_is_named(fields, field, line, words):
    problems = check(**fields)

    if field is None:
        assert problems == []
    else:
        assert [(problem[0], problem[1]) for problem in problems] == [(field, line)]
        assert words in problems[0][2]


def test_all_fields_are_looked_at_at_once():
    problems = check(subject="{{ a }}", body="{{ b }}", from_email="c")

    assert [problem[0] for problem in problems] == ["subject", "body", "from_email"]


def test_a_template_by_itself():
    [problem] = composing.check_template("<p>\n{{ footre }}{{ content }}")

    assert (problem.field, problem.line) == ("html", 2)
    assert composing.check_template("{{ content }}") == []
