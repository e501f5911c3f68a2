"""Judges each day of hits as a whole, again and again while it lasts, and for good when it is over.

Minutes after a hit nobody can tell a person from a machine that goes through stored mail at a
person's pace; hours later all that it did lies side by side. So the day so far is judged every
quarter of an hour, and for good a day after its end, each time with the days before and after it.
Where more comes than may be held at once, less is looked at together (tracking/portions.py), and
where little more can be held than minutes showed, that is left as it is.

Each call judges one portion, so that the minutes of the present never wait for long.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, time, timedelta

from django.utils.timezone import now

from tracking import judging
from tracking.classify.pulse import Pulse, none
from tracking.models import UnsettledDay
from tracking.portions import FAR, NEAR, Portion, Span

DAY = timedelta(days=1)
# Between two looks at a day that is not over; or longer, so that most of the time there is none.
EVERY, SHARE = timedelta(minutes=15), 3
# Hits of the last minutes are left to judging.settle, which would judge them by less once more.
SETTLED = judging.RIPE + 2 * NEAR
OVER = 2 * DAY + SETTLED  # since a day's beginning: what comes after is not looked at with it
WORTH = timedelta(minutes=30)  # what has to be seen around hits for more to be known of them


def look_back(pulse: Pulse = none) -> bool:
    """Judge the next portion of a day that is due. Returns whether there was one.

    What `pulse` raises ends it, and the portion is judged the next time.
    """
    with judging.alone(wait=False) as is_alone:
        due = UnsettledDay.objects.filter(due_at__lte=now()).order_by("due_at", "day")
        day = due.first() if is_alone else None
        if day is not None:
            _look(day, pulse)
    return day is not None


def _look(day: UnsettledDay, pulse: Pulse) -> None:
    midnight = datetime.combine(day.day, time(), UTC)
    begun_at = day.begun_at or now()
    span = Span(day.judged_to or midnight, min(midnight + DAY, now() - SETTLED))
    portion = _first_that_is_worth_it(judging.cut(span, FAR))
    if portion:
        judging.judge_portion(portion, pulse=pulse)
    if portion and portion.span.end < span.end:
        _note(day, begun_at=begun_at, judged_to=portion.span.end)
    elif begun_at < midnight + OVER:
        pause = max(EVERY, SHARE * (now() - begun_at))
        _note(day, due_at=now() + pause, begun_at=None, judged_to=None)
    else:
        day.delete()


def _first_that_is_worth_it(portions: Iterable[Portion]) -> Portion | None:
    return next((portion for portion in portions if portion.around >= WORTH), None)


def _note(day: UnsettledDay, **values: datetime | None) -> None:
    UnsettledDay.objects.filter(pk=day.pk).update(**values)
