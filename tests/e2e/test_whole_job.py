"""A marketer's first day, in a browser: import, write, send, and see it read.

Against the mail catcher, on the installation that `make run` starts.
"""

import http.client
import re
import time
from collections import Counter
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.e2e import messy
from tests.e2e.stack import Stack

pytestmark = pytest.mark.e2e

SUBJECT = "The first issue"
BODY = """# Hello {{ subscriber.name or 'friend' }}

Read [the story](https://example.org/story), or [the other one](https://example.org/other).
"""
# What these programs say of themselves; who says less is taken for a machine.
MAIL_PROGRAM = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Thunderbird/128.5.0",
    "Accept": "image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5",
    "Accept-Language": "en-GB,en;q=0.5",
    "Accept-Encoding": "gzip, deflate, br",
}
BROWSER = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0",
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Accept-Language": "en-GB,en;q=0.5",
    "Accept-Encoding": "gzip, deflate, br, zstd",
    "Upgrade-Insecure-Requests": "1",
    "Sec-Fetch-Dest": "document",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Site": "none",
    "Sec-Fetch-User": "?1",
}


def test_import_send_and_see_it_read(page, stack, tmp_path):
    file = messy.write(tmp_path / "people.csv")
    make_list(page, "Browser list", "browser-list")
    refused = import_people(page, "Browser list", file, tmp_path)
    send_campaign(page, "Browser list", file.people)
    mails = caught(stack, SUBJECT)

    assert len(refused.splitlines()) == file.refused + 1
    assert Counter(Counter(mail["To"] for mail in mails).values()) == {1: file.people}
    read_and_leave(stack, mails)
    page.get_by_role("link", name="Report").click()
    for name, value in {"opens": "2", "clicks": "1", "unsubscribes": "1"}.items():
        expect(page.locator(f"[data-live={name}]")).to_have_text(value)


def make_list(page: Page, name: str, slug: str) -> None:
    page.goto("/admin/subscribers/mailinglist/add/")
    page.fill("#id_name", name)
    page.fill("#id_slug", slug)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("link", name=name).first).to_be_visible()


def import_people(page: Page, name: str, file: messy.MessyFile, folder: Path) -> str:
    """Import through the page, and return the refused rows as they come back."""
    page.goto("/admin/subscribers/import/add/")
    page.set_input_files("#id_file", file.path)
    page.select_option("#id_mailing_list", label=name)
    page.fill("#id_evidence", "Paper forms at the fair in Ely, May 2026")
    page.get_by_role("button", name="Start the import").click()
    expect(page.get_by_text("Finished")).to_be_visible()
    expect(page.locator("[data-live=added]")).to_have_text(f"{file.people:,}")
    expect(page.locator("[data-live=refused]")).to_have_text(f"{file.refused:,}")
    page.reload()
    with page.expect_download() as download:
        page.get_by_role("link", name="Refused rows").click()
    download.value.save_as(folder / "refused.csv")
    return (folder / "refused.csv").read_text("utf-8-sig")


def send_campaign(page: Page, name: str, people: int) -> None:
    page.goto("/admin/newsletter/campaign/add/")
    page.fill("#id_subject", SUBJECT)
    page.fill("#id_body", BODY)
    page.get_by_role("tab", name="Audience").click()
    page.get_by_label(name).check()
    page.get_by_role("button", name="Review and send").click()
    page.get_by_role("button", name=f"Send to {people:,} people now").click()
    expect(page.locator("[data-live=sent]")).to_have_text(f"{people:,}")
    expect(page.locator("[data-live=pending]")).to_have_text("0")


def caught(stack: Stack, subject: str) -> list[EmailMessage]:
    """Return the mails with this subject, as bytes on the disk have them, parsed strictly."""
    strict = policy.SMTP.clone(raise_on_defect=True)
    parsed = [
        message_from_bytes(path.read_bytes(), policy=strict)
        for path in sorted((stack.run_dir / "outbox").glob("*/*.eml"))
    ]
    return [mail for mail in parsed if mail["Subject"] == subject]


def read_and_leave(stack: Stack, mails: list[EmailMessage]) -> None:
    """Two people open, one of them twice; one clicks; one leaves with one click."""
    first, second, third = mails[:3]
    for mail in (first, first, second):
        assert ask("GET", picture(mail), program=MAIL_PROGRAM) == 200
    time.sleep(3)  # nobody reads quicker, and who does is taken for a machine
    assert ask("GET", links(first)[0], program=BROWSER) == 302
    assert ask("HEAD", picture(third)) == 200  # nobody has seen anything
    assert ask("POST", third["List-Unsubscribe"].strip("<>"), "List-Unsubscribe=One-Click") == 200


def picture(mail: EmailMessage) -> str:
    return re.findall(r'src="([^"]+/o/[^"]+)"', html(mail))[0]


def links(mail: EmailMessage) -> list[str]:
    """Return the links that a person sees."""
    return re.findall(r'href="([^"]+/c/[^"]+)"(?! style="display:none)', html(mail))


def html(mail: EmailMessage) -> str:
    body = mail.get_body(("html",))
    assert body
    return body.get_content()


def ask(
    method: str, url: str, body: str | None = None, program: dict[str, str] | None = None
) -> int:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=120)
    headers = {"Content-Type": "application/x-www-form-urlencoded"} if body else {}
    connection.request(method, parts.path, body, (program or {}) | headers)
    response = connection.getresponse()
    response.read()
    connection.close()
    assert response.getheader("Set-Cookie") is None
    return response.status
