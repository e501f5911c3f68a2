"""Django settings. Everything that differs between installations comes from newsletter/env.py."""

from typing import Any
from urllib.parse import unquote, urlsplit

from csp.constants import NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE

from newsletter import env

ENV = env.read()
BASE_DIR = env.ROOT
RUN_DIR = ENV.run_dir.resolve()

# --- Addresses ------------------------------------------------------------------------

PUBLIC_URL = ENV.public_url
TRACKING_URL = ENV.tracking_url or ENV.public_url
ALLOWED_HOSTS = [*ENV.allowed_hosts, str(urlsplit(PUBLIC_URL).hostname)]
TRUSTED_PROXIES = ENV.trusted_proxies
WEB_HOST, WEB_PORT, WEB_THREADS = ENV.web_host, ENV.web_port, ENV.web_threads
EDGE_HOST, EDGE_PORT, EDGE_WORKERS = ENV.edge_host, ENV.edge_port, ENV.edge_workers

# --- Security -------------------------------------------------------------------------

SECRET_KEY = ENV.secret_key.get_secret_value()
DEBUG = ENV.debug
EMBEDDED = ENV.embedded  # on the private servers of `make run`, nowhere else
_HTTPS = PUBLIC_URL.startswith("https://")

# Separate from SECRET_KEY: links in mail already delivered must keep working when
# the login key is rotated. The first key signs; all of them verify.
TRACKING_KEYS = [key.strip() for key in ENV.tracking_keys.get_secret_value().split(",")]
# Never rotated: the suppression list holds keyed hashes only, which can't be made anew.
SUPPRESSION_KEY = (ENV.suppression_key or ENV.secret_key).get_secret_value()
# Seal what is stored encrypted: private keys, passwords of mail servers. The first seals, all open.
ENCRYPTION_KEYS = [key.strip() for key in ENV.encryption_keys.get_secret_value().split(",") if key]

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _HTTPS
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 60 * 60 * 24 * 14  # seconds
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
# No redirect from http to https here: a one-click POST must not be redirected (RFC 8058).
SECURE_SSL_REDIRECT = False
SECURE_HSTS_SECONDS = 60 * 60 * 24 * 365 if _HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = False  # other services may live on sub-domains
SECURE_HSTS_PRELOAD = False
SILENCED_SYSTEM_CHECKS = [
    "security.W005",  # includeSubDomains: see above
    "security.W008",  # SSL redirect: see above
    "security.W019",  # X-Frame-Options: previews are frames of our own in our own pages
    "security.W021",  # preload: the operator's decision
]
X_FRAME_OPTIONS = "SAMEORIGIN"
SECURE_REFERRER_POLICY = "same-origin"
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024  # bytes; files are not counted
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2_000

PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

# The strict policy holds everywhere but in the admin, whose theme needs Alpine ('unsafe-eval')
# and inline styles; see newsletter/admin/policy.py.
CONTENT_SECURITY_POLICY: dict[str, Any] = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "object-src": [NONE],
    }
}
ADMIN_CONTENT_SECURITY_POLICY: dict[str, Any] = {
    "default-src": [SELF],
    "script-src": [SELF, UNSAFE_EVAL],
    "style-src": [SELF, UNSAFE_INLINE],
    # Previews show a mail's own pictures, inside a sandboxed frame.
    "img-src": [SELF, "data:", "http:", "https:"],
    "base-uri": [SELF],
    "form-action": [SELF],
    "frame-ancestors": [SELF],
    "object-src": [NONE],
}

# --- Parts ----------------------------------------------------------------------------

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "csp",
    "subscribers",
    "tracking",
    "newsletter",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "newsletter.admin.policy.AdminPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "newsletter.urls"
WSGI_APPLICATION = "newsletter.wsgi.application"
# A redirect to add a slash would lose the body of a one-click POST (RFC 8058).
APPEND_SLASH = False

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.jinja2.Jinja2",
        "DIRS": [BASE_DIR / "templates" / "jinja2"],
        "APP_DIRS": False,
        "OPTIONS": {"environment": "newsletter.jinja.public_environment"},
    },
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates" / "django"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.tz",  # pages name the zone of their hours
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- PostgreSQL -----------------------------------------------------------------------

# A host that is gone says nothing, and connections are kept: noticed within about half a minute.
KEEPALIVE = {
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
        "OPTIONS": {**KEEPALIVE, **options},
    }


