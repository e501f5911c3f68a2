"""How moments, rates and states are written: the same on pages, in commands and in mails. Pure."""

from datetime import datetime
from typing import Protocol

from django.utils import timezone


class Lasting(Protocol):
    """A state or a reason, which may end at a known moment."""

    @property
    def words(self) -> str:
        """What it is."""

    @property
    def until(self) -> datetime | None:
        """When it ends."""


def clock(moment: datetime, now: datetime | None = None) -> str:
    """Write a moment that is near: "14:05", "Monday 09:00", "3 June 09:00"; in TIME_ZONE."""
    local = timezone.localtime(moment)
    today = timezone.localdate(now or timezone.now())
    days = (local.date() - today).days
    if days == 0:
        return f"{local:%H:%M}"
    return f"{local:%A %H:%M}" if 0 < days < 7 else f"{local.day} {local:%B %H:%M}"


def in_words(thing: Lasting) -> str:
    """Write a state or a reason as one line."""
    words = thing.words + (f" until {clock(thing.until)}" if thing.until else "")
    because = getattr(thing, "because", "")
    return f"{words}: {because}" if because else words


def duration(seconds: float | None) -> str:
    """Write how long something will take; a dash when nobody knows."""
    if seconds is None:
        return "–"
    if seconds < 60:
        return "less than a minute"
    if seconds < 3600:
        return f"{round(seconds / 60)} min"
    hours = seconds / 3600
    return f"{hours:.1f} h" if hours < 48 else f"{hours / 24:.0f} days"


def rate(per_second: float) -> str:
    """Write a rate: by the second while that is more than one, else by the minute."""
    if not per_second:
        return "–"
    if per_second < 1:
        return f"{per_second * 60:,.0f} a minute"
    return f"{per_second:,.0f} a second" if per_second >= 10 else f"{per_second:.1f} a second"
