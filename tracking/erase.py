"""Takes a person's name out of what happened to mail. The sums stay: they name no one."""

from django.db import transaction

from tracking import rollups
from tracking.models import Event, Reader, ReaderLink


def erase_subscriber(subscriber_id: int) -> None:
    """Forget who read and clicked. Hits that arrive from now on are counted without a name.

    Call in the transaction that deletes the subscriber: until it ends, no hits are stored, so none
    can bring the name back.
    """
    with transaction.atomic():
        rollups.lock_out_ingest()
        Reader.objects.filter(subscriber_id=subscriber_id).delete()
        ReaderLink.objects.filter(subscriber_id=subscriber_id).delete()
        Event.objects.filter(subscriber_id=subscriber_id).update(subscriber_id=0)
