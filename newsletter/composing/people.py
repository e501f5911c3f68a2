"""Whom a mail is made for, and what its template may know of them."""

import json
from functools import lru_cache
from typing import Any, NamedTuple

from django.conf import settings

from newsletter.composing.beacons import NAMES
from newsletter.composing.edition import EditionContent
from newsletter.models import Edition
from newsletter.templating import addresses, html_environment
from subscribers.models import Subscriber, TrackingChoice

_decode = json.JSONDecoder().decode


@lru_cache(maxsize=1)
def _attributes(text: str) -> Any:
    # Of one person, whom several expressions of a template ask one after the other.
    return _decode(text)


class Person(NamedTuple):
    """One recipient, as sending reads them from the database: plain values, no model."""

    subscriber_id: int
    email: str
    name: str = ""
    stored: dict[str, Any] | str = {}  # the attributes; as JSON until a template asks for them
    language: str = ""
    tracking: str = ""  # a TrackingChoice; empty for the installation's default

    @classmethod
    def of(cls, subscriber: Subscriber) -> "Person":
        """Return the recipient that a subscriber's row describes."""
        return cls(
            subscriber.pk,
            subscriber.email,
            subscriber.name,
            subscriber.attributes,
            subscriber.language,
            subscriber.tracking,
        )

    @property
    def attributes(self) -> dict[str, Any]:
        """What whoever runs the list knows of this person."""
        stored = self.stored
        return _attributes(stored) if isinstance(stored, str) else stored

    @property
    def choice(self) -> str:
        """What may be recorded of this person's reading, the default filled in."""
        return self.tracking or settings.TRACKING_DEFAULT

    @property
    def named(self) -> int:
        """The subscriber id for tokens that record something: 0 for who may not be named."""
        return self.subscriber_id if self.choice == TrackingChoice.INDIVIDUAL else 0

    @property
    def first_name(self) -> str:
        """What stands before the first blank of the name."""
        return addresses.first_name(self.name)

    def values(self) -> dict[str, Any]:
        """Return what templates call `subscriber`."""
        return addresses.values(
            (self.subscriber_id, self.name, self.email, self.language, self.attributes)
        )


def shared_values(edition: Edition | EditionContent) -> dict[str, Any]:
    """Return the values that are the same for every recipient of an edition."""
    return {
        **html_environment.globals,
        "organisation": edition.organisation,
        "campaign": {"subject": edition.subject, "preheader": edition.preheader},
        "subject": edition.subject,
        "preheader": edition.preheader,
        **dict.fromkeys(NAMES, ""),
    }
