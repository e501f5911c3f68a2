"""Make .venv and fill it from a lock file with hashes; do nothing when that has been done.

The index that packages come from is the machine's own choice (pip's or uv's configuration): none
is named here. An interrupted installation is taken up again, because the stamp is written last.
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "installed.json"

RUN = "requirements-embedded.lock"
DEVELOP = "requirements-dev.lock"  # holds everything of RUN as well


class InstallProblem(Exception):
    """The environment can't be made; the message says what to install."""


def inside() -> bool:
    """Tell whether this very process runs in .venv."""
    return Path(sys.prefix).resolve() == VENV.resolve()


def ensure(lock: str) -> None:
    """Bring .venv to the state of `lock`. Quick when it is. Raises InstallProblem."""
    version = _version()
    stamp = _stamp()
    if stamp.get("lock") == DEVELOP:
        lock = DEVELOP  # what a developer has stays there when he runs something
    if version and stamp == _wanted(lock, version):
        return
    # A folder can be locked itself, so no lock file is left in the checkout.
    folder = os.open(ROOT, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        version = _version() or _make()
        if _stamp() != _wanted(lock, version):
            STAMP.unlink(missing_ok=True)
            _say(f"Installing the packages of {lock} into .venv (a minute, the first time).")
            _fill(lock)
            STAMP.write_text(json.dumps(_wanted(lock, version)), encoding="utf-8")
    finally:
        os.close(folder)


def _say(sentence: str) -> None:
    print(sentence, flush=True)


def _wanted(lock: str, version: str) -> dict[str, str]:
    digest = hashlib.sha256((ROOT / lock).read_bytes() + version.encode())
    return {"lock": lock, "sha256": digest.hexdigest()}


def _stamp() -> dict[str, str]:
    try:
        return dict(json.loads(STAMP.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def _version() -> str:
    """Return the version of .venv's Python, asked of itself, or "" when it does not work."""
    if inside():
        return sys.version
    try:
        answer = subprocess.run(
            [PYTHON, "-c", "import sys; print(sys.version)"],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return answer.stdout.strip()


def _make() -> str:
    if VENV.exists():
        _say("The Python of .venv is gone; making it anew.")
        shutil.rmtree(VENV)
    if not os.access(ROOT, os.W_OK):
        raise InstallProblem(f"{ROOT} can't be written to, and .venv has to be made in there.")
    base = getattr(sys, "_base_executable", None) or sys.executable
    uv = shutil.which("uv")
    attempts = [
        *([[uv, "venv", "--quiet", "--python", base, str(VENV)]] if uv else []),
        [base, "-m", "venv", str(VENV)],
        # Debian keeps ensurepip in a package of its own; the system's pip can fill this one.
        [base, "-m", "venv", "--without-pip", str(VENV)],
    ]
    for attempt in attempts:
        if _works(attempt) and (version := _version()):
            return version
        shutil.rmtree(VENV, ignore_errors=True)
    raise InstallProblem(_missing("a virtual environment can't be made"))


def _fill(lock: str) -> None:
    requirements = str(ROOT / lock)
    pip = ["install", "--quiet", "--require-hashes", "--disable-pip-version-check"]
    pip += ["--no-input", "--root-user-action=ignore", "-r", requirements]
    if uv := shutil.which("uv"):
        sync = [uv, "pip", "sync", "--quiet", "--require-hashes", "--python", str(PYTHON)]
        if _works([*sync, requirements], show=True):
            return
        _say("uv could not install them; trying pip.")
    if _works([str(PYTHON), "-m", "pip", "--version"]):
        command = [str(PYTHON), "-m", "pip"]
    else:
        command = [*_outer_pip(), "--python", str(PYTHON)]
    if not _works([*command, *pip], show=True):
        raise InstallProblem(
            f"The packages of {lock} could not be installed: the lines above say why. "
            "They come from the index that pip or uv is configured for on this machine."
        )


def _outer_pip() -> list[str]:
    base = getattr(sys, "_base_executable", None) or sys.executable
    for python in dict.fromkeys([base, "python3", "/usr/bin/python3"]):
        # pip learned --python in 22.3.
        if _works([python, "-m", "pip", "--python", str(PYTHON), "--version"]):
            return [python, "-m", "pip"]
    raise InstallProblem(_missing("there is no pip to fill it"))


def _missing(what: str) -> str:
    minor = f"{sys.version_info.major}.{sys.version_info.minor}"
    if sys.platform == "darwin":
        cure = f"brew install python@{minor}"
    elif sys.executable.startswith("/usr/bin/"):
        cure = "sudo apt install python3-venv"
    else:
        cure = f"sudo apt install python{minor}-venv"
    return f"Broadsheet runs in a virtual environment, and {what}: run `{cure}`, then try again."


def _works(command: list[str], *, show: bool = False) -> bool:
    # A user's wish to install for himself (PIP_USER) can't hold inside an environment.
    environment = {**os.environ, "PIP_USER": "0"}
    environment.pop("PYTHONHOME", None)
    environment.pop("__PYVENV_LAUNCHER__", None)
    output = None if show else subprocess.DEVNULL
    try:
        result = subprocess.run(command, env=environment, stdout=output, stderr=output, check=False)
    except OSError:
        return False
    return result.returncode == 0
