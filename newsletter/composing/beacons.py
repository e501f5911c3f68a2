"""What in a mail's HTML reports back by itself: a picture, a hidden link, a style of quoted mail.

Each is fixed text around a token. All of them stand where no reader sees, hears or reaches them,
and not in the text part.
"""

from typing import NamedTuple

from django.conf import settings
from markupsafe import Markup, escape

from subscribers.models import TrackingChoice


class Beacon(NamedTuple):
    """The HTML before and after the token."""

    before: str
    after: str


OPEN_PIXEL, HIDDEN_LINK, QUOTE_STYLE = NAMES = ("open_pixel", "hidden_link", "quote_style")

# Empty, so that nobody sees it where styles are stripped: only programs follow it.
_HIDDEN = '" style="display:none;mso-hide:all" aria-hidden="true" tabindex="-1"></a>'
# What Outlook and Thunderbird put around a mail that they quote; elsewhere the rule fits nothing.
_QUOTED = "div.OutlookMessageHeader,table.moz-email-headers-table,blockquote #_t"


def beacons(choice: str) -> dict[str, Beacon]:
    """Return the beacons in mail for people who made this choice; none for TrackingChoice.OFF.

    The style is for `individual` alone: only of a copy whose reader is known can it be said that
    somebody else has it.
    """
    if choice == TrackingChoice.OFF:
        return {}
    url = str(escape(settings.TRACKING_URL))
    found = {
        OPEN_PIXEL: Beacon(
            f'<img src="{url}/o/', '" width="1" height="1" alt="" style="border:0;display:block">'
        ),
        HIDDEN_LINK: Beacon(f'<a href="{url}/c/', _HIDDEN),
    }
    if choice == TrackingChoice.INDIVIDUAL:
        found[HIDDEN_LINK] = Beacon(f'<a href="{url}/c/', f'{_HIDDEN}<div id="_t"></div>')
        found[QUOTE_STYLE] = Beacon(
            f'<style>{_QUOTED}{{background-image:url("{settings.TRACKING_URL}/q/', '.gif")}</style>'
        )
    return found


def filled(choice: str, opened: str, hidden: str) -> dict[str, Markup]:
    """Return the beacons with the tokens of an open and of the hidden link, as template values."""
    return {
        name: Markup(before + (hidden if name == HIDDEN_LINK else opened) + after)  # noqa: S704
        for name, (before, after) in beacons(choice).items()
    }
