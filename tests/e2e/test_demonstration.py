"""What a newcomer sees first: a newsletter that people and machines read, now and for weeks."""

import json
from typing import Any

import pytest
from playwright.sync_api import expect

from newsletter.demo.issues import MONTHLY, PRESENT, WEEKLY
from tests.e2e.stack import Stack
from tests.launcher.launched import wait_until

pytestmark = pytest.mark.e2e

CAMPAIGNS = (
    "import json; from newsletter.models import Campaign;"
    "print(json.dumps([[each.pk, each.subject] for each in"
    " Campaign.objects.filter(lists__is_demo=True).distinct().order_by('id')]))"
)


def report(stack: Stack, campaign: int) -> dict[str, Any]:
    return json.loads(stack.manage("report", str(campaign), "--json"))


def is_read(found: dict[str, Any]) -> bool:
    """Say whether people have clicked, more have opened, and machines have done both."""
    machines = [found["machines"][kind]["total"] for kind in ("opens", "clicks")]
    return found["opens"]["unique"] > found["clicks"]["unique"] > 2 and min(machines) > 0


def test_the_demonstration_is_read_by_people_and_machines_and_can_be_removed(page, stack):
    *past, (newest, subject) = json.loads(stack.manage("shell", "-v", "0", "-c", CAMPAIGNS))

    assert subject == f"{PRESENT.subject} (demo)"
    assert len(past) == len(WEEKLY) + len(MONTHLY)
    for campaign, _ in past[-2:]:
        found = report(stack, campaign)
        assert found["opens"]["unique"] > found["sent"] / 5
        assert found["clicks"]["unique"] > found["sent"] / 30
        assert min(found["machines"][kind]["unique"] for kind in ("opens", "clicks")) > 10
    wait_until(lambda: is_read(report(stack, newest)), 240)
    page.goto("/admin/")
    page.get_by_role("link", name=subject).first.click()
    page.get_by_role("link", name="Report").click()
    expect(page.locator("[data-live=clicks]")).not_to_have_text("0")

    page.goto("/admin/")  # away from the report, which asks for news every few seconds
    removed = stack.manage("remove_demo")

    assert "1,000 people" in removed or "1000 people" in removed
    page.goto("/admin/subscribers/mailinglist/")
    expect(page.get_by_text("(demo)")).to_have_count(0)
    stack.launched.wait_for("The demonstration was read")
