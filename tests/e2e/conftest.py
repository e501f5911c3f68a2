"""One running installation and one browser for all end-to-end tests."""

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from scripts.browser import ARGUMENTS, find_browser
from tests.e2e.stack import Stack
from tests.launcher.launched import open_folder

# Seconds: a busy machine is slow to show a page.
LONG = 240
expect.set_options(timeout=1000 * LONG)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Remove the demonstration, in whatever order the others run, when all have seen it."""
    items.sort(key=lambda item: item.path.name == "test_demonstration.py")


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """`make run` on private servers, with its demonstration."""
    with open_folder() as folder:
        running = Stack(folder / "run")
        running.start()
        running.launched.wait_for("The demonstration is ready", within=LONG)
        yield running
        assert running.stop() == 0


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = find_browser()
    if path is None:
        # `make test` says this aloud at its end; continuous integration never leaves it out.
        assert not os.environ.get("CI"), "no browser was found"
        pytest.skip("no browser was found")
    # Playwright's driver leaves its loop in the thread, which Django takes for an async program.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield launched
        launched.close()


@pytest.fixture
def page(browser, stack) -> Iterator[Page]:
    """A page of somebody who is signed in. Fails on any error in the browser's console."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, base_url=stack.url)
    context.set_default_timeout(1000 * LONG)
    opened = context.new_page()
    problems: list[str] = []
    opened.on("console", lambda message: message.type == "error" and problems.append(message.text))
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.goto("/admin/")
    opened.fill("input[name=username]", "admin")
    opened.fill("input[name=password]", stack.password)
    opened.click("button[type=submit]")
    opened.wait_for_url("**/admin/")
    yield opened
    context.close()
    assert problems == []
