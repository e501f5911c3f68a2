"""After a rotation, mail that was delivered before works as it did, at the edge and on the web."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from newsletter import rotation
from scripts import keyfile
from subscribers.tokens import sign_preferences
from tests.factories import make_subscriber

FIRST, SECOND = "the first key 0123456789", "the second key 0123456789"


@pytest.fixture
def kept(settings, tmp_path):
    """The launcher's file, with the keys that are in use."""
    settings.RUN_DIR = tmp_path
    settings.TRACKING_KEYS = [FIRST]
    keyfile.write(tmp_path / "secrets", {"OTHER": "1", "TRACKING_KEYS": FIRST}, keyfile.NOTE)
    return tmp_path / "secrets"


def rotate():
    out = StringIO()
    call_command("rotate_keys", stdout=out)
    return out.getvalue()


def keys(path):
    return keyfile.read(path)["TRACKING_KEYS"].split(",")


def test_a_kept_key_is_joined_by_a_new_one(kept):
    said = rotate()

    new, *older = keys(kept)
    assert older == [FIRST]
    assert len(new) >= 40
    assert keyfile.read(kept)["OTHER"] == "1"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert str(kept) in said and "1 older" in said
    assert new not in said and FIRST not in said


def test_a_second_time_before_the_restart_changes_nothing(kept):
    rotate()
    before = kept.read_text()

    with pytest.raises(CommandError, match="not in use yet"):
        rotate()

    assert kept.read_text() == before


def test_each_rotation_after_a_restart_adds_one(kept, settings):
    for _ in range(3):
        rotate()
        settings.TRACKING_KEYS = keys(kept)

    assert len(keys(kept)) == 4
    assert keys(kept)[-1] == FIRST


@pytest.mark.parametrize("text", [None, "TRACKING_KEYS=another key 0123456789\n", "OTHER=1\n"])
def test_whoever_keeps_the_keys_is_told_what_to_set(settings, tmp_path, text):
    settings.RUN_DIR = tmp_path
    settings.TRACKING_KEYS = [SECOND, FIRST]
    if text:
        (tmp_path / "secrets").write_text(text)

    said = rotate()

    [key] = [line for line in said.splitlines() if len(line) == 48 and " " not in line]
    assert "edge and web" in said and "2 that follow" in said
    assert SECOND not in said and FIRST not in said
    rotation.check([SECOND, FIRST], [key, SECOND, FIRST])
    assert settings.TRACKING_KEYS == [SECOND, FIRST]
    if text:
        assert (tmp_path / "secrets").read_text() == text


def test_a_key_that_got_lost_is_noticed(settings):
    with pytest.raises(rotation.Damaged):
        rotation.check([SECOND, FIRST], ["a new key 0123456789", SECOND])

    assert settings.TRACKING_KEYS != [SECOND]


@pytest.mark.django_db
def test_pages_of_delivered_mail_open_after_rotations(client, kept, settings):
    person = make_subscriber()
    addresses = []
    for _ in range(3):
        addresses.append(reverse("subscribers:preferences", args=[sign_preferences(person.pk)]))
        rotate()
        settings.TRACKING_KEYS = keys(kept)

    assert [client.get(address).status_code for address in addresses] == [200] * 3
    assert len(set(addresses)) == 3
