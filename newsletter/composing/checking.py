"""What is wrong with a campaign's texts, found when they are saved.

Each text is read and tried by itself, in a process of its own (templating/trial.py), so that a
mistake is named with its field and its line. What is left are mistakes that show only when
everything is put together.
"""

from jinja2 import nodes

from newsletter.composing import headers
from newsletter.composing.edition import compile_edition
from newsletter.composing.frames import default_frame
from newsletter.composing.links import BadLink
from newsletter.models import Campaign
from newsletter.templating import TemplateProblem, text_environment
from newsletter.templating.trial import Part, try_out

_SENDERS = ("from_email", "reply_to")
_NO_FORWARDING = (
    "{{ forward_url }} leads nowhere, because a list of this campaign does not let its mail be "
    "forwarded. Take it out, or allow it in the settings of the list."
)


def check(campaign: Campaign) -> list[TemplateProblem]:
    """Return what is wrong with a campaign, which need not be saved. Empty: it can be sent."""
    problems = try_out(
        [
            Part("subject", campaign.subject, "subject", html=False),
            Part("preheader", campaign.preheader, "subject", html=False),
            Part("body", campaign.body),
            Part("template", _frame(campaign), "frame"),
        ]
    )
    problems += _check_senders(campaign)
    return problems or _check_forwarding(campaign) or _check_whole(campaign)


def check_template(html: str) -> list[TemplateProblem]:
    """Return what is wrong with a template's HTML."""
    campaign = Campaign(subject="Subject", body="Body")
    problems = try_out([Part("html", html, "frame")])
    if not problems:
        problems = _check_whole(campaign, html)
    return [TemplateProblem(problem.message, problem.line, "html") for problem in problems]


def _frame(campaign: Campaign) -> str:
    return campaign.template.html if campaign.template else default_frame()


def _check_senders(campaign: Campaign) -> list[TemplateProblem]:
    problems = []
    for field in _SENDERS:
        try:
            headers.mailbox(getattr(campaign, field) or "name@example.org")
        except headers.BadHeader as error:
            problems.append(TemplateProblem(f"This can't stand here: {error}.", 0, field))
    return problems


def _check_forwarding(campaign: Campaign) -> list[TemplateProblem]:
    """Find links for forwarding that would lead to a page which says that it is not allowed."""
    if campaign.may_be_forwarded:
        return []
    return [
        TemplateProblem(_NO_FORWARDING, name.lineno, field)
        for field, source in (("body", campaign.body), ("template", _frame(campaign)))
        for name in text_environment.parse(source).find_all(nodes.Name)
        if name.name == "forward_url"
    ]


def _check_whole(campaign: Campaign, frame: str | None = None) -> list[TemplateProblem]:
    try:
        compile_edition(campaign, frame)
    except BadLink as problem:
        return [_found_in_body(problem, campaign.body)]
    except TemplateProblem as problem:
        return [TemplateProblem(problem.message, problem.line, problem.field or "body")]
    return []


def _found_in_body(problem: BadLink, body: str) -> TemplateProblem:
    before, found, _ = body.partition(problem.href)
    if problem.href and found:
        return TemplateProblem(problem.message, before.count("\n") + 1, "body")
    return TemplateProblem(problem.message, 0, "body" if not problem.href else "template")
