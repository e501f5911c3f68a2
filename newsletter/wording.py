"""How moments, rates and states are written: the same on pages, in commands and in mails. Pure."""

from collections.abc import Collection
from datetime import datetime, time
from typing import Protocol

from django.utils import timezone

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


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
        return "< 1 min"
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


class Paced(Protocol):
    """What has a pace: a campaign."""

    throttle: int | None
    send_days: list[int]
    send_from: time | None
    send_until: time | None


def pace(paced: Paced) -> str:
    """Write how fast and when mail goes: "600 a minute, Monday to Friday, 09:00 to 17:00"."""
    parts = [
        f"{paced.throttle:,} a minute" if paced.throttle else "as fast as the servers take it",
        days(paced.send_days),
        hours(paced.send_from, paced.send_until),
    ]
    words = ", ".join(part for part in parts if part)
    return words[0].upper() + words[1:]


def days(numbers: Collection[int]) -> str:
    """Write days of the week (ISO: 1 is Monday); empty for every day."""
    chosen = sorted(set(numbers))
    if len(chosen) in (0, len(DAYS)):
        return ""
    if len(chosen) > 2 and chosen == list(range(chosen[0], chosen[-1] + 1)):
        return f"{DAYS[chosen[0] - 1]} to {DAYS[chosen[-1] - 1]}"
    return "only " + ", ".join(DAYS[number - 1] for number in chosen)


def hours(begin: time | None, end: time | None) -> str:
    """Write the hours of a day; empty for all of it."""
    if begin and end:
        return f"{begin:%H:%M} to {end:%H:%M}"
    if begin:
        return f"not before {begin:%H:%M}"
    return f"not after {end:%H:%M}" if end else ""
