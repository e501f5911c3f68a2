"""Who has not got a campaign, and why: page by page, and as CSV. Reads only.

Promise: a page costs the same at a hundred recipients and at a million. Pages are found by time and
person, and where a filter looks at what no index knows (the cause, the domain), one page reads at
most ROUNDS * BUDGET rows for each status; it may then be short, or empty, and have a next one.
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Q

from newsletter.models import Delivery, MailDomain, Provider
from newsletter.sending.known_providers import KNOWN
from newsletter.sending.refusals import Cause
from subscribers.importing.refusals import harmless
from subscribers.models import Subscriber

DEFERRED = "deferred"  # no outcome yet: a server said "later"
STATUSES = {
    Delivery.Status.FAILED.value: "Failed",
    Delivery.Status.SKIPPED.value: "Skipped",
    Delivery.Status.IN_DOUBT.value: "In doubt",
    DEFERRED: "Deferred",
}
OUTCOMES = tuple(status for status in STATUSES if status != DEFERRED)
CAUSES = {
    Cause.ADDRESS.value: "The address does not exist",
    Cause.MAILBOX.value: "The mailbox takes nothing now",
    Cause.POLICY.value: "We are not trusted there",
    Cause.SERVER.value: "A server’s trouble",
    Cause.CONTENT.value: "This mail can’t be delivered",
}
ERASED = "erased"  # shown instead of the address of who is no longer known

PAGE = 50  # rows
CHUNK = 2_000  # rows of an export, read at a time
BUDGET = 2_500  # rows that one query reads for a filter without an index
ROUNDS = 3  # such queries for one page
DOMAINS_LIMIT = 10_000  # of one provider, known by their mail servers
FOUND_LIMIT = 500  # people whose address begins as was searched for

_COLUMNS = ("Address", "Outcome", "Cause", "Reason", "When", "Next try")

# The first part reads a bounded piece of an index, the second joins and filters only that.
_FIND = """
    WITH scanned AS MATERIALIZED (
        {scan}
          AND ({moment}, subscriber_id) < (%(moment)s, %(subscriber_id)s)
          AND (%(people)s::bigint[] IS NULL OR subscriber_id = ANY(%(people)s::bigint[]))
        ORDER BY {moment} DESC, subscriber_id DESC LIMIT %(budget)s
    ), lowest AS (
        SELECT moment, subscriber_id FROM scanned ORDER BY moment, subscriber_id LIMIT 1
    ), found AS (
        SELECT scanned.*, person.email
        FROM scanned LEFT JOIN subscribers_subscriber person ON person.id = scanned.subscriber_id
        WHERE (%(cause)s = '' OR scanned.cause = %(cause)s)
          AND (%(domains)s::text[] IS NULL
               OR split_part(person.email_key, '@', 2) = ANY(%(domains)s::text[]))
        ORDER BY scanned.moment DESC, scanned.subscriber_id DESC LIMIT %(size)s
    )
    SELECT (SELECT count(*) FROM scanned), lowest.moment, lowest.subscriber_id,
           found.moment, found.subscriber_id, email, status, cause, reason, at, due_at
    FROM (SELECT 1) always LEFT JOIN lowest ON true LEFT JOIN found ON true
    ORDER BY found.moment DESC, found.subscriber_id DESC
