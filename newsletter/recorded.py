"""What will be recorded of a campaign's readers, for the review before its start.

A forecast: what people and lists say when a hit comes is what counts (tracking/choices.py).
"""

from collections.abc import Mapping
from typing import NamedTuple

from newsletter import audience
from subscribers import recording
from subscribers.models import MailingList, TrackingChoice


class Forecast(NamedTuple):
    """How many people are recorded in which way, and who says so for the others."""

    usual: TrackingChoice  # for who has chosen nothing
    lists: list[str]  # names of those that say so; none: the installation does
    people: dict[TrackingChoice, int]  # from most to least recorded; nobody left out


def forecast(campaign_id: int, by_choice: Mapping[str, int]) -> Forecast:
    """Return what is to be recorded; `by_choice` comes from audience.by_choice (two queries)."""
    list_ids = audience.campaign_list_ids(campaign_id)
    usual = recording.of_lists(list_ids)
    strictest = MailingList.objects.filter(id__in=list_ids, tracking=usual)
    people = {
        choice: by_choice.get(choice, 0) + (by_choice.get("", 0) if choice is usual else 0)
        for choice in reversed(TrackingChoice)
    }
    return Forecast(usual, list(strictest.values_list("name", flat=True)), people)
