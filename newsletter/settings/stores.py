"""PostgreSQL, which holds what is true, and Redis, which holds what passes through."""

from typing import Any
from urllib.parse import unquote, urlsplit

from newsletter import env

_env = env.read()

EMBEDDED = _env.embedded  # on the private servers of `make run`, nowhere else

# A host that is gone says nothing, and connections are kept: noticed within about half a minute.
_KEEPALIVE = {
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",  # milliseconds
    "connect_timeout": "10",
}


def _database(url: str) -> dict[str, Any]:
    """Turn postgres://user:password@host:port/name?option=value into Django's form."""
    parts = urlsplit(url)
    options = dict(pair.partition("=")[::2] for pair in parts.query.split("&") if pair)
    options = {name: unquote(value) for name, value in options.items()}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        # A socket's folder comes as ?host=/folder, as in libpq.
        "HOST": options.pop("host", unquote(parts.hostname or "")),
        "PORT": str(parts.port or options.pop("port", "")),
        "CONN_MAX_AGE": 60,  # seconds
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {**_KEEPALIVE, **options},
    }


DATABASE_URL = _env.database_url.get_secret_value()
DATABASES = {"default": _database(DATABASE_URL)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = _env.redis_url.get_secret_value()
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}
}
