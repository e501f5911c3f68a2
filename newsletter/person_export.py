"""All that is held of one person, as one JSON document for that person (GDPR, articles 15 and 20).

Promise: nobody else stands in it, but for what the person wrote themselves. It is made while it is
read, row by row, so memory does not grow with what somebody did.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, Final

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import F
from django.utils.timezone import now

import subscribers.held
import tracking.held
from newsletter.models import Batch, Campaign, Deferral, Delivery
from subscribers.held import Part
from subscribers.models import Subscriber

FORM: Final = 1  # rises when a reader of the former form would misread the present one
# Of the admin's log: the words are Django's, and name fields and no values.
_EDITS: Final = {1: "added", 2: "changed", 3: "deleted"}


def as_json(person: Subscriber) -> Iterator[bytes]:
    """Yield the pieces of the document: UTF-8, an object with a line for each row. Times are UTC.

    Campaigns stand in it by number; `campaigns` has their subjects.
    """
    yield _text(f'{{"form": {FORM},\n"made_at": {_json(now())}')
    named: set[int] = set()
    everything = chain(subscribers.held.parts(person), _parts(person), tracking.held.parts(person))
    for name, part in everything:
        yield from _section(name, part, named)
    campaigns = Campaign.objects.filter(id__in=named).order_by("id")
    yield from _section("campaigns", campaigns.values("id", "subject", "started_at"), named)
    yield b"}\n"


def _parts(person: Subscriber) -> Iterator[tuple[str, Part]]:
    yield "mails", _mails(person)
    yield "mails_to_come", _mails_to_come(person)
    yield "mails_put_off", _put_off(person)
    yield "edits_by_staff", _edits(person)


def _mails(person: Subscriber) -> Iterable[Mapping[str, Any]]:
    mails = Delivery.objects.of_person(person.pk).order_by("at", "campaign_id")
    return mails.values("campaign_id", "at", "reason", outcome=F("status"))


def _mails_to_come(person: Subscriber) -> Iterable[Mapping[str, Any]]:
    theirs = Batch.objects.filter(subscriber_ids__contains=[person.pk])
    had = Delivery.objects.of_person(person.pk).values("campaign_id")
    waiting = theirs.exclude(state=Batch.State.DONE).exclude(campaign_id__in=had)
    return waiting.order_by("campaign_id").values("campaign_id").distinct()


def _put_off(person: Subscriber) -> Iterator[Mapping[str, Any]]:
    put_off = Deferral.objects.filter(subscriber_id=person.pk).order_by("id")
    names = ("attempts", "reason", "since", "at", "due_at")
    yield from put_off.values(*names, campaign_id=F("batch__campaign_id"))


def _edits(person: Subscriber) -> Iterator[Mapping[str, Any]]:
    edits = LogEntry.objects.filter(
        content_type=ContentType.objects.get_for_model(Subscriber), object_id=str(person.pk)
    )
    rows = edits.order_by("id").values("action_time", "action_flag", "change_message")
    for row in rows:
        yield {
            "at": row["action_time"],
            "what": _EDITS[row["action_flag"]],
            "words": row["change_message"],
        }


def _section(name: str, part: Part, named: set[int]) -> Iterator[bytes]:
    """Yield a part; add the campaigns in it to `named`."""
    yield _text(f",\n{_json(name)}: ")
    if part is None or isinstance(part, Mapping):
        yield _text(_json(part))
        return
    yield b"["
    for number, row in enumerate(part):
        named.add(row.get("campaign_id", 0))
        yield _text(f"{',' if number else ''}\n{_json(row)}")
    yield b"]"


def _json(value: Any) -> str:
    return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False)


def _text(text: str) -> bytes:
    return text.encode()
