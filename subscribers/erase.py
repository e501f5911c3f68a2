"""Removing a person from every table, or from none."""

from collections.abc import Callable

from django.conf import settings
from django.db import connection, transaction
from django.utils.module_loading import import_string

from subscribers.models import ConsentRecord, Subscriber


def erase(subscriber_id: int) -> None:
    """Remove a person from every table, or from none.

    Runs each function in settings.SUBSCRIBER_ERASERS, then removes the person's lines of the
    ledger and the person, all in one transaction. A suppression stays: it is a keyed hash, which
    keeps an old file from bringing them back. So do counts in reports, which name no one.
    """
    erasers: list[Callable[[int], None]] = [
        import_string(path) for path in settings.SUBSCRIBER_ERASERS
    ]
    with transaction.atomic():
        # Locked first: nothing is added about this person while they are being removed.
        Subscriber.objects.select_for_update().filter(pk=subscriber_id).first()
        for eraser in erasers:
            eraser(subscriber_id)
        _erase_ledger(subscriber_id)
        Subscriber.objects.filter(pk=subscriber_id).delete()


def _erase_ledger(subscriber_id: int) -> None:
    """Remove a person's lines by the one way that the ledger's trigger leaves open."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('broadsheet.erasing', %s, true)", [str(subscriber_id)])
        ConsentRecord.objects.filter(subscriber_id=subscriber_id).delete()
        cursor.execute("SELECT set_config('broadsheet.erasing', '', true)")
