"""Judges each day of hits as a whole: again and again until the next is over, and then for good.

Minutes after a hit nobody can tell a person from a machine that goes through stored mail at a
person's pace; hours later all that it did lies side by side. So the day so far is judged every
quarter of an hour, with the days before and after it. Where more comes than may be held at once,
less is looked at together (tracking/portions.py), and where little more can be held than minutes
showed, that is left as it is.

A look at a large day is done in stints, so that the minutes of the present never wait for long.
"""

import time
from datetime import UTC, datetime, timedelta

from django.utils.timezone import now

from tracking import judging
from tracking.classify.pulse import Pulse, silent
from tracking.models import UnsettledDay
from tracking.portions import FAR, NEAR, Span

DAY = timedelta(days=1)
STINT = 10.0  # seconds of a look after which no other portion is begun
# The pause after a look is so many times as long as the work: a tenth of the time at most.
SHARE = 10
# Hits of the last minutes are left to judging.settle, which would judge them by less once more.
SETTLED = judging.RIPE + 2 * NEAR
OVER = 2 * DAY + SETTLED  # since a day's beginning: what comes after is not looked at with it
WORTH = timedelta(minutes=30)  # what has to be seen around hits for more to be known of them


def look_back(pulse: Pulse = silent) -> bool:
    """Do one stint of the look at a day that is due. Returns whether there was one.

    What `pulse` raises ends it, and the portion in hand is judged the next time.
    """
    with judging.alone(within=judging.PATIENCE) as is_alone:
        due = UnsettledDay.objects.filter(due_at__lte=now()).order_by("due_at", "day")
        day = due.first() if is_alone else None
        if day is not None:
            _look(day, pulse)
    return day is not None


def _look(day: UnsettledDay, pulse: Pulse) -> None:
    started = time.monotonic()
    midnight = datetime.combine(day.day, datetime.min.time(), UTC)
    if day.judged_to is None:
        day.begun_at, day.judged_to = now(), midnight
    span = Span(day.judged_to, min(midnight + DAY, now() - SETTLED))
    for portion in judging.cut(span, FAR):
        if portion.around >= WORTH:
            judging.judge_portion(portion, pulse=pulse)
        day.judged_to = portion.span.end
        if time.monotonic() - started > STINT:
            break
    else:
        day.judged_to = None
    day.worked += time.monotonic() - started
    if day.judged_to is None:
        _finish(day, midnight + OVER)
    else:
        day.save()


def _finish(day: UnsettledDay, over: datetime) -> None:
    if day.begun_at is not None and day.begun_at >= over:
        day.delete()
        return
    soon = now() + judging.LOOK_EVERY
    day.due_at = max(soon, now() + SHARE * timedelta(seconds=day.worked))
    if now() < over:  # the look that is for good is not put off
        day.due_at = min(day.due_at, max(soon, over))
    day.begun_at, day.worked = None, 0.0
    day.save()
