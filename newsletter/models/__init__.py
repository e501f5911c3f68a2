"""The tables of what we send."""

from newsletter.models.campaign import BODY_LIMIT, Campaign, Edition, Template
from newsletter.models.delivery import Batch, Deferral, Delivery, Handover
from newsletter.models.mailbox import MailboxCount, MailboxTotal
from newsletter.models.server import (
    DkimKey,
    MailDomain,
    Pause,
    Provider,
    SendingServer,
    ServerUsage,
)
from newsletter.models.summary import SummaryMail
from newsletter.models.sums import CampaignSum

__all__ = [
    "BODY_LIMIT",
    "Batch",
    "Campaign",
    "CampaignSum",
    "Deferral",
    "Delivery",
    "DkimKey",
    "Edition",
    "Handover",
    "MailDomain",
    "MailboxCount",
    "MailboxTotal",
    "Pause",
    "Provider",
    "SendingServer",
    "ServerUsage",
    "SummaryMail",
    "Template",
]
