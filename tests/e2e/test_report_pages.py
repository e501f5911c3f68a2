"""The pages of a report for everybody: axe finds nothing, and nothing is wider than the window."""

import pytest
from axe_playwright_python.sync_playwright import Axe

pytestmark = pytest.mark.e2e

WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
PAGES = (
    "report/",
    "report/?counted=all&range=all&chart=bars",
    "report/?counted=machines&heat=clicks",
    "report/map/",
    "report/programs/",
    "report/programs/?counted=machines",
    "report/people/",
    "report/people/?did=left",
    "/admin/trends/",
    "/admin/trends/?period=all&least=1&counted=times",
)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_report_is_for_everybody(page, size, scheme):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size(size)
    page.goto("/admin/newsletter/campaign/")
    campaign = page.locator("a[href*='/progress/']").first.get_attribute("href")

    found = []
    for address in PAGES:
        is_own = address.startswith("/")
        page.goto(address if is_own else campaign.replace("progress/", address))
        page.evaluate("document.querySelectorAll('main details').forEach(each => each.open = true)")
        page.wait_for_timeout(500)  # milliseconds for charts to be drawn
        violations = Axe().run(page).response["violations"]
        found += [(address, each["id"], each["nodes"][0]["html"]) for each in violations]
        if page.evaluate("document.documentElement.scrollWidth > innerWidth + 1"):
            found.append((address, "wider than the window", ""))

    assert found == []
