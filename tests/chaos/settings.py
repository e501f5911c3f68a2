"""The settings of a trial: those of every installation, but for its logs."""

import faulthandler
import signal
import sys

from newsletter.settings import *  # noqa: F403
from newsletter.settings import LOGGING

# A trial is looked at afterwards, beside the mail server's record.
LOGGING["formatters"]["line"]["format"] = "{asctime} {process} {levelname} {name}: {message}"

# What hangs says where: kill -USR2.
faulthandler.register(signal.SIGUSR2, file=sys.__stderr__)
