"""Whether pages are for everybody: with a screen reader, on a telephone, in the dark."""

from collections.abc import Iterable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

_SIZES = {"wide": {"width": 1440, "height": 900}, "narrow": {"width": 390, "height": 844}}

# Runs a test with `size` and `scheme`: in a wide and a narrow window, by day and by night.
in_every_look = pytest.mark.parametrize(
    ("size", "scheme"), [(size, scheme) for size in _SIZES for scheme in ("light", "dark")]
)


def look(page: Page, size: str, scheme: str) -> None:
    """Give the window its size and its scheme of colours."""
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size(_SIZES[size])


def faults(page: Page, addresses: Iterable[str]) -> list[tuple[str, str, str]]:
    """Open pages and everything on them, and return what axe finds and what is too wide."""
    found = []
    for address in addresses:
        page.goto(address)
        page.evaluate("document.querySelectorAll('main details').forEach(each => each.open = true)")
        page.wait_for_timeout(500)  # milliseconds for charts to be drawn
        violations = Axe().run(page).response["violations"]
        found += [(address, each["id"], each["nodes"][0]["html"]) for each in violations]
        if page.evaluate("document.documentElement.scrollWidth > innerWidth + 1"):
            found.append((address, "wider than the window", ""))
    return found
