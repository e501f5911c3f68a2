"""One installation on this machine: its RUN_DIR, its secrets, and the environment of its processes.

What the user has set wins. What is missing is filled in: secrets are made once and kept, the
addresses come from the ports. The result is written to RUN_DIR/env, from which manage.py in
another terminal takes it.
"""

import ast
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from scripts import keyfile
from scripts.installing import ROOT

ADMIN = "admin"
_SECRETS = ("SECRET_KEY", "TRACKING_KEYS", "SUPPRESSION_KEY", "ENCRYPTION_KEYS")
_KEPT_BACK = ("ADMIN_PASSWORD", "POSTGRES_PASSWORD", "REDIS_PASSWORD")  # not for the processes


def run_dir() -> Path:
    """Return RUN_DIR, made if it is missing: only the owner (or root's servers) may enter."""
    path = Path(os.environ.get("RUN_DIR") or ROOT / ".run").absolute()
    if not path.exists():
        path.mkdir(parents=True)
        # Root's servers run under another account, which passes through but can't list.
        path.chmod(0o711 if os.geteuid() == 0 else 0o700)
    return path


def kept_secrets(folder: Path) -> dict[str, str]:
    """Return the secrets of this installation; those that are missing are made and kept."""
    path = folder / "secrets"
    kept = keyfile.read(path)
    fresh = {
        name: secrets.token_urlsafe(12 if name == "ADMIN_PASSWORD" else 36)
        for name in (*_SECRETS, *_KEPT_BACK)
        if name not in kept
    }
    if fresh:
        kept |= fresh
        keyfile.write(path, kept, keyfile.NOTE)
    return kept


def known_variables() -> dict[str, str | None]:
    """Return each variable of newsletter/env.py with its plain default, if it has one.

    Read from the source, because importing it would need the whole environment first.
    """
    tree = ast.parse((ROOT / "newsletter" / "env.py").read_text(encoding="utf-8"))
    model = next(
        node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Environment"
    )
    return {
        field.target.id.upper(): _plain(field.value)
        for field in model.body
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
    }


def _plain(value: ast.expr | None) -> str | None:
    if isinstance(value, ast.Constant) and isinstance(value.value, int | str):
        return str(value.value)
    return None


def compose(folder: Path, servers: Mapping[str, str]) -> dict[str, str]:
    """Return every variable of Broadsheet for its processes; `servers` has the two URLs.

    EMBEDDED is the launcher's word alone: true means that the database is a private one.
    """
    known = known_variables()
    chosen = {name: os.environ[name] for name in known if os.environ.get(name)}
    chosen.pop("EMBEDDED", None)
    kept = kept_secrets(folder)

    def port(name: str) -> str:
        return chosen.get(name) or str(known[name])

    filled = {
        **{name: kept[name] for name in _SECRETS},
        **servers,
        "PUBLIC_URL": f"http://127.0.0.1:{port('WEB_PORT')}",
        "SMTP_URL": f"smtp://127.0.0.1:{port('MAILCATCHER_PORT')}?tls=none",
        "DEFAULT_FROM": "Broadsheet <newsletter@example.org>",
        # A trial is for seeing reports come alive; the product's own default is more careful.
        "TRACKING_DEFAULT": "individual",
        "RUN_DIR": str(folder),
    }
    if "PUBLIC_URL" not in chosen:
        # No proxy in front that would lead both to one address.
        filled["TRACKING_URL"] = f"http://127.0.0.1:{port('EDGE_PORT')}"
    return {**filled, **chosen}


def is_set(name: str) -> bool:
    """Tell whether the user has chosen a value for this variable."""
    return bool(os.environ.get(name))


def setting(environment: Mapping[str, str], name: str) -> str:
    """Return a variable's value or its default in newsletter/env.py."""
    return environment.get(name) or str(known_variables()[name])


def process_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the whole environment for a process of Broadsheet."""
    return {
        **os.environ,
        **variables,
        "DJANGO_SETTINGS_MODULE": "newsletter.settings",
        # Lines reach the common log when they are written, not when a buffer is full.
        "PYTHONUNBUFFERED": "1",
    }
