"""How far tracking is behind its readers."""

from typing import NamedTuple

from django.db.models import Min
from django.utils.timezone import now

from tracking import judging, stream
from tracking.models import UnsettledDay, UnsettledMinute


class Lag(NamedTuple):
    """What waits, and for how long."""

    packs: int  # in the stream, to be stored
    seconds: float  # since the oldest of them came; 0.0 when none waits
    minutes: int  # of stored hits that could be judged again and are not yet
    judging_seconds: float  # since the oldest of these could be; 0.0 when there is none
    set_aside: int = 0  # packs that could not be stored: manage.py read_set_aside tries again
    looking_seconds: float = 0.0  # since the oldest look at a whole day was due; 0.0 when none is


def lag() -> Lag:
    """Return how far ingest is behind. Raises one of stream.AWAY, or the database's errors."""
    backlog = stream.backlog()
    ripe = UnsettledMinute.objects.filter(minute__lte=now() - judging.RIPE)
    minutes = sorted(set(ripe.values_list("minute", flat=True)))
    behind = (now() - minutes[0] - judging.RIPE).total_seconds() if minutes else 0.0
    due = UnsettledDay.objects.aggregate(due=Min("due_at"))["due"]
    late = max(0.0, (now() - due).total_seconds()) if due else 0.0
    return Lag(backlog.packs, backlog.oldest, len(minutes), behind, backlog.set_aside, late)
