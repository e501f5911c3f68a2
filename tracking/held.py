"""What these tables hold of one person, for that person: plain values, nothing of anybody else.

Everything that stands under their number, also where they have withdrawn since: what is not shown
to staff any more is still held. Friends to whom they forwarded are other people and stay unnamed.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from django.db import connection
from django.db.models import F

from subscribers.held import Part
from subscribers.models import Subscriber
from tracking import countries, history
from tracking.breakdown_reports import DEVICES
from tracking.classify.verdicts import Verdict
from tracking.models import (
    Forward,
    ForwardRefusal,
    Kind,
    LastReading,
    Link,
    LinkTotal,
    Reader,
    ReaderLink,
)
from tracking.programs import CLIENTS
from tracking.programs import parts as program_parts

_AT_ONCE: Final = 1000  # rows in memory
# Events have no index by person: tracking/history.py.
_EVENTS = """
SELECT event.occurred_at, event.kind, event.campaign_id, link.url, event.verdict, event.reason,
       host(event.network), event.user_agent, event.marks, event.since_sent, event.program,
       event.country
FROM tracking_event event LEFT JOIN tracking_link link ON link.id = event.link_id
WHERE event.campaign_id = ANY(%s) AND event.subscriber_id = %s
ORDER BY event.occurred_at, event.id
"""


def parts(person: Subscriber) -> Iterator[tuple[str, Part]]:
    """Yield each part of what is held, by its name; rows are read while they are taken."""
    readings = history.readings(person.pk)
    campaigns = [row.campaign_id for row in readings]
    yield "last_reading", _last_reading(person)
    yield "reading", map(_reading, readings)
    yield "links_followed", _links(person, campaigns)
    yield "events", _events(person, campaigns)
    yield "forwards_made", _forwards_made(person)
    yield "forwards_received", _forwards_received(person)
    yield "wants_no_forwards", _refusal(person)


def _last_reading(person: Subscriber) -> Mapping[str, Any] | None:
    found = LastReading.objects.filter(subscriber_id=person.pk)
    return found.values("opened_at", "clicked_at").first()


def _reading(row: Reader) -> dict[str, Any]:
    names = (
        *("campaign_id", "opens", "clicks", "machine_opens", "machine_clicks"),
        *("first_open_at", "last_open_at", "first_click_at", "last_click_at"),
    )
    return {name: getattr(row, name) for name in names}


def _links(person: Subscriber, campaigns: list[int]) -> Iterator[dict[str, Any]]:
    links = LinkTotal.objects.filter(campaign_id__in=campaigns).values("link_id")
    followed = ReaderLink.objects.filter(link_id__in=links, subscriber_id=person.pk)
    rows = {row.link_id: row for row in followed.order_by("link_id")}
    for link in Link.objects.filter(id__in=rows).order_by("id"):
        row = rows[link.pk]
        yield {
            "campaign_id": link.campaign_id,
            "url": link.url,
            "clicks": row.clicks,
            "machine_clicks": row.machine_clicks,
        }


def _events(person: Subscriber, campaigns: list[int]) -> Iterator[dict[str, Any]]:
    with connection.chunked_cursor() as cursor:
        cursor.execute(_EVENTS, [campaigns, person.pk])
        while rows := cursor.fetchmany(_AT_ONCE):
            yield from (_event(*row) for row in rows)


def _event(at: Any, kind: int, campaign_id: int, url: str | None, *more: Any) -> dict[str, Any]:
    verdict, reason, network, user_agent, marks, since_sent, program, country = more
    client, device = program_parts(program)
    return {
        "at": at,
        "kind": Kind(kind).name.lower(),
        "campaign_id": campaign_id,
        "url": url,
        "verdict": Verdict(verdict).name.lower(),
        "reason": reason,
        "network": network,
        "user_agent": user_agent,
        "marks": marks,
        "since_sent": since_sent,
        "client": CLIENTS[client].name if client in CLIENTS else str(client),
        "device": DEVICES[device],
        "country": countries.name(country),
    }


def _forwards_made(person: Subscriber) -> Iterator[dict[str, Any]]:
    made = Forward.objects.filter(subscriber_id=person.pk).order_by("id")
    rows = made.values(
        *("kind", "campaign_id", "asked_at", "state", "tracking", "sender_name", "note", "network")
    )
    for row in rows.iterator(_AT_ONCE):
        yield {**row, "kind": Forward.Kind(row["kind"]).name.lower()}


def _forwards_received(person: Subscriber) -> Iterator[Mapping[str, Any]]:
    """Yield the copies that friends had sent to this address. Who they were is not for them."""
    copies = Forward.objects.filter(email_hash=bytes(person.email_hash)).order_by("id")
    yield from copies.values("campaign_id", "asked_at", "state")


def _refusal(person: Subscriber) -> Mapping[str, Any] | None:
    found = ForwardRefusal.objects.filter(email_hash=bytes(person.email_hash))
    return found.values(since=F("created_at")).first()
