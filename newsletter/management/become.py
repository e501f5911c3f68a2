"""Turn a management command into the program that it stands for."""

import os
import sys
from typing import NoReturn


def become(module: str, *arguments: str) -> NoReturn:
    """Run `python -m module arguments` in place of this process, so that it gets our signals."""
    os.execv(sys.executable, [sys.executable, "-m", module, *arguments])  # noqa: S606  (no shell)
