"""Where a Chromium is, and how it is started, for tests and for taking pictures."""

import os
import shutil
import subprocess
from pathlib import Path

# Without what it does by itself, which would be seen in the network and in the logs.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_PLACES = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)


def find_browser() -> str | None:
    """Return a Chromium that was seen to start, or None. BROWSER_PATH names one explicitly."""
    named = os.environ.get("BROWSER_PATH")
    for candidate in [named] if named else [*map(shutil.which, _NAMES), *_PLACES]:
        if candidate and Path(candidate).exists() and _starts(candidate):
            return candidate
    return None


def _starts(path: str) -> bool:
    try:
        # Ubuntu's `chromium-browser` may be a script that only says what to install.
        answer = subprocess.run([path, "--version"], capture_output=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.returncode == 0
