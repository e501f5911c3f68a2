"""The pages of a person and of a list for everybody: axe finds nothing, nothing is too wide."""

import pytest
from axe_playwright_python.sync_playwright import Axe

pytestmark = pytest.mark.e2e

WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 390, "height": 844}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_pages_of_people_and_lists_are_for_everybody(page, size, scheme):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size(size)
    page.goto("/admin/subscribers/mailinglist/")
    report = page.locator("#result_list a[href$='/report/']").first.get_attribute("href")
    page.goto("/admin/subscribers/subscriber/")
    person = page.locator("#result_list a[href$='/change/']").first.get_attribute("href")

    found = []
    for address in (
        report,
        f"{report}?by=day&heat=clicks",
        report.replace("report/", "people/"),
        report.replace("report/", "people/?band=never"),
        person.replace("change/", "activity/"),
        person,
    ):
        page.goto(address)
        page.evaluate("document.querySelectorAll('main details').forEach(each => each.open = true)")
        page.wait_for_timeout(500)  # milliseconds for charts to be drawn
        violations = Axe().run(page).response["violations"]
        found += [(address, each["id"], each["nodes"][0]["html"]) for each in violations]
        if page.evaluate("document.documentElement.scrollWidth > innerWidth + 1"):
            found.append((address, "wider than the window", ""))

    assert found == []
