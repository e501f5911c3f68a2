"""What a campaign sends: its frozen edition, compiled, and the lists that it goes to."""

from collections.abc import Callable
from dataclasses import dataclass

from newsletter import audience
from newsletter.composing import CompiledMessage, Person
from newsletter.models import Edition
from newsletter.sending.envelope import Mail


@dataclass(frozen=True, slots=True)
class Content:
    """All that a run has to know of its campaign."""

    campaign_id: int
    list_ids: list[int]
    render: Callable[[Person], Mail]  # raises composing's RenderError


def load(campaign_id: int) -> Content:
    """Read and compile the edition of a campaign that was started."""
    edition = Edition.objects.get(campaign_id=campaign_id)
    render = CompiledMessage(edition).render
    return Content(campaign_id, audience.campaign_list_ids(campaign_id), render)
