"""What a campaign does at this moment: who sends, who takes, what waits and why. Reads only.

For whoever watches: the campaign's page once a second, and `campaign status --watch`. Some small
queries, one over the campaign's batches, and one round trip to Redis; nothing here grows with the
number of recipients but the batches, of which a million recipients have two thousand.
"""

from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection
from django.utils import timezone

from newsletter import places
from newsletter.models import Campaign, Pause
from newsletter.places import Place
from newsletter.progress import Progress, progress_of
from newsletter.sending import live, windows

DEFERRED_LIMIT = 10_000  # more are not counted, only said

_DEFERRED = """
    SELECT count(*), min(due_at) FROM (
        SELECT deferral.due_at
        FROM newsletter_deferral deferral
        JOIN newsletter_batch batch ON batch.id = deferral.batch_id
        WHERE batch.campaign_id = %s
        LIMIT %s
    ) deferrals
"""


@dataclass(frozen=True, slots=True)
class Note:
    """One reason why mail waits, or goes slowly."""

    words: str
    until: datetime | None = None
    is_usual: bool = False  # asked for, or normal: nobody has to do anything


@dataclass(frozen=True, slots=True)
class Situation:
    """All that is to be seen of a campaign on its way."""

    progress: Progress
    servers: list[Place]
    providers: list[Place]
    notes: list[Note]
    deferred: int  # who is to be tried again; DEFERRED_LIMIT + 1 stands for more
    runs: int  # worker processes that send for it

    def as_json(self) -> dict[str, Any]:
        """Return all of it for json.dumps: names as here, moments as ISO 8601 in UTC."""
        numbers = asdict(self.progress)
        numbers |= {
            "pending": self.progress.pending,
            "seconds_left": self.progress.seconds_left,
            "deferred": self.deferred,
            "workers": self.runs,
        }
        return numbers | {
            "servers": [_plain(place) for place in self.servers],
            "providers": [_plain(place) for place in self.providers],
            "waits": [_plain(note) for note in self.notes],
        }


def situation(campaign_id: int) -> Situation:
    """Return what a campaign does now. Raises Campaign.DoesNotExist."""
    campaign = Campaign.objects.get(id=campaign_id)
    numbers = progress_of(campaign)
    if campaign.status != Campaign.Status.RUNNING:
        return Situation(numbers, [], [], _notes_of_stopped(campaign, numbers), 0, 0)
    seen = live.read(settings.REDIS_URL, campaign_id)
    if seen.runs:
        numbers = replace(numbers, per_second=seen.per_second)
    pauses = list(Pause.objects.filter(until__gt=timezone.now()).order_by("until"))
    deferred, next_try = _deferred(campaign_id)
    usable = places.servers(seen, pauses, places.sender_domain(campaign))
    none = [] if usable else [Note("No sending server is in use: all are switched off")]
    return Situation(
        progress=numbers,
        servers=usable,
        providers=places.providers(seen, pauses),
        notes=none + _notes(campaign, numbers, deferred, next_try),
        deferred=deferred,
        runs=seen.runs,
    )


# --- why it waits ---------------------------------------------------------------------------


def _notes(
    campaign: Campaign, numbers: Progress, deferred: int, next_try: datetime | None
) -> list[Note]:
    notes = []
    opening = opens_at(campaign)
    if opening:
        notes.append(Note("Outside its send window", opening, is_usual=True))
    elif campaign.waiting_reason:
        notes.append(Note(campaign.waiting_reason, campaign.retry_at))
    if campaign.throttle:
        notes.append(Note(f"Throttled to {campaign.throttle:,} a minute", is_usual=True))
    if deferred:
        is_exact = deferred <= DEFERRED_LIMIT
        many = f"{deferred:,}" if is_exact else f"more than {DEFERRED_LIMIT:,}"
        words = f"{many} told to come back later"
        if next_try and next_try > timezone.now():
            notes.append(Note(f"{words}; none of them is tried again", next_try, is_usual=True))
        else:
            notes.append(Note(f"{words}, and tried again as their turn comes", is_usual=True))
    return notes + _set_aside(numbers)


def _notes_of_stopped(campaign: Campaign, numbers: Progress) -> list[Note]:
    notes = [Note(campaign.waiting_reason)] if campaign.waiting_reason else []
    return notes + _set_aside(numbers)


def _set_aside(numbers: Progress) -> list[Note]:
    if not numbers.set_aside:
        return []
    return [
        Note(
            f"{numbers.set_aside:,} set aside, because their mails stopped a worker again and "
            "again. Look into its log; pause and resume to try them once more."
        )
    ]


def opens_at(campaign: Campaign) -> datetime | None:
    """Return when a campaign's send window opens; None while it is open, or without one."""
    window = windows.Window(
        days=frozenset(campaign.send_days),
        begin=campaign.send_from,
        end=campaign.send_until,
        zone=ZoneInfo(settings.TIME_ZONE),
    )
    now = timezone.now()
    return None if windows.is_open(window, now) else windows.next_opening(window, now)


def _deferred(campaign_id: int) -> tuple[int, datetime | None]:
    with connection.cursor() as cursor:
        cursor.execute(_DEFERRED, [campaign_id, DEFERRED_LIMIT + 1])
        count, due_at = cursor.fetchone() or (0, None)
    return count, due_at


def _plain(thing: Place | Note) -> dict[str, Any]:
    fields = asdict(thing)
    if thing.until:
        fields["until"] = thing.until.astimezone(UTC).isoformat()
    return fields
