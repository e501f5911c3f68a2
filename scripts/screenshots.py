"""Takes pictures of every page of a running instance: wide and narrow, light and dark.

    python -m scripts.screenshots FOLDER [--url http://127.0.0.1:8000] [--user admin] [--password …]

The pages are found as a person finds them: by the sidebar, by the first row of each list, and by
the tabs above what that leads to. What a page says on the console (a script that the policy
refused, a picture that is missing) is printed, and the exit code is 1 then.
"""

import argparse
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    ViewportSize,
    sync_playwright,
)

from scripts.browser import ARGUMENTS, find_browser

SIZES = {"wide": (1440, 900), "narrow": (390, 844)}
SCHEMES = ("light", "dark")

# The pages of one campaign, list or person.
_OF_SOMETHING = re.compile(r"/(?P<kind>[a-z]+)/\d+/(?P<rest>.+)")
SETTLED = 700  # milliseconds for charts and previews to be drawn


@dataclass(frozen=True, slots=True)
class Instance:
    """A running Broadsheet, and who signs in to it."""

    url: str
    user: str
    password: str


def main() -> int:
    """Take the pictures. Returns 0, or 1 when a page complained on its console."""
    arguments = arguments_parser("Take pictures of every page.").parse_args()
    instance = Instance(arguments.url.rstrip("/"), arguments.user, arguments.password)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    complaints: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=ARGUMENTS)
        pages = find_pages(browser, instance)
        for scheme in SCHEMES:
            for size in SIZES:
                complaints += shoot(browser, instance, pages, arguments.folder, f"{size}-{scheme}")
        browser.close()
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    print(f"{len(pages)} pages are in {arguments.folder}")
    return 1 if complaints else 0


def find_pages(browser: Browser, instance: Instance) -> dict[str, str]:
    """Return the pages of the admin by name: what the sidebar and the lists lead to."""
    context = browser.new_context(viewport=_viewport("wide"))
    page = context.new_page()
    pages = {"login": f"{instance.url}/admin/login/"}
    sign_in(page, instance)
    pages["dashboard"] = page.url
    for link in _links(page, ".bs-nav a"):
        name = link.rstrip("/").rpartition("/")[2]
        if link in pages.values():
            continue
        pages[name] = link
        page.goto(link)
        rows = _links(
            page, f"#result_list a[href^='{path(link)}'], .bs-table a[href^='{path(link)}']"
        )
        for kind, row in _different([row for row in rows if path(row) != path(link)]):
            pages[f"{name}-{kind}"] = row
        add = link + "add/"
        if page.locator(f"a[href*='{add.removeprefix(instance.url)}']").count():
            pages[f"{name}-add"] = add
    _follow_tabs(page, pages)
    pages |= _unlinked_pages(list(pages.values()))
    pages |= _public_pages(page, instance)
    context.close()
    return pages


def sign_in(page: Page, instance: Instance) -> None:
    """Sign in by the form."""
    page.goto(f"{instance.url}/admin/")
    page.fill("input[name=username]", instance.user)
    page.fill("input[name=password]", instance.password)
    page.click("button[type=submit]")
    page.wait_for_selector(".bs-nav", state="attached")


def shoot(
    browser: Browser, instance: Instance, pages: dict[str, str], folder: Path, kind: str
) -> list[str]:
    """Take each page in one size and scheme. Returns what the pages said on their consoles."""
    size, scheme = kind.split("-")
    complaints: list[str] = []
    context = _context(browser, size, scheme)
    signed_in = False
    for name, url in pages.items():
        page = context.new_page()
        _listen(page, name, complaints)
        if name != "login" and not signed_in:
            sign_in(page, instance)
            signed_in = True
        page.goto(url)
        page.wait_for_timeout(SETTLED)
        page.screenshot(path=folder / f"{name}-{kind}.png", full_page=size == "narrow")
        if page.evaluate("document.documentElement.scrollWidth > innerWidth + 1"):
            complaints.append(f"{name} ({kind}): wider than the window")
        page.close()
    context.close()
    return complaints


