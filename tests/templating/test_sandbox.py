"""What marketers write can reach nothing, cost little, and is told plainly what is wrong."""

import re
from pathlib import Path

import pytest

from newsletter.templating import (
    TemplateProblem,
    compile_source,
    explain,
    html_environment,
    text_environment,
)
from newsletter.templating.filters import FILTERS_ALLOWED
from newsletter.templating.limits import CHARACTERS

READER = {
    "subscriber": {
        "name": "Ann <b>",
        "attributes": {"items": ["x", "y"], "nothing": None, "zero": 0},
    }
}


def render(source, environment=html_environment, **values):
    return compile_source(environment, source).render({**READER, **values})


def problem_of(source, **values):
    try:
        render(source, **values)
    except Exception as error:
        return explain(error)
    pytest.fail(f"nothing is wrong with {source!r}")


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__ }}",
        "{{ ''['__class__'] }}",
        "{{ ''['__cla' ~ 'ss__'] }}",
        "{{ subscriber.name.__class__.__mro__[1].__subclasses__() }}",
        "{{ subscriber|attr('__class__') }}",
        "{{ subscriber.name|map('attr', '__class__')|join }}",
        "{{ [subscriber.name]|map(attribute='__class__')|join }}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ lipsum.__globals__ }}",
        "{{ self.__init__ }}",
        "{{ '%s'|format(1) }}",
        "{{ '{0.__class__}'.format(1) }}",
        "{{ 'x'.encode() }}",
        "{{ subscriber.pop('name') }}",
        "{{ subscriber.update({'name': 1}) }}",
        "{{ range.__self__ }}",
        "{% include 'x' %}",
        "{% import 'x' as y %}",
        "{% from 'x' import y %}",
        "{% extends 'x' %}",
        "{% block x %}{% endblock %}",
        "{{ env }}",
        "{{ settings }}",
        "{{ request }}",
    ],
)
def test_nothing_else_can_be_reached(source):
    assert problem_of(source).message


@pytest.mark.parametrize(
    "source",
    [
        "{{ 'a' * 100000000 }}",
        "{{ [1] * 100000000 }}",
        "{{ '%099999999d' % 1 }}",
        "{{ 10 ** 10 ** 10 }}",
        "{% set x = 9999999999 * 9999999999 * 9999999999 %}{{ x }}",
        "{{ 'a'|center(100000000) }}",
        "{{ 'a'.ljust(100000000) }}",
        "{{ 'a'.zfill(100000000) }}",
        "{{ 'a\\tb'.expandtabs(100000000) }}",
        "{{ 'aaaa'|replace('a', 'b'|list|string) }}{{ ('a' ~ range(999)|join)|replace('', "
        "range(999)|join) }}",
        "{{ 1.5|round(1000000000) }}",
        "{{ 5|round(-1000000000) }}",
        "{{ range(1000000000)|list }}",
        "{{ range(1000)|batch(1000000000, 'x')|list }}",
        "{% for i in range(1000) %}{% for j in range(1000) %}x{% endfor %}{% endfor %}",
        "{% for i in [1] recursive %}{{ loop([1, 1]) }}{% endfor %}",
        "{% macro f() %}{{ f() }}{{ f() }}{% endmacro %}{{ f() }}",
        "{% set s = 'aaaaaaaaaa' %}" + "{% set s = s ~ s %}" * 40,
        "{% set s = 'aaaaaaaaaa' %}" + "{% set s = s + s %}" * 40,
        "{% set s = 'aaaaaaaaaa' %}" + "{% set s = [s, s]|join %}" * 40,
        "{% set s = 'aaaaaaaaaa' %}" + "{% set s %}{{ s }}{{ s }}{% endset %}" * 40,
        "{% macro m(s) %}{{ s }}{{ s }}{% endmacro %}{{ " + "m(" * 40 + "'aaaa'" + ")" * 40 + " }}",
        "{% set l = [1, 1] %}" + "{% set l = [l, l] %}" * 40,
        "{% set l = [1, 1] %}" + "{% set l = l + l %}" * 40,
        "{% set l = [1, 1] %}" + "{% set l = {'a': l, 'b': l} %}" * 40,
        "{% for i in range(1000) %}" + "x" * 10_000 + "{% endfor %}",
        "{% set s %}{% for i in range(1000) %}" + "x" * 10_000 + "{% endfor %}{% endset %}",
        "{{ " + "(" * 20_000 + "1" + ")" * 20_000 + " }}",
        "{{ " + "+".join(["1"] * 20_000) + " }}",
        "{% if 1 %}" * 2_000 + "{% endif %}" * 2_000,
        "{% for x in [1] %}" * 10 + "{% endfor %}" * 10,
        "{{ 1" + "0" * 10_000 + " }}",
        "{{ x }}" * 6_000,
        "x" * 1_000_001,
    ],
    ids=lambda source: source[:50],
)
def test_nothing_costs_much(source):
    assert problem_of(source).message


