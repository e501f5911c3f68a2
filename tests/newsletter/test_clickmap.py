"""The click map: every link of the mail gets its badge, and leads nowhere."""

import pytest

from newsletter import clickmap, composing
from newsletter.admin.preview import MADE_UP
from newsletter.clickmap import Heat
from tests.factories import make_campaign

BODY = """\
[One](https://example.org/a?b=1&c=2) and [again](https://example.org/a?b=1&c=2)

[Mine](https://example.org/me?city={{ subscriber.attributes.city }})

[Write](mailto:us@example.org)
"""


@pytest.fixture
def edition(db):
    return composing.freeze(make_campaign(body=BODY))


def test_badges_stand_at_each_link_the_personal_one_too(edition):
    first, mine = edition.link_ids[:2]

    drawn = clickmap.draw(edition, MADE_UP, {first: 3, mine: 1})

    assert drawn.html.count("<b data-badge>3 · 75 %</b>") == 2
    assert drawn.html.count("<b data-badge>1 · 25 %</b>") == 1
    assert {first, mine} <= drawn.shown


def test_nothing_leads_anywhere(edition):
    drawn = clickmap.draw(edition, MADE_UP, {})

    assert "click-map-" not in drawn.html
    assert 'href="https:' not in drawn.html
    assert "Leeds" not in drawn.html


@pytest.mark.parametrize(("clicks", "step"), [(0, 0), (1, 1), (25, 1), (26, 2), (99, 4), (100, 4)])
def test_steps(clicks, step):
    assert clickmap.step(clicks, 100) == step


def test_a_mail_without_clicks():
    assert clickmap.step(0, 0) == 0
    assert clickmap.heats({1: 0}) == {1: Heat(0, 0.0)}
    assert clickmap.words(Heat(0, 0.0)) == "0 · 0 %"
    assert clickmap.words(Heat(1200, 3.25)) == "1,200 · 3.2 %"
