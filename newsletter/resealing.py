"""Seals every stored secret anew, so that an old key of ENCRYPTION_KEYS can be taken away."""

from typing import NamedTuple

from django.db.models import Model

from newsletter import dkim_keys, vault
from newsletter.models import DkimKey, SendingServer
from newsletter.sending import rows


class Column(NamedTuple):
    """A column of sealed texts, perhaps empty ones, and what they are."""

    model: type[Model]
    name: str
    purpose: str


# All of them: a test looks for others in the models.
COLUMNS = (
    Column(DkimKey, "private_sealed", dkim_keys.PURPOSE),
    Column(SendingServer, "password_sealed", rows.PASSWORD),
    Column(SendingServer, "oauth_client_secret_sealed", rows.CLIENT_SECRET),
    Column(SendingServer, "oauth_refresh_token_sealed", rows.REFRESH_TOKEN),
)


class Unopened(NamedTuple):
    """A secret that no key opens."""

    row: str
    why: str


def reseal_all() -> tuple[int, list[Unopened]]:
    """Seal with the first key whatever another one sealed. Safe to be run again, and while in use.

    Returns how many secrets were sealed anew, and those that can't be opened, which stay as they
    are.
    """
    done, unopened = 0, []
    for column in COLUMNS:
        rows_in_use = column.model._default_manager.exclude(**{column.name: ""})
        for row in rows_in_use.order_by("pk"):
            try:
                done += _reseal(column, row)
            except vault.CannotOpen as error:
                unopened.append(Unopened(f"{column.model._meta.verbose_name} {row}", str(error)))
    return done, unopened


def _reseal(column: Column, row: Model) -> int:
    """Return how many were changed: 0 or 1."""
    sealed = getattr(row, column.name)
    if vault.is_current(sealed, column.purpose):
        return 0
    # Only if nobody entered another secret meanwhile.
    same = column.model._default_manager.filter(pk=row.pk, **{column.name: sealed})
    return same.update(**{column.name: vault.reseal(sealed, column.purpose)})
