"""The settings of a trial: what waits for a minute in real life waits for seconds here."""

import faulthandler
import signal
import sys

from newsletter.settings import *  # noqa: F403
from newsletter.settings import LOGGING

SEND_RETRY_AFTER = 3  # seconds after the first "later" of a server

# A trial is looked at afterwards, beside the mail server's record.
LOGGING["formatters"]["line"]["format"] = "{asctime} {process} {levelname} {name}: {message}"

# What hangs says where: kill -USR2.
faulthandler.register(signal.SIGUSR2, file=sys.__stderr__)
