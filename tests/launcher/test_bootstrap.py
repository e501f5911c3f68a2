"""From a bare Python to a filled environment: made once, made again when it has to be."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = ("requirements-embedded.lock", "requirements-dev.lock")


@pytest.fixture
def checkout(tmp_path) -> Path:
    """A checkout whose lock files are empty, so that only our own part takes time."""
    return write_checkout(tmp_path / "checkout")


@pytest.fixture(scope="module")
def set_up(tmp_path_factory) -> Path:
    """A checkout after `make setup`; its tests get copies of it."""
    folder = write_checkout(tmp_path_factory.mktemp("set-up") / "checkout")
    done = setup(folder)
    assert done.returncode == 0, done.stderr
    assert "Installing" in done.stdout
    return folder


@pytest.fixture
def made(set_up, tmp_path) -> Path:
    return shutil.copytree(set_up, tmp_path / "made", symlinks=True)


def write_checkout(folder: Path) -> Path:
    shutil.copytree(ROOT / "scripts", folder / "scripts")
    shutil.copy(ROOT / "Makefile", folder / "Makefile")
    for name in LOCKS:
        (folder / name).write_text("# nothing\n")
    return folder


def run(
    checkout: Path, *command: str, path: str = "/usr/bin:/bin"
) -> "subprocess.CompletedProcess[str]":
    """Run as with `env -i`."""
    environment = {"PATH": path, "HOME": str(checkout)}
    return subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True)


def setup(checkout: Path) -> "subprocess.CompletedProcess[str]":
    return run(checkout, sys.executable, "scripts/bootstrap.py", "setup")


def installed(checkout: Path) -> dict[str, str]:
    return dict(json.loads((checkout / ".venv" / "installed.json").read_text()))


def test_it_is_made_once(made):
    assert "Installing" not in setup(made).stdout
    assert installed(made)["lock"] == "requirements-dev.lock"


def test_a_changed_lock_is_installed(made):
    before = installed(made)
    (made / "requirements-dev.lock").write_text("# something else\n")

    assert "Installing" in setup(made).stdout
    assert installed(made) != before


def test_an_environment_whose_python_went_away_is_made_again(made):
    link = made / ".venv" / "bin" / "python"
    link.unlink()
    link.symlink_to("/nowhere/python")

    again = setup(made)

    assert "The Python of .venv is gone" in again.stdout
    assert run(made, str(link), "-c", "").returncode == 0


def test_a_package_without_a_hash_is_refused_and_leaves_no_stamp(made):
    (made / "requirements-dev.lock").write_text("no-hash-here==1.0\n")

    failed = setup(made)

    assert failed.returncode == 1
    assert "could not be installed" in failed.stderr
    assert not (made / ".venv" / "installed.json").exists()


def test_make_passes_over_a_python_that_only_seems_to_be_there(checkout):
    """As a version manager's shim without a version behind it."""
    shims = checkout / "shims"
    shims.mkdir()
    (shims / "python3").write_text("#!/bin/sh\necho 'python3: command not found' >&2; exit 127\n")
    (shims / "python3").chmod(0o755)
    (shims / "python3.11").symlink_to(sys.executable)

    made = run(checkout, "make", "setup", path=f"{shims}:/usr/bin:/bin")

    assert made.returncode == 0, made.stderr


def old_pythons() -> list[str]:
    versions = Path(os.environ.get("HOME", "/"), ".pyenv", "versions")
    found = [str(path) for path in versions.glob("*/bin/python")]
    check = "import sys; sys.exit(sys.version_info >= (3, 11))"
    return [python for python in found if subprocess.call([python, "-c", check]) == 0]


@pytest.mark.parametrize("python", old_pythons())
def test_an_old_python_says_so_in_a_sentence(checkout, python):
    answer = run(checkout, python, "scripts/bootstrap.py", "run", path="/nowhere")

    assert answer.returncode == 1
    assert "Broadsheet needs Python 3.11 or newer" in answer.stderr
    assert len(answer.stderr.splitlines()) == 1


def test_an_unknown_command_lists_those_there_are(checkout):
    answer = run(checkout, sys.executable, "scripts/bootstrap.py", "fly")

    assert answer.returncode == 2
    assert "run" in answer.stderr
    assert "services" in answer.stderr
