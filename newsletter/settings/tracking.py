"""What is recorded of reading, where it passes and how long it is kept."""

from newsletter import env
from newsletter.settings.files import RUN_DIR

_env = env.read()

TRACKING_STREAM = _env.tracking_stream
TRACKING_STREAM_LIMIT = _env.tracking_stream_limit * 1024 * 1024  # bytes
TRACKING_KEEP_EVENTS = _env.tracking_keep_events  # whole months before this one; 0: for ever
TRACKING_SPOOL = RUN_DIR / "spool"
TRACKING_DEFAULT = _env.tracking_default  # for people who chose nothing
# Lists of networks beside the built-in ones; manage.py refresh_networks puts them here.
TRACKING_NETWORKS = _env.tracking_networks or RUN_DIR / "networks"
# A database that says which country a network lies in; manage.py refresh_countries puts it here.
TRACKING_COUNTRIES = _env.tracking_countries or RUN_DIR / "countries.mmdb"
