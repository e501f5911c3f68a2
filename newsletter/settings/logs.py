"""What is logged, and what must never stand in a log."""

from newsletter import env

_env = env.read()

LOG_LEVEL = _env.log_level
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{levelname} {name}: {message}", "style": "{"}},
    "filters": {"tokens": {"()": "newsletter.logs.WithoutTokens"}},
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "line",
            "filters": ["tokens"],
        }
    },
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        # Its warnings name every broken link that somebody tries.
        "django.request": {"level": "ERROR", "filters": ["tokens"]},
        "django.security": {"filters": ["tokens"]},
        "mail.log": {"level": "WARNING"},
        # A tick every other second is not news; that a task failed still is.
        "celery.beat": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
    },
}
