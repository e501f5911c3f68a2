"""The templates that come with Broadsheet are there, work, and respect what marketers made."""

import pytest

from newsletter import composing
from newsletter.composing import frames
from newsletter.models import Template

pytestmark = pytest.mark.django_db


def test_the_frames_are_there_after_migrating():
    names = set(Template.objects.filter(is_builtin=True).values_list("name", flat=True))

    assert names == {frame.name for frame in frames.FRAMES}
    assert Template.objects.get(is_default=True).name == frames.FRAMES[0].name


def test_an_upgrade_brings_a_better_version_and_leaves_the_choice_of_default():
    Template.objects.filter(name="Broadsheet").update(html="old", is_default=False)
    Template.objects.filter(name="Plain letter").update(is_default=True)

    frames.ensure_builtin_templates()

    assert Template.objects.get(name="Broadsheet").html == frames.FRAMES[0].html
    assert Template.objects.get(is_default=True).name == "Plain letter"


def test_a_template_that_a_marketer_made_stays():
    Template.objects.filter(name="Broadsheet").update(html="mine", is_builtin=False)

    frames.ensure_builtin_templates()

    assert Template.objects.get(name="Broadsheet").html == "mine"


@pytest.mark.parametrize("frame", frames.FRAMES, ids=lambda frame: frame.name)
def test_a_frame_has_no_mistakes_and_fetches_nothing(frame):
    assert composing.check_template(frame.html) == []
    assert "color-scheme" in frame.html
    assert "src=" not in frame.html and "url(" not in frame.html
