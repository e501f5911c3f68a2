"""Keys, cookies, headers, passwords: what keeps strangers out."""

from typing import Any

from csp import constants as csp
from pydantic import SecretStr

from newsletter import env
from newsletter.settings.addresses import PUBLIC_URL, TRUSTED_PROXIES

_env = env.read()


def _keys(joined: SecretStr) -> list[str]:
    """Return the keys of a variable that separates them by commas."""
    return [key.strip() for key in joined.get_secret_value().split(",") if key]


SECRET_KEY = _env.secret_key.get_secret_value()
DEBUG = _env.debug
_HTTPS = PUBLIC_URL.startswith("https://")

# Separate from SECRET_KEY: links in mail already delivered must keep working when
# the login key is rotated. The first key signs; all of them verify.
TRACKING_KEYS = _keys(_env.tracking_keys)
# Never rotated: the suppression list holds keyed hashes only, which can't be made anew.
SUPPRESSION_KEY = _env.suppression_key.get_secret_value()
# Seal what is stored encrypted: private keys, passwords of mail servers. The first seals, all open.
ENCRYPTION_KEYS = _keys(_env.encryption_keys)

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
        "default-src": [csp.SELF],
        "base-uri": [csp.NONE],
        "form-action": [csp.SELF],
        "frame-ancestors": [csp.NONE],
        "object-src": [csp.NONE],
    }
}
ADMIN_CONTENT_SECURITY_POLICY: dict[str, Any] = {
    "default-src": [csp.SELF],
    "script-src": [csp.SELF, csp.UNSAFE_EVAL],
    "style-src": [csp.SELF, csp.UNSAFE_INLINE],
    # Previews show a mail's own pictures, inside a sandboxed frame.
    "img-src": [csp.SELF, "data:", "http:", "https:"],
    "base-uri": [csp.SELF],
    "form-action": [csp.SELF],
    "frame-ancestors": [csp.SELF],
    "object-src": [csp.NONE],
}
