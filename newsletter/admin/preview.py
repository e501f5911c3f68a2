"""A campaign as one subscriber would get it, also while it is still being written."""

from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpRequest, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path
from django.views.decorators.http import require_POST

from newsletter import composing
from newsletter.admin.addresses import number
from newsletter.admin.outbox import as_framed
from newsletter.admin.pages import permitted
from newsletter.models import Campaign, Template
from subscribers.models import Subscriber

CHOICES = 25  # people to preview as
_TEXTS = ("subject", "preheader", "from_email", "reply_to", "format", "body")


def people() -> QuerySet[Subscriber]:
    """Return the newest subscribers, to choose from."""
    return Subscriber.objects.order_by("-id")[:CHOICES]


@require_POST
def unsaved(request: HttpRequest) -> JsonResponse:
    """Answer with the preview of what stands in the form, stored or not."""
    campaign = Campaign(**{name: request.POST.get(name, "") for name in _TEXTS})
    if template := number(request.POST.get("template", "")):
        campaign.template = Template.objects.filter(pk=template).first()
    campaign.lists_in_form = [number(each) for each in request.POST.getlist("lists")]
    return _answer(request, campaign)


@require_POST
def stored(request: HttpRequest, campaign_id: int) -> JsonResponse:
    """Answer with the preview of a stored campaign."""
    return _answer(request, get_object_or_404(Campaign, pk=campaign_id))


@require_POST
def template(request: HttpRequest) -> JsonResponse:
    """Answer with a sample campaign in the template that stands in the form."""
    frame = Template(name="Preview", html=request.POST.get("html", ""))
    return _answer(request, Campaign(template=frame, **SAMPLE))


SAMPLE: dict[str, str] = {
    "subject": "What happened in June",
    "preheader": "Three stories worth your time",
    "format": Campaign.Format.MARKDOWN,
    "body": """Hello {{ subscriber.name or 'reader' }},

this is how a campaign looks in this template.

## A heading

Some text with **strong words** and [a link](https://example.org/story).

> A thought that somebody had.

1. First
2. Second

[Read all of it](https://example.org/more)
""",
}


def chosen_person(request: HttpRequest) -> composing.Person:
    """Return the subscriber that the preview is set to; somebody made up when there is none."""
    chosen = number(request.POST.get("_preview_subscriber", ""))
    subscriber = Subscriber.objects.filter(pk=chosen).first()
    return composing.Person.of(subscriber) if subscriber else MADE_UP


MADE_UP = composing.Person(0, "ada@example.org", "Ada Lovelace", {"city": "Leeds"}, "en")


def urls() -> list[URLPattern]:
    """Return the addresses of previews."""
    see = "newsletter.view_campaign"
    return [
        path("preview/", permitted(unsaved, see), name="newsletter_campaign_preview"),
        path(
            "preview-template/",
            permitted(template, see),
            name="newsletter_campaign_preview_template",
        ),
        path(
            "<int:campaign_id>/preview/",
            permitted(stored, see),
            name="newsletter_campaign_preview_stored",
        ),
    ]


def _answer(request: HttpRequest, campaign: Campaign) -> JsonResponse:
    if "_check" in request.POST:  # in a process of its own, so it is asked for less often
        return _problems(composing.check(campaign))
    person = chosen_person(request)
    try:
        made = composing.preview(campaign, person)
    except composing.TemplateProblem as problem:
        # The check reads each text by itself, so it knows the line in that text.
        return _problems(composing.check(campaign) or [problem])
    return JsonResponse(
        {
            "problems": [],
            "from": campaign.from_email or settings.DEFAULT_FROM_EMAIL,
            "to": person.email,
            "subject": made.subject,
            "preheader": made.preheader,
            "html": as_framed(made.html),
            "text": made.text,
        }
    )


def _problems(found: list[composing.TemplateProblem]) -> JsonResponse:
    return JsonResponse({"problems": [_words(problem) for problem in found]})


def _words(problem: composing.TemplateProblem) -> str:
    return f"{problem.field.capitalize()}: {problem}" if problem.field else str(problem)
