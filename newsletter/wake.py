"""Wakes a worker at once, for what a person has just asked for; the next tick would do it too."""

import logging

from celery import current_app
from django.conf import settings
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

PATIENCE = 0.5  # seconds to connect, and for each answer: a person waits for the page


def workers() -> None:
    """Have a worker look for campaigns that are due. Never fails: it is the tick that counts.

    Where the broker is away or silent, the caller waits for it about a second.
    """
    # A connection of its own: those of the pool wait for as long as it takes.
    options = {
        "max_retries": 0,
        "socket_connect_timeout": PATIENCE,
        "socket_timeout": PATIENCE,
    }
    try:
        with current_app.connection_for_write(
            transport_options=options, connect_timeout=PATIENCE
        ) as connection:
            current_app.send_task(
                "newsletter.tasks.send",
                expires=settings.TICK,
                retry=False,
                connection=connection,
            )
    except (KombuError, RedisError, OSError) as error:
        logger.warning("no worker was woken, the next tick will: %s", error)