def path(link: str) -> str:
    """Return an address without its host and what follows the path."""
    return urlsplit(link).path


def _different(links: list[str]) -> Iterator[tuple[str, str]]:
    """Yield the first link of each kind, with the kind: its last word, or "one"."""
    seen = set()
    for link in links:
        last = path(link).rstrip("/").rpartition("/")[2]
        kind = last if last.isalpha() else "one"
        if kind not in seen:
            seen.add(kind)
            yield kind, link


def _follow_tabs(page: Page, pages: dict[str, str]) -> None:
    """Add the pages beside those of a campaign, a list or a person: the first of each kind."""
    waiting = list(pages.values())
    while waiting:
        link = waiting.pop(0)
        if not _OF_SOMETHING.search(path(link)):
            continue
        page.goto(link)
        for other in _links(page, ".bs-tabs a, .bs-switch a"):
            found = _OF_SOMETHING.search(path(other))
            plain = other.partition("?")[0]
            if found and plain not in pages.values():
                name = "-".join([found["kind"], *found["rest"].strip("/").split("/")])
                if name not in pages:
                    pages[name] = plain
                    waiting.append(plain)


def _unlinked_pages(found: list[str]) -> dict[str, str]:
    """Return the pages that only a button leads to, and that only some campaigns have."""
    pages = {}
    for link in found:
        if "/newsletter/campaign/" in link and link.endswith("/problems/"):
            pages["campaign-resend"] = f"{link}resend/"
        if "/newsletter/campaign/" in link and link.endswith("/change/"):
            pages["campaign-start"] = link.replace("/change/", "/start/")
        if "/subscribers/subscriber/" in link and link.endswith("/change/"):
            pages["subscriber-erase"] = link.replace("/change/", "/erase/")
    return pages


def _public_pages(page: Page, instance: Instance) -> dict[str, str]:
    """Return the public pages: sign-up pages, and what the last caught mail links to."""
    page.goto(f"{instance.url}/admin/subscribers/mailinglist/")
    pages = {
        f"public-join-{number}": link
        for number, link in enumerate(_links(page, "#result_list a[target=_blank]")[:1])
    }
    page.goto(f"{instance.url}/admin/outbox/")
    mails = _links(page, ".bs-table td a")
    if mails:
        page.goto(f"{mails[0]}?part=text")
        words = page.inner_text(".bs-source").split() if page.locator(".bs-source").count() else []
        for letter, name in {"u": "leave", "p": "preferences", "confirm": "confirm"}.items():
            for word in words:
                if f"/{letter}/" in word and word.startswith("http"):
                    pages[f"public-{name}"] = word.strip("<>().,")
    return pages


def _links(page: Page, selector: str) -> list[str]:
    links: list[str] = page.eval_on_selector_all(selector, "all => all.map(each => each.href)")
    return links


def _context(browser: Browser, size: str, scheme: str) -> BrowserContext:
    return browser.new_context(
        viewport=_viewport(size),
        color_scheme="dark" if scheme == "dark" else "light",
        device_scale_factor=1 if size == "wide" else 2,
    )


def _viewport(size: str) -> ViewportSize:
    width, height = SIZES[size]
    return {"width": width, "height": height}


def _listen(page: Page, name: str, complaints: list[str]) -> None:
    """Note what the page's console says, but for the mail catcher's scripts that must not run."""

    def heard(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and "frame is sandboxed" not in message.text:
            complaints.append(f"{name}: {message.text}")

    page.on("console", heard)
    page.on("pageerror", lambda error: complaints.append(f"{name}: {error}"))


def arguments_parser(what: str) -> argparse.ArgumentParser:
    """Return a parser of a folder, and of where and as whom to sign in."""
    parser = argparse.ArgumentParser(description=what)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--user", default="admin")
    parser.add_argument("--password", required=True)
    return parser


if __name__ == "__main__":
    sys.exit(main())
