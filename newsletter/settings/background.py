"""Celery: its broker, its workers, and the clock that wakes them."""

from newsletter import env

_env = env.read()

CELERY_BROKER_URL = _env.broker_url.get_secret_value()
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True  # every task is safe to run twice
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CONCURRENCY = _env.worker_concurrency
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TASK_TIME_LIMIT = 600  # seconds
# Redis hands an unacknowledged task to another worker after this long, so it must
# stay above CELERY_TASK_TIME_LIMIT or a slow task runs twice at the same time.
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 900}  # seconds
CELERY_TIMEZONE = "UTC"
# Mail that a person waits for has a queue of its own, served beside the campaigns.
CELERY_TASK_DEFAULT_QUEUE = "broadsheet"
CELERY_TASK_ROUTES = {
    "newsletter.tasks.send_confirmations": {"queue": "broadsheet-first"},
    "newsletter.tasks.send_forwards": {"queue": "broadsheet-first"},
}

TICK = 2  # seconds
# Functions of newsletter/tasks.py, and the seconds after which each is wanted again. They look for
# rows that are due, so two clocks are harmless, and a message that no worker has taken by the next
# turn is forgotten.
_PERIODS = {
    "wake_campaigns": TICK,
    "send_confirmations": TICK,
    "send_forwards": TICK,
    "wake_imports": TICK,
    "mail_alerts": 30,
    "settle_in_doubt": 60,
    "sum_campaigns": 60,
    "count_mailboxes": 60,
    "fold_growth": 60,
    "count_readings": 60,
    "mail_summaries": 300,
    "look_up_providers": 1_800,
    "weigh_forwards": 3_600,
    "tidy": 3_600,
}
CELERY_BEAT_SCHEDULE = {
    name.replace("_", "-"): {
        "task": f"newsletter.tasks.{name}",
        "schedule": period,
        "options": {"expires": period},
    }
    for name, period in _PERIODS.items()
}
