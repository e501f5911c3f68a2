"""Filters of the admin's own pages: how numbers, shares and campaigns are written and linked."""

import json
from datetime import datetime
from typing import Any

from django import template
from django.contrib.humanize.templatetags.humanize import intcomma
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from newsletter import wording
from newsletter.models import Campaign

register = template.Library()


@register.filter
def percent(value: float) -> str:
    """Write a share that is in per cent already: one decimal below ten, none above."""
    return f"{value:.1f} %" if value < 10 else f"{value:.0f} %"


@register.filter
def about(counted: tuple[int, bool]) -> str:
    """Write a number and whether it is an estimate."""
    number, estimated = counted
    return f"≈ {intcomma(number)}" if estimated else intcomma(number)


@register.filter
def compact(number: int) -> str:
    """Write a number for a narrow cell: "9,999", "43k", "1.2m"."""
    if number < 10_000:
        return str(intcomma(number))
    if number < 999_500:
        return f"{number / 1000:.0f}k"
    return f"{number / 1_000_000:.1f}m"


@register.filter
def people(number: int, word: str) -> str:
    """Write a number with its word, which gets an s when it isn't one."""
    return f"{intcomma(number)} {word}{'' if number == 1 else 's'}"


@register.filter
def address(email: str) -> SafeString:
    """Write an address so that a narrow column breaks it before the @, not within its domain."""
    name, at, domain = email.rpartition("@")
    return format_html("{}<wbr>{}{}", name, at, domain)


@register.filter
def share_of(part: float, whole: float) -> float:
    """Return a share in per cent, at most 100."""
    return min(100.0, round(100 * part / whole, 1)) if whole else 0.0


@register.filter
def near(moment: datetime) -> str:
    """Write a moment that is near: "14:05", "Monday 09:00"."""
    return wording.clock(moment)


@register.filter
def rate(per_second: float) -> str:
    """Write mails a second: a decimal below ten."""
    return f"{per_second:,.0f}" if per_second >= 10 else f"{per_second:.1f}"


@register.filter(name="json")
def as_json(value: Any) -> str:
    """Write a value as JSON, to be escaped into an attribute."""
    return json.dumps(value, separators=(",", ":"))


@register.filter
def home(campaign: Campaign) -> str:
    """Return where a campaign is looked after: its form while a draft, else its progress."""
    if campaign.status == Campaign.Status.DRAFT:
        return reverse("admin:newsletter_campaign_change", args=[campaign.pk])
    return reverse("admin:newsletter_campaign_progress", args=[campaign.pk])
