"""The marketers' pages. They read input, call one function and report; the rules are elsewhere."""

from django.contrib import admin

# Each registers its pages when it is imported.
from newsletter.admin import (
    accounts,
    campaigns,
    dkim,
    imports,
    law,
    lists,
    organisation,
    outbox,
    people,
    providers,
    servers,
    templates,
    trends,
)

__all__ = [
    "accounts",
    "campaigns",
    "dkim",
    "imports",
    "law",
    "lists",
    "organisation",
    "outbox",
    "people",
    "providers",
    "servers",
    "templates",
    "trends",
]

# The theme's site looks for this name; pages that belong to no model are added by it.
admin.site.extra_urls = lambda: [  # type: ignore[attr-defined]
    *outbox.urls(),
    *trends.urls(),
]
