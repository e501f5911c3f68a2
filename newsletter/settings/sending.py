"""How mail goes out, and whom trouble and reports are mailed to."""

from newsletter import env
from newsletter.settings.files import RUN_DIR

_env = env.read()

SMTP_URL = _env.smtp_url.get_secret_value()
DEFAULT_FROM_EMAIL = _env.default_from
BOUNCE_DOMAIN = _env.bounce_domain  # None: the domain of the campaign's From address
SENDER_ID = _env.sender_id  # last part of Feedback-ID
SEND_BATCH_SIZE = _env.send_batch_size  # recipients
SEND_LEASE = _env.send_lease  # seconds without a sign of life before a batch is given to another
SEND_CONNECTIONS = _env.send_connections  # to the mail server, for each worker process
SEND_RETRY_AFTER = _env.send_retry_after  # seconds after the first "later"; doubles, up to an hour
SEND_RETRY_FOR = _env.send_retry_for  # seconds that a server may say "later" for one person
DNS_RESOLVERS = _env.dns_resolvers  # addresses, perhaps with :port; empty: the system's
ALERTS_TO = _env.alerts_to  # addresses that hear of what stops mail
REPORT_AFTER = _env.report_after  # hours after a campaign's end that its report is mailed; 0: never

MAILCATCHER_HOST, MAILCATCHER_PORT = _env.mailcatcher_host, _env.mailcatcher_port
MAILCATCHER_KEEP = _env.mailcatcher_keep  # mails; the oldest go first
OUTBOX = RUN_DIR / "outbox"
