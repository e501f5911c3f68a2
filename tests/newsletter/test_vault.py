"""Secrets at rest: sealed, bound to their purpose, and sealed anew when keys change."""

import traceback
from io import StringIO

import pytest
from django.apps import apps
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import models
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from newsletter import dkim_keys, resealing, vault
from newsletter.checks import secrets_have_a_key_of_their_own
from newsletter.models import DkimKey, SendingServer

OLD, NEW = "an-old-key-0123456789", "a-newer-key-0123456789"


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(alphabet=st.characters(codec="utf-8")), purpose=st.text(max_size=20))
def test_what_is_sealed_can_be_opened(settings, text, purpose):
    settings.ENCRYPTION_KEYS = [NEW]

    token = vault.seal(text, purpose)

    assert token.isascii()
    assert vault.unseal(token, purpose) == text


def test_what_is_stored_says_nothing():
    first, second = (
        vault.seal("swordfish", "smtp-password"),
        vault.seal("swordfish", "smtp-password"),
    )

    assert first != second
    assert "swordfish" not in first


def test_a_secret_can_not_be_opened_as_something_else():
    token = vault.seal("swordfish", "smtp-password")

    with pytest.raises(vault.CannotOpen):
        vault.unseal(token, "oauth-client-secret")


def test_one_changed_letter_is_noticed():
    token = vault.seal("swordfish", "smtp-password")

    for place in range(len(token)):
        other = "A" if token[place] != "A" else "B"
        with pytest.raises(vault.CannotOpen):
            vault.unseal(token[:place] + other + token[place + 1 :], "smtp-password")


@pytest.mark.parametrize("token", ["", "1.", "1.é", "1.AAAA", "swordfish", "2.AAAA"])
def test_what_was_never_sealed_is_said_so(token):
    with pytest.raises(vault.CannotOpen, match="smtp-password"):
        vault.unseal(token, "smtp-password")


def test_a_new_key_seals_and_an_old_one_still_opens(settings):
    settings.ENCRYPTION_KEYS = [OLD]
    token = vault.seal("swordfish", "smtp-password")
    settings.ENCRYPTION_KEYS = [NEW, OLD]

    anew = vault.reseal(token, "smtp-password")

    assert vault.unseal(token, "smtp-password") == "swordfish"
    assert not vault.is_current(token, "smtp-password")
    assert vault.is_current(anew, "smtp-password")
    settings.ENCRYPTION_KEYS = [NEW]
    assert vault.unseal(anew, "smtp-password") == "swordfish"


def test_a_lost_key_is_named_and_nothing_else(settings):
    settings.ENCRYPTION_KEYS = [OLD]
    token = vault.seal("swordfish", "smtp-password")
    settings.ENCRYPTION_KEYS = [NEW]

    with pytest.raises(vault.CannotOpen, match="ENCRYPTION_KEYS") as caught:
        vault.unseal(token, "smtp-password")

    said = "".join(traceback.format_exception(caught.value))
    assert NEW not in said
    assert settings.SECRET_KEY not in said


def test_setting_a_key_later_locks_nobody_out(settings):
    settings.ENCRYPTION_KEYS = []
    token = vault.seal("swordfish", "smtp-password")
    settings.ENCRYPTION_KEYS = [NEW]

    assert vault.unseal(token, "smtp-password") == "swordfish"
    assert not vault.is_current(token, "smtp-password")


def test_a_rotated_secret_key_still_opens_as_a_fallback(settings):
    settings.ENCRYPTION_KEYS = []
    token = vault.seal("swordfish", "smtp-password")
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another-secret-key-that-is-long-enough-0123456789"

    assert vault.unseal(token, "smtp-password") == "swordfish"


def test_a_short_key_is_refused(settings):
    settings.ENCRYPTION_KEYS = ["short"]

    with pytest.raises(ImproperlyConfigured, match="16 characters") as caught:
        vault.seal("swordfish", "smtp-password")

    assert "short" not in str(caught.value)


def test_a_missing_key_is_warned_of_on_deployment(settings):
    settings.ENCRYPTION_KEYS = []
    assert [warning.id for warning in secrets_have_a_key_of_their_own(None)] == ["newsletter.W002"]
    assert "newsletter.W002" not in [warning.id for warning in run_checks()]

    settings.ENCRYPTION_KEYS = [NEW]
    assert secrets_have_a_key_of_their_own(None) == []


# --- all that is stored -----------------------------------------------------------------


def test_no_column_of_sealed_texts_is_forgotten():
    named = {(column.model, column.name) for column in resealing.COLUMNS}

    assert named == {
        (model, field.name)
        for model in apps.get_models()
        for field in model._meta.get_fields()
        if isinstance(field, models.Field) and field.name.endswith("_sealed")
    }
    assert len({column.purpose for column in resealing.COLUMNS}) == len(resealing.COLUMNS)


@pytest.mark.django_db
def test_everything_is_sealed_anew(settings):
    settings.ENCRYPTION_KEYS = [OLD]
    dkim_keys.make("example.org", ["ed25519"])
    dkim_keys.activate(DkimKey.objects.get().pk)
    server = SendingServer.objects.create(
        name="Relay",
        host="mail.example.org",
        password_sealed=vault.seal("swordfish", resealing.COLUMNS[1].purpose),
    )
    settings.ENCRYPTION_KEYS = [NEW, OLD]
    out = StringIO()

    call_command("reseal", stdout=out)

    settings.ENCRYPTION_KEYS = [NEW]
    server.refresh_from_db()
    assert out.getvalue() == "2 sealed anew. All are sealed with the first key now.\n"
    assert vault.unseal(server.password_sealed, resealing.COLUMNS[1].purpose) == "swordfish"
    assert dkim_keys.signer_for("example.org") is not None
    assert resealing.reseal_all() == (0, [])


@pytest.mark.django_db
def test_what_can_not_be_opened_stays_and_is_named(settings):
    settings.ENCRYPTION_KEYS = [OLD]
    (lost,) = dkim_keys.make("example.org", ["ed25519"])
    settings.ENCRYPTION_KEYS = [NEW]
    (kept,) = dkim_keys.make("example.net", ["ed25519"])
    errors = StringIO()

    with pytest.raises(CommandError, match=r"0 sealed anew, 1 can't be opened"):
        call_command("reseal", stderr=errors)

    assert str(lost) in errors.getvalue()
    assert str(kept) not in errors.getvalue()
    assert DkimKey.objects.get(pk=lost.pk).private_sealed == lost.private_sealed
