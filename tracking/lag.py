"""How far tracking is behind its readers."""

from typing import NamedTuple

from django.utils.timezone import now

from tracking import judging, stream
from tracking.models import UnsettledMinute


class Lag(NamedTuple):
    """What waits, and for how long."""

    packs: int  # in the stream, to be stored
    seconds: float  # since the oldest of them came; 0.0 when none waits
    minutes: int  # of stored hits that could be judged for good and are not yet
    judging_seconds: float  # since the oldest of these could be; 0.0 when there is none
    set_aside: int = 0  # packs that could not be stored: manage.py read_set_aside tries again


def lag() -> Lag:
    """Return how far ingest is behind. Raises one of stream.AWAY, or the database's errors."""
    backlog = stream.backlog()
    ripe = UnsettledMinute.objects.filter(minute__lte=now() - judging.RIPE)
    minutes = sorted(set(ripe.values_list("minute", flat=True)))
    behind = (now() - minutes[0] - judging.RIPE).total_seconds() if minutes else 0.0
    return Lag(backlog.packs, backlog.oldest, len(minutes), behind, backlog.set_aside)
