"""The keys that sign mail: made, published, switched on, rotated; and which of them sign a mail.

A key signs only when it is switched on, and of each domain and algorithm one at a time does: to
switch a new one on switches the older one off, in one transaction. The older one's DNS record has
to stay until the mail that it signed has arrived everywhere, so a key is deleted by hand, later.

The private part is made here, sealed (newsletter/vault.py), and never leaves but to sign.
"""

import secrets
from collections.abc import Sequence

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from newsletter import vault
from newsletter.models import DkimKey
from newsletter.sending import dkim
from subscribers import addresses

PURPOSE = "dkim-private-key"  # of the sealed text
RSA_BITS = 2048  # what every verifier takes (RFC 8301), and DNS can carry
IN_FLIGHT = 7  # days that a mail may be on its way, with queues and forwarding
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that looks like another


class Refused(Exception):
    """This is not done. The message says why, for who asked."""


# --- making -----------------------------------------------------------------------------


def make(domain: str, algorithms: Sequence[str]) -> list[DkimKey]:
    """Make a key of each of `algorithms` for a domain, with new selectors. None is switched on.

    Raises Refused when `domain` is no domain name.
    """
    try:
        domain = addresses.domain_key(domain.strip().rstrip("."))
    except addresses.BadAddress as error:
        raise Refused(f"This is not a domain: {error}.") from None
    with transaction.atomic():
        return [_make(domain, algorithm) for algorithm in algorithms]


def _make(domain: str, algorithm: str) -> DkimKey:
    private: dkim.PrivateKey
    if algorithm == DkimKey.Algorithm.RSA:
        private = generate_private_key(public_exponent=65537, key_size=RSA_BITS)
    else:
        private = Ed25519PrivateKey.generate()
    sealed, public = _sealed(private), dkim.public(private)
    while True:
        try:
            with transaction.atomic():
                return DkimKey.objects.create(
                    domain=domain,
                    selector=_new_selector(),
                    algorithm=algorithm,
                    private_sealed=sealed,
                    public=public,
                )
        except IntegrityError:  # the selector is taken
            continue


def _new_selector() -> str:
    """Return a name for a key that no other has had, also none that was deleted since.

    DNS and verifiers remember a record for a while: another key under its name would fail there.
    """
    ending = "".join(secrets.choice(_LETTERS) for _ in range(4))
    return f"bs{timezone.now():%Y%m}{ending}"


@sensitive_variables()
def _sealed(private: dkim.PrivateKey) -> str:
    pem = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return vault.seal(pem.decode(), PURPOSE)


# --- rotating ---------------------------------------------------------------------------


def activate(key_id: int) -> list[DkimKey]:
    """Let a key sign from now on. Returns what signed before for its domain and algorithm.

    To do it twice changes nothing. Raises DkimKey.DoesNotExist.
    """
    with transaction.atomic():
        key = DkimKey.objects.get(pk=key_id)
        same = DkimKey.objects.filter(domain=key.domain, algorithm=key.algorithm)
        locked = list(same.select_for_update().order_by("id"))
        older = [other for other in locked if other.is_active and other.pk != key_id]
        same.exclude(pk=key_id).update(is_active=False)
        if not same.filter(pk=key_id).update(is_active=True):
            raise DkimKey.DoesNotExist
    return older


def deactivate(key_id: int) -> None:
    """Let a key sign no more."""
    DkimKey.objects.filter(pk=key_id).update(is_active=False)


def delete(key_id: int) -> None:
    """Forget a key for good. Raises Refused while it signs."""
    DkimKey.objects.filter(pk=key_id, is_active=False).delete()
    if DkimKey.objects.filter(pk=key_id).exists():
        raise Refused("This key signs. Switch it off, or another one on, before it is deleted.")


# --- choosing ---------------------------------------------------------------------------


def signer_for(from_domain: str) -> dkim.Signer | None:
    """Return what signs mail whose From address is in `from_domain` (A-labels); None: nothing.

    The active keys of that very domain sign; else those of the nearest domain above it that has
    some, which DMARC takes for aligned too (RFC 7489, 3.1.1). Reads the database and opens keys,
    so ask once for a campaign in a run. Raises vault.CannotOpen, for mail that somebody wants
    signed must not go out without.
    """
    labels = from_domain.lower().split(".")
    above = [".".join(labels[place:]) for place in range(len(labels) - 1)]
    # RSA first: some verifiers look at the uppermost signature only, and not all know Ed25519.
    active = DkimKey.objects.filter(is_active=True, domain__in=above).order_by("-algorithm")
    rows = list(active)
    if not rows:
        return None
    nearest = max((row.domain for row in rows), key=len)
    return dkim.Signer([_opened(row) for row in rows if row.domain == nearest])


@sensitive_variables()
def _opened(row: DkimKey) -> dkim.Key:
    return dkim.load(row.domain, row.selector, vault.unseal(row.private_sealed, PURPOSE))
