"""A template is tried in a process of its own, which dies in the place of ours."""

import sys
from pathlib import Path

import pytest

from newsletter.templating import trial
from newsletter.templating.trial import Part, try_out


def test_nothing_is_wrong():
    parts = [Part("subject", "Hello {{ subscriber.first_name }}", "subject", html=False)]

    assert try_out([*parts, Part("body", "{{ campaign.subject }}")]) == []


@pytest.mark.parametrize(
    ("part", "line", "words"),
    [
        (Part("body", "\n{{ subscribr.name }}"), 2, "Did you mean “subscriber”?"),
        (Part("body", "{{ subscriber.nmae }}"), 1, "Did you mean “subscriber.name”?"),
        (Part("body", "{{ subscriber.city }}"), 1, "subscriber.attributes.city"),
        (Part("body", "{{ subscriber['city'] }}"), 1, "subscriber.attributes.city"),
        (Part("body", "{% set subscriber = 1 %}"), 1, "already means something"),
        (Part("body", "{{ content }}"), 1, "“content” is not known"),
        (Part("subject", "{{ unsubscribe_url }}", "subject"), 1, "not known"),
        (Part("body", "{{ self }}"), 1, "not known"),
        (Part("body", "{% for x in range(1000) %}{% for y in range(99) %}{% endfor %}{% endfor %}"),
         1, "turns"),
    ],
)  # fmt: skip
def test_a_mistake_is_named(part, line, words):
    [problem] = try_out([part])

    assert (problem.line, problem.field) == (line, part.field)
    assert words in problem.message


def test_every_part_is_looked_at():
    problems = try_out([Part("subject", "{{ x }}", "subject"), Part("body", "{{ y }}")])

    assert [problem.field for problem in problems] == ["subject", "body"]


@pytest.mark.parametrize("crash", ["while True: pass", "x = 'x' * 10**10", "import os; os.abort()"])
def test_a_gap_in_the_rules_costs_the_trying_process_only(monkeypatch, tmp_path, crash):
    """Whatever gets past every rule: the process that tries is stopped, and we say so."""
    limited = "    _limit_this_process()\n"
    source = Path(trial.__file__).read_text().replace(limited, f"{limited}    {crash}\n")
    program = tmp_path / "trial.py"
    program.write_text(
        source.replace("NEWSLETTER = ", f"NEWSLETTER = Path({str(trial.NEWSLETTER)!r}) or ")
    )
    monkeypatch.setattr(trial, "__file__", str(program))
    monkeypatch.setattr(trial, "PATIENCE", 10)

    [problem] = try_out([Part("body", "x")])

    assert "too long or needs too much memory" in problem.message


def test_the_trying_process_loads_little():
    """A save waits for it: Django and Celery would cost half a second."""
    import subprocess

    code = (
        "import runpy, sys, io; sys.stdin = io.TextIOWrapper(io.BytesIO(b'[]'));"
        f"runpy.run_path({trial.__file__!r}, run_name='__main__');"
        "assert not {'django', 'celery', 'newsletter.celery'} & set(sys.modules)"
    )
    assert subprocess.run([sys.executable, "-I", "-c", code]).returncode == 0
