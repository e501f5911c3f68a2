"""The admin's looks: names, colours, navigation (newsletter/admin/site.py)."""

from typing import Any

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Broadsheet",
    "SITE_HEADER": "Broadsheet",
    "SITE_URL": None,  # there is no site to view: public pages are reached from lists
    "SITE_ICON": "newsletter.admin.site.logo",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": "newsletter.admin.site.logo"},
    ],
    "STYLES": ["newsletter.admin.site.stylesheet"],
    "SCRIPTS": ["newsletter.admin.site.script"],
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "BORDER_RADIUS": "8px",
    "DASHBOARD_CALLBACK": "newsletter.admin.dashboard.context",
    "COLORS": {
        "base": {
            "50": "oklch(98.4% .003 247.858)",
            "100": "oklch(96.8% .007 247.896)",
            "200": "oklch(92.9% .013 255.508)",
            "300": "oklch(86.9% .022 252.894)",
            "400": "oklch(70.4% .04 256.788)",
            "500": "oklch(53.5% .046 257.417)",
            "600": "oklch(44.6% .043 257.281)",
            "700": "oklch(37.2% .044 257.287)",
            "800": "oklch(27.9% .041 260.031)",
            "900": "oklch(20.8% .035 262.5)",
            "950": "oklch(12.9% .03 264.695)",
        },
        "primary": {
            "50": "oklch(96.2% .018 272.314)",
            "100": "oklch(93% .034 272.788)",
            "200": "oklch(87% .065 274.039)",
            "300": "oklch(78.5% .115 274.713)",
            "400": "oklch(67.3% .182 276.935)",
            "500": "oklch(58.5% .233 277.117)",
            "600": "oklch(51.1% .262 276.966)",
            "700": "oklch(45.7% .24 277.023)",
            "800": "oklch(39.8% .195 277.366)",
            "900": "oklch(35.9% .144 278.697)",
            "950": "oklch(25.7% .09 281.288)",
        },
    },
    "SIDEBAR": {"show_search": False, "navigation": "newsletter.admin.site.navigation"},
}