DATABASE_URL = ENV.database_url.get_secret_value()
DATABASES = {"default": _database(DATABASE_URL)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Redis ----------------------------------------------------------------------------

REDIS_URL = ENV.redis_url.get_secret_value()
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}
}

# --- Celery ---------------------------------------------------------------------------

CELERY_BROKER_URL = (ENV.broker_url or ENV.redis_url).get_secret_value()
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True  # every task is safe to run twice
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CONCURRENCY = ENV.worker_concurrency
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

# Each tick looks for rows that are due and wakes a worker for them. Two beats are harmless.
TICK = 2  # seconds
CELERY_BEAT_SCHEDULE = {
    "wake-campaigns": {
        "task": "newsletter.tasks.wake_campaigns",
        "schedule": TICK,
        "options": {"expires": TICK},
    },
    "send-confirmations": {
        "task": "newsletter.tasks.send_confirmations",
        "schedule": TICK,
        "options": {"expires": TICK},
    },
    "send-forwards": {
        "task": "newsletter.tasks.send_forwards",
        "schedule": TICK,
        "options": {"expires": TICK},
    },
    "wake-imports": {
        "task": "newsletter.tasks.wake_imports",
        "schedule": TICK,
        "options": {"expires": TICK},
    },
    "settle-in-doubt": {
        "task": "newsletter.tasks.settle_in_doubt",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "look-up-providers": {
        "task": "newsletter.tasks.look_up_providers",
        "schedule": 1800.0,
    },
    "mail-alerts": {
        "task": "newsletter.tasks.mail_alerts",
        "schedule": 30.0,
        "options": {"expires": 30},
    },
    "mail-summaries": {
        "task": "newsletter.tasks.mail_summaries",
        "schedule": 300.0,
        "options": {"expires": 300},
    },
    "sum-campaigns": {
        "task": "newsletter.tasks.sum_campaigns",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "count-mailboxes": {
        "task": "newsletter.tasks.count_mailboxes",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "fold-growth": {
        "task": "newsletter.tasks.fold_growth",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "count-readings": {
        "task": "newsletter.tasks.count_readings",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "weigh-forwards": {
        "task": "newsletter.tasks.weigh_forwards",
        "schedule": 3600.0,
        "options": {"expires": 3600},
    },
    "tidy": {"task": "newsletter.tasks.tidy", "schedule": 3600.0},
}

# --- Sending --------------------------------------------------------------------------

SMTP_URL = ENV.smtp_url.get_secret_value()
DEFAULT_FROM_EMAIL = ENV.default_from
BOUNCE_DOMAIN = ENV.bounce_domain  # None: the domain of the campaign's From address
SENDER_ID = ENV.sender_id  # last part of Feedback-ID
SEND_BATCH_SIZE = ENV.send_batch_size  # recipients
SEND_LEASE = ENV.send_lease  # seconds without a sign of life before a batch is given to another
SEND_CONNECTIONS = ENV.send_connections  # to the mail server, for each worker process
SEND_RETRY_AFTER = ENV.send_retry_after  # seconds after the first "later"; doubles, up to an hour
SEND_RETRY_FOR = ENV.send_retry_for  # seconds that a server may say "later" for one person
DNS_RESOLVERS = ENV.dns_resolvers  # addresses, perhaps with :port; empty: the system's
ALERTS_TO = ENV.alerts_to  # addresses that hear of what stops mail
REPORT_AFTER = ENV.report_after  # hours after a campaign's end that its report is mailed; 0: never

MAILCATCHER_HOST, MAILCATCHER_PORT = ENV.mailcatcher_host, ENV.mailcatcher_port
MAILCATCHER_KEEP = ENV.mailcatcher_keep  # mails; the oldest go first
OUTBOX = RUN_DIR / "outbox"

# --- Tracking -------------------------------------------------------------------------

TRACKING_STREAM = ENV.tracking_stream
TRACKING_STREAM_LIMIT = ENV.tracking_stream_limit * 1024 * 1024  # bytes
TRACKING_KEEP_EVENTS = ENV.tracking_keep_events  # whole months before this one; 0: for ever
TRACKING_SPOOL = RUN_DIR / "spool"
TRACKING_DEFAULT = ENV.tracking_default  # for people who chose nothing
# Lists of networks beside the built-in ones; manage.py refresh_networks puts them here.
TRACKING_NETWORKS = ENV.tracking_networks or RUN_DIR / "networks"
# A database that says which country a network lies in; manage.py refresh_countries puts it here.
TRACKING_COUNTRIES = ENV.tracking_countries or RUN_DIR / "countries.mmdb"

# --- Public forms and imports -----------------------------------------------------------

JOIN_LIMIT_NETWORK = 30  # sign-ups in an hour from one /24 or /48
JOIN_LIMIT = 20_000  # sign-ups in an hour from everywhere
JOIN_SECONDS = 0.15  # each sign-up takes this long, so that its time tells nobody who is known
CONFIRMATION_LIMIT = 5_000  # confirmation mails in an hour
FORWARD_LIMIT_PERSON = 10  # friends in a day to whom one person forwards
FORWARD_LIMIT_NETWORK = 20  # friends in a day from one /24 or /48
FORWARD_LIMIT = 60  # friends in a minute from everywhere
IMPORT_CHUNK = 10_000  # rows stored in one transaction
IMPORT_LANES = 3  # chunks on their way into the database at once, each on its own connection
IMPORT_LEASE = 60  # seconds without a sign of life before an import is given to another

# --- What reaches upward through the layers -------------------------------------------

# Each is called with a subscriber's id, in this order, in one transaction.
SUBSCRIBER_ERASERS = [
    "newsletter.erase.erase_subscriber",
    "newsletter.erase.erase_log",
    "tracking.bands.erase_subscriber",
    "tracking.erase.erase_subscriber",
    "tracking.forwards.erase_subscriber",
]
# campaign id -> ids of the lists that it went to; what an unsubscribe link is about.
CAMPAIGN_LISTS = "newsletter.audience.campaign_list_ids"
# The token in /join/<slug>?from=<token> -> (campaign id, evidence): whose mail led to a sign-up.
JOIN_SOURCE = "tracking.forwards.read_source"

# A personal link's template, (id, name, email, language, attributes) -> the address. Called by the
# edge, where no models are loaded.
LINK_RESOLVER = "newsletter.templating.addresses.resolve"

# --- Files ----------------------------------------------------------------------------

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = True
MEDIA_ROOT = RUN_DIR / "media"
# Uploads and the files of refused rows: never served by address, only through the admin.
IMPORT_DIR = RUN_DIR / "imports"

# --- Language and time ----------------------------------------------------------------

LANGUAGE_CODE = ENV.language_code
TIME_ZONE = ENV.time_zone
USE_TZ = True
USE_I18N = True

# --- Logs -----------------------------------------------------------------------------

LOG_LEVEL = ENV.log_level
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

# --- Admin's looks (newsletter/admin/site.py) -------------------------------------------

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Broadsheet",
    "SITE_HEADER": "Broadsheet",
    "SITE_URL": None,  # there is no site to view: public pages are reached from lists
    "SITE_ICON": "newsletter.admin.site.logo",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": "newsletter.admin.site.logo"},
    ],
    "STYLES": ["newsletter.admin.site.stylesheet"],
    "SCRIPTS": ["newsletter.admin.site.script"],
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "BORDER_RADIUS": "8px",
    "DASHBOARD_CALLBACK": "newsletter.admin.dashboard.context",
    "COLORS": {
        "base": {
            "50": "oklch(98.4% .003 247.858)",
            "100": "oklch(96.8% .007 247.896)",
            "200": "oklch(92.9% .013 255.508)",
            "300": "oklch(86.9% .022 252.894)",
            "400": "oklch(70.4% .04 256.788)",
            "500": "oklch(53.5% .046 257.417)",
            "600": "oklch(44.6% .043 257.281)",
            "700": "oklch(37.2% .044 257.287)",
            "800": "oklch(27.9% .041 260.031)",
            "900": "oklch(20.8% .035 262.5)",
            "950": "oklch(12.9% .03 264.695)",
        },
        "primary": {
            "50": "oklch(96.2% .018 272.314)",
            "100": "oklch(93% .034 272.788)",
            "200": "oklch(87% .065 274.039)",
            "300": "oklch(78.5% .115 274.713)",
            "400": "oklch(67.3% .182 276.935)",
            "500": "oklch(58.5% .233 277.117)",
            "600": "oklch(51.1% .262 276.966)",
            "700": "oklch(45.7% .24 277.023)",
            "800": "oklch(39.8% .195 277.366)",
            "900": "oklch(35.9% .144 278.697)",
            "950": "oklch(25.7% .09 281.288)",
        },
    },
    "SIDEBAR": {"show_search": False, "navigation": "newsletter.admin.site.navigation"},
}
