"""The tables of what we send."""

from newsletter.models.campaign import BODY_LIMIT, Campaign, Edition, Template
from newsletter.models.delivery import Batch, Deferral, Delivery, Handover

__all__ = [
    "BODY_LIMIT",
    "Batch",
    "Campaign",
    "Deferral",
    "Delivery",
    "Edition",
    "Handover",
    "Template",
]
