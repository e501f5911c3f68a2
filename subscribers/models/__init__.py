"""The tables of people, of the lists they are on, and of the proof that they agreed."""

from subscribers.models.consent import Confirmation, ConsentRecord
from subscribers.models.growth import ListChange, ListDay
from subscribers.models.importing import Import
from subscribers.models.leaving import Departure, LeavingSum
from subscribers.models.mailing_list import MailingList, Subscription
from subscribers.models.organisation import Organisation
from subscribers.models.subscriber import Subscriber, TrackingChoice
from subscribers.models.suppression import Suppression

__all__ = [
    "Confirmation",
    "ConsentRecord",
    "Departure",
    "Import",
    "LeavingSum",
    "ListChange",
    "ListDay",
    "MailingList",
    "Organisation",
    "Subscriber",
    "Subscription",
    "Suppression",
    "TrackingChoice",
]