"""
_OUTCOMES = _FIND.format(
    moment="at",
    scan="""
        SELECT at AS moment, subscriber_id, status, cause, reason, at, NULL::timestamptz AS due_at
        FROM newsletter_delivery
        WHERE campaign_id = %(campaign)s AND status = %(status)s AND status <> 'sent'
    """,
)
_DEFERRALS = _FIND.format(
    moment="since",  # which stays while they are put off again
    scan="""
        SELECT since AS moment, subscriber_id, 'deferred' AS status, cause, reason, at, due_at
        FROM newsletter_deferral
        WHERE batch_id IN (SELECT id FROM newsletter_batch WHERE campaign_id = %(campaign)s)
    """,
)


class Place(NamedTuple):
    """Where a recipient stands in the list; the newest are the highest."""

    moment: datetime  # of the outcome, or of the first "later"
    subscriber_id: int

    def __str__(self) -> str:
        """Write it as an address can hold it."""
        return f"{(self.moment - _EPOCH) // _STEP}_{self.subscriber_id}"

    @classmethod
    def read(cls, text: str) -> "Place | None":
        """Read what str() wrote; None when it is something else."""
        if (found := re.fullmatch(r"(\d{1,17})_(-?\d{1,18})", text, re.ASCII)) is None:
            return None
        return cls(_EPOCH + int(found[1]) * _STEP, int(found[2]))


_EPOCH, _STEP = datetime.fromtimestamp(0, UTC), timedelta(microseconds=1)
_LAST = Place(datetime.max.replace(tzinfo=UTC), 0)  # above every place


@dataclass(frozen=True, slots=True)
class Filter:
    """Which recipients: all that have no mail, or fewer of them."""

    campaign_id: int
    status: str = ""  # a key of STATUSES; empty: every outcome but sent
    cause: str = ""  # a key of CAUSES
    domain: str = ""  # "gmail.com", or a provider's slug or name: all of its domains
    search: str = ""  # how an address begins; "@gmail.com" is a domain

    @property
    def is_plain(self) -> bool:
        """Whether status and cause alone decide, so that nobody has to be looked for."""
        return not (self.domain or self.search)


@dataclass(frozen=True, slots=True)
class Row:
    """One recipient."""

    moment: datetime
    subscriber_id: int
    email: str  # empty: erased
    status: str
    cause: str
    reason: str
    at: datetime
    due_at: datetime | None = None  # of a deferral: the next try

    @property
    def place(self) -> Place:
        """Where the row stands."""
        return Place(self.moment, self.subscriber_id)

    @property
    def status_words(self) -> str:
        """The outcome in words."""
        return STATUSES.get(self.status, self.status)

    @property
    def cause_words(self) -> str:
        """The cause in words; empty where nobody refused anything."""
        return CAUSES.get(self.cause, "")


@dataclass(frozen=True, slots=True)
class Page:
    """Some recipients, the newest first, and where the next page begins (None: nowhere)."""

    rows: list[Row]
    next: Place | None


def page(wanted: Filter, before: Place | None = None, size: int = PAGE) -> Page:
    """Return the recipients below `before`."""
    parameters = _parameters(wanted, size)
    if parameters is None:
        return Page([], None)
    pieces = [
        _piece(status, {**parameters, **(before or _LAST)._asdict(), "status": status})
        for status in ([wanted.status] if wanted.status else OUTCOMES)
    ]
    # Below the highest of the floors, some status may have rows that were not read yet.
    floor = max((floor for _, floor in pieces if floor is not None), default=None)
    rows = sorted(
        (row for piece, _ in pieces for row in piece if floor is None or row.place >= floor),
        key=lambda row: row.place,
        reverse=True,
    )
    if len(rows) > size:
        return Page(rows[:size], rows[size - 1].place)
    return Page(rows, floor)


def every(wanted: Filter) -> Iterator[Row]:
    """Yield all of them, the newest first, in bounded memory."""
    before: Place | None = None
    while True:
        found = page(wanted, before, CHUNK)
        yield from found.rows
        if found.next is None:
            return
        before = found.next


def csv_lines(wanted: Filter) -> Iterator[str]:
    """Yield a CSV file with all of them (RFC 4180), harmless in a spreadsheet."""
    writer = csv.writer(_Echo())
    yield writer.writerow(_COLUMNS)
    for row in every(wanted):
        cells = (
            row.email or ERASED,
            row.status_words,
            row.cause_words,
            row.reason,
            row.at.isoformat(timespec="seconds"),
            row.due_at.isoformat(timespec="seconds") if row.due_at else "",
        )
        yield writer.writerow([harmless(cell) for cell in cells])


def ids(wanted: Filter) -> list[int]:
    """Return the subscribers' ids of all that a filter finds."""
    return [row.subscriber_id for row in every(wanted)]


class _Echo:
    """A file that gives back what is written to it, for csv.writer."""

    def write(self, line: str) -> str:
        return line


def _piece(status: str, parameters: dict[str, Any]) -> tuple[list[Row], Place | None]:
    """Return rows of one status, and the place down to which they are complete (None: all)."""
    rows: list[Row] = []
    for _ in range(ROUNDS):
        with connection.cursor() as cursor:
            cursor.execute(_DEFERRALS if status == DEFERRED else _OUTCOMES, parameters)
            answers = cursor.fetchall()
        scanned, *lowest = answers[0][:3]
        rows += [_row(answer[3:]) for answer in answers if answer[3] is not None]
        if len(rows) >= parameters["size"]:
            return rows, rows[-1].place
        if scanned < parameters["budget"]:
            return rows, None
        floor = Place._make(lowest)
        parameters = {**parameters, **floor._asdict()}
    return rows, floor


def _row(answer: tuple[Any, ...]) -> Row:
    moment, subscriber_id, email, *rest = answer
    return Row(moment, subscriber_id, email or "", *rest)


def _parameters(wanted: Filter, size: int) -> dict[str, Any] | None:
    """Return what the queries take; None when nobody can be meant."""
    search, domain = wanted.search.strip(), wanted.domain
    if search.startswith("@"):
        search, domain = "", domain or search
    people = _people(search) if search else None
    if people == []:
        return None
    is_indexed = not (wanted.cause or domain)
    return {
        "campaign": wanted.campaign_id,
        "cause": wanted.cause,
        "domains": _domains(domain) if domain else None,
        "people": people,
        # One more, to know whether there is a next page.
        "size": size + 1,
        "budget": size + 1 if is_indexed else max(BUDGET, size + 1),
    }


def _people(search: str) -> list[int]:
    """Return who has an address that begins so."""
    found = Subscriber.objects.search(search)
    return list(found.order_by("email_key").values_list("id", flat=True)[:FOUND_LIMIT])


def _domains(text: str) -> list[str]:
    """Return the domains of a provider, or the one that `text` is."""
    text = text.strip().lstrip("@").lower()
    found = Provider.objects.filter(Q(slug=text) | Q(name__iexact=text)).first()
    known = [each for each in KNOWN if text in (each.slug, each.name.lower())]
    if not found and not known:
        return [text]
    slug = found.slug if found else known[0].slug
    by_mx = MailDomain.objects.filter(provider=slug).values_list("domain", flat=True)
    return [
        *(found.domains if found else ()),
        *(domain for each in known for domain in each.domains),
        *by_mx[:DOMAINS_LIMIT],
    ]
