"""What stops mail now, as banners on the dashboard and on the pages of campaigns."""

from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest
from django.urls import reverse

from newsletter import alerts


@dataclass(frozen=True, slots=True)
class Banner:
    """An alert, and where something can be done about it."""

    text: str
    since: datetime
    is_grave: bool
    url: str
    link: str


def banners(request: HttpRequest, *, campaigns: bool = True) -> list[Banner]:
    """Return what the person of `request` may see; without `campaigns`, servers and providers."""
    if not request.user.has_perm("newsletter.view_campaign"):
        return []
    return [
        _banner(alert) for alert in alerts.current() if campaigns or alert.kind != alerts.CAMPAIGN
    ]


def _banner(alert: alerts.Alert) -> Banner:
    if alert.kind == alerts.CAMPAIGN:
        url = reverse("admin:newsletter_campaign_progress", args=[alert.key])
        return Banner(alert.text, alert.since, False, url, "Look at it")
    server, _, provider = alert.key.partition(":")
    if provider:
        url, link = reverse("admin:newsletter_provider_changelist"), "Mailbox providers"
    elif server == "0":
        url, link = reverse("admin:newsletter_sendingserver_changelist"), "Sending servers"
    else:
        url, link = reverse("admin:newsletter_sendingserver_change", args=[server]), "The server"
    return Banner(alert.text, alert.since, True, url, link)
