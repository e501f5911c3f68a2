"""What the launcher fills in, keeps, and leaves to the user."""

import subprocess
import sys
from pathlib import Path

import pytest

from newsletter import env
from scripts import installation, keyfile
from scripts.ports import PortProblem, require_free

ROOT = Path(__file__).parents[2]
SERVERS = {"DATABASE_URL": "postgres://private", "REDIS_URL": "redis://private"}


@pytest.fixture(autouse=True)
def _nothing_is_set(monkeypatch):
    for name in env.Environment.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def compose(folder: Path, *, embedded: bool = True) -> dict[str, str]:
    return installation.compose(folder, {**SERVERS, "EMBEDDED": str(embedded).lower()})


def test_secrets_are_made_once_and_kept(tmp_path):
    first, second = compose(tmp_path), compose(tmp_path)

    assert first == second
    made = ("SECRET_KEY", "TRACKING_KEYS", "SUPPRESSION_KEY", "ENCRYPTION_KEYS")
    assert len({first[name] for name in made}) == len(made)
    assert all(len(first[name]) >= 40 for name in made)
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o600


def test_what_the_user_has_set_wins(tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "mine")
    monkeypatch.setenv("TRACKING_DEFAULT", "off")
    monkeypatch.setenv("WEB_PORT", "8100")

    variables = compose(tmp_path)

    assert variables["SECRET_KEY"] == "mine"
    assert variables["TRACKING_DEFAULT"] == "off"
    assert variables["PUBLIC_URL"] == "http://127.0.0.1:8100"


def test_a_configured_database_is_never_a_demo(tmp_path, monkeypatch):
    monkeypatch.setenv("EMBEDDED", "true")

    assert compose(tmp_path, embedded=False)["EMBEDDED"] == "false"


def test_a_public_address_of_ones_own_leads_to_the_edge_as_well(tmp_path, monkeypatch):
    """There is a proxy then, which divides the paths: TRACKING_URL follows PUBLIC_URL."""
    monkeypatch.setenv("PUBLIC_URL", "https://news.example.org")

    assert "TRACKING_URL" not in compose(tmp_path)


def test_every_variable_of_the_environment_is_known():
    assert set(installation.known_variables()) == {
        name.upper() for name in env.Environment.model_fields
    }


def test_the_variables_are_a_complete_environment(tmp_path):
    """manage.py in another terminal starts with nothing but the file."""
    variables = compose(tmp_path)
    variables |= {"DATABASE_URL": "postgres://u:p@h/d", "REDIS_URL": "redis://h"}
    keyfile.write(tmp_path / "env", variables, "for a test")
    script = "from django.conf import settings; print(settings.PUBLIC_URL, settings.RUN_DIR)"

    answer = subprocess.run(
        [sys.executable, "manage.py", "shell", "-v", "0", "--no-imports", "-c", script],
        cwd=ROOT,
        env={"RUN_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
    )

    assert answer.stdout.split() == ["http://127.0.0.1:8000", str(tmp_path)], answer.stderr


def test_a_file_of_pairs_gives_back_what_it_got(tmp_path):
    values = {"A": "x=y # not a comment", "B": "", "C": " Ünïcode <a@b> 'quoted' \"twice\" $HOME"}

    keyfile.write(tmp_path / "env", values, "note")

    assert keyfile.read(tmp_path / "env") == values
    assert (tmp_path / "env").stat().st_mode & 0o777 == 0o600


def test_a_value_with_a_line_break_is_refused(tmp_path):
    with pytest.raises(ValueError, match="SECRET_KEY"):
        keyfile.write(tmp_path / "env", {"SECRET_KEY": "a\nDEBUG=true"}, "note")

    assert not (tmp_path / "env").exists()


def test_a_port_for_root_only_is_said(monkeypatch):
    monkeypatch.setattr("scripts.ports._refusal", lambda host, port: 13)

    with pytest.raises(PortProblem, match=r"WEB_PORT: port 80 is only for root.*WEB_PORT=8080"):
        require_free("WEB_PORT", "127.0.0.1", 80)
