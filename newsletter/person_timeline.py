"""All that is known of one person and may be shown, the newest first, page by page.

Each source is asked for a page of its own and what is newest of all is taken. A page begins after
the moment, the source and the number of the last row of the one before; so nothing is left out or
shown twice, although several things may have one moment.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import Any, NamedTuple

from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Exists, OuterRef, Q, QuerySet

from newsletter.models import Campaign, Delivery
from newsletter.person_reading import Reading
from subscribers.models import Confirmation, ConsentRecord, Subscriber
from tracking import history
from tracking.models import Forward

PAGE = 50  # rows
LAST_ID = 2**63 - 1
_JOINING = (ConsentRecord.Action.SUBSCRIBED, ConsentRecord.Action.CONFIRMED)
AHEAD = timedelta(days=2)  # clocks of other machines may be ahead of ours


class Source(IntEnum):
    """Where a row comes from; of rows with one moment, that with the lower number is first."""

    HIT = 1
    FORWARD = 2
    LEDGER = 3
    MAIL = 4
    CONFIRMATION = 5  # a mail that asked the person to confirm
    EDIT = 6  # by staff


class Place(NamedTuple):
    """After which row a page begins."""

    at: datetime
    source: int = 0
    id: int = 0

    def __str__(self) -> str:
        microseconds = (self.at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
        return f"{microseconds}.{self.source:d}.{self.id}"

    @classmethod
    def parse(cls, text: str) -> "Place | None":
        """Read what str() wrote; None for anything else."""
        parts = text.split(".")
        if len(parts) != 3 or not all(part.isascii() and part.isdecimal() for part in parts):
            return None
        microseconds, source, number = (min(int(part[:19]), LAST_ID) for part in parts)
        try:
            at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
        except OverflowError:
            return None
        return cls(at, source, number)

    def before(self, source: Source) -> tuple[datetime, int]:
        """Return the moment and number that rows of a source have to be before."""
        if source == self.source:
            return self.at, self.id
        return self.at, LAST_ID if source > self.source else 0


class Entry(NamedTuple):
    """One thing that happened."""

    at: datetime
    source: Source
    id: int
    row: Any  # of the source's model; tracking.history.Hit for a hit
    campaign: Campaign | None = None


class Page(NamedTuple):
    """Some of what happened."""

    entries: list[Entry]
    next: Place | None  # None: there is nothing before


def page(person: Subscriber, reading: Reading, now: datetime, after: Place | None = None) -> Page:
    """Return up to PAGE things that happened (eight queries or a few more)."""
    place = after or Place(now + AHEAD)
    found = [
        Entry(at, source, number, row)
        for source, fetch in _SOURCES.items()
        for at, number, row in fetch(person, reading, *place.before(source))
    ]
    found.sort(key=lambda entry: (entry.at, -entry.source, entry.id), reverse=True)
    entries = found[:PAGE]
    last = entries[-1] if len(found) > PAGE else None
    return Page(
        _with_campaigns(entries), Place(last.at, last.source.value, last.id) if last else None
    )


Row = tuple[datetime, int, Any]


def _hits(person: Subscriber, reading: Reading, at: datetime, number: int) -> Iterable[Row]:
    if not reading.rows:
        return []
    # Nobody reads a mail before it is sent, but clocks differ.
    started = Campaign.objects.filter(id__in=reading.shown, started_at__isnull=False)
    since = started.order_by("started_at").values_list("started_at", flat=True).first()
    if since is None:
        return []
    found = history.hits(
        person.pk, reading.shown, before=(at, number), since=since - AHEAD, limit=PAGE + 1
    )
    return [(hit.at, hit.id, hit) for hit in found]


def _forwards(person: Subscriber, reading: Reading, at: datetime, number: int) -> Iterable[Row]:
    if not reading.choice.names:
        return []
    asked = Forward.objects.filter(subscriber_id=person.pk).exclude(kind=Forward.Kind.COMMON)
    if not reading.choice.is_own:
        asked = asked.filter(campaign_id__in=reading.shown)
    return _rows(asked, "asked_at", at, number)


def _ledger(person: Subscriber, _: Reading, at: datetime, number: int) -> Iterable[Row]:
    all_lines = ConsentRecord.objects.filter(subscriber_id=person.pk)
    left_before = all_lines.filter(
        id__lt=OuterRef("id"),
        mailing_list_id=OuterRef("mailing_list_id"),
        action=ConsentRecord.Action.UNSUBSCRIBED,
    )
    lines = all_lines.select_related("mailing_list").annotate(
        came_back=Exists(left_before) & Q(action__in=_JOINING)
    )
    return _rows(lines, "recorded_at", at, number)


def _mails(person: Subscriber, _: Reading, at: datetime, number: int) -> Iterable[Row]:
    mails = Delivery.objects.of_person(person.pk)
    return _rows(mails, "at", at, number, key="campaign_id")


def _confirmations(person: Subscriber, _: Reading, at: datetime, number: int) -> Iterable[Row]:
    sent = Confirmation.objects.filter(subscriber=person, mail_sent_at__isnull=False)
    return _rows(sent, "mail_sent_at", at, number)


def _edits(person: Subscriber, _: Reading, at: datetime, number: int) -> Iterable[Row]:
    edits = LogEntry.objects.filter(
        content_type=ContentType.objects.get_for_model(Subscriber),
        object_id=str(person.pk),
        action_flag__in=[ADDITION, CHANGE],
    )
    return _rows(edits.select_related("user"), "action_time", at, number)


_SOURCES: dict[Source, Callable[[Subscriber, Reading, datetime, int], Iterable[Row]]] = {
    Source.HIT: _hits,
    Source.FORWARD: _forwards,
    Source.LEDGER: _ledger,
    Source.MAIL: _mails,
    Source.CONFIRMATION: _confirmations,
    Source.EDIT: _edits,
}


def _rows(
    queryset: QuerySet[Any], time: str, at: datetime, number: int, key: str = "id"
) -> Iterable[Row]:
    before = Q(**{f"{time}__lt": at}) | Q(**{time: at, f"{key}__lt": number})
    newest = queryset.filter(before).order_by(f"-{time}", f"-{key}")[: PAGE + 1]
    return [(getattr(row, time), getattr(row, key), row) for row in newest]


def _with_campaigns(entries: list[Entry]) -> list[Entry]:
    numbers = [getattr(entry.row, "campaign_id", 0) for entry in entries]
    campaigns = Campaign.objects.in_bulk({number for number in numbers if number})
    return [
        entry._replace(campaign=campaigns.get(number))
        for entry, number in zip(entries, numbers, strict=True)
    ]
