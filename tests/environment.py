"""The variables of a plain installation, set before Django reads its settings.

Loaded by `-p tests.environment`, earlier than any conftest. The servers come from DATABASE_URL and
REDIS_URL, which `make test` sets to private ones.
"""

import os

os.environ.update(
    SECRET_KEY="tests-only-secret-key-that-is-long-enough-0123456789abcdef",
    TRACKING_KEYS="tests-only-tracking-key-0123456789",
    SUPPRESSION_KEY="tests-only-suppression-key-0123456789",
    PUBLIC_URL="https://news.example.org",
    SMTP_URL="smtp://127.0.0.1:9",
    DEFAULT_FROM="The Daily Example <news@example.org>",
    EMBEDDED="false",
    DEBUG="false",
)
for name in ("TRACKING_URL", "TRACKING_DEFAULT", "BOUNCE_DOMAIN", "ALLOWED_HOSTS", "BROKER_URL"):
    os.environ.pop(name, None)

# Each process of pytest-xdist has a database of its own in PostgreSQL, and so in Redis.
_worker = os.environ.get("PYTEST_XDIST_WORKER", "").removeprefix("gw")
_redis, _, _number = os.environ.get("REDIS_URL", "").rpartition("/")
if _worker and _number == "0":
    os.environ["REDIS_URL"] = f"{_redis}/{1 + int(_worker) % 15}"
