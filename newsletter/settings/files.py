"""Where files are: what belongs to the code, and what the installation writes."""

from newsletter import env

_env = env.read()

BASE_DIR = env.ROOT
RUN_DIR = _env.run_dir.resolve()

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = True
MEDIA_ROOT = RUN_DIR / "media"
# Uploads and the files of refused rows: never served by address, only through the admin.
IMPORT_DIR = RUN_DIR / "imports"
