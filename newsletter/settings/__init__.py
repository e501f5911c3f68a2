"""Django settings, one module for each theme. What differs between installations is in env.py.

A setting stands in one module only, and no module imports another but for addresses and files.
"""

from newsletter.settings.addresses import *
from newsletter.settings.applications import *
from newsletter.settings.background import *
from newsletter.settings.files import *
from newsletter.settings.hooks import *
from newsletter.settings.limits import *
from newsletter.settings.logs import *
from newsletter.settings.looks import *
from newsletter.settings.security import *
from newsletter.settings.sending import *
from newsletter.settings.stores import *
from newsletter.settings.tracking import *