def test_a_reader_with_a_gigantic_value_costs_no_more():
    problem = problem_of(
        "{% set s %}{% for i in range(100) %}{{ subscriber.big }}{% endfor %}{% endset %}{{ s }}",
        subscriber={"big": "x" * (CHARACTERS // 10)},
    )

    assert "characters" in problem.message


@pytest.mark.parametrize(
    ("source", "line", "words"),
    [
        ("one\ntwo {% if %}", 2, "expression"),
        ("one\n{% for x in y %}", 2, "never closed"),
        ("one\ntwo\n{{ 1 / 0 }}", 3, "divides by zero"),
        ("\n{{ subscriber.name|uper }}", 2, "Did you mean “upper”?"),
        ("\n{{ subscriber.name is blah }}", 2, "test “blah”"),
        ("\n{{ subscriber.attributes['items'] }}", 2, "list"),
        ("a\0b", 1, "NUL"),
    ],
)
def test_a_mistake_has_a_line_and_a_reason(source, line, words):
    problem = problem_of(source)

    assert problem.line == line
    assert words in str(problem)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ subscriber.name }}", "Ann &lt;b&gt;"),
        ("{{ subscriber.attributes.city | default('here') }}", "here"),
        ("{{ subscriber.attributes.a.b.c | default('here') }}", "here"),
        ("{{ subscriber.attributes.nothing | default('here') }}", "here"),
        ("{{ subscriber.attributes.nothing }}", ""),
        ("{{ subscriber.attributes.zero | default('here') }}", "0"),
        ("{{ '' | d('here') }}", "here"),
        ("{% if subscriber.attributes.city %}a{% else %}b{% endif %}", "b"),
        ("{% for x in subscriber.attributes.cities %}a{% else %}b{% endfor %}", "b"),
        ("{{ subscriber.attributes.city is defined }}", "False"),
        ("{{ 'yes' if subscriber.attributes.city }}", ""),
        ("{{ subscriber.attributes.city }}", ""),
        ("{{ subscriber.attributes.city | upper }}", ""),
        (
            "{% for x in subscriber.attributes['items'] %}{{ loop.index }}{{ x }}{% endfor %}",
            "1x2y",
        ),
        ("{{ subscriber.attributes['items'] | join(', ') }}", "x, y"),
        ("{{ subscriber.attributes.items | join('<') }}", "x&lt;y"),
        ("{% for k, v in {'a': 1}.items() %}{{ k }}{{ v }}{% endfor %}", "a1"),
        ("{% macro b(x) %}<b>{{ x }}</b>{% endmacro %}{{ b('<') }}", "<b>&lt;</b>"),
        ("{% set x %}<i>{{ '<' }}</i>{% endset %}{{ x ~ '<' }}", "<i>&lt;</i>&lt;"),
        ("{% call(x) m() %}{% endcall %}{% macro m() %}{% endmacro %}", None),
        ("{% filter upper %}a{{ 'b' }}{% endfilter %}", "AB"),
        ("{% with a = 2 %}{{ a * 3 + 1 }}{% endwith %}", "7"),
        ("{{ 'x'.upper() }}{{ 'a b'.split()[1] }}{{ 'abc'[:2] }}", "Xbab"),
        ("{{ 7 % 3 }}{{ 2 ** 3 }}{{ 10 // 3 }}", "183"),
        ("{{ ['b', 'a'] | sort | first }}{{ [1, 2] | sum }}", "a3"),
        ("{{ range(3) | batch(2) | map('join', '') | join('|') }}", "01|2"),
        ("{% raw %}{{ x }}{% endraw %}", "{{ x }}"),
        ("{{ 'a\\r\\nb\\rc' }}", "a\nb\nc"),
    ],
)
def test_what_marketers_need_works(source, expected):
    if expected is not None:
        assert render(source) == expected


def test_a_value_is_never_read_as_a_template():
    assert render("{{ subscriber.name }}", subscriber={"name": "{{ 7 * 7 }}"}) == "{{ 7 * 7 }}"


def test_texts_that_are_not_html_are_not_escaped():
    assert render("{{ subscriber.name | e }}", text_environment) == "Ann <b>"


def test_a_problem_is_equal_to_another_that_says_the_same():
    assert TemplateProblem("a", 1, "body") == TemplateProblem("a", 1, "body")
    assert len({TemplateProblem("a", 1, "body"), TemplateProblem("a", 1, "body")}) == 1
    assert TemplateProblem("a", 1, "body") != TemplateProblem("a", 2, "body")


def test_the_documentation_names_every_filter():
    page = (Path(__file__).parents[2] / "docs/campaigns.md").read_text()

    [named] = re.findall(r"\*\*Filters\*\*: `([^`]*)`", page)
    assert named.split() == sorted(set(FILTERS_ALLOWED) - {"d", "e"})
