"""Wakes a worker at once, for what a person has just asked for; the next tick would do it too."""

import logging

from celery import current_app
from django.conf import settings
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)


def workers() -> None:
    """Have a worker look for campaigns that are due. Never fails: it is the tick that counts."""
    try:
        current_app.send_task("newsletter.tasks.send", expires=settings.TICK, retry=False)
    except OperationalError as error:
        logger.warning("no worker was woken, the next tick will: %s", error)
