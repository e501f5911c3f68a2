"""What one person did, and how they read: their timeline, their months and their score."""

from datetime import datetime
from typing import Any

from django.contrib.humanize.templatetags.humanize import intcomma
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path
from django.utils.timezone import get_current_timezone_name, localtime
from django.views.decorators.http import require_GET

from newsletter.admin import person_file
from newsletter.admin.pages import page, permitted
from newsletter.admin.person_words import line, why_not
from newsletter.models import Campaign
from newsletter.person_reading import MONTHS, Reading, reading
from newsletter.person_timeline import Place
from newsletter.person_timeline import page as timeline
from newsletter.templatetags.broadsheet import people
from subscribers.models import Subscriber
from tracking import engagement
from tracking.engagement import Score

DAY = 86_400  # seconds


@require_GET
def activity(request: HttpRequest, subscriber_id: int) -> HttpResponse:
    """Show the page."""
    if not request.user.has_perm("newsletter.view_campaign"):
        raise PermissionDenied
    subscriber = get_object_or_404(Subscriber, pk=subscriber_id)
    moment = localtime()
    found = reading(subscriber, moment)
    after = Place.parse(request.GET.get("before", ""))
    shown = timeline(subscriber, found, moment, after)
    return page(
        request,
        "admin/subscribers/subscriber/activity.html",
        "Activity",
        opts=Subscriber._meta,
        original=subscriber,
        part="activity",
        reading=found,
        why_not=why_not(found.choice),
        cards=cards(found, moment),
        formula=formula(found.score, moment),
        chart=chart(found),
        zone=get_current_timezone_name(),
        lines=[line(entry, may_see_ledger(request)) for entry in shown.entries],
        next=shown.next,
        is_first=after is None,
    )


def may_see_ledger(request: HttpRequest) -> bool:
    """Say whether lines of the ledger may be linked to."""
    return request.user.has_perm("subscribers.view_consentrecord")


def cards(found: Reading, moment: datetime) -> list[dict[str, Any]]:
    """Return the cards at the top."""
    mailed = _card(
        "send", "Last mailed", found.last_mailed, moment, f"{people(found.mails, 'mail')} in all"
    )
    if not found.choice.names:
        return [mailed]
    machines = found.machine_requests
    return [
        _score_card(found.score),
        _card(
            *("drafts", "Last opened", found.last_opened, moment),
            f"opened {_times(found.opens)} in all",
        ),
        _card(
            *("ads_click", "Last clicked", found.last_clicked, moment),
            f"clicked {_times(found.clicks)} in all"
            + (f" · {intcomma(machines)} by machines left out" if machines else ""),
        ),
        mailed,
    ]


def formula(score: Score, moment: datetime) -> dict[str, Any]:
    """Return what the score is made of, in the numbers that its page shows."""
    campaigns = Campaign.objects.in_bulk([each.mail.campaign_id for each in score.mails])
    return {
        "score": score,
        "half_life": engagement.HALF_LIFE.days,
        "oldest": engagement.OLDEST.days,
        "most": engagement.MOST,
        "fewest": engagement.FEWEST,
        "grace": engagement.GRACE.days,
        "opened": engagement.OPENED,
        "mails": [
            {
                "subject": campaigns[each.mail.campaign_id].subject,
                "campaign": each.mail.campaign_id,
                "days": int((moment - each.mail.at).total_seconds() // DAY),
                "did": _did(each.mail),
                "weight": each.weight,
                "points": each.points,
                "part": each.weight * each.points,
            }
            for each in score.mails
            if each.mail.campaign_id in campaigns
        ],
    }


def chart(found: Reading) -> dict[str, Any]:
    """Return the months as a chart; empty when nothing was read in them."""
    if not found.months:
        return {}
    return {
        "type": "bar",
        "labels": [f"{month.start:%b %Y}" for month in found.months],
        "series": [
            {"label": "Opens", "colour": "open", "data": [each.opens for each in found.months]},
            {"label": "Clicks", "colour": "click", "data": [each.clicks for each in found.months]},
        ],
        "opens": sum(each.opens for each in found.months) / MONTHS,
        "clicks": sum(each.clicks for each in found.months) / MONTHS,
    }


def ago(at: datetime, moment: datetime) -> str:
    """Return how long ago something was, in days of the calendar: "today", "12 days ago"."""
    days = (localtime(moment).date() - localtime(at).date()).days
    if days < 2:
        return "yesterday" if days == 1 else "today"
    if days < 60:
        return f"{days} days ago"
    return f"{days // 30} months ago" if days < 730 else f"{days // 365} years ago"


def _card(
    icon: str, label: str, at: datetime | None, moment: datetime, hint: str
) -> dict[str, Any]:
    return {
        "icon": icon,
        "label": label,
        "value": ago(at, moment) if at else "never",
        "at": at,
        "hint": hint,
    }


def _score_card(score: Score) -> dict[str, Any]:
    mails = people(len(score.mails), "mail")
    if score.value is None:
        hint = f"{mails} so far; it takes {engagement.FEWEST} to tell"
        return {"icon": "bolt", "label": "Engagement", "value": "–", "hint": hint}
    return {
        "icon": "bolt",
        "label": "Engagement",
        "value": str(score.value),
        "of": "of 100",
        "hint": f"by their last {mails}",
        "meter": score.value,
    }


def _did(mail: engagement.Mail) -> str:
    return "clicked" if mail.clicked else "opened" if mail.opened else "–"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{intcomma(count)} times"


def urls() -> list[URLPattern]:
    """Return the addresses of the page, and of the download of all that is held."""
    return [
        path(
            "<int:subscriber_id>/activity/",
            permitted(activity, "subscribers.view_subscriber"),
            name="subscribers_subscriber_activity",
        ),
        *person_file.urls(),
    ]
