"""A new key for the tokens in mail: it signs from then on, and all the older ones go on verifying.

Where the keys stand is the operator's choice. Only the file that the launcher keeps is ours to
change; whoever sets TRACKING_KEYS in another way is told what to put there.
"""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

from subscribers import signing

NAME = "TRACKING_KEYS"
_PURPOSES = ("open", "click", "unsubscribe", "preferences", "confirm")


class NotTakenUp(Exception):
    """The last rotation has not reached the processes yet: restart them first."""


class Damaged(Exception):
    """With the new keys, a link in delivered mail would be dead. Nothing was changed."""


def rotate(run_dir: Path) -> tuple[str, Path | None]:
    """Make a key; put it in front where the launcher keeps the keys that are in use.

    Returns the key and the file that was changed; None for the file when somebody else keeps the
    keys. Raises NotTakenUp, Damaged and OSError.
    """
    key = secrets.token_urlsafe(36)
    before, after = settings.TRACKING_KEYS, [key, *settings.TRACKING_KEYS]
    check(before, after)
    return key, _put(run_dir / "secrets", before, after)


def check(before: Sequence[str], after: Sequence[str]) -> None:
    """Try whether what each key of `before` signs is read with `after`. Raises Damaged."""
    for signer in before:
        with _keys([signer]):
            tokens = [(purpose, signing.sign(purpose, 1, 2)) for purpose in _PURPOSES]
        with _keys(after):
            for purpose, token in tokens:
                try:
                    signing.read(purpose, token, 2)
                except signing.BadToken:
                    raise Damaged(f"a token of the purpose {purpose!r} would be dead") from None


def _put(path: Path, before: Sequence[str], after: Sequence[str]) -> Path | None:
    if not path.exists():
        return None
    # The launcher is no part of an installation in production, where there is no such file either.
    from scripts import keyfile

    kept = keyfile.read(path)
    keys = kept.get(NAME, "").split(",")
    if keys[1:] == list(before):
        raise NotTakenUp
    if keys != list(before):
        return None
    keyfile.write(path, kept | {NAME: ",".join(after)}, keyfile.NOTE)
    return path


@contextmanager
def _keys(keys: Sequence[str]) -> Iterator[None]:
    before = settings.TRACKING_KEYS
    settings.TRACKING_KEYS = list(keys)
    try:
        yield
    finally:
        settings.TRACKING_KEYS = before
