"""The frame of every admin page: name, logo, style sheet, and the sidebar.

Named by strings in settings.UNFOLD, so that settings import nothing of the admin.
"""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse

from newsletter import outbox


@dataclass(frozen=True, slots=True)
class Item:
    """A line of the sidebar: shown to those who hold `permission`, lit below `url`."""

    title: str
    icon: str  # Material Symbols, shipped with the theme
    url: str  # name of an admin URL
    permission: str = ""


GROUPS: tuple[tuple[str, tuple[Item, ...]], ...] = (
    ("", (Item("Dashboard", "space_dashboard", "index"),)),
    (
        "Campaigns",
        (
            Item(
                "Campaigns",
                "campaign",
                "newsletter_campaign_changelist",
                "newsletter.view_campaign",
            ),
            Item(
                "Templates",
                "dashboard_customize",
                "newsletter_template_changelist",
                "newsletter.view_template",
            ),
            Item("Trends", "trending_up", "newsletter_trends", "newsletter.view_campaign"),
        ),
    ),
    (
        "People",
        (
            Item(
                "Subscribers",
                "group",
                "subscribers_subscriber_changelist",
                "subscribers.view_subscriber",
            ),
            Item(
                "Lists",
                "list_alt",
                "subscribers_mailinglist_changelist",
                "subscribers.view_mailinglist",
            ),
            Item(
                "Imports",
                "upload_file",
                "subscribers_import_changelist",
                "subscribers.view_import",
            ),
            Item(
                "Suppressions",
                "block",
                "subscribers_suppression_changelist",
                "subscribers.view_suppression",
            ),
            Item(
                "Consent ledger",
                "verified_user",
                "subscribers_consentrecord_changelist",
                "subscribers.view_consentrecord",
            ),
        ),
    ),
)
MAIL_CATCHER = Item("Mail catcher", "inbox", "outbox", "newsletter.view_delivery")
DELIVERY = (
    Item(
        "Sending servers",
        "dns",
        "newsletter_sendingserver_changelist",
        "newsletter.view_sendingserver",
    ),
    Item(
        "Mailbox providers",
        "mark_as_unread",
        "newsletter_provider_changelist",
        "newsletter.view_provider",
    ),
    Item("Signing keys", "key", "newsletter_dkimkey_changelist", "newsletter.view_dkimkey"),
)
SETTINGS = (
    Item(
        "Organisation",
        "apartment",
        "subscribers_organisation_changelist",
        "subscribers.view_organisation",
    ),
    Item("Users", "person", "auth_user_changelist", "auth.view_user"),
    Item("Groups", "shield_person", "auth_group_changelist", "auth.view_group"),
)


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the sidebar for the person of `request`, with the present page lit."""
    groups = [*GROUPS, ("Delivery", DELIVERY)]
    if outbox.is_in_use():
        groups.append(("Testing", (MAIL_CATCHER,)))
    groups.append(("Settings", SETTINGS))
    return [
        {"title": title, "items": [_item(request, item) for item in items if _may(request, item)]}
        for title, items in groups
    ]


def _may(request: HttpRequest, item: Item) -> bool:
    return not item.permission or request.user.has_perm(item.permission)


def _item(request: HttpRequest, item: Item) -> dict[str, Any]:
    link = reverse(f"admin:{item.url}")
    inside = request.path == link if item.url == "index" else request.path.startswith(link)
    return {"title": item.title, "icon": item.icon, "link": link, "active": inside}


def stylesheet(request: HttpRequest) -> str:
    """Return the address of our additions to the theme's style."""
    return static("broadsheet/admin/admin.css")


def script(request: HttpRequest) -> str:
    """Return the address of the script that every page carries."""
    return static("broadsheet/admin/admin.js")


def logo(request: HttpRequest) -> str:
    """Return the address of the mark beside the name."""
    return static("broadsheet/logo.svg")
