"""Settings that are wrong together: said at start, not at first use."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register


@register
def visibility_outlasts_tasks(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Refuse a broker that hands a running task to a second worker."""
    timeout = settings.CELERY_BROKER_TRANSPORT_OPTIONS["visibility_timeout"]
    if timeout > settings.CELERY_TASK_TIME_LIMIT:
        return []
    return [
        Error(
            "The broker's visibility timeout is not longer than CELERY_TASK_TIME_LIMIT",
            hint=f"Set it above {settings.CELERY_TASK_TIME_LIMIT} seconds.",
            id="newsletter.E001",
        )
    ]


@register(Tags.security, deploy=True)
def suppression_key_is_its_own(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Warn when rotating SECRET_KEY would make the suppression list useless."""
    if settings.SUPPRESSION_KEY != settings.SECRET_KEY:
        return []
    return [
        Warning(
            "SUPPRESSION_KEY is not set, so SECRET_KEY is used in its place",
            hint="Set SUPPRESSION_KEY before you ever rotate SECRET_KEY: suppressed addresses are "
            "kept as keyed hashes, which another key does not recognise.",
            id="newsletter.W001",
        )
    ]


@register(Tags.security, deploy=True)
def secrets_have_a_key_of_their_own(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Warn when rotating SECRET_KEY would lock away signing keys and passwords."""
    if settings.ENCRYPTION_KEYS:
        return []
    return [
        Warning(
            "ENCRYPTION_KEYS is not set, so a key derived from SECRET_KEY is used in its place",
            hint="Set ENCRYPTION_KEYS and run `manage.py reseal` before you ever rotate "
            "SECRET_KEY: signing keys and passwords of mail servers are stored encrypted.",
            id="newsletter.W002",
        )
    ]
