"""The pages of a person and of a list are for everybody."""

import pytest

from tests.e2e.everybody import faults, in_every_look, look

pytestmark = pytest.mark.e2e


@in_every_look
def test_pages_of_people_and_lists_are_for_everybody(page, size, scheme):
    look(page, size, scheme)
    page.goto("/admin/subscribers/mailinglist/")
    report = page.locator("#result_list a[href$='/report/']").first.get_attribute("href")
    page.goto("/admin/subscribers/subscriber/")
    person = page.locator("#result_list a[href$='/change/']").first.get_attribute("href")

    found = faults(
        page,
        [
            report,
            f"{report}?by=day&heat=clicks",
            report.replace("report/", "people/"),
            report.replace("report/", "people/?band=never"),
            person.replace("change/", "activity/"),
            person,
        ],
    )

    assert found == []
