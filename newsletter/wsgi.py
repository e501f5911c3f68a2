"""The WSGI application of the `web` process."""

import os
import warnings

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "newsletter.settings")

# Static files are served from where they are; a folder of collected ones is not needed.
warnings.filterwarnings("ignore", message="No directory at", category=UserWarning)

application = get_wsgi_application()
