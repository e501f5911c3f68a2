"""Jinja2's tags survive what HTML and Markdown parsers do."""

import pytest

from newsletter.composing import document, markdown, shield
from newsletter.composing.beacons import NAMES
from newsletter.composing.document import Parts
from newsletter.composing.links import Links
from newsletter.composing.shield import Shield
from newsletter.templating import TemplateProblem, html_environment
from newsletter.templating.pieces import split

FOOTER = '<a href="{{ unsubscribe_url }}">leave</a>'


def through_the_inliner(body, **values):
    frame = "<html><head><style>td { color: red } </style></head><body>{{ content }}</body></html>"
    source = document.build(frame, Parts(body, FOOTER, "", ""), Links())
    return html_environment.from_string(source).render(
        **dict.fromkeys(("unsubscribe_url", *NAMES), ""), **values
    )


def test_a_loop_in_a_table_stays_where_it_is():
    html = through_the_inliner(
        "<table>{% for i in range(2) %}<tr>{% for j in range(2) %}<td>{{ i }}{{ j }}</td>"
        "{% endfor %}</tr>{% else %}<tr><td>none</td></tr>{% endfor %}</table>"
    )

    row = '<tr><td style="color: red;">{0}0</td><td style="color: red;">{0}1</td></tr>'
    assert row.format(0) + row.format(1) in html


def test_a_value_between_rows_stays_where_it_is():
    html = through_the_inliner("<table>{{ rows }}<tr><td>x</td></tr></table>", rows="ROWS")

    assert "<table>ROWS" in html or "<tbody>ROWS" in html


def test_conditions_in_attributes_and_outlooks_comments_survive():
    body = (
        '<p title="{% if a %}1 > 0{% else %}{{ b }}{% endif %}" {{ c }}>x</p>'
        "<!--[if mso]>{% if a %}<b>{{ b }}</b>{% endif %}<![endif]-->"
    )

    html = through_the_inliner(body, a=False, b='"<', c="hidden")

    assert '<p title="&#34;&lt;" hidden>x</p>' in html
    assert "<!--[if mso]><![endif]-->" in html


def test_text_that_an_entity_hid_is_no_tag():
    html = through_the_inliner(
        "&#123;&#123; 7 * 7 }} {% raw %}{{ 8 * 8 }}{% endraw %} &#123;{{ 9 }}"
    )

    assert "{{ 7 * 7 }} {{ 8 * 8 }} {9" in html


def test_quotes_in_an_expression_survive():
    assert 'title="a&#34;b"' in through_the_inliner('<p title="{{ \'a\\"b\' }}">x</p>')


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("<p>\n<a {% if x %}href='#'{% endif %}>x</a></p>", "between the attributes"),
        ("\n<style>{% if x %}p { color: red }{% endif %}</style>", "inside <style>"),
    ],
)
def test_places_where_a_condition_can_not_work_are_named(body, words):
    with pytest.raises(TemplateProblem, match=words) as caught:
        through_the_inliner(body)

    assert caught.value.line == 2


@pytest.mark.parametrize(
    "body",
    [
        '<p title="a" title="{% if a %}b{% endif %}">x</p>',
        "<table><tr><td>x</td></tr>{% if a %}<p>{% endif %}</p></table>",
    ],
)
def test_a_condition_that_the_parser_drops_or_moves_is_refused(body):
    with pytest.raises(TemplateProblem, match="does not let it stay"):
        through_the_inliner(body)


def test_a_source_is_put_together_again():
    source = "a {{ b }}{% if c -%}\n d {%- endif %}{# gone #} {% raw %}{{ e }}{% endraw %}"

    made = shield.join(split(source))

    values = {"b": "{{ b }}", "c": True}
    assert html_environment.from_string(made).render(values) == html_environment.from_string(
        source
    ).render(values)


def test_the_words_are_none_of_the_source():
    pieces = split("{{ a }}")
    word = Shield(pieces).word(pieces[0])
    mark = Shield(split(f"{{{{ a }}}} {word}"))

    assert mark.restore(mark.html()) == f"{{{{ a }}}} {word}"


def test_markdown_keeps_tags_and_makes_buttons():
    html = markdown.to_html(
        "# Hi {{ subscriber.name }}\n\n"
        "{% if subscriber.vip %}\nThanks, **{{ subscriber.name }}**.\n{% endif %}\n\n"
        '[Go]({{ subscriber.url }} "t"){.button}\n\n'
        "A [link](https://e.org){.quiet} {.x} `{{ 1 }}`\n"
    )

    assert html == (
        "<h1>Hi {{ subscriber.name }}</h1>\n"
        "{% if subscriber.vip %}\n<p>Thanks, <strong>{{ subscriber.name }}</strong>.</p>\n"
        "{% endif %}\n"
        '<table role="presentation" class="button-row" border="0" cellpadding="0" cellspacing="0">'
        '<tr><td class="button-cell"><a href="{{ subscriber.url }}" title="t" class="button">Go</a>'
        "</td></tr></table>\n"
        '<p>A <a href="https://e.org" class="quiet">link</a> {.x} <code>{{ 1 }}</code></p>\n'
    )


def test_a_loop_of_items_is_one_list():
    html = markdown.to_html("{% for x in [1, 2] %}\n- {{ x }}\n{% endfor %}\n\nend")

    assert html_environment.from_string(html).render().split() == (
        ["<ul>", "<li>1</li>", "<li>2</li>", "</ul>", "<p>end</p>"]
    )
