"""The settings of a trial: what waits for a minute in real life waits for seconds here."""

from newsletter.settings import *  # noqa: F403

SEND_RETRY_AFTER = 3  # seconds after the first "later" of a server
