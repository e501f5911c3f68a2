"""`make run` as a whole: comes up, survives the death of each part, goes without a trace."""

import http.cookiejar
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.ports import free_port
from tests.launcher.launched import LONG, ROOT, Launched, open_folder

pytestmark = pytest.mark.e2e

# name in the log -> what its command line looks like
PROCESSES = {
    "postgres": "postgres -D",
    "redis": "(valkey|redis)-server",
    "web": "newsletter.wsgi",
    "edge": "tracking.edge",
    "worker": "celery .* worker",
    "beat": "celery .* beat",
    "ingest": "manage.py ingest",
    "mailcatcher": "manage.py mailcatcher",
}
MADE = "Bringing the database up to date"  # what takes long


def variables(run_dir: Path) -> dict[str, str]:
    names = ("WEB_PORT", "EDGE_PORT", "MAILCATCHER_PORT")
    return {"RUN_DIR": str(run_dir), **{name: str(free_port()) for name in names}}


def run(settings: dict[str, str]) -> Launched:
    return Launched(str(ROOT / "scripts" / "bootstrap.py"), "run", **settings)


@pytest.fixture(scope="module")
def installation() -> Iterator[dict[str, str]]:
    with open_folder() as folder:
        yield variables(folder / "run")


@pytest.fixture(scope="module")
def running(installation) -> Iterator[Launched]:
    launched = run(installation)
    try:
        launched.wait_for("Ctrl-C stops everything")
        yield launched
    finally:
        launched.finish()


def sign_in(installation: dict[str, str], password: str) -> str:
    """Sign in as a browser does and return the address that we end at."""
    jar = http.cookiejar.CookieJar()
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    address = f"http://127.0.0.1:{installation['WEB_PORT']}/admin/login/?next=/admin/"
    page = browser.open(address, timeout=LONG).read().decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert token
    form = {"csrfmiddlewaretoken": token[1], "username": "admin", "password": password}
    data = urllib.parse.urlencode(form).encode()
    answer = browser.open(address, data, timeout=LONG)
    return str(answer.url)


def test_the_printed_login_works(running, installation):
    password = running.wait_for(r"Password   (\S+)")

    assert sign_in(installation, password).endswith("/admin/")


def test_a_second_terminal_meets_it(running, installation):
    environment = {"RUN_DIR": installation["RUN_DIR"]}
    script = "from django.contrib.auth.models import User; print(User.objects.get().username)"

    answer = subprocess.run(
        [sys.executable, "manage.py", "shell", "-v", "0", "-c", script],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )

    assert answer.stdout.strip() == "admin", answer.stderr


def test_secrets_are_for_their_owner_only(running, installation):
    for name in ("env", "secrets"):
        assert (Path(installation["RUN_DIR"]) / name).stat().st_mode & 0o777 == 0o600


def test_a_second_run_on_the_same_folder_is_refused(running, installation):
    second = run(installation)

    assert second.process.wait(LONG) == 1
    second.finish()
    assert f"already running with this RUN_DIR ({installation['RUN_DIR']})" in second.output


@pytest.mark.parametrize("name", PROCESSES)
def test_a_killed_part_comes_back(running, name):
    leader = running.child(PROCESSES[name])
    already = running.output.count(f"{name} is back")

    os.kill(leader, signal.SIGKILL)

    running.wait_for(f"{name} is back", times=already + 1)
    assert f"{name} was killed by SIGKILL; starting it again" in running.output
    assert leader != running.child(PROCESSES[name])


def test_stopped_it_leaves_nothing_and_the_second_start_makes_nothing_anew():
    with open_folder() as folder:
        settings = variables(folder / "run")
        first = run(settings)
        try:
            first.wait_for("Ctrl-C stops everything")
            password = first.wait_for(r"Password   (\S+)")
            assert MADE in first.output
            assert len(first.family()) > len(PROCESSES)

            assert first.stop(signal.SIGINT) == 0

            assert first.left() == []
            assert not (folder / "run" / "env").exists()
        finally:
            first.finish()

        second = run(settings)
        try:
            second.wait_for("Ctrl-C stops everything")
            assert MADE not in second.output
            assert second.wait_for(r"Password   (\S+)") == password
            assert second.stop() == 0
            assert second.left() == []
        finally:
            second.finish()


@pytest.mark.parametrize("variable", ["WEB_PORT", "EDGE_PORT", "MAILCATCHER_PORT"])
def test_a_port_in_use_is_named_with_the_way_out(variable):
    with open_folder() as folder:
        settings = variables(folder / "run")
        with socket.create_server(("127.0.0.1", int(settings[variable]))):
            launched = run(settings)
            code = launched.process.wait(LONG)
            launched.finish()

    port = settings[variable]
    assert code == 1
    assert f"{variable}: port {port} is in use by another program" in launched.output
    assert f"make run {variable}=" in launched.output
