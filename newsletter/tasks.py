"""Celery tasks. Each takes ids, calls one function, and is safe to run twice.

What there is to do stands in PostgreSQL; a message only wakes a worker for it. Losing every message
costs no more than the time to the next tick.
"""

from celery import shared_task
from django.conf import settings
from django.core.management import call_command
from django.db import close_old_connections
from django.utils.timezone import now

from newsletter import (
    alerts,
    confirmations,
    due,
    forwarding,
    list_readings,
    mailboxes,
    outcomes,
    summaries,
    summing,
    wake,
)
from newsletter.sending import batches, providers, run, shutdown, slots
from subscribers import confirmation, departures, growth, importing
from tracking import forward_reports, forwards

RUN = 45.0  # seconds that a process is kept by campaigns
SHORT_RUN = 5.0  # the same when the worker has no other process
LOOK_UPS = 2_000  # domains whose provider is looked up at a time
COUNTING = 3000  # seconds that a count of all lists may take
# Messages at each tick, besides one for each run that goes on, whose worker may take it in vain.
# Each worker that begins wakes the next; what nobody takes is forgotten at the next tick.
WAKE_UPS = 2


@shared_task
def wake_campaigns() -> None:
    """Start what is due, finish what is complete, and wake workers for what is in between."""
    due.start_scheduled()
    run.settle_abandoned()
    due.finish_complete()
    waiting = due.work()
    for _ in range(min(waiting, due.runs() + WAKE_UPS) if waiting else 0):
        send.apply_async(expires=settings.TICK)


@shared_task
def send() -> None:
    """Send for a while, then queue the rest. Without a free slot: leave it to another worker."""
    seconds = RUN if settings.CELERY_WORKER_CONCURRENCY > 1 else SHORT_RUN
    with slots.slot() as is_ours, shutdown.put_off() as is_stopping:
        if not is_ours or is_stopping():
            return
        if due.work() > 1:
            wake.workers()  # a broker that is away or silent now holds up no mail
        result = run.send(seconds=seconds, is_stopping=is_stopping)
    # Django's connection was idle for a whole run, over which the server may have restarted.
    close_old_connections()
    due.finish_complete()
    if result.has_more:
        send.delay()


@shared_task
def send_confirmations() -> None:
    """Send the mails that ask people to confirm that they want to join."""
    confirmations.send_due()


@shared_task
def send_forwards() -> None:
    """Send the copies that readers had forwarded to friends."""
    forwarding.send_due()


@shared_task
def wake_imports() -> None:
    """Take up the imports that wait, or whose worker died."""
    importing.run_due()


@shared_task
def settle_in_doubt() -> None:
    """Settle what is in doubt of people who read the mail."""
    outcomes.settle_by_reading()


@shared_task
def look_up_providers() -> None:
    """Find out who takes the mail of recipients' domains, before it goes out where possible."""
    providers.look_up_due(limit=LOOK_UPS)


@shared_task
def mail_alerts() -> None:
    """Tell the operators what stops mail."""
    alerts.raise_current()


@shared_task
def mail_summaries() -> None:
    """Mail the reports of campaigns that were sent a while ago."""
    summaries.send_due()


@shared_task
def sum_campaigns() -> None:
    """Add up what campaigns came to, for the pages about many of them."""
    summing.sum_due(now())


@shared_task
def count_mailboxes() -> None:
    """Count what came of campaigns' mails at each mailbox provider."""
    mailboxes.count_due(now())


@shared_task
def fold_growth() -> None:
    """Put who joined and left lists into the sums of days."""
    growth.fold()


@shared_task(time_limit=COUNTING)
def count_readings() -> None:
    """Count the people of lists by when they last read something."""
    list_readings.count_due(now())


@shared_task
def weigh_forwards() -> None:
    """Look for what mail programs may have forwarded."""
    forward_reports.weigh_due()


@shared_task
def tidy() -> None:
    """Remove what nobody needs any more."""
    confirmation.tidy()
    importing.tidy()
    batches.tidy()
    departures.tidy()
    forwards.tidy()
    call_command("clearsessions")
