"""HTML that would overrun a native parser's stack is refused, with its line."""

import pytest

from newsletter import composing
from newsletter.composing import nesting
from newsletter.models import Campaign
from newsletter.templating import TemplateProblem


@pytest.mark.parametrize("opening", ["<div>", "<b>", "<table><tr><td>", "<ul><li>", "<font><p>"])
def test_deep_nesting_is_refused(opening):
    with pytest.raises(TemplateProblem, match="inside one another") as problem:
        nesting.check("<p>fine</p>\n" + opening * 3000)

    assert problem.value.line == 2


@pytest.mark.parametrize(
    "html",
    [
        "<p>one" * 5000,
        "<li>one" * 5000,
        "<br>" * 5000,
        "<div><span>x</span></div>" * 5000,
        "<table>" + "<tr><td>a<td>b" * 2000 + "</table>",
        "</div>" * 5000,
    ],
)
def test_long_but_flat_is_fine(html):
    nesting.check(html)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("body", "format"),
    [
        ("<div>" * 20_000, "html"),
        ("<b>" * 8_000, "html"),
        ("<div>" * 3_000, "markdown"),
        ("- " * 3_000 + "x", "markdown"),
        ("> " * 5_000 + "x", "markdown"),
    ],
)
def test_a_body_that_is_too_deep_is_a_problem_and_no_crash(body, format):
    composing.ensure_builtin_templates()

    problems = composing.check(Campaign(subject="x", body=body, format=format))

    assert all("inside one another" in problem.message for problem in problems)
    assert problems or format == "markdown"  # which has a limit of its own
