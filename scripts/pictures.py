"""Takes the pictures of the demonstration that the documentation shows.

    python -m scripts.pictures docs/images --password …

Of a new `make run`, a quarter of an hour after its start: by then the newest issue has been read.
"""

import sys
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import urljoin

from playwright.sync_api import Browser, FloatRect, Page, sync_playwright

from scripts.browser import ARGUMENTS, find_browser
from scripts.screenshots import SETTLED, Instance, arguments_parser, path, sign_in


class Picture(NamedTuple):
    """A picture, and how much of which page it shows."""

    name: str
    address: str
    width: int  # of the window
    height: int  # of the picture
    scheme: Literal["light", "dark"] = "light"
    has_frame: bool = True  # shows what stands around each page as well


PICTURES = (
    Picture("dashboard-dark", "/admin/", 1440, 900, "dark"),
    Picture("report", "{campaign}report/?range=day&chart=lines", 1440, 1060),
    Picture("click-map", "{campaign}report/map/", 1280, 790, has_frame=False),
)


def main() -> int:
    """Take the pictures. Returns 0."""
    arguments = arguments_parser("Take the pictures of the documentation.").parse_args()
    instance = Instance(arguments.url.rstrip("/"), arguments.user, arguments.password)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=ARGUMENTS)
        for picture in PICTURES:
            take(browser, instance, picture, arguments.folder)
        browser.close()
    print(f"{len(PICTURES)} pictures are in {arguments.folder}")
    return 0


def take(browser: Browser, instance: Instance, picture: Picture, folder: Path) -> None:
    """Take one picture."""
    context = browser.new_context(
        viewport={"width": picture.width, "height": max(900, picture.height)},
        color_scheme=picture.scheme,
    )
    page = context.new_page()
    sign_in(page, instance)
    page.goto(urljoin(instance.url, picture.address.format(campaign=_campaign(page, instance))))
    page.wait_for_timeout(SETTLED)
    file = folder / f"{picture.name}.png"
    page.screenshot(path=file, full_page=True, clip=_part(page, picture))
    context.close()


def _campaign(page: Page, instance: Instance) -> str:
    """Return where the pages of a campaign are that was read for days: the last but one."""
    campaigns = f"{instance.url}/admin/newsletter/campaign/"
    page.goto(campaigns)
    link = page.locator(f"#result_list a[href^='{path(campaigns)}']").nth(1)
    return str(link.get_attribute("href")).removesuffix("progress/")


def _part(page: Page, picture: Picture) -> FloatRect:
    left = above = 0.0
    if not picture.has_frame:
        title = page.locator("main h2").first.bounding_box()
        assert title  # noqa: S101
        left, above = title["x"] - 16, title["y"] - 12
    return {"x": left, "y": above, "width": picture.width - left, "height": picture.height}


if __name__ == "__main__":
    sys.exit(main())
