"""Makers of editions and readers of mails."""

import email
import email.policy
from typing import Any

from newsletter.composing import CompiledMessage, Person
from newsletter.models import Edition

STRICT = email.policy.SMTP.clone(raise_on_defect=True)
ANN = Person(7, "ann@example.org", "Ann Reader", {"city": "Leith"}, "en", "individual")


def make_edition(**fields: Any) -> Edition:
    """Make an edition, unsaved, with two links."""
    return Edition(
        **{
            "campaign_id": 12,
            "subject": "June",
            "preheader": "",
            "html": '<a href="{{ link_0 }}">x</a>{{ unsubscribe_url }}{{ open_pixel }}\n',
            "text": "x <{{ link_1 }}> {{ unsubscribe_url }}\n",
            "from_email": "The News <news@example.org>",
            "reply_to": "",
            "list_name": "Daily",
            "list_id": "daily.example.org",
            "feedback_id": "c12:daily:newsletter:broadsheet",
            "organisation": {"name": "The News"},
            "link_urls": ["https://e.org/?a=1&b=2", "https://e.org/two"],
            "link_ids": [101, 102],
            **fields,
        }
    )


def render(person: Person = ANN, **fields: Any) -> Any:
    """Render an edition for a person."""
    return CompiledMessage(make_edition(**fields)).render(person)


def read(data: bytes) -> Any:
    """Parse a mail by Python's strict policy: a defect is an error."""
    return email.message_from_bytes(data, policy=STRICT)


def parts(data: bytes) -> tuple[str, str]:
    """Return what the text part and the HTML part say."""
    message = read(data)
    return tuple(
        message.get_body((kind,)).get_payload(decode=True).decode().replace("\r\n", "\n")
        for kind in ("plain", "html")
    )
