"""The tables of what happened to mail, and of what it adds up to.

Campaign, subscriber and link are plain numbers here, not foreign keys: this app does not know the
campaign tables, and key checks would cost several look-ups on each of millions of rows.
A subscriber of 0 means that the reader is not named (tracking choice `aggregate`).
"""

from tracking.models.band import LastReading, ListReading
from tracking.models.breakdown import Breakdown, Dimension
from tracking.models.event import Event, Kind, Recount, StoredPack, UnsettledDay, UnsettledMinute
from tracking.models.forward import Forward, ForwardRefusal, PossibleForwards
from tracking.models.link import Link
from tracking.models.reader import Reader, ReaderLink
from tracking.models.totals import (
    CampaignHour,
    CampaignMoment,
    CampaignTotal,
    ForwardTotal,
    LinkTotal,
    VerdictTotal,
)

__all__ = [
    "Breakdown",
    "CampaignHour",
    "CampaignMoment",
    "CampaignTotal",
    "Dimension",
    "Event",
    "Forward",
    "ForwardRefusal",
    "ForwardTotal",
    "Kind",
    "LastReading",
    "Link",
    "LinkTotal",
    "ListReading",
    "PossibleForwards",
    "Reader",
    "ReaderLink",
    "Recount",
    "StoredPack",
    "UnsettledDay",
    "UnsettledMinute",
    "VerdictTotal",
]
