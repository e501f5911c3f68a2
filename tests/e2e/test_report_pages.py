"""The pages of reports are for everybody."""

import pytest

from tests.e2e.everybody import faults, in_every_look, look

pytestmark = pytest.mark.e2e

OF_A_CAMPAIGN = (
    "report/",
    "report/?counted=all&range=all&chart=bars",
    "report/?counted=machines&heat=clicks",
    "report/map/",
    "report/programs/",
    "report/programs/?counted=machines",
    "report/people/",
    "report/people/?did=left",
)
OF_ALL = ("/admin/trends/", "/admin/trends/?period=all&least=1&counted=times")


@in_every_look
def test_report_is_for_everybody(page, size, scheme):
    look(page, size, scheme)
    page.goto("/admin/newsletter/campaign/")
    campaign = page.locator("a[href*='/progress/']").first.get_attribute("href")

    found = faults(
        page, [*(campaign.replace("progress/", each) for each in OF_A_CAMPAIGN), *OF_ALL]
    )

    assert found == []
